"""Every engine makes the same updates: float64, to rounding."""

from __future__ import annotations

import copy
import gc
import math
import random
import re
from collections import Counter
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._inductor import codecache, cpu_vec_isa

from harness.compat import compiler, native, scratch, torch_internals
from harness.engines import compiled, own_product, products
from harness.engines.base import Eager, Engine
from harness.engines.choice import Auto
from harness.engines.compiled import Compiled
from harness.episode import Episode
from harness.optimiser import Optimiser
from harness.registry import Registry
from harness.runs.run import Run
from harness.spec import RunSpec
from harness.trainer import Trainer
from tests.conftest import D_IN, REGISTRY, excite, make_model, make_trainer, random_episode
from tests.test_conformance import TRACEABLE

F64 = torch.float64
MODELS = ["lstm(hidden=5)", "lstm(hidden=4, layers=2)", "gru(hidden=5)", "rnn(hidden=5, layers=2)"]


def as_traced(graph: torch.fx.GraphModule, inputs: list[Tensor]) -> torch.fx.GraphModule:
    """No compiler: the graph's own operations, one after the other."""
    return graph


def updates_of(trainer: Trainer, how: Optimiser | None = None):  # type: ignore[no-untyped-def]
    how = how or Optimiser("adam", 1e-2, 0.05)  # a norm that is reached
    updates = [how.over(list(trainer.model.parameters()))]
    if trainer.own_parameters():
        assert trainer.own_optimiser is not None
        updates.append(trainer.own_optimiser.over(trainer.own_parameters()))
    return updates


def pair(text: str, model: str, how: Optimiser | None = None) -> tuple[Eager, Trainer]:
    """Two trainers that start from the same weights, the first with its engine."""
    first = make_trainer(text, make_model(model))
    second = make_trainer(text, make_model(model))
    second.load_state_dict(first.state_dict())
    return Eager(first, updates_of(first, how)), second


def hold_state(eager: Engine, other: Engine) -> None:
    """What both have come to is the same: weights, moments, state, count."""
    assert eager.trainer.seen == other.trainer.seen
    close = {"rtol": 1e-7, "atol": 1e-10}
    torch.testing.assert_close(other.trainer.carried, eager.trainer.carried, **close)
    for (name, a), b in zip(
        eager.trainer.named_parameters(), other.trainer.parameters(), strict=True
    ):
        torch.testing.assert_close(b, a, **close, msg=lambda m, name=name: f"{name}: {m}")
    for mine, theirs in zip(eager.optimisers, other.optimisers, strict=True):
        torch.testing.assert_close(theirs.moments(), mine.moments(), **close)


KINDS = [(5, True, True), (4, True, False), (4, False, False), (3, False, True), (5, True, True)]
"""Episodes: length, fresh, final."""

SHORT = [(4, False, False)] * 3
"""Two windows each, of one kind: to compile a graph takes seconds, and more for every timestep."""


def hold(eager: Engine, other: Engine, kinds: list[tuple[int, bool, bool]] = KINDS) -> None:
    """Both train on episodes of all kinds; losses, weights, moments and state stay the same."""
    for number, (L, fresh, final) in enumerate(kinds):
        episode = random_episode(L, fresh=fresh, final=final, dtype=F64)
        other.prepare(episode)
        for update in (*eager.optimisers, *other.optimisers):
            update.at(number + 0.5)
        torch.testing.assert_close(
            other.learn(episode), eager.learn(episode), rtol=1e-9, atol=1e-12
        )
        hold_state(eager, other)


OPTIONS = ["dni(T=2, warmup=6)", "dni_aux(T=2, warmup=6)", "dni(T=2, clip=0)",
           "dni(T=2, discount=1.0, optimiser='adam')"]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "model"),
    [(text, MODELS[0]) for text in [*TRACEABLE, *OPTIONS]]
    + [(text, model) for text in ("bptt", "tbptt(T=2)", "dni(T=2)") for model in MODELS[1:]],
)
def test_a_traced_update_is_the_trainers_own(text: str, model: str) -> None:
    eager, other = pair(text, model)
    hold(eager, Compiled(other, updates_of(other), as_traced))


