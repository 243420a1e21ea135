"""Chains of synthesisers: accuracy by their number, direction by the place of the cut."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from harness.analysis.layers import POINTS, conditioned, cuts, layers
from harness.analysis.look import LOOKS
from harness.analysis.pairs import name
from harness.analysis.scoring import result
from harness.analysis.table import brackets
from harness.figure import Figure
from harness.names.call import Call
from harness.registry import Registry
from harness.spec import RunSpec
from harness.statistics import interval
from harness.store import Record
from harness.suites import depth
from plots import _shared

LAYERS = 6
Kind = tuple[bool, float]
"""Whether M reads the label, and the rate of the model's Adam."""

KINDS: dict[Kind, str] = {
    (False, depth.FAST): f"DNI, rate {depth.FAST:g}",
    (False, depth.SLOW): f"DNI, rate {depth.SLOW:g}",
    (True, depth.FAST): f"cDNI (M reads the label), rate {depth.FAST:g}",
}
STYLES: dict[Kind, dict[str, Any]] = {
    (False, depth.FAST): {"color": LOOKS["sg"].colour, "marker": "o", "dashes": (4, 2)},
    (False, depth.SLOW): {"color": LOOKS["tbptt"].colour, "marker": "s", "dashes": (8, 2)},
    (True, depth.FAST): {"color": LOOKS["dni"].colour, "marker": "D", "dashes": (None, None)},
}


class Chain(Figure):
    """Left, test error against the number of synthesisers; right, the cosine at each cut."""

    def runs(self, registry: Registry) -> list[RunSpec]:
        return depth.chain()

    def draw(self, records: Sequence[Record]) -> Drawing:
        (group, *_) = _shared.completed(records, _in_a_chain)
        drawing, ((left, right),) = _shared.panels(1, 2)
        _errors(left, group)
        _directions(right, group)
        drawing.suptitle(f"Chains of synthesisers between the layers of {group[0].spec.model}")
        handles, labels = left.get_legend_handles_labels()
        drawing.legend(
            handles, labels, loc="outside lower center", ncols=3, frameon=False,
            title=f"{_shared.task(group[0])}; medians of {_seeds(group)}{_bars(group)}",
            title_fontsize="small",
        )  # fmt: skip
        return drawing


def _seeds(group: Sequence[Record]) -> str:
    count = len({record.spec.seed for record in group})
    return "1 seed" if count == 1 else f"{count} seeds"


def _bars(group: Sequence[Record]) -> str:
    said = brackets(len({record.spec.seed for record in group}))
    return f"; bars: {said}" if said else ""


def _in_a_chain(record: Record) -> bool:
    """Backpropagation, or a chain whose call names nothing but cuts and what M reads."""
    plain = set(Call.parse(record.spec.trainer).options) <= {"cuts", "conditioned"}
    return layers(record) == LAYERS and plain and name(record) in ("bptt", "dni_depth")


def _errors(axes: Axes, group: Sequence[Record]) -> None:
    found: dict[Kind, dict[int, list[float]]] = {kind: {} for kind in KINDS}
    plain = []
    for record in group:
        value = result(record)
        if value is None:
            continue
        error = POINTS * (1 - value)
        if name(record) == "bptt":
            plain.append(error)
        elif (kind := _kind(record)) in found:
            found[kind].setdefault(cuts(record), []).append(error)
    for kind, errors in found.items():
        _line(axes, kind, errors)
    if plain:
        axes.axhline(
            interval(plain).centre, label=f"backpropagation, rate {depth.FAST:g}", color="0.3",
            linewidth=1.5, dashes=(1, 2),
        )  # fmt: skip
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="synthesisers in the chain", ylabel="test error (%)", yscale="log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())


def _directions(axes: Axes, group: Sequence[Record]) -> None:
    """Of the chain with the most synthesisers, over the second half of training."""
    chains = [record for record in group if name(record) != "bptt"]
    most = max((cuts(record) for record in chains), default=0)
    found: dict[Kind, dict[int, list[float]]] = {kind: {} for kind in KINDS}
    for record in chains:
        late = [p for p in record.probes if p["timesteps"] >= record.spec.timesteps / 2]
        late = [p for p in late if p.get("cuts")]
        if late and cuts(record) == most and (kind := _kind(record)) in found:
            for i, cut in enumerate(late[0]["cuts"]):
                mean = fmean(p["cut_cosine"][i] for p in late)
                found[kind].setdefault(cut, []).append(mean)
    for kind, cosines in found.items():
        _line(axes, kind, cosines)
    axes.axhline(0, color="0.7", linewidth=1, zorder=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(
        xlabel="cut after layer (the loss is to the right)",
        ylabel=_shared.wrapped("cosine of the synthetic with the true gradient"),
        title=f"{most} synthesisers, one after each layer",
    )


def _kind(record: Record) -> Kind:
    return conditioned(record), record.spec.lr


def _line(axes: Axes, kind: Kind, values: dict[int, list[float]]) -> None:
    """Medians over seeds with their intervals, along the whole numbers of x."""
    if not values:
        return
    x, found = sorted(values), [interval(values[at]) for at in sorted(values)]
    spread = [
        [each.centre - each.low for each in found],
        [each.high - each.centre for each in found],
    ]
    axes.errorbar(
        x, [each.centre for each in found], yerr=spread, label=KINDS[kind], elinewidth=1,
        capsize=3, **STYLES[kind],
    )  # fmt: skip
