"""The same updates in JAX: jitted, their inputs donated, a scan over the window."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from torch import Tensor

from harness.episode import Episode
from harness.runs.run import Run
from tests.benchmarks.contestants import (
    AUXILIARY,
    CLIP,
    LR,
    OWN_CLIP,
    OWN_LR,
    SCALE,
    windows,
)  # fmt: skip

Tree = dict[str, Any]


def contestant(
    run: Run, episode: Episode, unrolled: bool, at_once: bool
) -> Callable[[], list[float]]:
    """The updates of `run`'s trainer, from its weights.

    unrolled: the window in one piece; at_once: all updates of the episode scanned in one call
    """
    trainer = run.spec.trainer.partition("(")[0]
    model, cell = run.model, run.model.layers[0].core
    weights = {
        "W": _copy(cell.weight_ih_l0), "U": _copy(cell.weight_hh_l0), "b_x": _copy(cell.bias_ih_l0),
        "b_h": _copy(cell.bias_hh_l0), "V": _copy(model.readout.body.weight),
        "b": _copy(model.readout.body.bias),
    }  # fmt: skip
    own = {}
    if trainer in SCALE:
        own["M"] = _linear(run.trainer.synthesiser[-1])
    if trainer == "dni_aux":
        own["A"] = _linear(run.trainer.auxiliary[-1])
    m, v = (jax.tree.map(jnp.zeros_like, weights) for _ in range(2))
    state = (weights, own, m, v, jnp.zeros(()), jnp.zeros((episode.batch, model.d_state)))
    parts = [tuple(map(_copy, window)) for window in windows(run, episode)]
    unroll = len(parts[0][0]) if unrolled else 1
    update = partial(_update, trainer=trainer, unroll=unroll)
    one = jax.jit(update, donate_argnums=(0,))
    stretch = tuple(map(jnp.stack, zip(*parts, strict=True)))

    @partial(jax.jit, donate_argnums=(0,))
    def every(state: tuple[Any, ...], stretch: tuple[Any, ...]) -> tuple[tuple[Any, ...], Any]:
        return jax.lax.scan(lambda state, window: update(state, *window), state, stretch)

    def loop() -> list[float]:
        nonlocal state
        if at_once:
            state, found = every(state, stretch)
            return list(found.tolist())
        losses = []
        for window in parts:
            state, loss = one(state, *window)
            losses.append(loss)
        return [float(loss) for loss in losses]

    return loop


def _copy(tensor: Tensor) -> Any:
    return jnp.array(tensor.detach().numpy(), copy=True)  # donated: it must not be torch's memory


def _linear(network: Any) -> Tree:
    return {"V": _copy(network.weight), "b": _copy(network.bias)}


def _unrolled(p: Tree, h_0: Any, x: Any, y: Any, w: Any, unroll: int) -> tuple[Any, Any]:
    def cell(carry: tuple[Any, Any], from_x: Any) -> tuple[tuple[Any, Any], Any]:
        h, c = carry
        i, f, g, o = jnp.split(from_x + h @ p["U"].T, 4, -1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    from_x = x @ p["W"].T + p["b_x"] + p["b_h"]
    (h, c), out = jax.lax.scan(cell, tuple(jnp.split(h_0, 2, -1)), from_x, unroll=unroll)
    z = out @ p["V"].T + p["b"]
    nats = (jnp.maximum(z, 0) - z * y + jnp.log1p(jnp.exp(-jnp.abs(z)))).mean(-1)
    return (nats * w).sum(), jnp.concatenate([h, c], -1)


def _synthetic(network: Tree, state: Any) -> Any:
    return jnp.tanh(state) @ network["V"].T + network["b"]


def _error(network: Tree, state: Any, target: Any) -> Any:
    return jnp.square(_synthetic(network, state) - target).sum(-1).mean()


def _clipped(gradient: Tree, at: float) -> Tree:
    norm = jnp.sqrt(sum(jnp.sum(g * g) for g in jax.tree.leaves(gradient)))
    return jax.tree.map(lambda g: g * jnp.minimum(1.0, at / (norm + 1e-6)), gradient)


def _update(
    state: tuple[Any, ...], x: Any, y: Any, w: Any, *, trainer: str, unroll: int
) -> tuple[tuple[Any, ...], Any]:
    p, own, m, v, t, h_0 = state
    B = len(h_0)
    (loss, h_T), back = jax.vjp(lambda p, h_0: _unrolled(p, h_0, x, y, w, unroll), p, h_0)
    one, nothing = jnp.ones(()), jnp.zeros_like(h_T)
    if trainer in SCALE:
        beyond, own_g = _synthetic(own["M"], h_T), {}
        g, g_0 = back((one, SCALE[trainer] / B * beyond))
        if trainer == "sg":
            _, g_0 = back((one, nothing))
        if trainer == "dni_aux":
            own_g["A"], from_A = jax.grad(
                lambda A, h_0: AUXILIARY * _error(A, h_0, beyond), argnums=(0, 1)
            )(own["A"], h_0)
            g_0 = g_0 + from_A
        own_g["M"] = jax.grad(_error)(own["M"], h_0, B * g_0)
        own = jax.tree.map(lambda each, d: each - OWN_LR * d, own, _clipped(own_g, OWN_CLIP))
    else:
        g, _ = back((one, nothing))
    g, t = _clipped(g, CLIP), t + 1
    m = {name: 0.9 * m[name] + 0.1 * g[name] for name in p}
    v = {name: 0.999 * v[name] + 0.001 * g[name] ** 2 for name in p}
    p = {
        name: p[name] - LR / (1 - 0.9**t) * m[name] / (jnp.sqrt(v[name] / (1 - 0.999**t)) + 1e-8)
        for name in p
    }
    return (p, own, m, v, t, h_T), loss
