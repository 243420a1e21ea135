"""Synthetic gradients learned from λ-returns, by windows that are run again (ours).

`dni` hears a later loss one window further back each time that it is met: its target is one
window's own gradient and M's prediction beyond. Here K windows are a block, whose boundary states
and inputs are kept. At its end the windows are run again, from the last to the first, one at a
time, and what comes back is handed on, as in `recomputed`. h_k enters window k, whose loss is L_k;
M is the synthesiser, s the scale, γ the discount:

    dL/dθ ≈ ∂L_k/∂θ + s M(h_{k+1}) ∂h_{k+1}/∂θ                                       (1) consume
    G_k = ∂L_k/∂h_k + γ R_{k+1} ∂h_{k+1}/∂h_k                                        (2) return
    R_k = (1 - λ) M(h_k) + λ G_k inside a block, M(h_k) where one ends               (3) mix
    M(h_k) → G_k for all k of a block                                                (4) regress

M(h_{k+1}) is zero at the end of an episode. At K = 1 this is `dni`, bit for bit. At λ = 1 and γ = 1
an episode of K windows or fewer teaches the true gradient, whatever M says. In a longer one the
first boundary of a block hears K windows of losses and the last one window, (K + 1) / 2 on average,
and M beyond them.

The model is updated in every window, M once in a block, by the sum of (4) over it: K updates of
`dni` in one. The windows are run again with the weights as they are at the block's end, from the
states as they were kept. To give every boundary K windows, a block would have to end with each
window: K times the work of a window again, instead of one more pass forward and backward over all
windows of a block but the last.

No block reaches from one episode, or stretch of a stream, into the next: the last may be shorter.
Episodes are taken whole, so nothing is kept from one to the next, and updates are not compiled.
Memory: the activations of one window, O(T), K boundary states, and the synthesiser. The inputs of
a block must be there until its end.

`warmup`: as in `dni`.

Differences from the papers: the λ-return is Sutton's (1988), of gradients as in BP(λ) (Pemberton &
Costa, 2024). They get it from a trace of M, for small states only: see `bp_lambda`. Jaderberg et
al. (2017) have K = 1. For the rest see `dni`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from harness.check import at_least
from harness.episode import Episode
from harness.model import Model
from harness.synthesiser import SyntheticGradientTrainer
from harness.trainer import Loss


class DniLambda(SyntheticGradientTrainer):
    """Truncated backpropagation + synthetic gradients that learn from λ-returns.

    K:        windows in a block
    lam:      λ, from 0 (targets one window on, as dni) to 1 (all losses of the block)
    discount: γ; None: the scale
    """

    def __init__(
        self,
        model: Model,
        loss: Loss,
        *,
        K: int = 4,
        lam: float = 1.0,
        discount: float | None = None,
        **shared: Any,
    ) -> None:
        super().__init__(model, loss, **shared)
        at_least(1, K=K)
        at_least(0, lam=lam)
        if lam > 1:
            raise ValueError(f"lam must be at most 1, got {lam!r}")
        self.K, self.lam = K, lam
        self.bootstrap(discount)

    def cut(self, episode: Episode) -> Iterator[Episode]:
        return iter([episode])

    def decoupled(self, episode: Episode) -> Iterator[Tensor]:
        windows = list(episode.windows(self.T))
        states: list[Tensor] = []
        for k, window in enumerate(windows, start=1):
            h_0 = self.boundary(window).requires_grad_()
            states.append(h_0.detach())
            loss, h_T = self.unroll(window, h_0)
            beyond = self.beyond(window, h_T)
            if k % self.K and window is not windows[-1]:
                assert beyond is not None, "only the last window of an episode has no next"
                torch.autograd.backward([loss, h_T], [None, self.scale / len(h_0) * beyond])  # (1)
            else:
                last = self.backpropagate(loss, h_0, h_T, beyond)  # (1) and, of the last, (2)
                returns = self.returns(windows[k - len(states) : k - 1], states, last)
                for state, target in zip(states, returns, strict=True):
                    self.regress(state, target)  # (4)
                states = []
            yield loss.detach()

    def returns(
        self, windows: Sequence[Episode], states: Sequence[Tensor], last: Tensor
    ) -> list[Tensor]:
        """G_k of a block, each (B, d_state), from that of its last window.

        windows: all but the last; states: those that enter every window
        """
        found = [last]
        for window, state, after in zip(
            reversed(windows), reversed(states[:-1]), reversed(states[1:]), strict=True
        ):
            R = self.lam * found[-1]
            if self.lam < 1:
                R = R + (1 - self.lam) * self.synthetic_gradient(after)  # (3)
            h_0 = state.clone().requires_grad_()
            outputs, h_T = self.model(window.x, h_0)
            loss = self.loss(outputs, window)
            B = len(h_0)
            sent = [None, self.discount / B * R]
            (gradient,) = torch.autograd.grad([loss, h_T], h_0, sent)
            found.append(B * gradient)  # (2)
        return found[::-1]
