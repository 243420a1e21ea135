"""Matrix products of a compiled update: torch's, or our own where a trial finds it faster."""

from __future__ import annotations

import hashlib
import operator
import os
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import NamedTuple

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.fx import Node
from torch.fx.node import map_arg

from harness.compat import native
from harness.engines import own_product
from harness.measure.environment import processor

OWN, TORCH = "own", "torch"
ROUNDS, MOST, FLOPS = 5, 200, 40_000_000
"""Of a trial: rounds, which time both; products a round, at most, and the FLOPs of all of them."""


class Shape(NamedTuple):
    """What a trial goes by: factors (M, K) and (K, N), and how they come."""

    M: int
    K: int
    N: int
    a_rows: bool
    b_rows: bool
    """Whether the rows of the factors are contiguous."""
    uses: int
    """Products that have the second factor, which ours reads from panels, made once."""
    parts: int
    """Of which both factors are joined, for this product alone; 0: they are not."""


@dataclass(frozen=True, eq=False)
class Product:
    """A product in float32 of a graph.

    joined: the nodes that join both factors, the first before it is turned, for this product alone
    alike: the products that can share the panels of the second factor, this one among them
    """

    node: Node
    joined: tuple[Node, Node] | None
    alike: list[Node]

    @property
    def factors(self) -> list[Node]:
        """As they are now: an earlier product may have been replaced."""
        return list(self.node.args[-2:])  # type: ignore[arg-type]

    @property
    def shape(self) -> Shape:
        a, b = (factor.meta["val"] for factor in self.factors)
        return Shape(
            a.shape[-2], a.shape[-1], b.shape[-1], a.stride(-1) == 1, b.stride(-1) == 1,
            len(self.alike), len(_parts(self.joined[0])) if self.joined else 0,
        )  # fmt: skip


def replaced(graph: torch.fx.GraphModule) -> torch.fx.GraphModule:
    """The graph, with our own product where a trial has found it faster; in place."""
    ours = [product for product in _products(graph) if choice(product.shape) == OWN]
    shared = Counter(id(product.alike) for product in ours)
    panels: dict[int, Node] = {}
    call = graph.graph.call_function
    for product in ours:
        node, key = product.node, id(product.alike)
        a, b = product.factors
        with graph.graph.inserting_before(node):
            if product.joined:
                made = call(own_product.OF_JOINED, tuple(map(_parts, product.joined)))
            elif shared[key] < 2:
                made = call(own_product.PRODUCT, (a, b))
            else:
                if key not in panels:
                    panels[key] = call(own_product.PACKED, (b,))
                columns = b.meta["val"].shape[-1]
                made = call(own_product.OF_PACKED, (a, panels[key], columns))
            made.meta["val"] = node.meta["val"]
            if node.target is torch.ops.aten.addmm.default:
                made = call(torch.ops.aten.add.Tensor, (made, node.args[0]))
                made.meta["val"] = node.meta["val"]
        node.replace_all_uses_with(made)
        graph.graph.erase_node(node)
    graph.graph.lint()
    graph.recompile()
    return graph


def counted(graph: torch.fx.GraphModule) -> Counter[tuple[str, str]]:
    """The products of a graph, M × K × N, and whose they are: ("32 × 72 × 256", "own"), 3 times.

    One over a stack of runs counts once.
    """
    shapes = [product.shape for product in _products(graph)]
    return Counter((" × ".join(map(str, shape[:3])), choice(shape)) for shape in shapes)


def _products(graph: torch.fx.GraphModule) -> list[Product]:
    """Every product in float32, in the order of the graph."""
    aten = torch.ops.aten
    found: list[Product] = []
    joined: dict[Node, list[Node]] = {}
    seen: dict[tuple[Node, bool], list[Node]] = {}
    for node in graph.graph.nodes:
        if changed := _written(node):  # what is read before is not what is read after
            joined = {a: of for a, of in joined.items() if changed.isdisjoint(map(_source, of))}
            seen = {of: alike for of, alike in seen.items() if _source(of[0]) not in changed}
        if node.target is aten.cat.default and node.args[1:] in ((), (0,)):
            joined[node] = node.args[0]
        if node.target not in (aten.mm.default, aten.bmm.default, aten.addmm.default):
            continue
        a, b = node.args[-2:]
        if node.kwargs or not _float32(a) or not a.meta["val"].numel() * b.meta["val"].numel():
            continue
        both, alike = _joined(a, b, joined), []
        # of stacks none is shared: under vmap every product has a view of its own
        if not both and node.target is not aten.bmm.default:
            turned = b.target is aten.t.default
            alike = seen.setdefault((b.args[0] if turned else b, turned), [])
        alike.append(node)
        found.append(Product(node, both, alike))
    return found


