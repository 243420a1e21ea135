"""Eight trials for every arm, the same budget for each; the defaults in the code come from here.

Full and truncated backpropagation try the model's learning rate and clipping; `sg` and `dni` that
learning rate, the scale and the synthesiser's learning rate; `dni_aux` that learning rate, the
scale and the auxiliary weight.

On the copy tasks a trial's score is T_task averaged over training, which tells apart trials that
end at the same level; the setting with the best rank, averaged over both tasks, was chosen. On
text the score is the best validation. `sgbench plot tuning` draws it.
"""

from __future__ import annotations

from itertools import product

from harness.registry import Registry
from harness.spec import RunSpec
from harness.suite import Suite

SEEDS = range(2)


def trials(task: str, T: int, timesteps: int, scales: tuple[float, float]) -> list[RunSpec]:
    """Eight per trainer, at every seed."""
    arms = [
        (trainer, lr, clip)
        for trainer in ("bptt", f"tbptt(T={T})")
        for lr, clip in product((1e-3, 3e-3, 1e-2, 3e-2), (0.1, 1.0))
    ]
    for lr, scale in product((3e-3, 1e-2), scales):
        arms += [
            (f"{name}(T={T}, lr={own}, scale={scale})", lr, 1.0)
            for name, own in product(("sg", "dni"), (0.01, 0.03))
        ]
        arms += [
            (f"dni_aux(T={T}, scale={scale}, weight={weight})", lr, 1.0) for weight in (0.01, 0.1)
        ]
    return [
        RunSpec(task=task, trainer=trainer, lr=lr, clip=clip, seed=seed, timesteps=timesteps)
        for seed in SEEDS
        for trainer, lr, clip in arms
    ]


class Tuning(Suite):
    """What each method is like at its best."""

    figures = ("tuning",)

    def runs(self, registry: Registry) -> list[RunSpec]:
        return [
            *trials("plain_copy(bits=4)", 3, 18_000, (0.5, 1.0)),
            *trials("repeat_copy(bits=4)", 3, 18_000, (0.5, 1.0)),
            *trials("char_lm(corpus='pydoc', length=40)", 5, 15_000, (0.1, 0.5)),
        ]
