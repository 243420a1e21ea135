"""What the verdicts need beside Table 1: gradients along training, warm-ups, clipping norms.

About ten minutes on two cores. On the copy tasks gradients are compared where episodes end
(`protocol='reset'`), so that the true one is known in full.
"""

from __future__ import annotations

from dataclasses import replace

from harness.registry import Registry
from harness.spec import RunSpec
from harness.suite import Suite
from harness.suites.table1_desk import TEXT_LONGER, on_text, tuned

TASKS = ("plain_copy(bits=4)", "repeat_copy(bits=4)")
RESET = ("plain_copy(bits=4, protocol='reset')", "repeat_copy(bits=4, protocol='reset')")
GRADIENTS = {
    RESET[0]: 3,
    RESET[1]: 3,
    "char_lm(corpus='pydoc', length=40)": 5,
}
"""Tasks, and the T at which they are run."""

FAR = {RESET[0]: (8_000, 150), RESET[1]: (24_000, 450)}
"""Timesteps, and updates between probes, at T = 2: there whole windows lie between some boundaries
and what is scored next. On repeat copy that is so once three levels are solved, which takes longer.
"""

WARM_UPS = (1_000, 4_000)
CLIPS = (0.0, 0.01)
"""Of the model's gradient, besides the common 1: none, and a norm so low that it normalises."""


def gradients() -> list[RunSpec]:
    """Eight seeds: each is one pair of a test, and fewer can decide little."""
    asked = [
        (task, trainer)
        for task, T in GRADIENTS.items()
        for trainer in ("bptt", f"tbptt(T={T})", f"sg(T={T})", f"dni(T={T})")
    ]
    return [
        spec
        for seed in range(8)
        for spec in (
            *(replace(_tuned(task, trainer, seed), probe=150) for task, trainer in asked),
            *(replace(tuned(task, trainer, seed, timesteps), probe=probe)
              for task, (timesteps, probe) in FAR.items() for trainer in ("sg(T=2)", "dni(T=2)")),
        )
    ]  # fmt: skip


def _tuned(task: str, trainer: str, seed: int) -> RunSpec:
    """As in Table 1; full BPTT on text with what it was tuned to there."""
    if not task.startswith("char_lm"):
        return tuned(task, trainer, seed, 8_000)
    spec = tuned(task, on_text(trainer), seed, 8_000)
    return replace(spec, lr=TEXT_LONGER[0], clip=TEXT_LONGER[1]) if trainer == "bptt" else spec


def remedies() -> list[RunSpec]:
    """Warm-ups of dni and of truncation, clipping norms of tbptt, and their controls."""
    warmed = [f"{name}, warmup={W})" for name in ("dni(T=3", "sg(T=3, scale=0.0") for W in WARM_UPS]
    trainers = ("tbptt(T=3)", "dni(T=3)", *warmed)
    return [
        spec
        for seed in range(4)
        for task in TASKS
        for spec in (
            *(tuned(task, trainer, seed, 10_000) for trainer in trainers),
            *(replace(tuned(task, "tbptt(T=3)", seed, 10_000), clip=clip) for clip in CLIPS),
        )
    ]


class Claims(Suite):
    """The runs behind the verdicts (c), (d), (f) and (g), and half of (e)."""

    claims = ("negligible", "reach", "noise", "warm_up", "clipping")

    def runs(self, registry: Registry) -> list[RunSpec]:
        return [*gradients(), *remedies()]