def _float32(node: Node) -> bool:
    return bool(node.meta["val"].dtype == torch.float32)


def _source(node: Node) -> Node:
    """The tensor that a node is a view of, or the same as; itself, where it makes one."""
    # the one view that does not say so
    views = operator.getitem, torch.ops.aten._unsafe_view.default
    while node.target in views or (
        isinstance(node.target, OpOverload)
        and any(made.alias_info for made in node.target._schema.returns)
    ):
        node = node.args[0]  # type: ignore[assignment]
    return node


def _written(node: Node) -> set[Node]:
    """The tensors that a node changes in place."""
    changed: set[Node] = set()
    if isinstance(node.target, OpOverload) and node.target._schema.is_mutable:
        schema = node.target._schema.arguments
        given = {said.name: value for said, value in zip(schema, node.args, strict=False)}
        given |= node.kwargs
        written = [said.name for said in schema if said.alias_info and said.alias_info.is_write]
        map_arg([given.get(name) for name in written], lambda each: changed.add(_source(each)))
    return changed


def _joined(a: Node, b: Node, joined: dict[Node, list[Node]]) -> tuple[Node, Node] | None:
    """The nodes that join both factors for one product, the first before it is turned."""
    of = a.args[0] if a.target is torch.ops.aten.t.default else None
    if not (isinstance(of, Node) and of in joined and b in joined):
        return None
    if any(len(each.users) > 1 for each in (a, of, b)):
        return None
    parts = *joined[of], *joined[b]
    lengths = [[part.meta["val"].shape[0] for part in joined[each]] for each in (of, b)]
    even = lengths[0] == lengths[1] and len(set(lengths[0])) == 1
    return (of, b) if even and all(map(_float32, parts)) else None


def _parts(join: Node) -> list[Node]:
    """What a node joins."""
    return list(join.args[0])  # type: ignore[arg-type]


def choice(shape: Shape) -> str:
    """Whose product to use, OWN or TORCH: tried once on a machine, and kept beside compiled graphs.

    So that later runs there, and a run that goes on, round as this one does.
    """
    where = processor(torch.device("cpu"))
    about = f"{where} {torch.__version__} {Path(own_product.library()._name).name} {shape}"
    folder = native.folder()
    path = folder / hashlib.sha256(about.encode()).hexdigest()[:32]
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=folder) as file:
            file.write(tried(shape))
            file.flush()
            with suppress(FileExistsError):  # another process was sooner, and both go by it
                os.link(file.name, path)
    return path.read_text()


def tried(shape: Shape) -> str:
    """Which product takes less time: the medians of ROUNDS rounds.

    Without what a call of torch's from Python takes, which a graph does not pay.
    """
    a = torch.rand(shape.M, shape.K) if shape.a_rows else torch.rand(shape.K, shape.M).t()
    b = torch.rand(shape.K, shape.N) if shape.b_rows else torch.rand(shape.N, shape.K).t()
    out, one = torch.empty(shape.M, shape.N), torch.ones(shape.parts or 1, 1)
    times = max(1, min(MOST, FLOPS // (2 * shape.M * shape.K * shape.N)))
    times = -(-times // shape.uses) * shape.uses

    def theirs(a: Tensor, b: Tensor, out: Tensor) -> float:
        began = time.perf_counter()
        for _ in range(times):
            if shape.parts:
                a = torch.cat(a.t().chunk(shape.parts)).t()
                b = torch.cat(b.chunk(shape.parts))
            torch.mm(a, b, out=out)
        return time.perf_counter() - began

    took: dict[str, list[float]] = {OWN: [], TORCH: []}
    for _ in range(ROUNDS):
        began = time.perf_counter()
        own_product.own(a, b, out, times, shape.uses)
        took[OWN].append(time.perf_counter() - began)
        took[TORCH].append(theirs(a, b, out) - theirs(one.t(), one, torch.empty(1, 1)))
    return min(took, key=lambda name: median(took[name]))
