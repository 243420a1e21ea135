"""Truncation at random, with compensation: ARTBP (Tallec & Ollivier, 2017).

s_t is the state after timestep t, L_t its loss, δ the timesteps since the last cut, t included.
After t a window ends with probability c(δ); where it does not, what comes back is the larger:

    c(δ) = (α - 1) / ((α - 2) T + δ)                                                 (1)
    g_t = ∂L_t/∂s_t + 0                            where the window ends after t
    g_t = ∂L_t/∂s_t + g_{t+1} ∂s_{t+1}/∂s_t / (1 - c(δ))            where it goes on (2)
    dL/dθ ≈ Σ_t g_t ∂s_t/∂θ                                                          (3)

On average over cuts (3) is the full gradient: what crosses a boundary is divided by the chance
that it does. By (1) windows have T timesteps on average, and one of more than n is about as likely
as n^(1 - α). One update per window. Memory: the activations of the longest window drawn, which no
T limits, only the episode.

It pays in variance. A loss n timesteps into a window counts 1 / P(window of n or more) times, and
its square with it. In an LSTM of 4 units, as initialised, over 8 timesteps, variance is 2 to 12 %
of the full gradient's square at T = 2 and a seventh of that at T = 8. Where gradients fade within
T, it grows as α falls: at one mean, more windows are then short.

Differences from the paper: none in (1) to (3); α is 4 by default. The end of an episode is a cut
that nothing crosses, and is not compensated: on fresh episodes the mean is full backpropagation, on
a stream that of one stretch. Weights move between windows. At T = 1 every timestep would be cut,
and no factor could make up for it: T must be 2 or more.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from harness.check import at_least
from harness.episode import Episode
from harness.model import Model
from harness.trainer import Loss, Trainer


class Artbp(Trainer):
    """Truncation at random, with compensation.

    T:     mean length of a window, in timesteps
    alpha: α, above 2: how soon long windows become rare
    """

    T: int

    def __init__(self, model: Model, loss: Loss, *, T: int = 4, alpha: float = 4.0) -> None:
        super().__init__(model, loss)
        at_least(2, T=T)
        at_least(2, alpha=alpha)
        if alpha == 2:
            raise ValueError("alpha must be above 2: at 2 the mean length of a window is infinite")
        self.T, self.alpha = T, alpha

    def chance(self, since: int) -> float:
        """c(δ), that a window ends after its timestep δ = `since`."""
        return (self.alpha - 1) / ((self.alpha - 2) * self.T + since)  # (1)

    def cut(self, episode: Episode) -> Iterator[Episode]:
        start = 0
        drawn = torch.rand(episode.length, generator=self.rng, dtype=torch.float64)
        for stop, number in enumerate(drawn.tolist(), 1):
            if number < self.chance(stop - start) or stop == episode.length:
                yield episode.part(start, stop)
                start = stop

    def gradients(self, episode: Episode) -> Iterator[Tensor]:
        for window in self.windows(episode):
            s, outputs = self.boundary(window), []
            for since, x_t in enumerate(window.x):
                if since:
                    s = enlarged(s, 1 / (1 - self.chance(since)))  # (2)
                y_t, s = self.model(x_t.unsqueeze(0), s)
                outputs.append(y_t)
            self.carried = s.detach()
            loss = self.loss(torch.cat(outputs), window)
            loss.backward()  # (3)
            yield loss.detach()


def enlarged(state: Tensor, factor: float) -> Tensor:
    """The state as it is, whose gradient comes back `factor` times as large."""
    held = state.detach()
    return held + factor * (state - held)
