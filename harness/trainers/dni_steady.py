"""Synthetic gradients with what steadies a bootstrap elsewhere: averages, replay, a γ by error.

M's target holds M's own prediction, so that its errors come back to it. Value functions in
reinforcement learning have the same trouble, and remedies for it. Each is an option here, off by
default, and all off is `dni`, bit for bit. h_k enters window k, whose loss is L_k; M is the
synthesiser, φ its weights, M̄ the same network with their average φ̄, s the scale, γ the discount:

    φ̄ ← a φ̄ + (1 - a) φ                                                            (1) average
    dL/dθ ≈ ∂L_k/∂θ + s M(h_{k+1}) ∂h_{k+1}/∂θ                                       (2) consume
    G_k = ∂L_k/∂h_k + γ M(h_{k+1}) ∂h_{k+1}/∂h_k                                     (3) target
    M(h_i) → G_i for i = k - n + 1 … k                                               (4) regress
    γ = 1 - E / S, at least 0;  E, S ← averages of ‖M(h_k) - G_k‖², ‖G_k‖²           (5) judge

- `average=a`: M̄ instead of M in (3), a target network (`averaged="target"`); in (2), Polyak
  averaging (`averaged="consumed"`); or in both. M itself is what learns.
- `replay=n`: (4) is the mean over the last n boundaries, with their targets as they were. A trainer
  fills gradients, the loop that owns it makes one step of them: so each boundary counts in n steps
  of 1/n each, instead of n steps being made at once. A step that is less noisy may be larger: `lr`.
- `discount="adaptive"`: (5), over about a hundred windows. A silent M has E = S, so that γ is 0;
  the better M predicts, the further its target looks.
- `reads="input"`: M reads h_k and the first input of window k. It is known where that window is in
  the same episode or stretch of a stream; where one begins or ends, M reads zeros for it, both when
  asked and when taught. Episodes are then taken whole, and updates are not compiled.

Nothing follows the end of an episode: M(h_{k+1}) is zero there. Where (2) and (3) differ in M, or γ
is judged, a window takes a second backward pass, down to its state alone. Memory: one window, O(T),
the synthesiser, and |φ| numbers for φ̄, 2 n B d_state for the boundaries.

`warmup`: as in `dni`; averages and replay begin after it. M that reads inputs has none.

Differences from the papers: a target network is moved a little in every window (Lillicrap et al.,
2016), not copied now and then (Mnih et al., 2015); replay is of the latest boundaries, all of them,
not drawn. None of the papers is about gradients; (5) is ours. For the rest see `dni`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import torch
from torch import Tensor
from torch.func import functional_call

from harness.check import at_least, below_one
from harness.episode import Episode
from harness.model import Model
from harness.synthesiser import SyntheticGradientTrainer, squared_error
from harness.trainer import Loss

KEPT = 0.99
"""Of E and S from window to window."""


class DniSteady(SyntheticGradientTrainer):
    """Truncated backpropagation + synthetic gradients, their bootstrap held steady.

    average:  a, of M's weights, from 0 (none) to below 1
    averaged: where the average is used: in M's target, where it is consumed, or in both
    replay:   n, boundaries that M is taught in every window; 1: the window's own
    reads:    the state alone, or the next input, too
    discount: γ; None: the scale; "adaptive": by M's error
    """

    def __init__(
        self,
        model: Model,
        loss: Loss,
        *,
        average: float = 0.0,
        averaged: Literal["target", "consumed", "both"] = "target",
        replay: int = 1,
        reads: Literal["state", "input"] = "state",
        discount: float | Literal["adaptive"] | None = None,
        **shared: Any,
    ) -> None:
        super().__init__(model, loss, **shared)
        below_one(average=average)
        at_least(1, replay=replay)
        self.average, self.replay, self.reads = average, replay, reads
        self.slow_target = average > 0 and averaged != "consumed"
        self.slow_consumed = average > 0 and averaged != "target"
        self.adaptive = discount == "adaptive"
        self.bootstrap(None if isinstance(discount, str) else discount)
        if reads == "input":
            if self.warmup:
                raise ValueError(f"warmup must be 0 where M reads inputs, got {self.warmup!r}")
            self.synthesiser = self.network(d_in=model.d_in)

    def begin(self, batch: int) -> None:
        like, D = next(self.synthesiser.parameters()).detach(), self.model.d_state
        if self.average:
            self.memory["average"] = self.flat()
        if self.replay > 1:
            width = D + (self.model.d_in if self.reads == "input" else 0)
            self.memory["read"] = like.new_zeros(self.replay, batch, width)
            self.memory["targets"] = like.new_zeros(self.replay, batch, D)
            self.memory["filled"] = like.new_zeros(self.replay)
        if self.adaptive:  # E = S, but next to nothing
            self.memory |= {name: like.new_full((), 1e-12) for name in ("E", "S")}

    def cut(self, episode: Episode) -> Iterator[Episode]:
        return iter([episode]) if self.reads == "input" else super().cut(episode)

    def decoupled(self, episode: Episode) -> Iterator[Tensor]:
        windows = list(episode.windows(self.T))
        for k, window in enumerate(windows):
            following = windows[k + 1] if k + 1 < len(windows) else None
            if self.average:
                self.follow()
            h_0 = self.boundary(window).requires_grad_()
            loss, h_T = self.unroll(window, h_0)
            if window.final:
                target = self.backpropagate(loss, h_0, h_T, None)
            else:
                target = self.bootstrapped(loss, h_0, h_T, self.read(h_T, following))
            self.teach(self.read(h_0, window if k else None), target)
            yield loss.detach()

    def bootstrapped(self, loss: Tensor, h_0: Tensor, h_T: Tensor, read: Tensor) -> Tensor:
        """Fill the model's gradients, (2); return the target, (3)."""
        consumed = self.predicted(read, self.slow_consumed)
        if self.slow_consumed == self.slow_target and not self.adaptive:
            return self.backpropagate(loss, h_0, h_T, consumed)  # (2) and (3)
        B, consumed = len(h_0), self.scale * consumed
        torch.autograd.backward([loss, h_T], [None, consumed / B], retain_graph=True)  # (2)
        rest = self.gamma() * self.predicted(read, self.slow_target) - consumed
        (further,) = torch.autograd.grad(h_T, h_0, rest / B)
        assert h_0.grad is not None
        return B * (h_0.grad + further)  # (3)

    def gamma(self) -> float | Tensor:
        """γ, given or judged."""
        if not self.adaptive:
            return self.discount
        return (1 - self.memory["E"] / self.memory["S"]).clamp(0)  # (5)

    @torch.no_grad()
    def follow(self) -> None:
        """Move the average on."""
        a = self.average
        self.memory["average"] = a * self.memory["average"] + (1 - a) * self.flat()  # (1)

    @torch.no_grad()
    def judge(self, read: Tensor, target: Tensor) -> None:
        """Move E and S on, (5)."""
        error = squared_error(self.synthesiser(read), target)
        for name, found in (("E", error), ("S", target.square().sum(-1).mean())):
            self.memory[name] = KEPT * self.memory[name] + (1 - KEPT) * found

    def teach(self, read: Tensor, target: Tensor) -> None:
        """Fill the synthesiser's gradients, (4)."""
        if self.adaptive:
            self.judge(read, target)
        if self.replay == 1:
            self.regress(read, target)
            return
        new = {"read": read, "targets": target, "filled": target.new_ones(())}
        for name, latest in new.items():
            self.memory[name] = torch.cat([self.memory[name][1:], latest.unsqueeze(0)])
        errors = (self.synthesiser(self.memory["read"]) - self.memory["targets"]).square()
        filled = self.memory["filled"]
        (errors.sum(-1).mean(-1) @ filled / filled.sum()).backward()  # (4)

    def read(self, state: Tensor, window: Episode | None) -> Tensor:
        """What M reads of a state (B, d_state), and of the window that it enters."""
        state = state.detach()
        if self.reads == "state":
            return state
        if window is None:
            return torch.cat([state, state.new_zeros(len(state), self.model.d_in)], -1)
        return torch.cat([state, self.model.encoded(window.x[:1])[0]], -1)

    @torch.no_grad()
    def predicted(self, read: Tensor, slow: bool) -> Tensor:
        """M, or M̄, of what it reads."""
        if not slow:
            return self.synthesiser(read)  # type: ignore[no-any-return]
        own = dict(self.synthesiser.named_parameters())
        parts = self.memory["average"].split([phi.numel() for phi in own.values()])
        average = {n: part.view_as(phi) for (n, phi), part in zip(own.items(), parts, strict=True)}
        return functional_call(self.synthesiser, average, (read,))  # type: ignore[no-any-return]

    def synthetic_gradient(self, state: Tensor) -> Tensor:
        return self.predicted(self.read(state, None), self.slow_consumed)

    def flat(self) -> Tensor:
        """φ, flat."""
        return torch.cat([phi.detach().flatten() for phi in self.synthesiser.parameters()])
