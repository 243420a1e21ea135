"""C++ compiled by Inductor, and kept: what was compiled before is loaded without the compiler."""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import os
import platform
import shutil
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from harness.compat.compiler import quick
from harness.compat.torch_internals import uncollected

MADE = 4
"""How a graph is made into C++; another number where that changes, or what was kept is loaded."""


@dataclass(frozen=True)
class Native:
    """A graph compiled to C++. entry: the address of its function, for `looped`."""

    call: Callable[[list[Tensor]], list[Tensor]]
    entry: int

    def __call__(self, *inputs: Tensor) -> list[Tensor]:
        return self.call([*inputs])


def compiled(
    graph: torch.fx.GraphModule, inputs: Sequence[Tensor], options: dict[str, Any]
) -> Callable[..., list[Tensor]]:
    """A graph compiled by Inductor for inputs of these shapes, dtypes and devices.

    Native, and kept, where the options ask for a wrapper in C++, if what that does alone is what
    the graph does.
    """
    constants = any(node.op == "get_attr" for node in graph.graph.nodes)
    if constants or not options.get("cpp_wrapper"):
        return _by_inductor(graph, inputs, options)[0]
    shapes = [(tensor.shape, tensor.stride(), tensor.dtype) for tensor in inputs]
    plain = {name: value for name, value in options.items() if isinstance(value, int | str)}
    path = _place(f"{graph.code} {shapes} {plain} {MADE}")
    if not path.exists():
        call, made = _by_inductor(graph, inputs, options)
        (bound,) = (cell.cell_contents for cell in made.current_callable.__closure__)
        if not _alike(call, _native(bound.__self__.__file__), inputs):
            return call
        _keep(bound.__self__.__file__, path)
    return _native(path)


def looped(source: str) -> Callable[[list[Tensor]], list[Tensor]]:
    """A function in C++ of tensors, inductor_entry_impl() with one output, as one in Python."""
    path = _place(source)
    if not path.exists():
        from torch._inductor.codecache import CppWrapperCodeCache

        with quick():
            call = CppWrapperCodeCache.load_pybinding(
                argtypes=["std::vector<AtenTensorHandle>"], main_code=source, num_outputs=1
            )
        _keep(call.__self__.__file__, path)
    return _python(path)


def library(source: str) -> ctypes.CDLL:
    """C++ compiled and kept, and loaded for all that is loaded later."""
    path = _place(source)
    if not path.exists():
        from torch._inductor.codecache import CppCodeCache

        class Library(CppCodeCache):
            cpp_compile_command_flags = {"include_pytorch": True, "shared": True}  # noqa: RUF012

        with quick():
            _keep(Library.load(source)._name, path)
    return ctypes.CDLL(str(path), ctypes.RTLD_GLOBAL)


def folder() -> Path:
    """Where what is compiled or tried is kept: beside what Inductor keeps."""
    from torch._inductor.runtime.cache_dir_utils import cache_dir

    return Path(cache_dir()) / "sgbench"


def _place(about: str) -> Path:
    """Where a library is kept, or will be; another torch, compiler or processor has another."""
    here = f"{torch.__version__} {platform.python_version()} {os.environ.get('CXX')}"
    here += f" {torch.cpu.get_capabilities()}{os.environ.get('ATEN_CPU_CAPABILITY', '')}"
    return folder() / f"{hashlib.sha256(f'{here} {about}'.encode()).hexdigest()[:32]}.so"


def _keep(library: str, path: Path) -> None:
    """Copy a library to its place, as a whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(f".{os.getpid()}")
    shutil.copyfile(library, new)
    new.replace(path)


def _by_inductor(
    graph: torch.fx.GraphModule, inputs: Sequence[Tensor], options: dict[str, Any]
) -> tuple[Callable[..., list[Tensor]], Any]:
    """A graph compiled, as it is called; and what Inductor made of it."""
    from torch._functorch import config
    from torch._inductor.compile_fx import compile_fx, compile_fx_inner

    made: list[Any] = []

    def inner(*arguments: Any, **named: Any) -> Any:
        made.append(compile_fx_inner(*arguments, **named))
        return made[-1]

    # the cache of autograd would not ask for `inner` again
    sooner = quick() if options.get("cpp_wrapper") else nullcontext()
    with uncollected(), sooner, config.patch(enable_autograd_cache=False):
        call: Any = compile_fx(graph, [*inputs], inner_compile=inner, config_patches=options)
    return call, made[-1]


def _alike(call: Callable[..., list[Tensor]], native: Native, inputs: Sequence[Tensor]) -> bool:
    """Whether both return the same, to the bit, and leave the same in their inputs."""
    found = []
    for each in (call, native):
        given = [tensor.clone() for tensor in inputs]
        found.append([*each(*given), *given])
    return all(map(torch.equal, *found))


def _native(path: Path | str) -> Native:
    entry = ctypes.cast(ctypes.CDLL(str(path))[ENTRY], ctypes.c_void_p).value
    return Native(_python(path), entry or 0)


ENTRY = "_Z19inductor_entry_implPP16AtenTensorOpaqueS1_"
"""void inductor_entry_impl(AtenTensorHandle* inputs, AtenTensorHandle* outputs)"""


def _python(path: Path | str) -> Callable[[list[Tensor]], list[Tensor]]:
    """The function of a library with Inductor's bindings for Python."""
    address = torch._C._dynamo.guards._torchinductor_pyobject_tensor_data_ptr  # type: ignore[attr-defined]
    os.environ["_TORCHINDUCTOR_PYOBJECT_TENSOR_DATA_PTR"] = str(address)  # read as it is loaded
    spec = importlib.util.spec_from_file_location(f"{Path(path).stem}.inductor_entry_cpp", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    aoti = torch._C._aoti

    def call(inputs: list[Tensor]) -> list[Tensor]:
        handles = aoti.unsafe_alloc_void_ptrs_from_tensors(inputs)
        found: list[Tensor] = aoti.alloc_tensors_by_stealing_from_void_ptrs(
            module.inductor_entry_cpp(handles)
        )
        return found

    return call
