"""Inductor's calls of the C++ compiler, made quicker."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any
from unittest.mock import patch

from harness.compat.scratch import BEGIN, held

END = "\n} // inductor_entry_impl\n"
HEADERS = "torch/csrc/inductor/cpp_wrapper/cpu.h>\n#include <torch/csrc/inductor/cpp_prefix.h"
"""What the C++ of every graph includes: for calling kernels, and for the kernels. Inductor compiles
the first of the two once, in advance; its name for it becomes `#include <...>`."""


@contextmanager
def quick() -> Iterator[None]:
    """Inside, a graph's C++ takes less time to compile, and computes the same numbers.

    Its buffers are held; what calls its kernels is compiled at -O1, without which an update takes
    as long; both headers are compiled in advance; and one kind of vectors is tried, not all.
    """
    from torch._inductor import cpu_vec_isa
    from torch._inductor.codecache import CppWrapperCodeCache

    whole, flags = CppWrapperCodeCache.load_pybinding, _flags()
    vectors = partial(_vectors, cpu_vec_isa.valid_vec_isa_list)

    def load(*arguments: Any, main_code: str, **named: Any) -> Any:
        main_code = held(main_code)
        if BEGIN in main_code and END in main_code:
            main_code = main_code.replace(
                BEGIN, f'\n#pragma GCC push_options\n#pragma GCC optimize("O1"){BEGIN}', 1
            ).replace(END, f"{END}#pragma GCC pop_options\n", 1)
        named["extra_flags"] = (*named.get("extra_flags", ()), *flags)
        return whole(*arguments, main_code=main_code, **named)

    with (
        patch.object(CppWrapperCodeCache, "load_pybinding", load),
        patch.object(CppWrapperCodeCache, "_get_uncompiled_header", lambda device: HEADERS),
        patch.object(cpu_vec_isa, "valid_vec_isa_list", vectors),
    ):
        yield


@cache
def _flags() -> tuple[str, ...]:
    """Flags by which g++ takes a fifth less time.

    No warnings, of which there are hundreds, and no symbols; memory is not searched for what is
    done with; gold, where it is there, links in half the time.
    """
    from torch._inductor.cpp_builder import is_gcc

    if not is_gcc():
        return ()
    gold = ("-fuse-ld=gold",) if shutil.which("ld.gold") else ()
    return "-w", "-g0", "--param ggc-min-heapsize=1000000", *gold


@cache
def _vectors(kinds: Any) -> list[Any]:
    """The widest vectors that the processor and the compiler have: the first kind that works.

    kinds: Inductor's function, which tries all: each is compiled, and loaded in a process. Two of
    them are for products of integers, of which there are none here.
    """
    from torch._inductor import cpu_vec_isa

    if "ATEN_CPU_CAPABILITY" not in os.environ:  # which names one of all
        for kind in cpu_vec_isa.supported_vec_isa_list:
            if "vnni" in str(kind) or "amx" in str(kind):
                continue
            with patch.object(cpu_vec_isa, "supported_vec_isa_list", [kind]):
                if found := kinds.__wrapped__():
                    return list(found)
    return list(kinds())
