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
from typing import NamedTuple

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
    _, scale = scalings(x)
    known = (x / scale).reshape(len(x), -1)
    k = min(k, len(x))

    def predict(x: ArrayLike) -> np.ndarray:
        asked = (np.asarray(x, np.float64) / scale).reshape(-1, known.shape[1])
        distance = np.square(asked).sum(1)[:, None] - 2 * asked @ known.T + np.square(known).sum(1)
        return y[np.argpartition(distance, k - 1, axis=1)[:, :k]].mean(1)

    return predict


class Linear(NamedTuple):
    """`y = centre + ((x - mean) / scale) weights`, and the squared error it made on left-out training subjects."""

    mean: np.ndarray
    scale: np.ndarray
    weights: np.ndarray
    centre: np.ndarray
    error: float

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """(n, ...) -> (n, targets)."""
        return (
            self.centre
            + ((x - self.mean) / self.scale).reshape(-1, len(self.weights)) @ self.weights
        )


def ridge(
    x: ArrayLike, y: ArrayLike, subjects: ArrayLike, strengths: ArrayLike = STRENGTHS
) -> Predict:
    """Ridge regression; strength, and scaling by time step or by channel, chosen by leave-one-training-subject-out."""
    x, y, subjects = _check(x, y, subjects)
    if len(np.unique(subjects)) < 2:
        raise DataError(
            "ridge strength is chosen by leaving out training subjects: two or more are needed"
        )
    targets = y.reshape(len(y), -1)
    model = min(
        (_ridge(x, targets, subjects, scale, strengths) for scale in scalings(x)),
        key=lambda m: m.error,
    )
    return lambda x: model(np.asarray(x, np.float64)).reshape(-1, *y.shape[1:])


def _ridge(
    x: np.ndarray,
    targets: np.ndarray,
    subjects: np.ndarray,
    scale: np.ndarray,
    strengths: ArrayLike,
) -> Linear:
    mean, centre = x.mean(0), targets.mean(0)
    u, s, vt = np.linalg.svd(((x - mean) / scale).reshape(len(x), -1), full_matrices=False)
    wanted = targets - centre
    small = np.asarray(
        np.linalg.qr(wanted.T, mode="r")
    ).T  # same distances between trials, n columns at most
    lams = np.asarray(strengths, np.float64) * np.square(s).mean()
    errors = [
        _left_out_error(u, np.square(s) / (np.square(s) + lam), small, subjects) for lam in lams
    ]
    best = lams[int(np.argmin(errors))]
    return Linear(
        mean,
        scale,
        vt.T @ ((s / (np.square(s) + best))[:, None] * (u.T @ wanted)),
        centre,
        min(errors),
    )


BASELINES: dict[str, Callable[..., Predict]] = {
    "training_mean": training_mean,
    "ridge": ridge,
    "nearest_neighbours": nearest_neighbours,
}
"""The baselines by name: `fit(x, y, subjects) -> predict`."""


def _left_out_error(
    u: np.ndarray, shrink: np.ndarray, wanted: np.ndarray, subjects: np.ndarray
) -> float:
    """Squared error on each training subject when it is left out, summed; `wanted` are the centred targets."""
    residual = wanted - u @ (shrink[:, None] * (u.T @ wanted))
    total = 0.0
    for subject in np.unique(subjects):
        rows = np.flatnonzero(subjects == subject)
        hat = 1 / len(u) + (u[rows] * shrink) @ u[rows].T
        total += float(np.square(np.linalg.solve(np.eye(len(rows)) - hat, residual[rows])).sum())
    return total


def scalings(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Units for the samples of `x (n, L, d)`: the deviation of each time step `(L, d)`, and of each channel `(d,)`.

    A step at which the known people hardly differ (force in swing) may differ for the next one: a tenth of its channel's
    deviation at least, else what is tiny here becomes enormous there.
    """
    channel = np.maximum(x.reshape(-1, x.shape[-1]).std(0), 1e-8)
    return np.maximum(x.std(0), 0.1 * channel), channel


def _check(
    x: ArrayLike, y: ArrayLike, subjects: ArrayLike
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x, y, subjects = np.asarray(x, np.float64), np.asarray(y, np.float64), np.asarray(subjects)
    if not len(x) == len(y) == len(subjects) or len(x) < 2:
        raise DataError(
            f"a baseline needs as many x as y and subjects; got {len(x)}, {len(y)}, {len(subjects)}"
        )
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise DataError("baselines cannot be fitted to NaN or infinity")
    return x, y, subjects
