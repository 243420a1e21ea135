"""Inductor's calls of the C++ compiler, made quicker."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any
from unittest.mock import patch

from harness.compat.scratch import BEGIN, held

END = "\n} // inductor_entry_impl\n"
KERNELS = "torch/csrc/inductor/cpp_prefix.h"
"""The header of kernels. Inductor compiles in advance only that of the code which calls them."""


@contextmanager
def quick() -> Iterator[None]:
    """Inside, Inductor compiles C++ in less time; what it computes is the same.

    One instruction set is tried, not all. Where Python calls the code, both headers are compiled
    in advance, with flags of ours. Of a graph the buffers are held, and what calls its kernels is
    compiled at -O1, by which an update is as fast as by -O3.
    """
    from torch._inductor import cpu_vec_isa
    from torch._inductor.codecache import CppWrapperCodeCache

    whole, flags = CppWrapperCodeCache.load_pybinding, _flags()
    header = CppWrapperCodeCache._get_uncompiled_header
    sets = partial(_instructions, cpu_vec_isa.valid_vec_isa_list)

    def load(*arguments: Any, main_code: str, **named: Any) -> Any:
        main_code = held(main_code)
        if BEGIN in main_code and END in main_code:
            main_code = main_code.replace(
                BEGIN, f'\n#pragma GCC push_options\n#pragma GCC optimize("O1"){BEGIN}', 1
            ).replace(END, f"{END}#pragma GCC pop_options\n", 1)
        named["extra_flags"] = (*named.get("extra_flags", ()), *flags)
        return whole(*arguments, main_code=main_code, **named)

    def headers(device: str) -> str | None:
        """What Inductor writes into `#include <...>`: so that it becomes two lines."""
        one = header(device)
        return f"{one}>\n#include <{KERNELS}" if one and device.startswith("cpu") else one

    with (
        patch.object(CppWrapperCodeCache, "load_pybinding", load),
        patch.object(CppWrapperCodeCache, "_get_uncompiled_header", headers),
        patch.object(cpu_vec_isa, "valid_vec_isa_list", sets),
    ):
        yield


@cache
def _flags() -> tuple[str, ...]:
    """Flags by which g++ takes a fifth less time.

    No warnings, of which there are hundreds, and no symbols; it never collects garbage; gold,
    where it is there, links in half the time.
    """
    from torch._inductor.cpp_builder import is_gcc

    if not is_gcc():
        return ()
    gold = ("-fuse-ld=gold",) if shutil.which("ld.gold") else ()
    return "-w", "-g0", "--param ggc-min-heapsize=1000000", *gold


def _instructions(every: Callable[[], list[Any]]) -> list[Any]:
    """The widest instruction set that the processor and the compiler have, alone.

    every: what Inductor asks: all of them, each compiled, and loaded in a process. Some add to
    another no more than products of integers and of bfloat16, which are not used here.
    """
    from torch._inductor import config, cpu_vec_isa

    if config.cpp.simdlen is None and "ATEN_CPU_CAPABILITY" not in os.environ:  # these name one
        has = set(cpu_vec_isa.x86_isa_checker())
        for each in cpu_vec_isa.supported_vec_isa_list:
            if "vnni" not in str(each) and has.issuperset(str(each).split()) and each:
                return [each]
    return every()
