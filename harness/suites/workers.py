"""Two processes on one run: what people use, and blocks that are decoupled. Digits, five seeds.

Network and minibatch are large enough for the exchange of gradients not to hide everything else.
About ten minutes on two cores that do nothing else: a run uses both, and runs go one at a time,
seed by seed, so that what else the machine does is shared by all.
"""

from __future__ import annotations

from harness.registry import Registry
from harness.spec import RunSpec
from harness.suite import Suite

SEEDS = range(100, 105)
CUT = "cuts=(2,)"
"""Half of the parameters below it, half above."""

MODES = (
    ("unconnected(processes=1)", "bptt"),
    ("unconnected(processes=2)", "bptt"),
    ("ddp(processes=2)", "bptt"),
    (f"gpipe({CUT}, processes=2)", "bptt"),
    (f"one_f_one_b({CUT}, processes=2)", "bptt"),
    ("decoupled(processes=2)", f"dni_depth({CUT})"),
    ("decoupled(processes=2)", f"dni_unlocked({CUT}, inputs=True)"),
)
"""How processes share the run, and what trains it."""


def run(mode: str, trainer: str, seed: int) -> RunSpec:
    """A run of this suite; nothing is clipped, since a decoupled block would clip on its own."""
    return RunSpec(
        task="images(data='digits')", model="mlp(hidden=512, layers=5, norm='none')",
        trainer=trainer, workers=mode, seed=seed, batch=1024, lr=1e-3, clip=0.0, timesteps=200,
    )  # fmt: skip


class Workers(Suite):
    """How fast are two processes, and what does it cost to wait?"""

    def runs(self, registry: Registry) -> list[RunSpec]:
        return [run(mode, trainer, seed) for seed in SEEDS for mode, trainer in MODES]
