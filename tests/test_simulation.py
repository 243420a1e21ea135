"""Simulated processes: each mode against a case by hand, and against what was measured."""

from __future__ import annotations

from pathlib import Path

import pytest
import simpy

from harness.simulation.costs import BYTES, Costs, Link, read
from harness.simulation.modes import (
    BUCKET,
    Behaviour,
    Plan,
    Process,
    Wire,
    World,
    all_forward,
    alternating,
    ddp,
    decoupled,
    decoupled_inputs,
    gpipe,
    one_f_one_b,
)

BATCH, WIDTH, WEIGHTS = 64, 8, 1000
DRAW, UPDATE = 0.5, 0.25
FORWARD, BACKWARD = 1.0, 2.0  # seconds of a hidden layer, on a whole minibatch
IDEAL = Link(0.0, 1e30)


def plan(
    *, hidden: int = 4, link: Link = IDEAL, say: float = 0.0, teach: float = 0.0,
    draw: float = 0.0, update: float = 0.0, dear: float = 1.0, **more: int,
) -> Plan:  # fmt: skip
    """Layers that cost the same, in proportion to the examples; first and last layers nothing."""

    def each(seconds: float) -> dict[int, float]:
        return {1: seconds / BATCH, BATCH: seconds}

    measured = {("minibatch", "draw"): each(draw)}
    for part in ("first", "hidden", "top"):
        real = part == "hidden"
        measured[part, "forward"] = each(FORWARD * real)
        measured[part, "backward"] = each(BACKWARD * real)
        measured[part, "update"] = {WEIGHTS if real else 1: update * real}
    for part in ("synthesiser", "predictor"):
        measured[part, "forward"], measured[part, "teach"] = each(say), each(teach)
        measured[part, "update"] = {1: 0.0}
    costs = Costs(measured, width=WIDTH, dear=dear)
    return Plan(costs=costs, link=link, sums=link, hidden=hidden, batch=BATCH, **more)


def took(mode: Behaviour, processes: int, updates: int = 1, **given: float) -> float:
    return World(plan(**given), processes).run(mode, updates)


@pytest.mark.parametrize("mode", [ddp, gpipe, one_f_one_b])
def test_one_process_does_everything_itself(mode: Behaviour) -> None:
    found = took(mode, 1, 3, draw=DRAW, update=UPDATE)
    assert found == pytest.approx(3 * (DRAW + 4 * (FORWARD + BACKWARD + UPDATE)))


def test_minibatches_in_parallel_share_all_but_the_drawing_and_the_update() -> None:
    found = took(ddp, 4, draw=DRAW, update=UPDATE)
    assert found == pytest.approx(DRAW + 4 * (FORWARD + BACKWARD) / 4 + 4 * UPDATE)


def test_a_ring_sends_every_part_twice_around() -> None:
    link = Link(latency=0.1, bandwidth=100)
    assert link.ring(1, 1000) == 0
    assert link.ring(2, 1000) == pytest.approx(2 * (0.1 + 5))
    assert link.ring(4, 1000) == pytest.approx(6 * (0.1 + 2.5))


def test_gradients_travel_while_the_backward_pass_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    link, each = Link(0.0, 1e4), BYTES * WEIGHTS  # 0.4 s for a layer's gradient
    whole = took(ddp, 2, link=link)
    first_and_last = 2 * BYTES / link.bandwidth
    assert whole == pytest.approx(6 + 4 * each / link.bandwidth + first_and_last), "one bucket"
    monkeypatch.setattr("harness.simulation.modes.FIRST_BUCKET", each)
    monkeypatch.setattr("harness.simulation.modes.BUCKET", each)
    # a layer's backward pass takes 1 s: but for the lowest layer's, all sums are done by then
    assert took(ddp, 2, link=link) == pytest.approx(6 + (each + BYTES) / link.bandwidth)
    slow = Link(0.0, 1e3)  # 4 s each: they queue, from the end of the topmost layer's pass
    assert took(ddp, 2, link=slow) == pytest.approx(2 + 1 + (4 * each + 2 * BYTES) / 1e3)
    assert BUCKET == 25 * 2**20
    monkeypatch.setattr("harness.simulation.modes.BUCKET", 3 * each)  # the first alone is small
    assert took(ddp, 2, link=link) == pytest.approx(6 + (3 * each + BYTES) / link.bandwidth)


def test_messages_leave_one_behind_the_other() -> None:
    clock, arrived = simpy.Environment(), []
    wire = Wire(clock, Link(latency=1.0, bandwidth=10))

    def listen() -> Process:
        for _ in range(2):
            yield wire.take()
            arrived.append(clock.now)

    wire.send(20)
    wire.send(30)
    clock.process(listen())
    clock.run()
    assert arrived == [3.0, 6.0]


@pytest.mark.parametrize("mode", [gpipe, one_f_one_b])
@pytest.mark.parametrize(("processes", "microbatches"), [(2, 1), (2, 4), (4, 4), (4, 16)])
def test_a_pipeline_idles_while_it_fills_and_empties(
    mode: Behaviour, processes: int, microbatches: int
) -> None:
    """(m + p - 1) / m times as long as without the bubble."""
    found = took(mode, processes, 2, microbatches=microbatches)
    busy = 2 * 4 * (FORWARD + BACKWARD) / processes
    bubble = (microbatches + processes - 1) / microbatches
    # the lowest part ends each minibatch: nothing of the next has begun
    assert found == pytest.approx(busy * bubble)


