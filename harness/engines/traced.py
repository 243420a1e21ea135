"""A trainer's update as one function of all its tensors, and as one graph of plain operations."""

from __future__ import annotations

import operator
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from typing import TypeAlias

import torch
from torch import Tensor
from torch.func import functional_call

from harness.compat import native, torch_internals
from harness.engines import own_product, products
from harness.engines.unrolled import unrolled
from harness.episode import Episode
from harness.optimiser import Update
from harness.trainer import Trainer

Executable: TypeAlias = Callable[..., list[Tensor]]
"""A graph as it is called, compiled or not: (*kept, *data) -> loss, state that leaves."""

Compiler: TypeAlias = Callable[[torch.fx.GraphModule, list[Tensor]], Executable]


class Traced:
    """The update of a trainer, traced from its own gradients(), once for every kind of window.

    The trainer must yield once for every window of its cut(), whatever the values.
    """

    def __init__(self, trainer: Trainer, optimisers: Sequence[Update]) -> None:
        self.trainer, self.optimisers = trainer, optimisers
        self._buffered = any(True for _ in trainer.buffers())  # else they are not looked for again
        self._of: list[object] = []
        self._kept: list[Tensor] = []

    def key(self, window: Episode) -> Hashable:
        """What the graph of a window depends on."""
        shape = window.length, window.batch, window.past
        return *shape, window.fresh, window.final, self.trainer.phase

    def tensors(self) -> list[Tensor]:
        """Every tensor that an update changes in place; and the learning rates, which it reads.

        Weights, moments, the method's memory, and buffers: running statistics. The rates are here,
        not in the data, so that a constant one costs an update nothing.
        """
        moved: list[Tensor] = [p for update in self.optimisers for p in update.parameters]
        moved += [moment for update in self.optimisers for moment in update.moments()]
        moved += [update.rate for update in self.optimisers]
        buffers = self.trainer.buffers() if self._buffered else ()
        return [*moved, *self.trainer.memory.values(), *buffers]

    def kept(self) -> list[Tensor]:
        """tensors() without autograd."""
        moments = [update.moments() for update in self.optimisers]
        buffers = self.trainer.buffers() if self._buffered else ()
        of = [*moments, *self.trainer.memory.values(), *buffers]
        # memory is replaced, and a loaded state brings moments of its own; weights stay
        if len(of) != len(self._of) or not all(map(operator.is_, of, self._of)):
            self._of, self._kept = of, [tensor.data for tensor in self.tensors()]
        return self._kept

    def data(self, window: Episode) -> list[Tensor]:
        """What else it reads: x, y, weight, and the state (B, d_state) that enters."""
        entering = self.trainer.carried
        if entering is None:
            entering = self.trainer.model.initial_state(window.batch)
        return [window.x, window.y, window.weight, entering]

    def graph(self, window: Episode) -> torch.fx.GraphModule:
        """The update for such a window: (*kept, *data) -> loss, state that leaves; in place."""
        # copies: the traced code may write into them
        inputs = [tensor.clone() for tensor in (*self.kept(), *self.data(window))]
        trainer = self.trainer
        carried, memory = trainer.carried, trainer.memory
        try:
            with unrolled(trainer):
                return torch_internals.traced(self._update_of(window), inputs)
        except Exception as error:
            raise untraceable(str(error).partition("\n")[0]) from error
        finally:
            trainer.carried, trainer.memory = carried, memory

    def _update_of(self, window: Episode) -> Executable:
        trainer = self.trainer
        names = {id(p): name for name, p in trainer.named_parameters()}
        own = [[names[id(p)] for p in update.parameters] for update in self.optimisers]
        moments = [len(update.moments()) for update in self.optimisers]
        remembered = list(trainer.memory)
        beside = [name for name, _ in trainer.named_buffers()]

        def one(*tensors: Tensor) -> list[Tensor]:
            given = iter(tensors)
            parameters = {name: next(given) for group in own for name in group}
            moving = [[next(given) for _ in range(count)] for count in moments]
            rates = [next(given) for _ in self.optimisers]
            memory = {name: next(given) for name in remembered}
            buffers = {name: next(given) for name in beside}
            x, y, weight, trainer.carried = given
            trainer.memory = dict(memory)
            leaves = {name: p.detach().requires_grad_() for name, p in parameters.items()}
            part = replace(window, x=x, y=y, weight=weight)
            reached = {**leaves, **buffers}  # where a module sets a buffer, the new one is in here
            with torch.enable_grad():
                losses = functional_call(trainer, reached, (part,), {"is_cut": True})
            if len(losses) != 1:
                raise TypeError(f"gradients() yielded {len(losses)} times for one update")
            with torch.no_grad():
                for update, group, kept, rate in zip(
                    self.optimisers, own, moving, rates, strict=True
                ):
                    gradients = [leaves[name].grad for name in group]
                    update.written_out([parameters[name] for name in group], gradients, kept, rate)
                for there, then in ((memory, trainer.memory), (buffers, reached)):
                    for name, before in there.items():
                        if then[name] is not before:
                            before.copy_(then[name])
            assert trainer.carried is not None
            return [losses[0], trainer.carried]

        return one


