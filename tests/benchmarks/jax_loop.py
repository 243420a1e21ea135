"""The same updates in JAX: one jitted function, its inputs donated, a scan over the window."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tests.benchmarks.contestants import (
    CLIP,
    D_IN,
    D_OUT,
    LR,
    OWN_CLIP,
    OWN_LR,
    SCALE,
    UPDATES,
    Contestant,
    Size,
    data,
)  # fmt: skip

Tree = dict[str, Any]


def contestant(trainer: str, size: Size, unroll: int) -> Contestant:
    """UPDATES updates of tbptt or dni. unroll: timesteps of the scan in one iteration."""
    H, B, T = size.hidden, size.batch, size.T
    rng, episode = np.random.default_rng(0), data(size)

    def uniform(*shape: int) -> Any:
        return jnp.asarray(rng.uniform(-1, 1, shape) / H**0.5, dtype=jnp.float32)

    weights = {
        "W": uniform(4 * H, D_IN), "U": uniform(4 * H, H), "b_x": uniform(4 * H),
        "b_h": uniform(4 * H), "V": uniform(D_OUT, H), "b": uniform(D_OUT),
    }  # fmt: skip
    M = {"V": jnp.zeros((2 * H, 2 * H)), "b": jnp.zeros(2 * H)}
    zeros = {name: jnp.zeros_like(weight) for name, weight in weights.items()}
    state = (weights, M, zeros, dict(zeros), jnp.zeros(()), jnp.zeros((B, 2 * H)))
    state = jax.tree.map(jnp.copy, state)  # donated buffers must not be shared
    update = jax.jit(
        partial(_update, H=H, dni=trainer == "dni", unroll=unroll), donate_argnums=(0,)
    )
    parts = [slice(k * T, (k + 1) * T) for k in range(UPDATES)]
    x, y, w = (
        [jnp.asarray(tensor[part].numpy()) for part in parts]
        for tensor in (episode.x, episode.y, episode.weight)
    )

    def run() -> list[float]:
        nonlocal state
        losses = []
        for k in range(UPDATES):
            state, loss = update(state, x[k], y[k], w[k])
            losses.append(loss)
        return [float(loss) for loss in losses]

    return run


def _unrolled(p: Tree, h_0: Any, x: Any, y: Any, w: Any, H: int, unroll: int) -> tuple[Any, Any]:
    def cell(carry: tuple[Any, Any], from_x: Any) -> tuple[tuple[Any, Any], Any]:
        h, c = carry
        i, f, g, o = jnp.split(from_x + h @ p["U"].T, 4, -1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    entering = (h_0[:, :H], h_0[:, H:])
    from_x = x @ p["W"].T + p["b_x"] + p["b_h"]
    (h, c), out = jax.lax.scan(cell, entering, from_x, unroll=unroll)
    z = out @ p["V"].T + p["b"]
    nats = (jnp.maximum(z, 0) - z * y + jnp.log1p(jnp.exp(-jnp.abs(z)))).mean(-1)
    return (nats * w).sum(), jnp.concatenate([h, c], -1)


def _synthetic(M: Tree, state: Any) -> Any:
    return jnp.tanh(state) @ M["V"].T + M["b"]


def _clipped(gradient: Tree, at: float) -> Tree:
    norm = jnp.sqrt(sum(jnp.sum(g * g) for g in gradient.values()))
    return {name: g * jnp.minimum(1.0, at / (norm + 1e-6)) for name, g in gradient.items()}


def _update(
    state: tuple[Any, ...], x: Any, y: Any, w: Any, *, H: int, dni: bool, unroll: int
) -> tuple[tuple[Any, ...], Any]:
    p, M, m, v, t, h_0 = state
    B = len(h_0)

    def total(p: Tree, h_0: Any) -> tuple[Any, tuple[Any, Any]]:
        loss, h_T = _unrolled(p, h_0, x, y, w, H, unroll)
        if not dni:
            return loss, (loss, h_T)
        beyond = jax.lax.stop_gradient(_synthetic(M, h_T))
        return loss + SCALE / B * (beyond * h_T).sum(), (loss, h_T)

    def error(M: Tree, target: Any) -> Any:
        return jnp.square(_synthetic(M, h_0) - target).sum(-1).mean()

    if dni:
        (g, g_0), (loss, h_T) = jax.grad(total, argnums=(0, 1), has_aux=True)(p, h_0)
        own = _clipped(jax.grad(error)(M, B * g_0), OWN_CLIP)
        M = {name: M[name] - OWN_LR * own[name] for name in M}
    else:
        g, (loss, h_T) = jax.grad(total, has_aux=True)(p, h_0)
    g, t = _clipped(g, CLIP), t + 1
    m = {name: 0.9 * m[name] + 0.1 * g[name] for name in p}
    v = {name: 0.999 * v[name] + 0.001 * g[name] ** 2 for name in p}
    p = {
        name: p[name] - LR / (1 - 0.9**t) * m[name] / (jnp.sqrt(v[name] / (1 - 0.999**t)) + 1e-8)
        for name in p
    }
    return (p, M, m, v, t, h_T), loss
