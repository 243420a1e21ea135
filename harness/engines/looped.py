"""Many updates in one call: a loop in C++ around compiled updates."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache

import torch
from torch import Tensor

from harness.compat import native
from harness.compat.native import Native
from harness.engines.traced import Executable

SOURCE = r"""
#include <torch/csrc/inductor/cpp_wrapper/cpu.h>
#include <cstring>

using Update = void (*)(AtenTensorHandle*, AtenTensorHandle*);

static void* data(AtenTensorHandle of) {
    void* at;
    AOTI_TORCH_ERROR_CODE_CHECK(aoti_torch_get_data_ptr(of, &at));
    return at;
}

// plan, losses, state, kept..., and the data of each update -> the state that leaves the last
void inductor_entry_impl(AtenTensorHandle* inputs, AtenTensorHandle* outputs) {
    int64_t length;
    AOTI_TORCH_ERROR_CODE_CHECK(aoti_torch_get_numel(inputs[0], &length));
    const int64_t* plan = static_cast<const int64_t*>(data(inputs[0]));
    const int64_t kept = plan[0], read = plan[1], size = plan[2], updates = length - 3;
    const int64_t count = 3 + kept + read * updates;
    auto given = steal_from_raw_handles_to_raii_handles(inputs, count);
    char* losses = static_cast<char*>(data(given[1]));
    RAIIAtenTensorHandle state = std::move(given[2]);
    std::vector<AtenTensorHandle> arguments(kept + read + 1);
    for (int64_t k = 0; k < updates; ++k) {
        for (int64_t i = 0; i < kept + read; ++i) {
            const int64_t at = 3 + i + (i < kept ? 0 : read * k);
            AOTI_TORCH_ERROR_CODE_CHECK(aoti_torch_new_tensor_handle(given[at], &arguments[i]));
        }
        arguments[kept + read] = state.release();
        AtenTensorHandle results[2];
        reinterpret_cast<Update>(plan[3 + k])(arguments.data(), results);
        RAIIAtenTensorHandle loss(results[0]);
        state = RAIIAtenTensorHandle(results[1]);
        std::memcpy(losses + k * size, data(loss), size);
    }
    outputs[0] = state.release();
}
"""


def updated(
    calls: Sequence[Executable], kept: list[Tensor], data: Sequence[list[Tensor]]
) -> tuple[Tensor, Tensor]:
    """Make one update after the other; return their losses (updates,) and the state that leaves.

    In one call where all are compiled to C++.

    data: what each update reads besides; last the state that enters, which counts for the first
    """
    state = data[0][-1]
    if not all(isinstance(call, Native) for call in calls):
        losses = []
        for call, (*read, _) in zip(calls, data, strict=True):
            loss, state = call(*kept, *read, state)
            losses.append(loss)
        return torch.stack(losses), state
    made = torch.empty(len(calls), dtype=state.dtype)
    entries = (call.entry for call in calls if isinstance(call, Native))
    plan = _plan(len(kept), len(data[0]) - 1, made.element_size(), *entries)
    flat = [plan, made, state, *kept, *(tensor for read in data for tensor in read[:-1])]
    (leaving,) = _loop()(flat)
    return made, leaving


@lru_cache(1000)
def _plan(*numbers: int) -> Tensor:
    """What SOURCE reads first; the same windows come again and again."""
    return torch.tensor(numbers)


_loop = cache(lambda: native.looped(SOURCE))
