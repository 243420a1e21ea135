"""The paper's Table 1 at the published settings, on a GPU: days of it, one run after the other.

LSTM 256 on the copy tasks and 1024 on Penn Treebank, batch 256, Adam at 7e-5 for the model and the
synthesiser, which has one hidden layer as wide as the LSTM, scale 0.1, 2.5 million updates.
Symbols of 8 bits, the model's gradient clipped at 1 and the auxiliary weight of 0.1 are ours: the
paper states none of them. `--estimate` says how long it would take on this machine; `sgbench plot
table1` draws the runs that there are.
"""

from __future__ import annotations

from harness.registry import Registry
from harness.spec import RunSpec
from harness.suite import Suite

UPDATES = 2_500_000
SYNTHESISER = (
    "bounded=False, clip=0.0, discount=1.0, layers=1, lr=7e-05, optimiser='adam', scale=0.1"
)
COPYING_T, TEXT_T, TEXT_LONGER_T = (2, 3, 4, 5), (2, 3, 4, 5, 8), (20, 40)


def cells(task: str, hidden: int, Ts: tuple[int, ...], longer: tuple[int, ...]) -> list[RunSpec]:
    """A row of the table: every method at every T, for the published number of updates."""
    synthetic = f"hidden={hidden}, {SYNTHESISER}"
    arms = [
        (trainer, T)
        for T in Ts
        for trainer in (
            f"tbptt(T={T})",
            f"dni(T={T}, {synthetic})",
            f"dni_aux(T={T}, {synthetic})",
        )
    ] + [(f"tbptt(T={T})", T) for T in longer]
    return [
        RunSpec(
            task=task, trainer=trainer, model=f"lstm(hidden={hidden})", batch=256, lr=7e-5,
            timesteps=UPDATES * T, device="cuda",
        )
        for trainer, T in arms
    ]  # fmt: skip


class Table1Paper(Suite):
    """Table 1, at the paper's scale: one seed, as published."""

    def runs(self, registry: Registry) -> list[RunSpec]:
        return [
            *cells("plain_copy", 256, COPYING_T, ()),
            *cells("repeat_copy", 256, COPYING_T, ()),
            *cells("char_lm(corpus='ptb', length=40)", 1024, TEXT_T, TEXT_LONGER_T),
        ]
