"""Layers decoupled by synthetic gradients: digits, fully connected, ten seeds that no tuning saw.

Layers of 128 units; a timestep is an update on a batch of 100 images. What is asked: what the
number of synthesisers in a chain does, to accuracy and to the direction of each; what a warm-up,
the label and synthetic inputs do. Silent synthesisers (`lr=0.0`) leave every layer but those above
the last cut as it was drawn: they are what each must beat.

Each method has the rate that `depth_tuning` found for it: DNI a tenth of the others', so that
synthesisers can follow the layers. Chains of DNI are run at the others' rate, too.
"""

from __future__ import annotations

from harness.registry import Registry
from harness.spec import RunSpec
from harness.suite import Suite

SEEDS = range(100, 110)
TASK = "images(data='digits')"
TIMESTEPS = 600
HIDDEN = 128
LAYERS = (3, 4, 5, 6)
CUTS = ("(5,)", "(3, 5)", "(0, 3, 5)", "(0, 1, 3, 4, 5)")
"""One DNI to five in a network of six layers; all six are in the table."""
WARMUP = 200
BLIND = "conditioned=False"
"""A synthesiser that does not read the label, as the paper's DNI; the default reads it: cDNI."""

TRAINERS = ("bptt", f"dni_depth({BLIND})", "dni_depth")
"""The paper's feed-forward table: backpropagation, DNI, cDNI."""

FAST, SLOW = 1e-3, 1e-4
"""Rates of the model's Adam: of backpropagation and cDNI, and of DNI."""


def rate(trainer: str) -> float:
    """What a method was tuned to."""
    return SLOW if BLIND in trainer else FAST


def run(trainer: str, seed: int, layers: int = 6, lr: float | None = None) -> RunSpec:
    """A run of this suite, at the rate of its method; gradients are probed ten times."""
    return RunSpec(
        task=TASK, model=f"mlp(hidden={HIDDEN}, layers={layers})", trainer=trainer, seed=seed,
        batch=100, lr=rate(trainer) if lr is None else lr, timesteps=TIMESTEPS,
        probe=TIMESTEPS // 10,
    )  # fmt: skip


def table() -> list[RunSpec]:
    """The paper's feed-forward table: three to six layers, a synthesiser after each."""
    return [
        run(trainer, seed, layers) for seed in SEEDS for layers in LAYERS for trainer in TRAINERS
    ]


def chain() -> list[RunSpec]:
    """Six layers, by the number of synthesisers in the chain."""
    blind = [*(f"dni_depth({BLIND}, cuts={cuts})" for cuts in CUTS), f"dni_depth({BLIND})"]
    told = [*(f"dni_depth(cuts={cuts})" for cuts in CUTS), "dni_depth"]
    return [
        run(trainer, seed, lr=lr)
        for seed in SEEDS
        for lr, trainers in ((FAST, ("bptt", *told, *blind)), (SLOW, blind))
        for trainer in trainers
    ]


def help_for_the_chain() -> list[RunSpec]:
    """A warm-up, and silent synthesisers with it and without."""
    return [
        run(f"dni_depth({BLIND}, {rest})", seed, lr=lr)
        for seed in SEEDS
        for lr in (FAST, SLOW)
        for rest in ("lr=0.0", f"lr=0.0, warmup={WARMUP}", f"warmup={WARMUP}")
    ]


def unlocked() -> list[RunSpec]:
    """Blocks that wait for nobody: cDNI after layers 0, 3 and 5."""
    cuts = "cuts=(0, 3, 5)"
    return [
        run(trainer, seed)
        for seed in SEEDS
        for trainer in (
            f"dni_unlocked({cuts}, inputs=True)", f"dni_unlocked({cuts}, order='random')",
            f"dni_unlocked({cuts}, rate=0.5)",
            f"dni_depth({cuts}, lr=0.0)",
        )
    ]  # fmt: skip


class Depth(Suite):
    """Does decoupling layers pay, and what does it cost?"""

    figures = ("table_depth", "chain")
    claims = ("chain_noise", "chain_warm_up", "synthetic_inputs", "labels")

    def runs(self, registry: Registry) -> list[RunSpec]:
        everything = [*table(), *chain(), *help_for_the_chain(), *unlocked()]
        return list(dict.fromkeys(everything))
