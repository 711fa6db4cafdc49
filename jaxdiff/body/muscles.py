"""Nine muscles of a leg: moment arms, and the activations that produce given joint moments with
least effort.

Static optimisation `min ½ Σ w a²  subject to  R a = m, a ≥ 0` through its dual: `a = max(0, R'λ/w)`
with `R a + 0.01 λ = m`, solved for the four multipliers of every frame by a semismooth Newton
method.
"""

from __future__ import annotations

import numpy as np

MOMENTS = ("hip_extension", "knee_extension", "ankle_plantarflexion", "hip_abduction")
TABLE = {
    "gluteus_maximus": (1.6, 0.0, 0.0, 0.2, 1.0),
    "gluteus_medius": (0.15, 0.0, 0.0, 1.5, 1.0),
    "rectus_femoris": (-0.7, 0.75, 0.0, 0.0, 1.8),
    "vastus": (0.0, 3.2, 0.0, 0.0, 0.7),
    "hamstrings": (2.2, -1.4, 0.0, 0.0, 1.0),
    "gastrocnemius": (0.0, -0.6, 1.35, 0.0, 1.3),
    "soleus": (0.0, 0.0, 2.3, 0.0, 1.0),
    "tibialis_anterior": (0.0, 0.0, -0.6, 0.0, 1.0),
    "iliopsoas": (-1.6, 0.0, 0.0, 0.0, 1.0),
}
"""Moments in Nm/kg at full activation, and the price of effort."""
MUSCLES = tuple(TABLE)
ARMS = np.array([row[:4] for row in TABLE.values()]).T
EFFORT = np.array([row[4] for row in TABLE.values()])
SLACK = 0.01

ANTAGONISTS = {
    "gluteus_maximus": "iliopsoas",
    "iliopsoas": "hamstrings",
    "rectus_femoris": "hamstrings",
    "vastus": "hamstrings",
    "hamstrings": "vastus",
    "gastrocnemius": "tibialis_anterior",
    "soleus": "tibialis_anterior",
    "tibialis_anterior": "soleus",
}


def solve(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Solve small symmetric positive definite systems, (n, n, T) and (n, T), for all frames at
    once.
    """
    a, b = a.copy(), b.copy()
    n = len(b)
    for k in range(n):
        for i in range(k + 1, n):
            factor = a[i, k] / a[k, k]
            a[i, k:] -= factor * a[k, k:]
            b[i] -= factor * b[k]
    for k in reversed(range(n)):
        b[k] = (b[k] - (a[k, k + 1 :] * b[k + 1 :]).sum(0)) / a[k, k]
    return b


def activations(moments: np.ndarray, iterations: int = 20) -> np.ndarray:
    """Activations (9, T) for internal moments (4, T) in Nm/kg; see `MOMENTS` and `MUSCLES`."""
    pull = ARMS.T / EFFORT[:, None]
    outer = np.einsum("im,jm->ijm", ARMS, pull.T)
    ridge = SLACK * np.eye(4)[:, :, None]

    def lacking(multipliers: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        return ARMS @ np.maximum(pull @ multipliers, 0.0) + SLACK * multipliers - wanted

    multipliers = np.linalg.solve(ARMS @ pull + ridge[..., 0], moments)
    open_ = np.arange(moments.shape[1])
    for _ in range(iterations):
        current, wanted = multipliers[:, open_], moments[:, open_]
        error = lacking(current, wanted)
        size = (error**2).sum(0)
        wrong = size > 1e-18
        open_, current, wanted, error, size = (
            open_[wrong],
            current[:, wrong],
            wanted[:, wrong],
            error[:, wrong],
            size[wrong],
        )
        if not open_.size:
            break
        step = solve(outer @ (pull @ current > 0.0).astype(float) + ridge, error)
        length = np.ones(open_.size)
        for _ in range(6):
            worse = (lacking(current - length * step, wanted) ** 2).sum(0) >= size
            length[worse] *= 0.5
        multipliers[:, open_] = current - length * step
    return np.maximum(pull @ multipliers, 0.0)


def co_contraction(
    activation: np.ndarray, fraction: float = 0.12, tonic: float = 0.015
) -> np.ndarray:
    """Add a fraction of each muscle's antagonist and a resting tone."""
    total = activation + tonic
    for muscle, antagonist in ANTAGONISTS.items():
        total[MUSCLES.index(muscle)] += fraction * activation[MUSCLES.index(antagonist)]
    return total
