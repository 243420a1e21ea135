"""The recurrent network, the same for every trainer."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from harness.check import at_least


class Model(nn.Module, ABC):
    """A recurrent core of `layers` layers and a linear read-out.

    Everything recurrent is one tensor, the state (B, d_state), so that a trainer can cut,
    carry and differentiate it without knowing the cell.
    """

    def __init__(self, d_in: int, d_out: int, *, hidden: int, layers: int, parts: int) -> None:
        """parts: tensors of width `hidden` that a layer carries over (2 for an LSTM: h and c)."""
        super().__init__()
        at_least(1, hidden=hidden, layers=layers)
        self.d_in, self.hidden, self.layers, self.parts = d_in, hidden, layers, parts
        self.d_state = layers * parts * hidden
        self.readout = nn.Linear(hidden, d_out)
        self.written_out = False  # True: in operations that a compiler sees into

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Map (L, B, d_in) or ids (L, B), and the state (B, d_state) that enters, to outputs.

        Returns outputs (L, B, d_out) and the state (B, d_state) after L timesteps.
        """
        if not x.is_floating_point():
            x = F.one_hot(x, self.d_in).to(state.dtype)
        core = self.core_written_out if self.written_out else self.core_forward
        hidden, leaving = core(x, self._unpack(state))
        return self.readout(hidden), self._pack(leaving)

    @abstractmethod
    def core_forward(self, x: Tensor, parts: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Run the core: x (L, B, d_in), parts each (layers, B, hidden) -> (L, B, hidden), parts."""

    def core_written_out(self, x: Tensor, parts: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """The same as core_forward, in plain operations where that calls a fused kernel."""
        return self.core_forward(x, parts)

    def initial_state(self, batch: int) -> Tensor:
        """The state of a fresh episode: zeros (B, d_state)."""
        return self.readout.weight.new_zeros(batch, self.d_state)

    def _unpack(self, state: Tensor) -> list[Tensor]:
        pieces = state.split(self.hidden, -1)
        return [torch.stack(pieces[part :: self.parts]) for part in range(self.parts)]

    def _pack(self, parts: list[Tensor]) -> Tensor:
        # layer by layer, and in each layer part by part: [h1; c1; h2; c2]
        return torch.cat(parts, -1).transpose(0, 1).flatten(1)
