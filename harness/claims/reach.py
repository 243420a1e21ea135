"""How far back does the true gradient reach, and does the synthetic one point where it does?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from statistics import median

from harness.analysis.pairs import by, name, where
from harness.analysis.setting import setting
from harness.claim import Claim, Finding
from harness.claims._gradients import learned
from harness.statistics import difference, interval
from harness.store import Record, Row

VANISHED = 0.1


class Reach(Claim):
    """Under full BPTT, timesteps until the gradient of a loss has fallen to a tenth; and cosines.

    A gradient that has not fallen so far by the start of the episode is censored: it counts as
    the episode's length, and the mean over runs is then a lower bound. Medians over the probes of
    the second half of a run.
    """

    letter = "d"
    question = (
        "How far back does the true gradient reach, and is the synthetic one aligned with it?"
    )
    suite = "claims"

    def findings(self, records: Sequence[Record]) -> list[Finding]:
        found = []
        probed = [r for r in records if r.probes]
        for group in by(setting, probed).values():
            windows = [r.spec.T for r in group if name(r) == "tbptt" and r.spec.T]
            full = [r for r in group if name(r) == "bptt" and _lags(r)]
            if windows and full:
                T = windows[0]
                censored = [r for r in full if any(cut for _, cut in _lags(r))]
                cut = (
                    f"a lower bound: in {len(censored)} of {len(full)} runs it had not fallen "
                    "so far by the start of the episode, and counts with the episode's length"
                )
                reached = [float(median(lag for lag, _ in _lags(r))) for r in full]
                found.append(
                    Finding(
                        says="the true gradient has vanished within a window",
                        where=f"{where(full)}, T={T}",
                        paired=difference([(value, 0) for value in reached], T), null=T,
                        unit="timesteps to a tenth", bound=bool(censored), if_true="below",
                        digits=1,
                        details=(
                            *([cut] if censored else []), _by_lag(full, T), *learned(group, T),
                        ),
                    )
                )  # fmt: skip
            for T, predicting in by(
                lambda r: r.spec.T or 0,
                [r for r in group if name(r) == "dni" and r.spec.T in windows],
            ).items():
                cosines = [value for r in predicting if (value := _cosine(r)) is not None]
                if cosines:
                    found.append(
                        Finding(
                            says="what dni adds is positively aligned with what is missing",
                            where=f"{where(predicting)}, T={T}",
                            paired=difference([(value, 0) for value in cosines]), null=0,
                            unit="cosine, added with missing", if_true="above", digits=3,
                            details=(*_by_distance(predicting), *learned(group, T)),
                        )
                    )  # fmt: skip
        return found


def _second_half(record: Record) -> list[Row]:
    return [p for p in record.probes if p["timesteps"] >= record.spec.timesteps / 2]


def _lags(record: Record) -> list[tuple[int, bool]]:
    """Per probe: timesteps until the norm is below a tenth; whether the episode ends before."""

    def fallen(norms: list[float]) -> tuple[int, bool]:
        below = (lag for lag, norm in enumerate(norms) if norm < VANISHED)
        lag = next(below, len(norms))
        return lag, lag == len(norms)

    return [fallen(p["reach"]) for p in _second_half(record) if p["reach"]]


def _by_lag(records: Sequence[Record], T: int) -> str:
    """The share of the norm that is left some windows back."""
    said = []
    for lag in (T, 2 * T, 4 * T):
        left = [
            median(norms)
            for r in records
            if (norms := [p["reach"][lag] for p in _second_half(r) if len(p["reach"]) > lag])
        ]
        if len(left) >= len(records) / 2:
            said.append(f"{lag} timesteps back {interval(left).said(2)}")
    return "of its norm is left: " + (", ".join(said) or "no episode is long enough to say")


def _cosine(record: Record) -> float | None:
    cosines = [p["added_cosine"] for p in _second_half(record) if p.get("added_ratio")]
    return float(median(cosines)) if cosines else None


def _by_distance(records: Sequence[Record]) -> tuple[str, ...]:
    """Synthetic against true at the boundary, by the timesteps to the next scored one."""
    cosines, norms = defaultdict(list), defaultdict(list)
    for record in records:
        mine: dict[int, list[float]] = defaultdict(list)
        ratios: dict[int, list[float]] = defaultdict(list)
        for p in _second_half(record):
            for d, c, n in zip(
                p["distances"], p["distance_cosine"], p["distance_norm_ratio"], strict=True
            ):  # fmt: skip
                mine[d].append(c)
                if n is not None:
                    ratios[d].append(n)
        for d, values in mine.items():
            cosines[d].append(median(values))
        for d, values in ratios.items():
            norms[d].append(median(values))
    return tuple(
        f"{d} timestep{'' if d == 1 else 's'} before a scored one: "
        f"cosine {interval(cosines[d]).said(2)}, "
        f"norm {interval(norms[d]).said(2)} of the true one"
        for d in sorted(cosines)
        if len(cosines[d]) >= len(records) / 2
    )
