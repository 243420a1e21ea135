"""What methods with a trace of rank one share: random signs, and two factors of one size.

A sum of products is, on average over signs, one product of sums: E[ν νᵀ] = 1. Any pair of factors
ρ and 1 / ρ leaves that mean alone; the one that makes both sides equally large has least variance.
"""

from __future__ import annotations

import torch
from torch import Tensor

EPSILON = 1e-7
"""Added to both norms, so that none is zero: a trace is, where an episode starts."""


def signs(shape: tuple[int, ...], rng: torch.Generator, like: Tensor) -> Tensor:
    """Draw 1 and -1, each as likely, with the dtype of a tensor and on its device."""
    return 2 * torch.randint(2, shape, generator=rng).to(like) - 1


def balance(large: Tensor, small: Tensor) -> Tensor:
    """√(‖large‖ / ‖small‖) of each sequence, shaped to multiply `large`: (B, 1, ...)."""
    above, below = (torch.linalg.vector_norm(each.flatten(1), dim=1) for each in (large, small))
    ratio: Tensor = (above + EPSILON) / (below + EPSILON)
    return ratio.sqrt().view(-1, *[1] * (large.dim() - 1))
