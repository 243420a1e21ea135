"""torch's private parts, under names of our own."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

T = TypeVar("T")


def traced(function: Callable[..., Any], inputs: Sequence[Tensor]) -> torch.fx.GraphModule:
    """A function as a graph of plain operations, for inputs of these shapes and dtypes."""
    from torch.fx.experimental.proxy_tensor import make_fx

    with uncollected():
        return make_fx(function, tracing_mode="fake")(*inputs)


@contextmanager
def uncollected() -> Iterator[None]:
    """Inside this context the garbage collector rests: it would look through all of torch."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def allocations(profile: torch.profiler.profile) -> Iterator[int]:
    """The bytes of each allocation (above 0) and release (below 0) that was profiled, in order."""
    recorded: Any = profile.profiler
    for event in recorded.kineto_results.events():
        if event.name() == "[memory]":
            yield event.nbytes()


@contextmanager
def paused_in_transforms(pack: Callable[..., Any], unpack: Callable[..., Any]) -> Iterator[None]:
    """Let torch.func's transforms run where these hooks on saved tensors are set.

    They refuse to, so the hooks are taken off while one runs; what it saves is gone at its end.
    """
    graph, running = torch.autograd.graph, 0
    refuse = graph.disable_saved_tensors_hooks

    @contextmanager
    def paused(message: str) -> Iterator[None]:
        nonlocal running
        if not running:
            torch._C._autograd._pop_saved_tensors_default_hooks()
        running += 1
        try:
            with refuse(message):
                yield
        finally:
            running -= 1
            if not running:
                torch._C._autograd._push_saved_tensors_default_hooks(pack, unpack)

    graph.disable_saved_tensors_hooks = paused  # type: ignore[assignment]
    try:
        yield
    finally:
        graph.disable_saved_tensors_hooks = refuse


def as_a_whole(counter: FlopCounterMode) -> FlopCounterMode:
    """A counter that does not tell modules apart: the hooks for that fail inside torch.func."""

    class Nowhere(AbstractContextManager[None]):
        parents = ("Global",)

        def __exit__(self, *_: object) -> None:
            pass

    counter.mod_tracker = Nowhere()  # type: ignore[assignment]
    return counter


@torch.no_grad()
def clip(gradients: list[Tensor], norm: float) -> None:
    """Scale gradients, in place, so that all together have at most this norm.

    The operations of torch's clip_grad_norm_(), for gradients on one device; that sorts them by
    device and dtype, and looks up what each supports, twice: half its time at LSTM 64.
    """
    if not gradients:
        return
    total = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
    torch._foreach_mul_(gradients, (norm / (total + 1e-6)).clamp(max=1.0))


def base(tensor: Tensor) -> Tensor | None:
    """The tensor that this one is a view of; None where it is none."""
    return tensor._base


def copied(tree: T) -> T:
    """A structure of lists, tuples and dicts with every tensor in it copied."""
    from torch.utils._pytree import tree_map_only

    result: T = tree_map_only(Tensor, torch.clone, tree)
    return result