def test_tensors_that_are_replaced_between_episodes_are_found_again() -> None:
    eager, other = pair("snap(T=2)", MODELS[0])
    engine = Compiled(other, updates_of(other), as_traced)
    hold(eager, engine, SHORT)
    for each in (eager, engine):
        each.trainer.memory = {name: 2 * kept for name, kept in each.trainer.memory.items()}
        for update in each.optimisers:
            update.load_state_dict(copy.deepcopy(update.state_dict()))
    hold(eager, engine, SHORT)


def test_the_collector_rests_while_an_update_is_traced_and_then_is_as_before() -> None:
    def asked(x: Tensor) -> Tensor:
        collects.append(gc.isenabled())
        return x + 1

    collects: list[bool] = []
    torch_internals.traced(asked, [torch.ones(1)])
    assert (collects, gc.isenabled()) == ([False], True)
    gc.disable()
    try:
        with torch_internals.uncollected():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_windows_of_one_length_have_a_graph_for_each_kind_and_phase() -> None:
    """In the warm-up, fresh, going on, final: the other tests' kinds differ in length, too."""
    eager, other = pair("dni(T=2, warmup=1)", MODELS[0])
    excite(eager.trainer)
    other.load_state_dict(eager.trainer.state_dict())
    engine = Compiled(other, updates_of(other), as_traced)
    hold(eager, engine, [(2, True, False), (2, True, False), (2, False, False), (2, False, True)])
    assert len(engine._calls) == 4


@pytest.mark.long
def test_a_compiled_update_is_the_trainers_own() -> None:
    """Of the method with the most in an update; what the others hold is traced above.

    And of another rule than its own network's, at rates that move after the graph is made.
    """
    schedule = REGISTRY.make("schedule", "cosine(warmup=2)", 6)
    how = Optimiser("rmsprop(centered=True)", 1e-2, 0.05, schedule)
    eager, other = pair("dni_aux(T=2)", MODELS[0], how)
    engine = Compiled(other, updates_of(other, how))
    hold(eager, engine, SHORT)
    assert len(engine._calls) == 1
    assert len({schedule.factor(number + 0.5) for number in range(3)}) == 3


def test_tracing_leaves_trainer_and_weights_alone() -> None:
    trainer = make_trainer("dni(T=3, warmup=100)", make_model())
    before = {k: v.clone() for k, v in trainer.named_parameters()}
    engine = Compiled(trainer, updates_of(trainer), as_traced)
    engine.prepare(random_episode(6, d_in=D_IN, dtype=F64))
    assert trainer.carried is None
    assert trainer.seen == 0
    assert engine.seconds > 0
    assert all(p.grad is None and torch.equal(p, before[k]) for k, p in trainer.named_parameters())


def test_auto_compiles_where_that_pays_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "inductor", as_traced)
    episode = random_episode(6, dtype=F64)

    def chosen(text: str, timesteps: int) -> str:
        trainer = make_trainer(text, make_model())
        auto = Auto(trainer, updates_of(trainer), timesteps)
        auto.prepare(episode)
        return auto.name

    assert chosen("dni(T=3)", 10) == "eager", "soon done"
    assert chosen("dni(T=3)", 10**9) == "compiled"
    assert chosen("bptt", 10**9) == "eager", "a graph for every length"
    eager, other = pair("dni(T=3)", MODELS[0])
    hold(eager, Auto(other, updates_of(other), 10**9))


