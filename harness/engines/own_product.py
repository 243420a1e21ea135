"""A matrix product of our own, for compiled updates: float32, one thread, any strides.

Of two matrices, or of two stacks. Written because torch's do not use AVX-512 on every processor
that has it; whether it is used is for a trial to say, see products.
"""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path

import torch
from torch import Tensor, cat
from torch.nn.functional import pad

from harness.compat import native

WIDEST = 32
"""Columns of a panel, on processors with AVX-512."""

_library = torch.library.Library("sgbench", "DEF")
for name, does in (
    ("product(Tensor a, Tensor b) -> Tensor", lambda a, b: a @ b),
    ("packed(Tensor b) -> Tensor", lambda b: pad(b, (0, -b.shape[-1] % WIDEST))),
    ("product_of_packed(Tensor a, Tensor panels, int columns) -> Tensor",
     lambda a, panels, columns: a @ panels[..., :columns]),
    ("product_of_joined(Tensor[] a, Tensor[] b) -> Tensor", lambda a, b: cat(a).t() @ cat(b)),
):  # fmt: skip
    _library.define(name, tags=torch.Tag.flexible_layout)
    _library.impl(name.partition("(")[0], does, "CompositeExplicitAutograd")
PRODUCT = torch.ops.sgbench.product.default
PACKED, OF_PACKED = torch.ops.sgbench.packed.default, torch.ops.sgbench.product_of_packed.default
"""What is the second factor of several products, once in the order in which they read it: (K, N) ->
(K, N up to a multiple of WIDEST); and a product of it. Only the two know what stands where."""
OF_JOINED = torch.ops.sgbench.product_of_joined.default
"""Of matrices (L, M) and (L, N), as many of each, without joining them: Σ aᵀ b."""


class Declared(dict[torch._ops.OpOverload, list[str]]):
    """How a compiled graph calls them; their keys cannot be pickled, which its cache asks."""

    def __init__(self) -> None:
        handle, call = "AtenTensorHandle", "AOTITorchError aoti_torch_cpu"
        super().__init__({
            PRODUCT: [f"{call}_product({handle}, {handle}, {handle}*)"],
            PACKED: [f"{call}_packed({handle}, {handle}*)"],
            OF_PACKED: [f"{call}_product_of_packed({handle}, {handle}, int64_t, {handle}*)"],
            OF_JOINED: [f"{call}_product_of_joined(const {handle}*, int64_t, const {handle}*, "
                        f"int64_t, {handle}*)"],
        })  # fmt: skip

    def __reduce__(self) -> tuple[type[Declared], tuple[()]]:
        return Declared, ()


SOURCE = f"constexpr int WIDEST = {WIDEST};\n"
SOURCE += Path(__file__).with_suffix(".cpp").read_text(encoding="utf-8")


def own(a: Tensor, b: Tensor, out: Tensor, times: int = 1, uses: int = 1) -> None:
    """Our product of a (M, K) and b (K, N), made so many times into out (M, N); float32.

    uses: of b each time that it is packed
    """
    at_a, at_b, at_out = (ctypes.c_void_p(tensor.data_ptr()) for tensor in (a, b, out))
    number = ctypes.c_int64
    library().repeated(
        number(times), number(uses), at_a, *map(number, a.stride()),
        at_b, *map(number, b.stride()), at_out, *map(number, (*a.shape, b.shape[1])),
    )  # fmt: skip


@cache
def library() -> ctypes.CDLL:
    """SOURCE compiled, once on a machine, and loaded where compiled graphs find it."""
    return native.library(SOURCE)
