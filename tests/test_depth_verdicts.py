"""The claims about decoupled layers, on planted records: a gain, its reverse, and none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harness.analysis.layers import conditioned, cuts, layers
from harness.analysis.verdict import rulings
from harness.registry import Registry
from harness.spec import RunSpec
from harness.store import Record
from harness.suites.depth import BLIND, FAST, SLOW, WARMUP

SCORE = {"column": "accuracy", "unit": "share of images", "higher": True}
DNI, SILENT = f"dni_depth({BLIND})", f"dni_depth({BLIND}, lr=0.0)"


def run(
    trainer: str, seed: int, accuracy: float, *, lr: float = FAST, hidden: int = 6,
    pace: float = 1.0, flops: int = 10, cosines: tuple[float, ...] = (), task: str = "digits",
) -> Record:  # fmt: skip
    """A run that ends at some accuracy, a little less at odd seeds."""
    spec = RunSpec(
        task=f"images(data={task!r})", model=f"mlp(layers={hidden})", trainer=trainer, seed=seed,
        lr=lr, timesteps=100,
    )  # fmt: skip
    record = Record(spec, {"unit": "bits per image", "parameters": 1, "score": SCORE})
    record.curve = [
        {"timesteps": 10 * i, "updates": i, "seconds": pace * i, "flops": flops * i, "bits": 0.5}
        for i in range(1, 11)
    ]
    value = accuracy - 0.001 * (seed % 2)
    record.validation = [{**record.curve[-1], "accuracy": value}]
    record.end = {"status": "complete", "activation_bytes": 1, "peak_memory_bytes": 1,
                  "test_bits": 0.5, "test_accuracy": value}  # fmt: skip
    # a sharp turn half way: only the second half counts
    record.probes = [
        {"timesteps": at, "cuts": list(range(len(cosines))), "cut_cosine": list(turned)}
        for at, turned in ((40, cosines[::-1]), (60, cosines), (90, cosines))
        if cosines
    ]
    return record


def said(claim: str, records: list[Record], registry: Registry) -> dict[str, tuple[str, str]]:
    """Verdict and effect by what the claim says."""
    found = rulings(registry.make("claim", claim), records)
    return {ruling.says: (ruling.verdict, ruling.effect) for ruling in found}


def many(trainer: str, accuracy: float, seeds: int = 10, **how: Any) -> list[Record]:
    return [run(trainer, seed, accuracy, **how) for seed in range(seeds)]


def test_what_a_record_says_of_its_chain() -> None:
    blind = run("dni_depth(conditioned=False, cuts=(0, 3, 5))", 0, 0.9)
    assert (layers(blind), cuts(blind), conditioned(blind)) == (6, 3, False)
    whole = run("dni_depth", 0, 0.9, hidden=4)
    assert (layers(whole), cuts(whole), conditioned(whole)) == (4, 4, True)


def test_longer_chains_are_compared_with_one_synthesiser_at_one_rate(registry: Registry) -> None:
    records = [
        *many(f"dni_depth({BLIND}, cuts=(5,))", 0.97), *many(DNI, 0.80),
        *many(f"dni_depth({BLIND}, cuts=(5,))", 0.90, lr=SLOW), *many(DNI, 0.95, lr=SLOW),
        *many("dni_depth(cuts=(5,))", 0.97), *many("dni_depth", 0.97),
        *many(DNI, 0.10, hidden=3),  # another network is no pair, and not asked
    ]  # fmt: skip
    found = said("chain_noise", records, registry)
    worse = "6 synthesisers (DNI) are less accurate than one: 6 layers"
    assert found[f"at rate 0.001 {worse}"] == (
        "supported", "-17.00 [all equal] points of accuracy, 6 − 1",
    )  # fmt: skip
    assert found[f"at rate 0.0001 {worse}"][0] == "contradicted"
    told = "at rate 0.001 6 synthesisers (cDNI) are less accurate than one: 6 layers"
    assert found[told][0] == "undecided"
    assert len(found) == 3


def test_directions_are_those_of_the_second_half(registry: Registry) -> None:
    records = many(DNI, 0.9, cosines=(0.1, 0.3, 0.8), lr=SLOW)
    ((says, (verdict, effect)),) = said("chain_noise", records, registry).items()
    assert says.startswith("at rate 0.0001 DNI points worse at the first cut than the last")
    assert (verdict, effect[:4]) == ("supported", "0.70")


def test_a_warm_up_is_beside_none_and_beside_silence_after_it(registry: Registry) -> None:
    warm = f"dni_depth({BLIND}, warmup={WARMUP})"
    records = [
        *many(warm, 0.95),
        *many(DNI, 0.80),
        *many(f"dni_depth({BLIND}, lr=0.0, warmup={WARMUP})", 0.97),
    ]
    verdicts = [verdict for verdict, _ in said("chain_warm_up", records, registry).values()]
    assert verdicts == ["supported", "contradicted"]


def test_labels_are_compared_with_each_method_at_its_own_rate(registry: Registry) -> None:
    records = [
        *many("dni_depth", 0.98), *many("bptt", 0.98), *many(DNI, 0.95, lr=SLOW), *many(DNI, 0.60),
        *many(SILENT, 0.80, lr=SLOW), *many(SILENT, 0.85),
    ]  # fmt: skip
    found = said("labels", records, registry)
    assert found["cDNI is more accurate than DNI: 6 layers"][1][:4] == "3.00"
    assert found["cDNI is more accurate than backpropagation: 6 layers"][0] == "undecided"
    silent = "DNI is more accurate than if all layers but the read-out stay as drawn: 6 layers"
    assert found[f"at rate 0.0001 {silent}"][0] == "supported"
    assert found[f"at rate 0.001 {silent}"][0] == "contradicted"
    mnist = [*many("dni_depth", 0.98, task="mnist"), *many(DNI, 0.95, lr=SLOW, task="mnist")]
    assert [v for v, _ in said("labels_mnist", mnist, registry).values()] == ["supported"]


def test_unlocked_blocks_are_beside_silent_ones_and_beside_those_in_order(
    registry: Registry,
) -> None:
    records = [
        *many("dni_unlocked(cuts=(0, 3, 5), inputs=True)", 0.6),
        *many("dni_depth(cuts=(0, 3, 5), lr=0.0)", 0.8), *many("dni_depth(cuts=(0, 3, 5))", 0.98),
    ]  # fmt: skip
    found = said("synthetic_inputs", records, registry)
    assert [verdict for verdict, _ in found.values()] == ["contradicted", "supported"]


def test_an_update_is_compared_in_time_in_flops_and_in_accuracy(registry: Registry) -> None:
    records = [
        *many("bptt", 0.98), *many("dni_depth", 0.98, pace=2.0, flops=15),
        *many("dni_depth(cuts=(2,), every=4)", 0.90, pace=0.5, flops=5),
        *many("dni_depth", 0.9, hidden=3, pace=0.1), *many("bptt", 0.9, hidden=3, pace=0.1),
    ]  # fmt: skip
    found = said("iteration", records, registry)
    assert len(found) == 6
    words = "with cDNI after every layer: 6 layers"
    assert found[f"an update takes less time {words}"] == (
        "contradicted", "2.00 [all equal] × time an update, / backpropagation",
    )  # fmt: skip
    assert found[f"an update takes fewer FLOPs {words}"][1][:4] == "1.50"
    sparse = "with one cDNI, the whole chain at each fourth update"
    assert found[f"an update takes less time {sparse}: 6 layers"][0] == "supported"
    assert found[f"{sparse} it is less accurate after as many updates: 6 layers"] == (
        "supported", "-8.00 [all equal] points of accuracy, cDNI − backpropagation",
    )  # fmt: skip


def test_costs_to_an_accuracy_are_compared_by_the_multiple(registry: Registry) -> None:
    def dear(trainer: str, multiple: int, reached: int, flops: int) -> list[Record]:
        """Runs that reach the accuracy at a point of ten, or, 11, never."""
        records = many(trainer, 0.98, flops=flops, pace=0.1)
        for record in records:
            model = f"implicit(backward={4 * multiple}, forward=4)"
            record.spec = replace(record.spec, model=model)
            record.validation = [
                {**row, "accuracy": 0.96 if i >= reached else 0.5}
                for i, row in enumerate(record.curve, start=1)
            ]
        return records

    sparse = "dni_depth(cuts=(1,), every=4)"
    records = [
        *dear("bptt", 1, 2, 10), *dear(sparse, 1, 4, 10), *dear("bptt", 16, 2, 100),
        *dear(sparse, 16, 4, 25), *dear("bptt", 4, 5, 10), *dear(sparse, 4, 11, 10),
    ]  # fmt: skip
    found = said("dear_backward", records, registry)
    says = "with the whole chain at each 4th update cDNI takes fewer {} to 95% than backpropagation"
    by = {m: found[f"{says.format('FLOPs')}: backward {m} × forward"] for m in (1, 4, 16)}
    assert [verdict for verdict, _ in by.values()] == ["contradicted", "contradicted", "supported"]
    assert [effect[:4] for _, effect in by.values()] == ["2.00", "2.00", "0.50"]
    assert found[f"{says.format('seconds')}: backward 16 × forward"][1][:4] == "2.00"
    rules = rulings(registry.make("claim", "dear_backward"), records)
    assert [r.details for r in rules if "4 × forward" in r.says and "FLOPs" in r.says] == [
        ("reached by 0 and 10 of 10 runs",)
    ]


@pytest.mark.parametrize(
    "claim",
    ["chain_noise", "chain_warm_up", "labels", "synthetic_inputs", "iteration", "dear_backward"],
)
def test_a_claim_without_its_runs_finds_nothing(claim: str, registry: Registry) -> None:
    assert said(claim, many("bptt", 0.9), registry) == {}
