"""The unit of data that every task yields and every trainer consumes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Episode:
    """L timesteps of B sequences, time first.

    x:      (L, B, d_in) float, or (L, B) symbol ids
    y:      (L, B, d_out) float, or (L, B) symbol ids
    weight: (L, B), sums to 1 over the episode; 0 = not scored
    fresh:  the state starts at zero; False: it is carried over from the episode before
    final:  no later loss depends on the last state; False: a stretch of an endless stream
    past:   of a window that overlaps the one before: how many of its timesteps that one had too;
            their weight is 0
    """

    x: Tensor
    y: Tensor
    weight: Tensor
    fresh: bool = True
    final: bool = True
    past: int = 0

    @property
    def length(self) -> int:
        """L, in timesteps."""
        return self.weight.shape[0]

    @property
    def batch(self) -> int:
        """B, in sequences."""
        return self.weight.shape[1]

    def windows(self, T: int) -> Iterator[Episode]:
        """Cut into windows of T timesteps, the last one shorter where T does not divide L.

        A window is itself an episode, except that only the weights of all windows together sum to
        1, so that the losses of the windows add up to the loss of the episode.
        """
        whole, rest = divmod(self.length, T)
        lengths = [T] * whole + [rest] * (rest > 0)  # four times as fast as split(T)
        cut = (part.split_with_sizes(lengths) for part in (self.x, self.y, self.weight))
        for k, (x, y, weight) in enumerate(zip(*cut, strict=True), start=1):
            fresh, final = self.fresh and k == 1, self.final and k == len(lengths)
            yield Episode(x, y, weight, fresh, final, self.past)

    def part(self, start: int, stop: int) -> Episode:
        """The timesteps from `start` up to `stop`, or up to the end where that comes first."""
        part = slice(start, stop)
        fresh, final = self.fresh and start == 0, self.final and stop >= self.length
        return Episode(self.x[part], self.y[part], self.weight[part], fresh, final, self.past)

    def to(self, device: torch.device, dtype: torch.dtype) -> Episode:
        """The same episode on a device, with floats as the dtype (ids stay ids)."""
        if self.weight.device == device and self.weight.dtype == dtype:
            return self

        def moved(tensor: Tensor) -> Tensor:
            return tensor.to(device, dtype if tensor.is_floating_point() else tensor.dtype)

        return replace(self, x=moved(self.x), y=moved(self.y), weight=moved(self.weight))
