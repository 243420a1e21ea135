"""The network, the same for every trainer: whole, in depth and, if it is recurrent, in time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from harness.check import at_least

if TYPE_CHECKING:
    from harness.task import Task


class Stage(nn.Module, ABC):
    """A piece of a network in depth: it maps a sequence to a sequence, and a state to a state.

    d_in, d_out: widths of its input and of its output
    d_state:     width of its state; 0 where it keeps none
    """

    def __init__(self, d_in: int, d_out: int, *, d_state: int = 0) -> None:
        super().__init__()
        self.d_in, self.d_out, self.d_state = d_in, d_out, d_state

    @abstractmethod
    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Map x (L, B, d_in) and the state (B, d_state) that enters to outputs and a state.

        Returns outputs (L, B, d_out) and the state (B, d_state) after L timesteps.
        """


class Stateless(Stage):
    """A stage without a state: `body` maps every timestep by itself."""

    def __init__(self, d_in: int, d_out: int, body: nn.Module) -> None:
        super().__init__(d_in, d_out)
        self.body = body

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        return self.body(x), state


class Model(Stage):
    """A network: stages, one on top of the other.

    Whatever it carries from one timestep to the next is one tensor, the state (B, d_state), so
    that a trainer can cut, carry and differentiate it without knowing the network. A feed-forward
    network has d_state 0 and a state (B, 0).
    """

    @classmethod
    def suits(cls, task: Task) -> str:
        """Say in a line why such a network has no use on a task; "" where it has."""
        return ""

    @abstractmethod
    def stages(self) -> list[Stage]:
        """Return the places where the network can be cut in depth, from input to output.

        They are modules of the model, not copies: a gradient of a stage is one of the model, and
        every parameter belongs to one stage. The first reads encoded(x), every other the outputs
        of the one before. Each has its own part of the state, see split(). One after the other
        they make up forward(). A model that cannot be cut returns [self] and defines forward().
        """

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Map (L, B, d_in) or ids (L, B), and the state (B, d_state) that enters, to outputs.

        Returns outputs (L, B, d_out) and the state (B, d_state) after L timesteps.
        """
        x, leaving = self.encoded(x), []
        for stage, entering in zip(self.stages(), self.split(state), strict=True):
            x, left = stage(x, entering)
            leaving.append(left)
        return x, self.join(leaving)

    def initial_state(self, batch: int) -> Tensor:
        """The state of a fresh episode: zeros (B, d_state)."""
        return next(self.parameters()).new_zeros(batch, self.d_state)

    def encoded(self, x: Tensor) -> Tensor:
        """What the first stage reads (..., d_in): ids (...) as one-hot vectors, floats as given."""
        if x.is_floating_point():
            return x
        return F.one_hot(x, self.d_in).to(next(self.parameters()).dtype)

    def split(self, state: Tensor) -> tuple[Tensor, ...]:
        """Cut a state (..., d_state) into one part for each stage, in order."""
        widths: list[int] = getattr(self, "_widths", []) or [s.d_state for s in self.stages()]
        if max(widths) < sum(widths):
            return tuple(state.split(widths, -1))
        # one has all of it, or none has any: a cut would copy the gradient
        nothing = state.new_empty((*state.shape[:-1], 0)) if any(widths) else state
        return tuple([state if width else nothing for width in widths])

    def join(self, parts: list[Tensor]) -> Tensor:
        """Join the parts of a state, one for each stage: (..., d_state)."""
        kept = [part for part in parts if part.shape[-1]] or parts[:1]
        return kept[0] if len(kept) == 1 else torch.cat(kept, -1)

    @property
    def device(self) -> torch.device:
        """Where its parameters are."""
        return next(self.parameters()).device


class Layer(Stage):
    """A recurrent layer: torch's fused kernel over a window, and the cell's own equations.

    Its state is tensors of width d_out side by side, of which the first is its output.

    core:    the kernel, of one layer; it owns the weights
    carries: how many tensors the state holds (2 for an LSTM: h and c)
    """

    def __init__(self, core: nn.RNNBase, *, carries: int) -> None:
        super().__init__(core.input_size, core.hidden_size, d_state=carries * core.hidden_size)
        self.core, self.carries = core, carries

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        if self.carries == 1:
            out, h = self.core(x, state.unsqueeze(0).contiguous())
            return out, h.squeeze(0)
        entering = state.unsqueeze(0).split(self.d_out, -1)
        out, leaving = self.core(x, tuple(part.contiguous() for part in entering))
        return out, torch.cat(leaving, -1).squeeze(0)

    @abstractmethod
    def cell(self, driven: Tensor, recurred: Tensor, state: Tensor) -> Tensor:
        """Return the state (..., d_state) one timestep on.

        From driven(x_t), recurred(h_{t-1}) and the state that enters, h_{t-1} being its output.
        Unit by unit: a unit of the new state depends on the same unit of all three alone, so that
        what ties units together is in U, and in U only.
        """

    def driven(self, x: Tensor) -> Tensor:
        """W x + b_x, for any number of timesteps at once: (..., gates × d_out)."""
        W, _, b_x, _ = self.weights()
        return F.linear(x, W, b_x)

    def recurred(self, h: Tensor) -> Tensor:
        """U h + b_h: (..., gates × d_out)."""
        _, U, _, b_h = self.weights()
        return F.linear(h, U, b_h)

    def next(self, driven: Tensor, state: Tensor) -> Tensor:
        """The state (..., d_state) one timestep on, from driven(x_t) and the state that enters."""
        return self.cell(driven, self.recurred(self.output(state)), state)

    def output(self, state: Tensor) -> Tensor:
        """What the layer above reads of a state: (..., d_out)."""
        return state if self.carries == 1 else state[..., : self.d_out]

    def weights(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """W, U, b_x and b_h, as torch's kernel names and orders them: ih, hh, ih, hh."""
        W, U, b_x, b_h = self.core.all_weights[0]
        return W, U, b_x, b_h

    def pairs(self) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        """(W, b_x), by which inputs enter, and (U, b_h), by which its own output does."""
        W, U, b_x, b_h = self.weights()
        return (W, b_x), (U, b_h)


