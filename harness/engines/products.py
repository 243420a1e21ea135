"""Matrix products of a compiled update: torch's, or our own where a trial finds it faster."""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from statistics import median

import torch
from torch._ops import OpOverload
from torch.fx import Node

from harness.compat import native
from harness.engines import own_product
from harness.measure.environment import processor

OWN, TORCH = "own", "torch"
ROUNDS, MOST, FLOPS = 5, 200, 40_000_000
"""Of a trial: rounds, which time both; products a round, at most, and the FLOPs of all of them."""


def replaced(graph: torch.fx.GraphModule) -> torch.fx.GraphModule:
    """The graph, with our own product where a trial has found it faster; in place."""
    ours = {
        node: (factors, bias)
        for node, factors, bias in _products(graph)
        if choice(_shape(factors)) == OWN
    }
    # of stacks none is shared: under vmap every product has a view of its own
    uses = Counter(b for (_, b), _ in ours.values() if b.meta["val"].dim() == 2)
    packed: dict[Node, Node] = {}
    call = graph.graph.call_function
    for node in graph.graph.nodes:
        if _writes(node):
            packed.clear()
        if node not in ours:
            continue
        (a, b), bias = ours[node]
        with graph.graph.inserting_before(node):
            if uses[b] < 2:
                made = call(own_product.PRODUCT, (a, b))
            else:
                if b not in packed:
                    packed[b] = call(own_product.PACKED, (b,))
                columns = b.meta["val"].shape[-1]
                made = call(own_product.OF_PACKED, (a, packed[b], columns))
            if bias is not None:
                made = call(torch.ops.aten.add.Tensor, (made, bias))
        node.replace_all_uses_with(made)
        graph.graph.erase_node(node)
    graph.recompile()
    return graph


def _writes(node: Node) -> bool:
    """Whether a node changes a tensor in place, after which what was packed may be of the past."""
    return isinstance(node.target, OpOverload) and node.target._schema.is_mutable


def counted(graph: torch.fx.GraphModule) -> Counter[tuple[str, str]]:
    """The products of a graph, M × K × N, and whose they are: ("32 × 72 × 256", "own"), 3 times.

    One over a stack of runs counts once.
    """
    found = (_shape(factors) for _, factors, _ in _products(graph))
    return Counter((" × ".join(map(str, shape[:3])), choice(shape)) for shape in found)


def _products(graph: torch.fx.GraphModule) -> list[tuple[Node, list[Node], Node | None]]:
    """Every product in float32: its node, its two factors, and what is added to it."""
    aten, found = torch.ops.aten, []
    for node in graph.graph.nodes:
        if node.target in (aten.mm.default, aten.bmm.default):
            factors, bias = [*node.args], None
        elif node.target is aten.addmm.default and not node.kwargs:
            bias, *factors = node.args
        else:
            continue
        if factors[0].meta["val"].dtype == torch.float32:
            found.append((node, factors, bias))
    return found


Shape = tuple[int, int, int, bool, bool]
"""M, K, N; whether the rows of the factors, (M, K) and (K, N), are contiguous."""


def _shape(factors: list[Node]) -> Shape:
    a, b = (factor.meta["val"] for factor in factors)
    return a.shape[-2], a.shape[-1], b.shape[-1], a.stride(-1) == 1, b.stride(-1) == 1


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
    """Which product takes less time: the medians of ROUNDS rounds."""
    M, K, N, a_rows, b_rows = shape
    a = torch.rand(M, K) if a_rows else torch.rand(K, M).t()
    b = torch.rand(K, N) if b_rows else torch.rand(N, K).t()
    out = torch.empty(M, N)
    times = max(1, min(MOST, FLOPS // (2 * M * K * N)))
    took: dict[str, list[float]] = {OWN: [], TORCH: []}
    for _ in range(ROUNDS):
        began = time.perf_counter()
        own_product.own(a, b, out, times)
        between = time.perf_counter()
        for _ in range(times):
            torch.mm(a, b, out=out)
        took[OWN].append(between - began)
        took[TORCH].append(time.perf_counter() - between)
    return min(took, key=lambda name: median(took[name]))
