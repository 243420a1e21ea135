"""A trainer's update as one function of all its tensors, and as one graph of plain operations."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from typing import TypeAlias, cast

import torch
from torch import Tensor
from torch.func import functional_call

from harness.episode import Episode
from harness.optimiser import Update
from harness.trainer import Trainer

Call: TypeAlias = Callable[..., list[Tensor]]
"""A graph as it is called, compiled or not: (*weights, *data) -> loss, state that leaves."""

Compiler: TypeAlias = Callable[[torch.fx.GraphModule, list[Tensor]], Call]


class Traced:
    """The update of a trainer, traced from its own gradients(), once for every kind of part.

    The trainer must yield once for every part that its updates() names, whatever the numbers.
    """

    def __init__(self, trainer: Trainer, updates: Sequence[Update]) -> None:
        self.trainer, self.updates = trainer, updates

    def key(self, part: Episode) -> Hashable:
        """What the graph of a part depends on."""
        return part.length, part.batch, part.fresh, part.final, self.trainer.phase

    def tensors(self) -> list[Tensor]:
        """Every tensor that an update changes, in place; and the learning rates, which it reads.

        The rates stand here, not among the data, so that one that stays costs nothing an update.
        """
        moved: list[Tensor] = [p for update in self.updates for p in update.parameters]
        moved += [moment for update in self.updates for moment in update.moments()]
        return moved + [update.rate for update in self.updates]

    def weights(self) -> list[Tensor]:
        """Their numbers alone."""
        return [tensor.data for tensor in self.tensors()]

    def data(self, part: Episode) -> list[Tensor]:
        """What else it reads: x, y, weight, and the state (B, d_state) that enters."""
        entering = self.trainer.carried
        if entering is None:
            entering = self.trainer.model.initial_state(part.batch)
        return [part.x, part.y, part.weight, entering]

    def graph(self, part: Episode) -> torch.fx.GraphModule:
        """The update of such a part: (*weights, *data) -> loss, state that leaves; in place."""
        from torch.fx.experimental.proxy_tensor import make_fx

        # copies: what is traced may write into them
        inputs = [tensor.clone() for tensor in (*self.weights(), *self.data(part))]
        carried, self.trainer.model.written_out = self.trainer.carried, True
        try:
            return make_fx(self._update_of(part), tracing_mode="fake")(*inputs)
        except Exception as error:
            raise untraceable(str(error).partition("\n")[0]) from error
        finally:
            self.trainer.carried, self.trainer.model.written_out = carried, False

    def _update_of(self, part: Episode) -> Call:
        trainer = self.trainer
        names = {id(p): name for name, p in trainer.named_parameters()}
        own = [[names[id(p)] for p in update.parameters] for update in self.updates]
        moments = [len(update.moments()) for update in self.updates]

        def one(*tensors: Tensor) -> list[Tensor]:
            given = iter(tensors)
            parameters = {name: next(given) for group in own for name in group}
            remembered = [[next(given) for _ in range(count)] for count in moments]
            rates = [next(given) for _ in self.updates]
            x, y, weight, trainer.carried = given
            leaves = {name: p.detach().requires_grad_() for name, p in parameters.items()}
            with torch.enable_grad():
                losses = functional_call(trainer, leaves, (replace(part, x=x, y=y, weight=weight),))
            if len(losses) != 1:
                raise TypeError(f"gradients() yielded {len(losses)} times for one update")
            with torch.no_grad():
                for update, group, memory, rate in zip(
                    self.updates, own, remembered, rates, strict=True
                ):
                    gradients = [leaves[name].grad for name in group]
                    weights = [parameters[name] for name in group]
                    update.written_out(weights, gradients, memory, rate)
            assert trainer.carried is not None
            return [losses[0], trainer.carried]

        return one

    @torch.enable_grad()
    def hold_to_its_word(self, episode: Episode) -> None:
        """TypeError where an update is not what its parts, the weights and the phase make it.

        What Python counts or draws would be fixed in the graph as it stood when that was traced.
        """
        moved = {id(p) for update in self.updates for p in update.parameters}
        for name, tensor in [*self.trainer.named_parameters(), *self.trainer.named_buffers()]:
            if id(tensor) not in moved:
                raise untraceable(f"no optimiser moves {name!r}")
        twin, later = self.trainer.twin(), self.trainer.twin()
        later.seen += 1_000_000_000
        before = plain(twin)
        with torch.random.fork_rng(devices=[]):
            numbers = torch.get_rng_state()
            yields = len(twin(episode))
            if not torch.equal(numbers, torch.get_rng_state()):
                raise untraceable("gradients() draws random numbers")
        if plain(twin) != before:
            raise untraceable("gradients() keeps count of something")
        if later.phase == self.trainer.phase:
            later(episode)
            for a, b in zip(twin.parameters(), later.parameters(), strict=True):
                if (a.grad is None) != (b.grad is None) or (
                    a.grad is not None and not torch.equal(a.grad, cast(Tensor, b.grad))
                ):
                    raise untraceable("gradients() depends on `seen`")
        parts = len(list(self.trainer.updates(episode)))
        if yields != parts:
            raise untraceable(
                f"gradients() yields {yields} times for an episode of which updates() names "
                f"{parts} parts"
            )


def untraceable(why: str) -> TypeError:
    """Of a trainer that `--engine compiled` and `--stack` cannot do."""
    return TypeError(f"cannot be compiled or stacked: {why}")


def plain(trainer: Trainer) -> dict[str, object]:
    """What a trainer and its networks keep besides tensors, and besides what their owner counts."""
    kept = {name: _frozen(vars(module)) for name, module in trainer.named_modules()}
    own = {k: _frozen(v) for k, v in vars(trainer).items() if k not in ("seen", "carried")}
    return {**kept, "": own}


def _frozen(value: object) -> object:
    """A value to compare with a later one: numbers, words, and what is made of them."""
    if isinstance(value, dict):
        return {key: _frozen(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | deque):
        return [_frozen(each) for each in value]
    return value if isinstance(value, int | float | str) else type(value).__name__


def of_all(
    graph: torch.fx.GraphModule, weights: Sequence[Tensor], data: Sequence[Tensor]
) -> torch.fx.GraphModule:
    """The graph of one run's update as that of many, which are the first dimension; in place.

    The last of the data, (runs,) bool, says which take the update; the others' weights stay.
    """

    def one(*tensors: Tensor) -> list[Tensor]:
        before, (*given, taking) = tensors[: len(weights)], tensors[len(weights) :]
        after = [tensor.clone() for tensor in before]
        loss, leaving = graph(*after, *given)
        for old, new in zip(before, after, strict=True):
            old.copy_(torch.where(taking, new, old))
        return [loss, leaving]

    from torch.fx.experimental.proxy_tensor import make_fx

    inputs = [tensor.clone() for tensor in (*weights, *data)]
    try:
        return make_fx(torch.vmap(one), tracing_mode="fake")(*inputs)
    except Exception as error:
        raise untraceable(str(error).partition("\n")[0]) from error


OPTIONS = {
    "cpp_wrapper": True,  # between the kernels no Python: 16 % less at LSTM 64, 1 to 3 % at 256
    "cpp.use_decompose_tanh": True,  # by exp, to 1e-7 of 1: 7 to 9 % less
}


def inductor(graph: torch.fx.GraphModule, inputs: list[Tensor]) -> Call:
    """A graph compiled by torch: C++ on the CPU, Triton on CUDA."""
    from torch import _inductor

    cpu = inputs[0].device.type == "cpu"
    options = OPTIONS if cpu else {}
    compiled: Call = _inductor.compile(graph, [*inputs], options=options)
    return compiled


def as_traced(graph: torch.fx.GraphModule, inputs: list[Tensor]) -> Call:
    """No compiler: the graph's own operations, one after the other."""
    return graph


def built(
    graph: torch.fx.GraphModule, compiler: Compiler, weights: list[Tensor], data: list[Tensor]
) -> Call:
    """A graph compiled, and called once so that nothing of that falls on the clock.

    On CUDA captured whole, too. The weights are afterwards what they were.
    """
    from harness.engines.replayed import Replayed

    before = [tensor.clone() for tensor in weights]
    with torch.no_grad():
        call = compiler(graph, [*before, *(tensor.clone() for tensor in data)])
        if weights[0].device.type == "cuda":
            call = Replayed(call, weights, data)
        else:
            call(*before, *data)
        return call
