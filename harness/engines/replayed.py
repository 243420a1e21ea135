"""An update on CUDA, launched as a whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor


class Graph(Protocol):
    """Captured work."""

    def replay(self) -> None:
        """Repeat it, on the same memory."""


def capture(work: Callable[[], list[Tensor]]) -> tuple[Graph, list[Tensor]]:
    """A CUDA graph of some work, and the tensors that will hold its results."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):  # first calls allocate and tune, which must not be captured
            work()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        results = work()
    return graph, results


class Replayed:
    """An update captured as a CUDA graph: one launch per update.

    The graph reads and writes the memory that it was captured with: the weights, which must not
    move, and buffers, into which the data are copied.
    """

    def __init__(
        self,
        update: Callable[..., list[Tensor]],
        weights: Sequence[Tensor],
        data: Sequence[Tensor],
        capture: Callable[[Callable[[], list[Tensor]]], tuple[Graph, list[Tensor]]] = capture,
    ) -> None:
        self._at = [tensor.data_ptr() for tensor in weights]
        self._data = [tensor.clone() for tensor in data]
        before = [tensor.clone() for tensor in weights]
        self._graph, self._results = capture(lambda: update(*weights, *self._data))
        for tensor, value in zip(weights, before, strict=True):
            tensor.copy_(value)

    def __call__(self, *inputs: Tensor) -> list[Tensor]:
        count = len(self._at)
        assert [tensor.data_ptr() for tensor in inputs[:count]] == self._at, "weights have moved"
        for buffer, tensor in zip(self._data, inputs[count:], strict=True):
            buffer.copy_(tensor)
        self._graph.replay()
        return [tensor.clone() for tensor in self._results]  # the next replay overwrites them
