"""Every task with every published method, for a laptop: three seeds, a few minutes.

Sizes were chosen so that the gap can be seen: at T = 3 truncated backpropagation stops at the
first level of both copy tasks, however long it trains. Between layers it is seen at six of them:
without the label, synthetic gradients teach a deep network less than backpropagation.
"""

from __future__ import annotations

from harness.registry import Registry
from harness.spec import RunSpec
from harness.suite import Suite, trainers
from harness.suites import depth

SEEDS = range(3)
COPY_TASKS = ("plain_copy(bits=4)", "repeat_copy(bits=4)")
LANGUAGE_TASKS = ("char_lm(corpus='pydoc', length=40)",)
LAYERS = (3, 6)
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


def layers() -> list[RunSpec]:
    """Images, with a synthesiser after each layer, which reads the label or does not.

    Seeds are the first of `depth`: its rates were tuned at those of the other tasks here.
    """
    return [
        depth.run(trainer, seed, count)
        for seed in depth.SEEDS[: len(SEEDS)]
        for count in LAYERS
        for trainer in depth.TRAINERS
    ]


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

    engine = "eager"
    figures = ("levels", "bits", "table_depth", "costs", "activation_bytes", "alignment")

    def runs(self, registry: Registry) -> list[RunSpec]:
        return [
            *copying(registry), *language(registry), *layers(), *episode_lengths(registry)
        ]  # fmt: skip
