"""Chains of synthesisers: accuracy by their number, direction by the place of the cut."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import MaxNLocator

from harness.analysis.layers import POINTS, conditioned, cuts, layers
from harness.analysis.look import LOOKS
from harness.analysis.pairs import name
from harness.analysis.scoring import result
from harness.figure import Figure
from harness.names.call import Call
from harness.registry import Registry
from harness.spec import RunSpec
from harness.statistics import Interval, interval
from harness.store import Record
from harness.suites import depth
from plots import _shared

LAYERS = 6
KINDS = (("DNI (M does not read the label)", False), ("cDNI (M reads it)", True))
STYLE = {
    False: {"color": "#d55e00", "marker": "o", "dashes": (4, 2)},
    True: {"color": LOOKS["dni"].colour, "marker": "D", "dashes": (None, None)},
}
PLAIN = {"color": "0.3", "linewidth": 1.5, "dashes": (1, 2)}


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
            title=f"{_shared.task(group[0])}, {_shared.seeds(group)}; bars: 95 % intervals",
            title_fontsize="small",
        )  # fmt: skip
        return drawing


def _in_a_chain(record: Record) -> bool:
    """Backpropagation, or a chain whose call names nothing but cuts and what M reads."""
    plain = set(Call.parse(record.spec.trainer).options) <= {"cuts", "conditioned"}
    return layers(record) == LAYERS and plain and name(record) in ("bptt", "dni_depth")


def _errors(axes: Axes, group: Sequence[Record]) -> None:
    by_number: dict[tuple[bool, int], list[float]] = {}
    plain = []
    for record in group:
        value = result(record)
        if value is None:
            continue
        error = POINTS * (1 - value)
        if name(record) == "bptt":
            plain.append(error)
        else:
            by_number.setdefault((conditioned(record), cuts(record)), []).append(error)
    for said, kind in KINDS:
        found = {
            n: interval(errors) for (own, n), errors in sorted(by_number.items()) if own == kind
        }
        if found:
            _line(axes, said, kind, found)
    if plain:
        axes.axhline(interval(plain).centre, label="backpropagation", **PLAIN)  # type: ignore[arg-type]
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="synthesisers in the chain", ylabel="test error (%)", yscale="log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("")


def _directions(axes: Axes, group: Sequence[Record]) -> None:
    """Of the chain with the most synthesisers, over the second half of training."""
    chains = [record for record in group if name(record) != "bptt"]
    most = max((cuts(record) for record in chains), default=0)
    for said, kind in KINDS:
        at: dict[int, list[float]] = {}
        for record in chains:
            if conditioned(record) != kind or cuts(record) != most:
                continue
            late = [p for p in record.probes if p["timesteps"] >= record.spec.timesteps / 2]
            late = [p for p in late if p.get("cuts")]
            for i, cut in enumerate(late[0]["cuts"] if late else []):
                at.setdefault(cut, []).append(fmean(p["cut_cosine"][i] for p in late))
        if at:
            _line(axes, said, kind, {cut: interval(cosines) for cut, cosines in at.items()})
    axes.axhline(0, color="0.7", linewidth=1, zorder=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(
        xlabel="cut after layer (the loss is to the right)",
        ylabel=_shared.wrapped("cosine of the synthetic with the true gradient"),
        title=f"{most} synthesisers, one after each layer",
    )


def _line(axes: Axes, label: str, kind: bool, found: dict[int, Interval]) -> None:
    x = list(found)
    middle = [each.centre for each in found.values()]
    spread = [
        [each.centre - each.low for each in found.values()],
        [each.high - each.centre for each in found.values()],
    ]
    axes.errorbar(x, middle, yerr=spread, label=label, elinewidth=1, capsize=3, **STYLE[kind])  # type: ignore[arg-type]