class Recurrent(Model):
    """Recurrent layers of one width and a linear read-out.

    The state is that of its layers, one after the other: an LSTM's is [h1; c1; h2; c2].
    """

    def __init__(
        self, d_in: int, d_out: int, layer: Callable[[int, int], Layer], *, hidden: int, layers: int
    ) -> None:
        """layer: makes a layer from its input width and `hidden`."""
        at_least(1, hidden=hidden, layers=layers)
        super().__init__(d_in, d_out)
        self.hidden = hidden
        self.readout = Stateless(hidden, d_out, nn.Linear(hidden, d_out))
        self.layers = nn.ModuleList(layer(hidden if k else d_in, hidden) for k in range(layers))
        self._stages = (*self.layers, self.readout)  # listed once: a window asks for them
        self._widths = [stage.d_state for stage in self._stages]  # 2 % of an update at LSTM 64
        self.d_state = sum(self._widths)

    @classmethod
    def suits(cls, task: Task) -> str:
        return "nothing is carried over an episode of one timestep; take mlp" if task.static else ""

    def stages(self) -> list[Stage]:
        return cast(list[Stage], list(self._stages))

    def step(
        self, x_t: Tensor, state: Tensor, weights: Mapping[str, Tensor] | None = None
    ) -> Tensor:
        """Return the state (..., d_state) one timestep on: s_{t+1} = f(θ, x_t, s_t).

        In plain operations, so that torch.func can differentiate (jvp, vjp, jacrev) and batch it.

        x_t:     (..., d_in) or ids (...), with the leading dimensions of the state: (B,) or none
        weights: by the names in named_parameters(), to use instead of the model's own; may be some
        """
        if weights is not None:
            return _with(weights, _Step(self), x_t, state)
        x, leaving = x_t, []
        if not x_t.is_floating_point():  # not encoded(): F.one_hot looks at ids, which vmap forbids
            x = (x_t.unsqueeze(-1) == torch.arange(self.d_in, device=x_t.device)).to(state.dtype)
        *entering, _ = self.split(state)
        for layer, part in zip(cast(list[Layer], self.layers), entering, strict=True):
            leaving.append(layer.next(layer.driven(x), part))
            x = layer.output(leaving[-1])
        return self.join(leaving)

    def read(self, state: Tensor, weights: Mapping[str, Tensor] | None = None) -> Tensor:
        """Return the outputs (..., d_out) at a state, y_t = g(θ, s_{t+1}); as step() otherwise."""
        if weights is not None:
            return _with(weights, _Read(self), state)
        top = cast(list[Layer], self.layers)[-1]
        *_, part, _ = self.split(state)
        return cast(Tensor, self.readout.body(top.output(part)))


class _Step(nn.Module):
    """step() as the forward of a module, which is what functional_call() calls."""

    def __init__(self, model: Recurrent) -> None:
        super().__init__()
        self.model = model

    def forward(self, x_t: Tensor, state: Tensor) -> Tensor:
        return self.model.step(x_t, state)


class _Read(_Step):
    """The same for read()."""

    def forward(self, state: Tensor) -> Tensor:  # type: ignore[override]
        return self.model.read(state)


def _with(weights: Mapping[str, Tensor], module: _Step, *arguments: Tensor) -> Tensor:
    named = {f"model.{name}": weight for name, weight in weights.items()}
    found: Tensor = functional_call(module, named, arguments)
    return found
