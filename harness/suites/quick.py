"""Every task on sequences with every trainer, for a laptop: three seeds, a few minutes.

Sizes were chosen so that the gap can be seen: at T = 3 truncated backpropagation stops at the
first level of both copy tasks, however long it trains.
"""

from __future__ import annotations

from harness.registry import Registry
from harness.spec import RunSpec
from harness.suite import Suite, trainers

SEEDS = range(3)
COPY_TASKS = ("plain_copy(bits=4)", "repeat_copy(bits=4)")
LANGUAGE_TASKS = ("char_lm(corpus='pydoc', length=40)",)
EPISODE_SYMBOLS = (4, 8, 16, 32, 64)


def learning(registry: Registry, tasks: tuple[str, ...], T: int, timesteps: int) -> list[RunSpec]:
    """Tasks learned by every trainer, with gradient probes."""
    return [
        RunSpec(task=task, trainer=trainer, seed=seed, timesteps=timesteps, probe=500)
        for seed in SEEDS
        for task in tasks
        for trainer in trainers(registry, T)
    ]


def copying(registry: Registry) -> list[RunSpec]:
    """The copy tasks, at T = 3."""
    return learning(registry, COPY_TASKS, T=3, timesteps=20_000)


def language(registry: Registry) -> list[RunSpec]:
    """Language modelling, at T = 5."""
    return learning(registry, LANGUAGE_TASKS, T=5, timesteps=15_000)


def episode_lengths(registry: Registry) -> list[RunSpec]:
    """One episode each, of growing length: the memory that it takes."""
    return [
        RunSpec(
            task=f"plain_copy(bits=4, protocol='reset', start={n})", trainer=trainer, timesteps=1
        )
        for n in EPISODE_SYMBOLS
        for trainer in trainers(registry, T=3)
    ]


class Quick(Suite):
    """The main job: `make quick`."""

    figures = ("levels", "bits", "costs", "activation_bytes", "alignment")

    def runs(self, registry: Registry) -> list[RunSpec]:
        return [*copying(registry), *language(registry), *episode_lengths(registry)]
