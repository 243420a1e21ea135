"""A matrix product of our own, for compiled updates: float32, one thread, any strides.

Of two matrices, or of two stacks. Written because torch's do not use AVX-512 on every processor
that has it; whether it is used is for a trial to say, see products.
"""

from __future__ import annotations

import ctypes
from functools import cache

import torch
from torch import Tensor

from harness.compat import native

_library = torch.library.Library("sgbench", "DEF")
_library.define("product(Tensor a, Tensor b) -> Tensor", tags=torch.Tag.flexible_layout)
_library.impl("product", lambda a, b: a @ b, "CompositeExplicitAutograd")
PRODUCT = torch.ops.sgbench.product.default


class Declared(dict[torch._ops.OpOverload, list[str]]):
    """How a compiled graph calls it; its key cannot be pickled, which the compiler's cache asks."""

    def __init__(self) -> None:
        handle = "AtenTensorHandle"
        super().__init__(
            {PRODUCT: [f"AOTITorchError aoti_torch_cpu_product({handle}, {handle}, {handle}*)"]}
        )

    def __reduce__(self) -> tuple[type[Declared], tuple[()]]:
        return Declared, ()


SOURCE = r"""
#include <algorithm>
#include <cstdint>
#include <vector>
#include <torch/csrc/inductor/aoti_torch/c/shim.h>

#if defined(__AVX512F__)
constexpr int BYTES = 64, ROWS = 8;
#elif defined(__AVX__)
constexpr int BYTES = 32, ROWS = 4;
#else
constexpr int BYTES = 16, ROWS = 4;
#endif
typedef float Lanes __attribute__((vector_size(BYTES), aligned(4), may_alias));
constexpr int64_t HALF = BYTES / sizeof(float), WIDE = 2 * HALF, DEEP = 256;

// R rows of c, WIDE columns, which registers hold: c = or += a b, for a panel b of (depth, WIDE)
template <int R>
__attribute__((optimize("fp-contract=fast"), noinline))
void block(const float* a, int64_t a_m, int64_t a_k, const float* b, int64_t depth,
           float* c, int64_t c_m, int64_t columns, bool added) {
    Lanes sum[R][2] = {};
    for (int64_t k = 0; k < depth; ++k) {
        const Lanes* of = reinterpret_cast<const Lanes*>(b + k * WIDE);
        const Lanes left = of[0], right = of[1];
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) {
            const float factor = a[r * a_m + k * a_k];
            sum[r][0] += factor * left;
            sum[r][1] += factor * right;
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
        float* to = c + r * c_m;
        if (columns == WIDE) {
            Lanes* lanes = reinterpret_cast<Lanes*>(to);
            for (int half = 0; half < 2; ++half)
                lanes[half] = added ? lanes[half] + sum[r][half] : sum[r][half];
        } else {
            float row[WIDE];
            for (int half = 0; half < 2; ++half)
                reinterpret_cast<Lanes*>(row)[half] = sum[r][half];
            for (int64_t j = 0; j < columns; ++j) to[j] = added ? to[j] + row[j] : row[j];
        }
    }
}

// c (M, N) = a (M, K) b (K, N); c without gaps. A stretch of DEEP of K at a time, b in panels.
static void product(const float* a, int64_t a_m, int64_t a_k, const float* b, int64_t b_k,
                    int64_t b_n, float* c, int64_t M, int64_t K, int64_t N) {
    static thread_local std::vector<float> panels, turned;
    const int64_t count = (N + WIDE - 1) / WIDE;
    panels.resize(count * WIDE * std::min(K, DEEP));
    turned.resize(ROWS * std::min(K, DEEP));
    for (int64_t start = 0; start < K; start += DEEP) {
        const int64_t depth = std::min(DEEP, K - start);
        for (int64_t p = 0; p < count; ++p) {
            const int64_t columns = std::min(WIDE, N - p * WIDE);
            for (int64_t k = 0; k < depth; ++k) {
                const float* from = b + (start + k) * b_k + p * WIDE * b_n;
                float* to = panels.data() + (p * depth + k) * WIDE;
                if (b_n == 1) std::copy_n(from, columns, to);
                else for (int64_t j = 0; j < columns; ++j) to[j] = from[j * b_n];
                std::fill(to + columns, to + WIDE, 0.0f);
            }
        }
        for (int64_t m = 0; m < M;) {
            const int64_t R = M - m >= ROWS ? ROWS : M - m >= 4 ? 4 : M - m >= 2 ? 2 : 1;
            const float* from = a + m * a_m + start * a_k;
            int64_t by_m = a_m, by_k = a_k;
            if (a_k != 1) {  // else lines of the cache that lie whole pages apart are read
                for (int64_t k = 0; k < depth; ++k)
                    for (int64_t r = 0; r < R; ++r)
                        turned[k * R + r] = from[r * a_m + k * a_k];
                from = turned.data(), by_m = 1, by_k = R;
            }
            const auto rows = R == ROWS ? block<ROWS> : R == 4 ? block<4>
                            : R == 2 ? block<2> : block<1>;
            for (int64_t p = 0; p < count; ++p)
                rows(from, by_m, by_k, panels.data() + p * depth * WIDE, depth,
                     c + m * N + p * WIDE, N, std::min(WIDE, N - p * WIDE), start > 0);
            m += R;
        }
    }
}

extern "C" AOTITorchError aoti_torch_cpu_product(AtenTensorHandle a, AtenTensorHandle b,
                                                 AtenTensorHandle* c) {
    int64_t n, *a_sizes, *b_sizes, *a_strides, *b_strides;
    void *a_data, *b_data, *c_data;
    aoti_torch_get_dim(a, &n);
    aoti_torch_get_sizes(a, &a_sizes);
    aoti_torch_get_sizes(b, &b_sizes);
    aoti_torch_get_strides(a, &a_strides);
    aoti_torch_get_strides(b, &b_strides);
    const int64_t M = a_sizes[n - 2], K = a_sizes[n - 1], N = b_sizes[n - 1];
    const int64_t count = n == 3 ? a_sizes[0] : 1;
    const int64_t sizes[] = {count, M, N}, strides[] = {M * N, N, 1};
    const auto failed = aoti_torch_empty_strided(
        n, sizes + 3 - n, strides + 3 - n, aoti_torch_dtype_float32(),
        aoti_torch_device_type_cpu(), 0, c);
    if (failed) return failed;
    aoti_torch_get_data_ptr(a, &a_data);
    aoti_torch_get_data_ptr(b, &b_data);
    aoti_torch_get_data_ptr(*c, &c_data);
    for (int64_t i = 0; i < count; ++i)
        product(static_cast<const float*>(a_data) + i * a_strides[0], a_strides[n - 2],
                a_strides[n - 1], static_cast<const float*>(b_data) + i * b_strides[0],
                b_strides[n - 2], b_strides[n - 1], static_cast<float*>(c_data) + i * M * N,
                M, K, N);
    return AOTI_TORCH_SUCCESS;
}

extern "C" void repeated(int64_t times, const float* a, int64_t a_m, int64_t a_k, const float* b,
                         int64_t b_k, int64_t b_n, float* c, int64_t M, int64_t K, int64_t N) {
    for (int64_t i = 0; i < times; ++i) product(a, a_m, a_k, b, b_k, b_n, c, M, K, N);
}
"""


def own(a: Tensor, b: Tensor, out: Tensor, times: int = 1) -> None:
    """Our product of a (M, K) and b (K, N), made so many times into out (M, N); float32."""
    at_a, at_b, at_out = (ctypes.c_void_p(tensor.data_ptr()) for tensor in (a, b, out))
    number = ctypes.c_int64
    library().repeated(
        number(times), at_a, *map(number, a.stride()), at_b, *map(number, b.stride()),
        at_out, *map(number, (*a.shape, b.shape[1])),
    )  # fmt: skip


@cache
def library() -> ctypes.CDLL:
    """SOURCE compiled, once on a machine, and loaded where compiled graphs find it."""
    return native.library(SOURCE)
