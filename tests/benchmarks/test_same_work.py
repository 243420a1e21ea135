"""All contestants do the same work: the harness' losses, update for update, to rounding."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tests.benchmarks import contestants
from tests.benchmarks.contestants import TRAINERS, Size
from tests.conftest import excite

SIZE = Size(8, 4, 3)
CALLS = 6  # so that bptt moves, too, and a state is carried over


@pytest.mark.parametrize("trainer", TRAINERS)
@pytest.mark.parametrize("by", ["bare loop", "JAX", "JAX, at once"])
def test_losses_are_the_harness_own(by: str, trainer: str) -> None:
    torch.manual_seed(0)  # one draw in a thousand has a gradient of 0 ± rounding, which Adam scales
    run, noise = contestants.run_of(trainer, SIZE), contestants.data(SIZE)
    for name, network in run.trainer.named_children():
        if name != "model":  # silent at first
            excite(network)
    episode = replace(noise, weight=100 * noise.weight)  # gradients that are clipped, and others
    if by == "bare loop":
        loop = contestants.bare(run, episode)
    else:
        pytest.importorskip("jax", reason="needs JAX: pip install 'sgbench[bench]'")
        from tests.benchmarks import jax_loop

        loop = jax_loop.contestant(run, episode, unrolled=False, at_once=by == "JAX, at once")
    for _ in range(CALLS):
        theirs = torch.tensor(loop())
        assert len(theirs) == (1 if trainer == "bptt" else contestants.UPDATES)
        ours = run.engine.learn(episode)
        torch.testing.assert_close(theirs, ours, rtol=1e-5, atol=0)
