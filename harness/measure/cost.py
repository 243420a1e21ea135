"""What training costs: a clock for training alone, and a gauge of its FLOPs and memory."""

from __future__ import annotations

import time
import weakref
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.profiler import ProfilerActivity

from harness.compat import torch_internals
from harness.episode import Episode
from harness.measure.flops import flop_counter
from harness.trainer import Trainer


class Meter:
    """A clock for training alone: `with meter:` around it, and nothing else inside.

    seconds: measured so far. The device is synchronised before each reading.
    """

    def __init__(self, device: torch.device) -> None:
        self.seconds = 0.0
        self._device = device
        self._started = 0.0

    def __enter__(self) -> None:
        self._started = self._now()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.seconds += self._now() - self._started

    def _now(self) -> float:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return time.perf_counter()


@dataclass(frozen=True, slots=True)
class Cost:
    """What one episode costs a trainer, as long as it unrolls it the same way.

    flops:            of forward, backward and synthesiser; matrix products only
    activation_bytes: peak of what autograd holds for the backward pass, without weights
    """

    flops: int
    activation_bytes: int


def gauge(trainer: Trainer, episode: Episode) -> Cost:
    """Measure what `episode` costs `trainer`, on a copy: nothing is timed, no weight is changed."""
    twin = trainer.twin()
    held = HeldForBackward(twin.buffers())
    with held, flop_counter() as counter:
        rehearse(twin, episode)
    return Cost(counter.get_total_flops(), held.peak_bytes)


def peak_memory_bytes(trainer: Trainer, episode: Episode) -> int:
    """The allocator's peak over idle while a copy of `trainer` learns `episode`, in bytes.

    On CUDA the device's own statistics; elsewhere the allocations and releases that torch's
    profiler records.
    """
    device = episode.weight.device
    twin = trainer.twin()  # made before: its weights are not a cost of training
    kept = twin.carried, dict(twin.memory)  # so that they are not released meanwhile
    if device.type == "cuda":
        rehearse(trainer.twin(), episode)  # cuDNN's workspaces and autotuning are not the method's
        torch.cuda.synchronize(device)
        idle = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        rehearse(twin, episode)
        torch.cuda.synchronize(device)
        return torch.cuda.max_memory_allocated(device) - idle
    with torch.profiler.profile(
        activities=[ProfilerActivity.CPU], profile_memory=True,
        acc_events=True,  # or torch 2.11 warns that it keeps one cycle only, and there is only one
    ) as profile:  # fmt: skip
        rehearse(twin, episode)
    held = peak = 0
    for size in torch_internals.allocations(profile):
        held += size
        peak = max(peak, held)
    del kept
    return peak


def rehearse(twin: Trainer, episode: Episode) -> None:
    """Let a trainer's twin fill gradients for an episode, and drop them.

    Off the clock, it also checks that the trainer keeps to its interface.
    """
    name = type(twin).__name__
    with torch.random.fork_rng(devices=[]):
        losses = twin.gradients(episode)
        if not isinstance(losses, Iterator):
            raise TypeError(f"{name}.gradients() must yield losses, but it returned {losses!r}")
        updates = 0
        for loss in losses:
            if not isinstance(loss, Tensor):
                raise TypeError(
                    f"{name}.gradients() must yield the loss as a tensor, but gave {loss!r}"
                )
            if all(parameter.grad is None for parameter in twin.model.parameters()):
                raise RuntimeError(
                    f"{name}.gradients() yielded without filling any .grad of the model"
                )
            twin.zero_grad(set_to_none=True)
            updates += 1
        if not updates:
            raise RuntimeError(f"{name}.gradients() yielded no loss for an episode")


class HeldForBackward(saved_tensors_hooks):
    """The bytes that autograd holds for the backward pass, and their peak.

    The saved views are counted, not their storages; weights and buffers, which exist anyway, are
    not. Nor is what is saved inside torch.func's transforms, which is gone when they end.
    """

    def __init__(self, buffers: Iterable[Tensor] = ()) -> None:
        self.bytes = self.peak_bytes = 0
        self._buffers = {id(buffer) for buffer in buffers}
        super().__init__(self._pack, self._unpack)

    def __enter__(self) -> None:
        super().__enter__()
        self._beside = torch_internals.paused_in_transforms(self._pack, self._unpack)
        self._beside.__enter__()

    def __exit__(self, *raised: object) -> None:
        self._beside.__exit__(None, None, None)
        super().__exit__(*raised)

    def _pack(self, tensor: Tensor) -> Any:
        there = id(tensor) in self._buffers or isinstance(tensor, torch.nn.Parameter)
        if there or _is_weight(tensor):
            return tensor
        kept = _Kept(tensor.detach())
        size = tensor.numel() * tensor.element_size()
        self.bytes += size
        self.peak_bytes = max(self.peak_bytes, self.bytes)
        weakref.finalize(kept, self._release, size)
        return kept

    def _release(self, size: int) -> None:
        self.bytes -= size

    @staticmethod
    def _unpack(kept: Any) -> Tensor:
        tensor: Tensor = kept.tensor if isinstance(kept, _Kept) else kept
        return tensor


class _Kept:
    """A saved tensor whose release can be observed."""

    __slots__ = ("__weakref__", "tensor")

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor


def _is_weight(tensor: Tensor) -> bool:
    """Whether it is a view of a parameter: a linear layer saves its transpose."""
    return isinstance(torch_internals.base(tensor), torch.nn.Parameter)
