"""Each update as one compiled graph, traced from the trainer's own code."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias, cast

import torch
from torch import Tensor
from torch.func import functional_call

from harness.engine import Engine
from harness.episode import Episode
from harness.optimiser import Update
from harness.replayed import Replayed
from harness.trainer import Trainer

Compiler: TypeAlias = Callable[[torch.fx.GraphModule, list[Tensor]], Callable[..., list[Tensor]]]


def _plain(trainer: Trainer) -> dict[str, object]:
    """What a trainer keeps besides tensors and modules."""
    return {k: v for k, v in vars(trainer).items() if isinstance(v, int | float | str)}


class Compiled(Engine):
    """One graph an update: forward, backward, clipping and all optimisers.

    Traced from the trainer's own gradients(), once for every shape of window, and compiled. The
    trainer must yield once for every part that its updates() names, whatever the numbers.
    """

    name = "compiled"

    def __init__(
        self, trainer: Trainer, updates: Sequence[Update], compiler: Compiler | None = None
    ) -> None:
        super().__init__(trainer, updates)
        self._compile = compiler or inductor
        self._graphs: dict[tuple[object, ...], Callable[..., list[Tensor]]] = {}

    def prepare(self, episode: Episode) -> None:
        for part in self.trainer.updates(episode):
            if self._key(part) not in self._graphs:
                began = time.perf_counter()
                self._hold_to_its_word(episode)
                self._graphs[self._key(part)] = self._compiled(part)
                self.seconds += time.perf_counter() - began

    @torch.enable_grad()
    def _hold_to_its_word(self, episode: Episode) -> None:
        """TypeError where an update is not what its parts, the weights and the phase make it.

        What Python counts would be fixed in the graph as it stood when that was traced.
        """
        twin, later = self.trainer.twin(), self.trainer.twin()
        later.seen += 1_000_000_000
        before = _plain(twin)
        yields = len(twin(episode))
        if _plain(twin) != before:
            raise TypeError("cannot be compiled: gradients() keeps count of something")
        if later.phase == self.trainer.phase:
            later(episode)
            for a, b in zip(twin.parameters(), later.parameters(), strict=True):
                if (a.grad is None) != (b.grad is None) or (
                    a.grad is not None and not torch.equal(a.grad, cast(Tensor, b.grad))
                ):
                    raise TypeError("cannot be compiled: gradients() depends on `seen`")
        parts = len(list(self.trainer.updates(episode)))
        if yields != parts:
            raise TypeError(
                f"cannot be compiled: gradients() yields {yields} times for an episode of "
                f"which updates() names {parts} parts"
            )

    @torch.no_grad()
    def learn(self, episode: Episode) -> list[Tensor]:
        self.prepare(episode)
        losses, weights = [], self._weights()
        for part in self.trainer.updates(episode):
            graph = self._graphs[self._key(part)]
            loss, self.trainer.carried = graph(*weights, *self._data(part))
            losses.append(loss)
        self.trainer.seen += episode.length
        return losses

    def _key(self, part: Episode) -> tuple[object, ...]:
        return part.length, part.batch, part.fresh, part.final, self.trainer.phase

    def _weights(self) -> list[Tensor]:
        """Every tensor that an update changes."""
        moved = [p.detach() for update in self.updates for p in update.parameters]
        return moved + [moment for update in self.updates for moment in update.moments()]

    def _data(self, part: Episode) -> list[Tensor]:
        entering = self.trainer.carried
        if entering is None:
            entering = self.trainer.model.initial_state(part.batch)
        return [part.x, part.y, part.weight, entering]

    def _compiled(self, part: Episode) -> Callable[..., list[Tensor]]:
        """The update of such a part, traced on it and compiled."""
        from torch.fx.experimental.proxy_tensor import make_fx

        # copies: what is traced may write into them
        inputs = [tensor.clone() for tensor in (*self._weights(), *self._data(part))]
        carried, self.trainer.model.written_out = self.trainer.carried, True
        try:
            graph = make_fx(self._update_of(part), tracing_mode="fake")(*inputs)
        finally:
            self.trainer.carried, self.trainer.model.written_out = carried, False
        with torch.no_grad():
            compiled = self._compile(graph, inputs)
            if part.weight.device.type == "cuda":
                return Replayed(compiled, inputs, len(self._weights()))
            compiled(*inputs)  # built here, off the clock
        return compiled

    def _update_of(self, part: Episode) -> Callable[..., list[Tensor]]:
        """One update as a function of all its tensors, which it changes in place."""
        trainer = self.trainer
        names = {id(p): name for name, p in trainer.named_parameters()}
        own = [[names[id(p)] for p in update.parameters] for update in self.updates]
        moments = [len(update.moments()) for update in self.updates]

        def one(*tensors: Tensor) -> list[Tensor]:
            given = iter(tensors)
            parameters = {name: next(given) for group in own for name in group}
            remembered = [[next(given) for _ in range(count)] for count in moments]
            x, y, weight, trainer.carried = given
            leaves = {name: p.detach().requires_grad_() for name, p in parameters.items()}
            with torch.enable_grad():
                losses = functional_call(trainer, leaves, (replace(part, x=x, y=y, weight=weight),))
            if len(losses) != 1:
                raise TypeError(f"gradients() yielded {len(losses)} times for one update")
            with torch.no_grad():
                for update, group, memory in zip(self.updates, own, remembered, strict=True):
                    gradients = [leaves[name].grad for name in group]
                    update.written_out([parameters[name] for name in group], gradients, memory)
            assert trainer.carried is not None
            return [losses[0], trainer.carried]

        return one


OPTIONS = {
    "cpp_wrapper": True,  # between the kernels no Python: 16 % less at LSTM 64, 1 to 3 % at 256
    "cpp.use_decompose_tanh": True,  # by exp, to 1e-7 of 1: 7 to 9 % less
}


def inductor(graph: torch.fx.GraphModule, inputs: list[Tensor]) -> Callable[..., list[Tensor]]:
    """A graph compiled by torch: C++ on the CPU, Triton on CUDA."""
    from torch import _inductor

    cpu = inputs[0].device.type == "cpu"
    options = OPTIONS if cpu else {}
    compiled: Callable[..., list[Tensor]] = _inductor.compile(graph, [*inputs], options=options)
    return compiled