def test_microbatches_wait_for_their_messages() -> None:
    """Two parts, one microbatch: there and back is on the path of every update."""
    link = Link(latency=0.3, bandwidth=BYTES * WIDTH * BATCH)  # a second for a minibatch
    found = took(gpipe, 2, link=link, microbatches=1)
    assert found == pytest.approx(4 * (FORWARD + BACKWARD) + 2 * 1.3)


def test_schedules_are_those_of_their_papers() -> None:
    def said(order: list[str]) -> str:
        return "".join(action[0] for action in order)

    assert said(all_forward(3)) == "fffbbb"
    assert [said(alternating(4, ahead)) for ahead in (3, 2, 1)] == [
        "fffbfbbb", "ffbfbfbb", "fbfbfbfb",
    ]  # fmt: skip
    assert said(alternating(2, 3)) == "ffbb"


@pytest.mark.parametrize("mode", [decoupled, decoupled_inputs])
def test_decoupled_blocks_take_as_long_as_the_slowest(mode: Behaviour) -> None:
    """That in the middle: it says, and it teaches; with synthetic inputs it does both twice."""
    given = {"say": 0.5, "teach": 0.75, "update": UPDATE, "draw": DRAW}
    pace = (took(mode, 4, 40, **given) - took(mode, 4, 20, **given)) / 20
    own = DRAW + FORWARD + BACKWARD + UPDATE + 0.5 + 0.75
    assert pace == pytest.approx(own + (1.25 if mode is decoupled_inputs else 0.0))


def test_decoupled_blocks_do_not_wait_for_messages_within_their_queue() -> None:
    """A minibatch is two seconds on its way, a block takes six; nobody waits but at both ends."""
    link = Link(1.0, BYTES * WIDTH * BATCH)
    given = {"link": link, "queue": 2}
    pace = (took(decoupled, 2, 20, **given) - took(decoupled, 2, 10, **given)) / 10
    assert pace == pytest.approx(2 * (FORWARD + BACKWARD))
    lock_step = (
        took(decoupled, 2, 20, link=link, queue=0) - took(decoupled, 2, 10, link=link, queue=0)
    ) / 10
    # the lower block's forward pass, up, the upper block, down; the lower's own pass is meanwhile
    assert lock_step == pytest.approx(2 * FORWARD + 2 + 2 * (FORWARD + BACKWARD) + 2)


@pytest.mark.parametrize(("mode", "messages"), [(decoupled, 1), (decoupled_inputs, 2)])
def test_where_the_network_is_slow_it_sets_the_pace(mode: Behaviour, messages: int) -> None:
    """Down comes a gradient, and with it the synthetic input that it is for."""
    link = Link(0.0, BYTES * WIDTH * BATCH / 10)
    pace = (took(mode, 4, 20, link=link) - took(mode, 4, 10, link=link)) / 10
    assert pace == pytest.approx(10 * messages)


def test_on_synthetic_inputs_nobody_waits_for_the_block_below() -> None:
    """The first minibatch: all blocks at once, instead of one after the other."""
    ahead = took(decoupled_inputs, 4, 1)
    assert ahead == pytest.approx(FORWARD + BACKWARD)
    assert took(decoupled, 4, 1) == pytest.approx(4 * FORWARD + BACKWARD)


@pytest.mark.parametrize("mode", [ddp, gpipe, one_f_one_b, decoupled])
def test_a_dear_backward_pass_is_dear_everywhere(mode: Behaviour) -> None:
    given = {"microbatches": 1}
    plain, dear = (took(mode, 2, 1, dear=dear, **given) for dear in (1.0, 3.0))
    work = {ddp: 4 * BACKWARD / 2, decoupled: 2 * BACKWARD}.get(mode, 4 * BACKWARD)
    assert dear - plain == pytest.approx(2 * work)


def test_costs_are_read_between_the_sizes_measured(tmp_path: Path) -> None:
    path = tmp_path / "costs.csv"
    path.write_text(
        "part,action,size,seconds\n"
        "hidden,forward,16,2\nhidden,forward,64,8\nhidden,update,1000,0.5\n"
        "message,there and back,1000,0.5\nmessage,there and back,3000,1.5\n"
        "message,sum,1000,0.5\nmessage,sum,3000,1.5\n"
    )
    costs = read(path, WIDTH)
    assert [costs.seconds("hidden", "forward", n) for n in (16, 40, 64)] == [2, 5, 8]
    assert (costs.parameters("hidden"), costs.update("hidden")) == (1000, 0.5)
    assert costs.link == Link(0.25, 4000)
    assert costs.sums == Link(0.25, 2000)
    assert costs.sums.ring(2, 3000) == pytest.approx(1.5 + 0.5)
    for beyond in (8, 65):
        with pytest.raises(ValueError, match="16 to 64"):
            costs.seconds("hidden", "forward", beyond)
