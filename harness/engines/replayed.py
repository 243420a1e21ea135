"""An update on CUDA, launched whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor


class Graph(Protocol):
    """Work that was captured."""

    def replay(self) -> None:
        """Do it once more, on the same memory."""


def capture(work: Callable[[], list[Tensor]]) -> tuple[Graph, list[Tensor]]:
    """A CUDA graph of some work, and where its results will lie."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):  # what allocates or tunes at its first call must not be captured
            work()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        results = work()
    return graph, results


class Replayed:
    """An update captured as a CUDA graph: one launch an update.

    The graph reads and writes where it was captured: the weights, which must stay where they
    are, and buffers for the data, which is copied in.
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
        return [tensor.clone() for tensor in self._results]  # the next replay writes over them
