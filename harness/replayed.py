"""A compiled update on CUDA, launched whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


class Replayed:
    """A compiled update captured as a CUDA graph: one launch an update.

    The graph reads and writes where it was captured: the weights, which stay where they are, and
    buffers for the data, which is copied in.
    """

    def __init__(
        self, update: Callable[..., list[Tensor]], inputs: Sequence[Tensor], weights: int
    ) -> None:
        self._update, self._weights = update, weights
        self._data = [tensor.clone() for tensor in inputs[weights:]]
        self._graph: torch.cuda.CUDAGraph | None = None

    def __call__(self, *inputs: Tensor) -> list[Tensor]:
        for buffer, tensor in zip(self._data, inputs[self._weights :], strict=True):
            buffer.copy_(tensor)
        if self._graph is None:
            self._capture(inputs[: self._weights])
        assert self._graph is not None
        self._graph.replay()
        return [tensor.clone() for tensor in self._outputs]  # the next replay writes over them

    def _capture(self, weights: Sequence[Tensor]) -> None:
        before = [tensor.clone() for tensor in weights]
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):  # what allocates or tunes at its first call must not be captured
                self._update(*weights, *self._data)
        torch.cuda.current_stream().wait_stream(side)
        for tensor, value in zip(weights, before, strict=True):
            tensor.copy_(value)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._outputs = self._update(*weights, *self._data)
