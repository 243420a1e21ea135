"""torch's private parts, under names of our own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar
from unittest import mock

import torch
from torch import Tensor

T = TypeVar("T")


def traced(function: Callable[..., Any], inputs: Sequence[Tensor]) -> torch.fx.GraphModule:
    """A function as a graph of plain operations, for inputs of these shapes and dtypes."""
    from torch.fx.experimental.proxy_tensor import make_fx

    return make_fx(function, tracing_mode="fake")(*inputs)


def compiled(
    graph: torch.fx.GraphModule, inputs: Sequence[Tensor], options: dict[str, Any]
) -> Callable[..., list[Tensor]]:
    """A graph compiled by Inductor for inputs of these shapes, dtypes and devices."""
    from torch import _inductor

    call: Callable[..., list[Tensor]] = _inductor.compile(graph, [*inputs], options=options)
    return call


def allocations(profile: torch.profiler.profile) -> Iterator[int]:
    """The bytes of each allocation (above 0) and release (below 0) that was profiled, in order."""
    recorded: Any = profile.profiler
    for event in recorded.kineto_results.events():
        if event.name() == "[memory]":
            yield event.nbytes()


@contextmanager
def transforms_unhooked() -> Iterator[None]:
    """Inside, torch.func works under hooks for saved tensors, which do not hear of what it saves.

    By itself it refuses to.
    """
    hooks = torch._C._autograd

    @contextmanager
    def disabled(message: str) -> Iterator[None]:
        outer = hooks._saved_tensors_hooks_get_disabled_error_message()
        hooks._saved_tensors_hooks_disable(message, fail_if_non_empty=False)
        try:
            yield
        finally:
            if outer is None:
                hooks._saved_tensors_hooks_enable()
            else:
                hooks._saved_tensors_hooks_disable(outer, fail_if_non_empty=False)

    with mock.patch("torch.autograd.graph.disable_saved_tensors_hooks", disabled):
        yield


def base(tensor: Tensor) -> Tensor | None:
    """The tensor that this one is a view of; None where it is none."""
    return tensor._base


def copied(tree: T) -> T:
    """A structure of lists, tuples and dicts with every tensor in it copied."""
    from torch.utils._pytree import tree_map_only

    result: T = tree_map_only(Tensor, torch.clone, tree)
    return result
