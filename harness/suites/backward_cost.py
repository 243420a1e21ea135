"""What an update costs with decoupled layers, and whether they pay where backward passes are dear.

Digits, batches of 100, ten seeds that no tuning saw, 300 updates, which is enough to learn them. An
equilibrium on top of two layers, its backward pass 1, 4 and 16 times as many iterations as its
forward pass, is cut off below; cDNI runs the whole chain at every update, every fourth, every
sixteenth. And six plain layers, to time an update.
"""

from __future__ import annotations

from harness.registry import Registry
from harness.spec import RunSpec
from harness.suite import Suite
from harness.suites.depth import FAST, HIDDEN, TASK

SEEDS = range(100, 110)
TIMESTEPS = 300
FORWARD, MULTIPLES = 4, (1, 4, 16)
EVERY = (1, 4, 16)


def call(cut: int, every: int) -> str:
    """cDNI at one cut, the whole chain at each so many-th update."""
    return f"dni_depth(cuts=({cut},){f', every={every}' if every > 1 else ''})"


def run(trainer: str, model: str, seed: int) -> RunSpec:
    """A run of this suite."""
    return RunSpec(
        task=TASK, model=model, trainer=trainer, seed=seed, batch=100, lr=FAST,
        timesteps=TIMESTEPS,
    )  # fmt: skip


def dear() -> list[RunSpec]:
    """Under an equilibrium."""
    return [
        run(
            trainer,
            f"implicit(hidden={HIDDEN}, forward={FORWARD}, backward={FORWARD * multiple})",
            seed,
        )
        for seed in SEEDS
        for multiple in MULTIPLES
        for trainer in ("bptt", *(call(1, every) for every in EVERY))
    ]


def plain() -> list[RunSpec]:
    """Six plain layers."""
    return [
        run(trainer, f"mlp(hidden={HIDDEN}, layers=6)", seed)
        for seed in SEEDS
        for trainer in ("bptt", "dni_depth", *(call(2, every) for every in EVERY[:2]))
    ]


class BackwardCost(Suite):
    """Is an update faster, and does it pay?"""

    engine = "eager"
    figures = ("backward_cost",)
    claims = ("iteration", "dear_backward")

    def runs(self, registry: Registry) -> list[RunSpec]:
        return [*dear(), *plain()]