@pytest.mark.parametrize(("before", "timesteps"), [("eager", 10**9), ("compiled", 10)])
def test_auto_does_not_choose_again_where_a_run_is_resumed(
    before: str, timesteps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "inductor", as_traced)
    spec = RunSpec(task="plain_copy(bits=2)", trainer="dni(T=3)", model="rnn(hidden=4)", batch=2,
                   timesteps=timesteps)  # fmt: skip
    with closing(Run(spec, Registry(), "auto")) as run:
        assert run.state_dict()["chosen"] == ""
        run.learn(next(run.episodes()))
        found = run.state_dict()
    assert found["chosen"] == {"eager": "compiled", "compiled": "eager"}[before]
    with closing(Run(spec, Registry(), "auto")) as later:
        later.load_state_dict({**found, "chosen": before})
        later.learn(next(later.episodes()))
        assert later.engine.name == later.engine.chosen == before


def test_auto_trains_on_where_compiling_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no such instruction\nat line 3")

    monkeypatch.setattr(compiled, "inductor", broken)
    trainer = make_trainer("tbptt(T=3)", make_model())
    auto = Auto(trainer, updates_of(trainer), 10**9)
    with pytest.warns(UserWarning, match="^not compiled: no such instruction$"):
        auto.prepare(random_episode(6, dtype=F64))
    assert auto.name == auto.chosen == "eager"


@pytest.mark.parametrize("parts", [1, 3])
def test_a_trainer_that_makes_other_updates_than_it_names_is_refused(parts: int) -> None:
    trainer = make_trainer("dni(T=3)", make_model())
    trainer.cut = lambda episode: iter([episode] * parts)  # type: ignore[method-assign]
    with pytest.raises(TypeError, match=f"yields 2 times .* cuts into {parts} windows"):
        Compiled(trainer, updates_of(trainer), as_traced).prepare(random_episode(6, dtype=F64))


def count(trainer: Any) -> float:
    trainer.scale += 0.1
    return float(trainer.scale)


def count_in_a_list(trainer: Any) -> float:
    trainer.model.counts = [*vars(trainer.model).get("counts", []), 1]
    return float(len(trainer.model.counts))


def count_in_an_object(trainer: Any) -> float:
    kept = vars(trainer.model).setdefault("counter", SimpleNamespace(count=0))
    kept.count += 1
    return float(kept.count)


@pytest.mark.parametrize(
    ("scale", "said"),
    [
        (lambda trainer: 0.5 if trainer.seen < 100 else 1.0, "depends on `seen`"),
        (count, "keeps a count"),
        (count_in_a_list, "keeps a count"),
        (lambda trainer: float(torch.rand(())), "draws random numbers"),
        (lambda trainer: random.random(), "draws random numbers"),
        (count_in_an_object, "keeps a count"),
    ],
)
def test_a_trainer_with_a_memory_of_its_own_is_refused(scale: Any, said: str) -> None:
    trainer = make_trainer("dni(T=3)", make_model())
    excite(trainer)

    class Remembers(type(trainer)):  # type: ignore[misc]
        def beyond(self, window: Episode, h_T: Tensor) -> Tensor | None:
            prediction = super().beyond(window, h_T)
            return None if prediction is None else prediction * scale(self)

    trainer.__class__ = Remembers
    with pytest.raises(TypeError, match=said):
        Compiled(trainer, updates_of(trainer), as_traced).prepare(
            random_episode(6, final=False, dtype=F64)
        )


def test_a_tensor_that_no_optimiser_moves_is_refused() -> None:
    trainer = make_trainer("tbptt(T=3)", make_model())
    moved = updates_of(trainer)
    trainer.model.register_parameter("mean", torch.nn.Parameter(torch.zeros(3)))
    with pytest.raises(TypeError, match=r"stacked: no optimiser updates 'model\.mean'$"):
        Compiled(trainer, moved, as_traced).prepare(random_episode(6, dtype=F64))