def untraceable(why: str) -> TypeError:
    """The error for a trainer that `--engine compiled` and `--stack` cannot run."""
    return TypeError(f"cannot be compiled or stacked: {why}")


def of_many(
    graph: torch.fx.GraphModule, kept: Sequence[Tensor], data: Sequence[Tensor]
) -> torch.fx.GraphModule:
    """The graph of one run's update as that of many, along the first dimension; in place.

    The last of the data, (runs,) bool, says which take the update; the others do not change.
    """

    def one(*tensors: Tensor) -> list[Tensor]:
        before, (*given, taking) = tensors[: len(kept)], tensors[len(kept) :]
        after = [tensor.clone() for tensor in before]
        loss, leaving = graph(*after, *given)
        for old, new in zip(before, after, strict=True):
            old.copy_(torch.where(taking, new, old))
        return [loss, leaving]

    try:
        return torch_internals.traced(torch.vmap(one), [t.clone() for t in (*kept, *data)])
    except Exception as error:
        raise untraceable(str(error).partition("\n")[0]) from error


OPTIONS = {
    "cpp_wrapper": True,  # no Python between kernels: 16 % less time at LSTM 64, 1 to 3 % at 256
    "cpp.use_decompose_tanh": True,  # by exp, to 1e-7 of 1: 7 to 9 % less time
    # a factor of a whole row of a trace is computed once, not once a column: snap 30 % less time
    "realize_opcount_threshold": 4,
    # a graph is chosen by the shapes, which need no check in each update: 9 % less time at LSTM 64
    "size_asserts": False,
    "alignment_asserts": False,
    "memory_planning": True,  # one allocation for many buffers: 3 % less time at 64
}


def inductor(graph: torch.fx.GraphModule, inputs: list[Tensor]) -> Executable:
    """A graph compiled by torch: C++ on the CPU, Triton on CUDA."""
    if inputs[0].device.type != "cpu":
        return native.compiled(graph, inputs, {})
    own_product.library()  # before the graph, which refers to it
    declared = {"aot_inductor.custom_ops_to_c_shims": own_product.Declared()}
    return native.compiled(products.replaced(graph), inputs, OPTIONS | declared)


def as_traced(graph: torch.fx.GraphModule, inputs: list[Tensor]) -> Executable:
    """No compiler: the graph's own operations, one by one."""
    return graph


def built(
    graph: torch.fx.GraphModule, compiler: Compiler, kept: list[Tensor], data: list[Tensor]
) -> Executable:
    """A graph compiled, and called once so that no set-up falls on the clock.

    On CUDA it is also captured. Afterwards `kept` holds what it held before.
    """
    from harness.engines.replayed import Replayed

    before = [tensor.clone() for tensor in kept]
    with torch.no_grad():
        call = compiler(graph, [*before, *(tensor.clone() for tensor in data)])
        if kept[0].device.type == "cuda":
            call = Replayed(call, kept, data)
        else:
            call(*before, *data)
        return call
