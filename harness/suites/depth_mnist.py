"""Layers decoupled by synthetic gradients on MNIST: twenty epochs, eight seeds that no tuning saw.

Networks of three and of six layers, a synthesiser after each, at the rates of `depth`, falling
along half a cosine. It needs the data: see `--data`. The figure `table_depth` draws it.
"""

from __future__ import annotations

from harness.registry import Registry
from harness.spec import RunSpec
from harness.suite import Suite
from harness.suites.depth import TRAINERS, rate

SEEDS = range(100, 108)
TASK = "images(data='mnist')"
BATCH = 256
EPOCH = 55_000 // BATCH
"""Updates."""

EPOCHS = 20
LAYERS = (3, 6)


def table() -> list[RunSpec]:
    """Every method at both depths."""
    return [
        RunSpec(
            task=TASK, model=f"mlp(layers={layers})", trainer=trainer, seed=seed, batch=BATCH,
            lr=rate(trainer), schedule="cosine", timesteps=EPOCHS * EPOCH, probe=EPOCH,
        )
        for seed in SEEDS
        for layers in LAYERS
        for trainer in TRAINERS
    ]  # fmt: skip


class DepthMnist(Suite):
    """The paper's feed-forward table, on its data."""

    claims = ("labels_mnist",)

    def runs(self, registry: Registry) -> list[RunSpec]:
        return table()
