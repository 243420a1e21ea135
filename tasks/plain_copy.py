"""Copy (Graves, Wayne & Danihelka, 2014), with the DNI paper's curriculum.

x:  1 0 1 | . . .      N symbols, a delimiter, N silent timesteps
y:  . . . . 1 0 1      the symbols again; only these are scored

Every symbol is `bits` random bits; the delimiter has an input channel of its own. L = 2N + 1. A
solved level raises N by one.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tasks._copying import Copying, Protocol
from tasks._stream import Level, Sequences


class PlainCopy(Copying):
    """Copy N symbols after a delimiter."""

    validated = (Level(1), Level(2), Level(4), Level(8))

    def __init__(
        self,
        *,
        bits: int = 8,
        protocol: Protocol = "stream",
        threshold: float = 0.15,
        average: int = 10,
        start: int = 1,
    ) -> None:
        super().__init__(
            bits=bits,
            protocol=protocol,
            threshold=threshold,
            average=average,
            start=Level(start),
            d_in=bits + 1,
            d_out=bits,
        )

    def present(self, level: Level, symbols: Tensor) -> Sequences:
        n, rows, bits = symbols.shape
        x = torch.zeros(2 * n + 1, rows, self.d_in)
        y = torch.zeros(2 * n + 1, rows, self.d_out)
        scored = torch.zeros(2 * n + 1, rows)
        x[:n, :, :bits] = symbols
        x[n, :, bits] = 1
        y[n + 1 :] = symbols
        scored[n + 1 :] = 1
        return Sequences(x, y, scored)

    def following(self, level: Level) -> Level:
        return Level(level.n + 1)
