"""torch's private parts, under names of our own."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

T = TypeVar("T")


def traced(function: Callable[..., Any], inputs: Sequence[Tensor]) -> torch.fx.GraphModule:
    """A function as a graph of plain operations, for inputs of these shapes and dtypes."""
    from torch.fx.experimental.proxy_tensor import make_fx

    return make_fx(function, tracing_mode="fake")(*inputs)


@dataclass(frozen=True)
class Native:
    """A graph compiled to C++. entry: the address of its function, for `looped`."""

    call: Callable[..., list[Tensor]]
    entry: int

    def __call__(self, *inputs: Tensor) -> list[Tensor]:
        return self.call(*inputs)


def compiled(
    graph: torch.fx.GraphModule, inputs: Sequence[Tensor], options: dict[str, Any]
) -> Callable[..., list[Tensor]]:
    """A graph compiled by Inductor for inputs of these shapes, dtypes and devices.

    Native where the options ask for a wrapper in C++.
    """
    from torch._functorch import config
    from torch._inductor.compile_fx import compile_fx, compile_fx_inner

    made: list[Any] = []

    def inner(*arguments: Any, **named: Any) -> Any:
        made.append(compile_fx_inner(*arguments, **named))
        return made[-1]

    with config.patch(enable_autograd_cache=False):  # which would not ask for `inner` again
        call: Any = compile_fx(graph, [*inputs], inner_compile=inner, config_patches=options)
    return Native(call, _entry(made[-1])) if options.get("cpp_wrapper") else call


ENTRY = "_Z19inductor_entry_implPP16AtenTensorOpaqueS1_"
"""void inductor_entry_impl(AtenTensorHandle* inputs, AtenTensorHandle* outputs)"""


def _entry(graph: Any) -> int:
    (bound,) = (cell.cell_contents for cell in graph.current_callable.__closure__)
    function = ctypes.CDLL(bound.__self__.__file__)[ENTRY]
    return ctypes.cast(function, ctypes.c_void_p).value or 0


def looped(source: str) -> Callable[[list[Tensor]], list[Tensor]]:
    """A function in C++ of tensors, inductor_entry_impl() with one output, as one in Python."""
    from torch._inductor.codecache import CppWrapperCodeCache

    aoti = torch._C._aoti
    call = CppWrapperCodeCache.load_pybinding(
        argtypes=["std::vector<AtenTensorHandle>"], main_code=source, num_outputs=1
    )

    def made(inputs: list[Tensor]) -> list[Tensor]:
        handles = aoti.unsafe_alloc_void_ptrs_from_tensors(inputs)
        found: list[Tensor] = aoti.alloc_tensors_by_stealing_from_void_ptrs(call(handles))
        return found

    return made


def library(source: str) -> ctypes.CDLL:
    """C++ compiled, or taken from the compiler's cache, and loaded for all that is loaded later."""
    from torch._inductor.codecache import CppCodeCache

    class Library(CppCodeCache):
        cpp_compile_command_flags = {"include_pytorch": True, "shared": True}  # noqa: RUF012

    return ctypes.CDLL(Library.load(source)._name, ctypes.RTLD_GLOBAL)


def cache_folder() -> str:
    """Where Inductor keeps what it has compiled."""
    from torch._inductor.runtime.cache_dir_utils import cache_dir

    return cache_dir()


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


def base(tensor: Tensor) -> Tensor | None:
    """The tensor that this one is a view of; None where it is none."""
    return tensor._base


def copied(tree: T) -> T:
    """A structure of lists, tuples and dicts with every tensor in it copied."""
    from torch.utils._pytree import tree_map_only

    result: T = tree_map_only(Tensor, torch.clone, tree)
    return result
