"""Predictors that any cross-modal model must be held against: training mean, ridge regression, nearest neighbours.

Each is `fit(x, y, subjects) -> predict`, with x (n, ...) the condition and y (n, ...) what is wanted; sequences are flattened, and
`predict(x) -> y` gives them back in shape. Plain NumPy in float64.

Ridge: `min |Y - 1b - XW|² + λ|W|²` with the intercept b free. In the basis of the left singular vectors U of the centred X,
the fitted values are `H Y`, `H = 11ᵀ/n + U diag(s²/(s²+λ)) Uᵀ`, so nothing larger than n x n is inverted although D = 4500 ≫ n.
λ is chosen by leaving out one training subject g at a time, exactly and without refitting:
`Y_g - Ŷ_g(without g) = (I - H_gg)⁻¹ (Y - HY)_g`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from jaxdiff.errors import DataError

Predict = Callable[[ArrayLike], np.ndarray]
STRENGTHS = 10.0 ** np.arange(-4.0, 3.01, 0.5)
"""Ridge strengths tried, in units of the mean eigenvalue of X Xᵀ."""


def training_mean(x: ArrayLike, y: ArrayLike, subjects: ArrayLike) -> Predict:
    """The mean of the training targets, whatever is asked."""
    mean = _check(x, y, subjects)[1].mean(0)
    return lambda x: np.broadcast_to(mean, (len(np.asarray(x)), *mean.shape)).copy()


def nearest_neighbours(x: ArrayLike, y: ArrayLike, subjects: ArrayLike, k: int = 5) -> Predict:
    """The mean target of the k nearest training conditions, channels scaled to unit variance."""
    x, y, _ = _check(x, y, subjects)
    scale = _channel_scale(x)
    known = (x / scale).reshape(len(x), -1)
    k = min(k, len(x))

    def predict(x: ArrayLike) -> np.ndarray:
        asked = (np.asarray(x, np.float64) / scale).reshape(-1, known.shape[1])
        distance = np.square(asked).sum(1)[:, None] - 2 * asked @ known.T + np.square(known).sum(1)
        return y[np.argpartition(distance, k - 1, axis=1)[:, :k]].mean(1)

    return predict


def ridge(x: ArrayLike, y: ArrayLike, subjects: ArrayLike, strengths: ArrayLike = STRENGTHS) -> Predict:
    """Ridge regression on standardised features, its strength chosen by leave-one-training-subject-out."""
    x, y, subjects = _check(x, y, subjects)
    if len(np.unique(subjects)) < 2:
        raise DataError("ridge strength is chosen by leaving out training subjects: two or more are needed")
    mean, scale = x.mean(0), np.maximum(x.std(0), 1e-8)
    flat, targets = ((x - mean) / scale).reshape(len(x), -1), y.reshape(len(y), -1)
    u, s, vt = np.linalg.svd(flat, full_matrices=False)
    centre = targets.mean(0)
    projected = u.T @ (targets - centre)
    strengths = np.asarray(strengths, np.float64) * np.square(s).mean()
    errors = [_left_out_error(u, np.square(s) / (np.square(s) + lam), projected, targets, subjects) for lam in strengths]
    best = strengths[int(np.argmin(errors))]
    weights = vt.T @ ((s / (np.square(s) + best))[:, None] * projected)

    def predict(x: ArrayLike) -> np.ndarray:
        asked = ((np.asarray(x, np.float64) - mean) / scale).reshape(-1, len(weights))
        return (centre + asked @ weights).reshape(-1, *y.shape[1:])

    return predict


BASELINES: dict[str, Callable[..., Predict]] = {
    "training_mean": training_mean,
    "ridge": ridge,
    "nearest_neighbours": nearest_neighbours,
}
"""The baselines by name: `fit(x, y, subjects) -> predict`."""


def _left_out_error(
    u: np.ndarray, shrink: np.ndarray, projected: np.ndarray, targets: np.ndarray, subjects: np.ndarray
) -> float:
    """Squared error on each training subject when it is left out, summed."""
    residual = targets - targets.mean(0) - u @ (shrink[:, None] * projected)
    total = 0.0
    for subject in np.unique(subjects):
        rows = np.flatnonzero(subjects == subject)
        hat = 1 / len(u) + (u[rows] * shrink) @ u[rows].T
        total += np.square(np.linalg.solve(np.eye(len(rows)) - hat, residual[rows])).sum()
    return total


def _channel_scale(x: np.ndarray) -> np.ndarray:
    return np.maximum(x.reshape(-1, x.shape[-1]).std(0), 1e-8)


def _check(x: ArrayLike, y: ArrayLike, subjects: ArrayLike) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x, y, subjects = np.asarray(x, np.float64), np.asarray(y, np.float64), np.asarray(subjects)
    if not len(x) == len(y) == len(subjects) or len(x) < 2:
        raise DataError(f"a baseline needs as many x as y and subjects; got {len(x)}, {len(y)}, {len(subjects)}")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise DataError("baselines cannot be fitted to NaN or infinity")
    return x, y, subjects