@pytest.mark.long
def test_an_engine_leaves_a_whole_run_the_same_to_rounding(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With our own products, whatever a trial here would find.

    The product over both timesteps and the batch is worked on in three parts, of 200.
    """
    monkeypatch.setattr(products, "choice", lambda shape: products.OWN)
    spec = RunSpec(
        task="plain_copy(bits=2)", trainer="dni(T=2)", model="lstm(hidden=8)", batch=300,
        timesteps=300,
    )  # fmt: skip
    both = [[row for _, row in Run(spec, registry, name).train()] for name in ("eager", "compiled")]
    for ours, theirs in zip(*both, strict=True):
        assert ours["bits"] == pytest.approx(theirs["bits"], rel=1e-3)
        assert ours["flops"] == theirs["flops"]


@pytest.mark.parametrize(
    ("M", "K", "N"), [(1, 1, 1), (8, 16, 32), (7, 3, 5), (33, 300, 70), (15, 513, 33),
                     (70, 300, 40), (300, 40, 33)]
)  # fmt: skip
@pytest.mark.parametrize("turned", [(False, False), (True, False), (False, True)])
def test_our_own_product_is_the_product(turned: tuple[bool, bool], M: int, K: int, N: int) -> None:
    """Rows, columns and depth that fill whole blocks, and that do not."""
    torch.manual_seed(0)
    a = torch.randn(K, M).t() if turned[0] else torch.randn(M, K)
    b = torch.randn(N, K).t() if turned[1] else torch.randn(K, N)
    out = torch.full((M, N), math.nan)
    own_product.own(a, b, out, times=2)
    error = (out - a.double() @ b.double()).abs().max()
    assert error < 1e-6 * K


def test_a_factor_of_several_products_is_packed_once_and_again_where_it_was_written_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(products, "choice", lambda shape: products.OWN)

    def made(a: Tensor, b: Tensor, once: Tensor) -> list[Tensor]:
        turned = b.t()
        before = [a @ turned, a.sin() @ turned, a @ once]
        b.mul_(2.0)
        return [*before, a @ turned, a.cos() @ turned]

    given = [torch.randn(3, 5), torch.randn(7, 5), torch.randn(5, 2)]
    expected = made(*(tensor.clone() for tensor in given))
    graph = products.replaced(torch_internals.traced(made, [t.clone() for t in given]))
    called = Counter(node.target for node in graph.graph.nodes)
    assert called[own_product.PACKED] == 2
    assert (called[own_product.OF_PACKED], called[own_product.PRODUCT]) == (4, 1)
    torch.testing.assert_close(graph(*given), expected)


@pytest.mark.parametrize(
    ("written", "lengths", "parts"),
    [(False, (4, 4, 4), True), (True, (4, 4, 4), False), (False, (4, 3, 4), False)],
)
def test_what_is_joined_for_one_product_is_read_in_parts_where_they_are_even_and_stay(
    written: bool, lengths: tuple[int, ...], parts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(products, "choice", lambda shape: products.OWN)

    def made(*of: Tensor) -> list[Tensor]:
        a, b = torch.cat(of[:3]), torch.cat(of[3:])
        if written:
            of[0].mul_(2.0)
        return [a.t() @ b]

    given = [torch.randn(length, width) for width in (5, 7) for length in lengths]
    expected = made(*(tensor.clone() for tensor in given))
    graph = products.replaced(torch_internals.traced(made, [t.clone() for t in given]))
    called = Counter(node.target for node in graph.graph.nodes)
    assert called[own_product.OF_JOINED] == parts
    torch.testing.assert_close(graph(*given), expected)


def test_a_product_may_be_a_factor_a_part_or_a_bias_of_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(products, "choice", lambda shape: products.OWN)

    def made(a: Tensor, b: Tensor) -> list[Tensor]:
        square = a @ b
        joined = torch.cat([square, a @ square]).t() @ torch.cat([a, square])
        return [torch.addmm(square, square @ b, joined)]

    given = [torch.randn(5, 5), torch.randn(5, 5)]
    graph = products.replaced(torch_internals.traced(made, given))
    called = Counter(node.target for node in graph.graph.nodes)
    assert called[own_product.OF_JOINED] == 1
    assert called[torch.ops.aten.mm.default] == called[torch.ops.aten.addmm.default] == 0
    torch.testing.assert_close(graph(*given), made(*given))


def test_whose_product_is_tried_once_and_the_first_to_say_is_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native, "folder", lambda: tmp_path)
    trials = []

    def tried(shape: products.Shape) -> str:
        trials.append(shape)
        if len(trials) == 1:  # meanwhile another process has tried it, and found otherwise
            products.choice(shape)
        return products.TORCH if len(trials) == 1 else products.OWN

    monkeypatch.setattr(products, "tried", tried)
    shape = products.Shape(4, 5, 6, True, True, 1, 0)
    found = [products.choice(shape) for _ in range(3)]
    assert len(trials) == 2
    assert len(set(found)) == 1


def step(x: Tensor, weight: Tensor) -> list[Tensor]:
    """Something like an update: it changes its input in place."""
    weight.mul_(0.5)
    return [(x * weight).sum(), x + weight]


@pytest.mark.long
def test_what_was_compiled_before_is_loaded_and_not_compiled_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native, "folder", lambda: tmp_path)
    options = {"cpp_wrapper": True}

    def made(length: int) -> Any:
        given = [torch.arange(float(length)), torch.ones(length)]
        call = native.compiled(torch_internals.traced(step, given), given, options)
        assert torch.equal(given[1], torch.ones(length)), "it has been called on our tensors"
        loss, leaving = call(*given)
        assert (loss.item(), given[1].tolist()) == (sum(range(length)) / 2, [0.5] * length)
        assert torch.equal(leaving, given[0] + 0.5)
        call(*given)
        assert torch.equal(leaving, given[0] + 0.5), "what has left is written to again"
        return call

    first = made(5)
    honest = native._by_inductor
    monkeypatch.setattr(native, "_by_inductor", lambda *_: pytest.fail("compiled again"))
    again = made(5)
    assert isinstance(first, native.Native)
    assert isinstance(again, native.Native)
    with pytest.raises(pytest.fail.Exception, match="compiled again"):
        made(6)
    # a wrapper that does not do all that the graph does is neither used alone nor kept
    monkeypatch.setattr(
        native, "_by_inductor",
        lambda *given: (lambda *_: [torch.zeros(()), given[1][0]], honest(*given)[1]),
    )  # fmt: skip
    given = [torch.arange(4.0), torch.ones(4)]
    graph = torch_internals.traced(step, given)
    assert not isinstance(native.compiled(graph, given, options), native.Native)
    assert len(list(tmp_path.glob("*.so"))) == 1


BODY = """
void inductor_entry_impl(
    AtenTensorHandle* output_handles
) {
    static constexpr int64_t int_array_0[] = {640L, };
    AtenTensorHandle pool1_handle;
    AOTI_TORCH_ERROR_CODE_CHECK(aoti_torch_empty_strided(1, int_array_0, int_array_0, cpu, 0, &pool1_handle));
    RAIIAtenTensorHandle pool1(pool1_handle);
    AtenTensorHandle pool2_handle;
    AOTI_TORCH_ERROR_CODE_CHECK(aoti_torch_empty_strided(1, int_array_0, int_array_0, cpu, 0, &pool2_handle));
    RAIIAtenTensorHandle pool2(pool2_handle);
    AtenTensorHandle tmp_tensor_handle_0;
    AOTI_TORCH_ERROR_CODE_CHECK(aoti_torch__alloc_from_pool(pool1, 0, 2, &tmp_tensor_handle_0));
    auto buf0 = RAIIAtenTensorHandle(tmp_tensor_handle_0);
    AtenTensorHandle tmp_tensor_handle_1;
    AOTI_TORCH_ERROR_CODE_CHECK(aoti_torch__alloc_from_pool(pool2, 0, 2, &tmp_tensor_handle_1));
    auto buf1 = RAIIAtenTensorHandle(tmp_tensor_handle_1);
    auto buf2 = wrap_with_raii_handle_if_needed(reinterpret_tensor_wrapper(buf0, 1, 4L));  // alias
    kernel((float*)(buf2.data_ptr()), (float*)(buf1.data_ptr()));
    auto buf3 = std::move(buf0);  // reuse
    arg0_1.reset();
    buf2.reset();
    pool1.reset(); buf3.reset(); pool2.reset();
    output_handles[0] = buf1.release();
} // inductor_entry_impl
"""  # noqa: E501
"""As Inductor writes it, but shorter."""


def test_buffers_that_do_not_leave_a_graph_are_held_from_call_to_call() -> None:
    found = scratch.held(BODY)
    assert "struct Held { RAIIAtenTensorHandle pool1, buf0, buf2; };" in found
    assert "    if (!buf2.get()) { viewed(buf2, buf0, 1, 4L); }\n" in found
    for made in ("pool1", "buf0"):
        assert re.search(rf"if \(!{made}.get\(\)\) {{ .* made\({made}, error, raw\); }}\n", found)
    assert "    auto& buf3 = buf0;\n" in found
    assert "    auto buf1 = RAIIAtenTensorHandle(tmp_tensor_handle_1);\n" in found
    assert re.findall(r"(\w+)\.reset", found) == ["arg0_1", "pool2"]


RETURNED = """    AtenTensorHandle buf4_handle;
    AOTI_TORCH_ERROR_CODE_CHECK(aoti_torch_cpu_product_of_packed(buf2, buf1, 4L, &buf4_handle));
    RAIIAtenTensorHandle buf4(buf4_handle);
"""


@pytest.mark.parametrize("leaves", [False, True])
def test_what_our_product_returns_is_given_to_it_again_unless_it_leaves(leaves: bool) -> None:
    body = BODY.replace("    arg0_1", f"{RETURNED}    arg0_1")
    if leaves:
        body = body.replace("    output", "    output_handles[1] = buf4.release();\n    output")
    found = scratch.held(body)
    given = "nullptr" if leaves else "buf4.get()"
    assert f"    AtenTensorHandle buf4_handle = {given};\n    AOTI" in found
    assert ("held.buf4" in found) == (not leaves)
    kept = "    if (!buf4.get()) buf4 = RAIIAtenTensorHandle(buf4_handle);\n"
    made = "    RAIIAtenTensorHandle buf4(buf4_handle);\n"
    assert (kept in found, made in found) == (not leaves, leaves)


@pytest.mark.parametrize(
    "body",
    [
        BODY.replace("640L", "8000L, 1000L"),  # too large to be held
        BODY.replace("arg0_1.reset()", "wrapped(std::move(buf2))"),
        BODY.replace("arg0_1.reset()", "buf3.release()"),
        BODY.replace("] = buf1", "] = buf3").replace("pool2", "pool1"),  # nothing else is made
        BODY.replace("inductor_entry_impl", "another"),
    ],
)
def test_buffers_of_which_that_is_not_known_to_be_right_are_not_held(body: str) -> None:
    assert scratch.held(body) == body


@pytest.mark.parametrize(
    ("has", "works", "tried", "found"),
    [
        ("avx2 avx512 avx512_vnni amx_tile", "avx512 avx2", ["avx512"], ["avx512"]),
        ("avx2 avx512", "avx2", ["avx512", "avx2"], ["avx2"]),
        ("avx2", "avx512 avx2", ["avx2"], ["avx2"]),
        ("avx2 avx512", "", ["avx512", "avx2"], ["what Inductor finds"]),
        ("", "asimd", [], ["what Inductor finds"]),  # no x86
    ],
)
def test_of_instruction_sets_the_widest_that_works_is_tried_alone(
    has: str, works: str, tried: list[str], found: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    class Instructions:
        def __init__(self, name: str) -> None:
            self.name = name

        def __str__(self) -> str:
            return self.name

        def __bool__(self) -> bool:
            asked.append(self.name)
            return self.name in works.split()

    kinds = [*map(Instructions, ("avx512 avx512_vnni amx_tile", "avx512 avx512_vnni", "avx512",
                                 "avx2", "asimd"))]  # fmt: skip
    monkeypatch.setattr(cpu_vec_isa, "supported_vec_isa_list", kinds)
    monkeypatch.setattr(cpu_vec_isa, "x86_isa_checker", has.split)
    monkeypatch.delenv("ATEN_CPU_CAPABILITY", raising=False)
    every = lambda: ["what Inductor finds"]  # noqa: E731
    assert [str(each) for each in compiler._instructions(every)] == found
    assert asked == tried
    monkeypatch.setenv("ATEN_CPU_CAPABILITY", "avx2")
    assert compiler._instructions(every) == every()


def test_inductor_compiles_our_way_inside_and_as_before_outside() -> None:
    cache = codecache.CppWrapperCodeCache
    before = cache._get_uncompiled_header("cpu"), cpu_vec_isa.valid_vec_isa_list
    with compiler.quick(), compiler.quick():
        headers = cache._get_uncompiled_header("cpu")
        assert headers
        assert headers.startswith(
            f"{before[0]}>\n#include <{codecache._get_cpp_prefix_header('cpu')}"
        )
        assert len(cpu_vec_isa.valid_vec_isa_list()) <= 1
    assert (cache._get_uncompiled_header("cpu"), cpu_vec_isa.valid_vec_isa_list) == before


class Counting:
    """as_traced(), which counts what it builds."""

    def __init__(self) -> None:
        self.built = 0

    def __call__(self, graph: torch.fx.GraphModule, inputs: list[Tensor]) -> torch.fx.GraphModule:
        self.built += 1
        return graph


def test_what_one_run_has_built_serves_others_with_the_same_numbers() -> None:
    compiler, shared = Counting(), dict[Any, Any]()
    for text, count in [("dni(T=2)", 1), ("dni(T=2)", 1), ("dni(T=2, scale=0.25)", 2)]:
        eager, other = pair(text, MODELS[0])
        hold(eager, Compiled(other, updates_of(other), compiler, shared), SHORT)
        assert compiler.built == count


def test_a_trainer_with_a_tensor_of_its_own_is_refused() -> None:
    """The graph would hold the first run's, and serve runs of other seeds."""
    trainer = make_trainer("dni(T=3)", make_model())
    excite(trainer)
    own = torch.rand((), dtype=F64)

    class Weighted(type(trainer)):  # type: ignore[misc]
        def beyond(self, window: Episode, h_T: Tensor) -> Tensor | None:
            prediction = super().beyond(window, h_T)
            return None if prediction is None else prediction * own

    trainer.__class__ = Weighted
    with pytest.raises(TypeError, match="cannot be compiled or stacked"):
        Compiled(trainer, updates_of(trainer), as_traced).prepare(
            random_episode(6, final=False, dtype=F64)
        )


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU: CUDA graphs cannot be captured")
@pytest.mark.parametrize("trainer", ["tbptt(T=4)", "dni(T=4)"])
def test_on_cuda_a_replayed_update_is_the_trainers_own_and_fast(
    trainer: str, registry: Registry
) -> None:
    spec = RunSpec(
        task="plain_copy(bits=4)", trainer=trainer, model="lstm(hidden=256)", batch=256,
        device="cuda", timesteps=4000,
    )  # fmt: skip
    runs = [Run(spec, registry, name) for name in ("eager", "compiled")]
    supplies = [run.episodes() for run in runs]
    for _ in range(3):
        losses = [run.learn(next(supply)) for run, supply in zip(runs, supplies, strict=True)]
        assert losses[0] == pytest.approx(losses[1], rel=1e-3)
    run, supply = runs[1], supplies[1]
    run.meter.seconds, run.done["updates"] = 0.0, 0
    while run.meter.seconds < 1:
        run.learn(next(supply))
    assert run.done["updates"] / run.meter.seconds > 5_000
