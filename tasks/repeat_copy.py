"""Repeat copy (Graves, Wayne & Danihelka, 2014), with the DNI paper's curriculum.

x:  1 0 2 . . . . .      N symbols, the number of repeats R, N R + 1 silent timesteps
y:  . . . 1 0 1 0 |      the symbols R times, then a stop; only these are scored

Every symbol is `bits` random bits. R has an input channel of its own, as R / 10; the stop has an
output channel of its own, scored at every scored timestep. L = N + N R + 2. A solved level
raises R by one where R < N, else N: (1, 1), (2, 1), (2, 2), (3, 2), (3, 3), …
"""

from __future__ import annotations

import torch
from torch import Tensor

from tasks._copying import Copying, Protocol
from tasks._stream import Level, Sequences


class RepeatCopy(Copying):
    """Copy N symbols R times, then stop."""

    validated = (Level(1, 1), Level(2, 1), Level(2, 2), Level(3, 3))

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
            start=Level(start, start),
            d_in=bits + 1,
            d_out=bits + 1,
        )

    def present(self, level: Level, symbols: Tensor) -> Sequences:
        (n, rows, bits), r = symbols.shape, level.r
        length = n + n * r + 2
        x = torch.zeros(length, rows, self.d_in)
        y = torch.zeros(length, rows, self.d_out)
        scored = torch.zeros(length, rows)
        x[:n, :, :bits] = symbols
        x[n, :, bits] = r / 10
        y[n + 1 : -1, :, :bits] = symbols.repeat(r, 1, 1)
        y[-1, :, bits] = 1
        scored[n + 1 :] = 1
        return Sequences(x, y, scored)

    def following(self, level: Level) -> Level:
        return Level(level.n, level.r + 1) if level.r < level.n else Level(level.n + 1, level.r)
