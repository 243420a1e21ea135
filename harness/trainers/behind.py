"""Exact inside the window, a trace behind it: truncation plus SnAp-1.

h_k enters window k, whose loss is L_k. P_k ≈ dh_k/dθ is SnAp-1's trace (Menick et al., 2021): of
each weight, what it did to the unit that it feeds, in all the timesteps before the window.

    dL/dθ ≈ Σ_k ∂L_k/∂θ + ∂L_k/∂h_k P_k                                              (1)
    P_{k+1} = D_{k+T} … D_{k+1} P_k + Σ_t D_{k+T} … D_{t+1} I_t z_tᵀ                   (2)

D_t and I_t are the derivatives of one unit by itself, z_t what its weights multiply, as in `snap`.
∂L_k/∂θ and ∂L_k/∂h_k come out of one backward pass over the window. The first term of (1) is
truncated backpropagation; the second stands where it puts zero. With an exact P, (1) is
Schmidhuber's (1992) hybrid of real-time recurrent learning and backpropagation: the full gradient.
Inside the window nothing is left out; what is behind it has passed through the whole Jacobian of
the window, T timesteps deep, before it meets the trace. So T = 1 is not SnAp-1.

Memory: the activations of one window, O(T), and the trace, B S |θ|. Two options take less of it.
`share`: the first b = ⌈share B⌉ sequences alone have a trace, and their second term of (1) counts
B / b times; sequences are alike, so its mean is the same, and it varies as over a smaller batch.
`dtype="bfloat16"`: P_{k+1} is rounded to two bytes as it is stored, 8 bits of every number.

A trace and a synthetic gradient are estimates of the same terms, pairs of a weight before a cut and
a loss after it, from either side. Their sum would count them twice.

Differences from SnAp-1: ∂L_k/∂h_k is exact, not its diagonal. As there, weights move while the
trace ages.
"""

from __future__ import annotations

from torch import Tensor

from harness.episode import Episode
from harness.model import Model
from harness.trainer import Loss
from harness.trainers._behind import Stored, TraceBehind


class Behind(TraceBehind):
    """Truncated backpropagation + SnAp-1's trace of what was before the window.

    T: unroll length, in timesteps
    share: of the sequences that have a trace
    dtype: that the trace is stored in; float32 is the weights' own
    """

    def __init__(
        self,
        model: Model,
        loss: Loss,
        *,
        T: int = 4,
        share: float = 1.0,
        dtype: Stored = "float32",
    ) -> None:
        super().__init__(model, loss, T=T)
        self.store(share, dtype)

    def learn(self, window: Episode) -> Tensor:
        loss, error, entering = self.exact(window)  # (1), its first term
        self.spend(error)  # (1), its second
        self.age(window, entering)  # (2)
        return loss
