"""Ridge regression whose strength is chosen by leaving out training subjects, in closed form.

`min |Y - 1b - XW|² + λ|W|²` with the intercept b free. In the basis of the left singular vectors U
of the centred X the fitted values are `H Y`, `H = 11ᵀ/n + U diag(s²/(s²+λ)) Uᵀ`, so nothing larger
than min(n, D) is inverted. λ is chosen by leaving out one training subject g at a time, exactly and
without refitting: `Y_g - Ŷ_g(without g) = (I - H_gg)⁻¹ (Y - HY)_g`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from jaxdiff.baselines.protocol import Predict, check, scalings
from jaxdiff.errors import ConfigError, nearest

STRENGTHS = 10.0 ** np.arange(-5.0, 3.01, 0.5)
"""Ridge strengths tried, in units of the mean eigenvalue of X Xᵀ."""
SCALINGS = ("step", "channel", "none")
"""Inputs are divided by the deviation of each time step, of each channel, or not at all."""


def units(x: np.ndarray, scaling: str) -> np.ndarray:
    """What the inputs x [N, ..., d] are divided by under one of `SCALINGS`."""
    if scaling not in SCALINGS:
        raise ConfigError(f"no scaling {scaling!r}; {nearest(scaling, SCALINGS)}")
    if scaling == "none":
        return np.ones(())
    return scalings(x)[SCALINGS.index(scaling)]


class Linear(NamedTuple):
    """`y = centre + ((x - mean) / scale) weights`, and the squared error on left-out training
    subjects.
    """

    mean: np.ndarray
    scale: np.ndarray
    weights: np.ndarray
    centre: np.ndarray
    error: float

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Predictions [n, E] for inputs [n, ...]."""
        features = ((x - self.mean) / self.scale).reshape(-1, len(self.weights))
        return self.centre + features @ self.weights


def ridge(
    x: ArrayLike,
    y: ArrayLike,
    subjects: ArrayLike,
    strengths: ArrayLike = STRENGTHS,
    scaling: str | Sequence[str] = SCALINGS,
) -> Predict:
    """Ridge regression with strength and scaling chosen by leaving out one training subject at a
    time.

    Args:
        x: Inputs [N, ..., d], flattened.
        y: Targets [N, ...], flattened.
        subjects: Subject of each row [N]; two different ones or more.
        strengths: Strengths tried, in units of the mean eigenvalue of X Xᵀ.
        scaling: One of `SCALINGS`, or several to choose from.

    Returns:
        A predictor [n, ..., d] -> [n, ...].

    Raises:
        DataError: If there are fewer than two subjects, or values that are not finite.
    """
    x, y, subjects = check(x, y, subjects, least_subjects=2)
    targets = y.reshape(len(y), -1)
    tried = (scaling,) if isinstance(scaling, str) else scaling
    models = (fit_linear(x, targets, subjects, units(x, name), strengths) for name in tried)
    model = min(models, key=lambda m: m.error)
    return lambda x: model(np.asarray(x, np.float64)).reshape(-1, *y.shape[1:])


def fit_linear(
    x: np.ndarray,
    targets: np.ndarray,
    subjects: np.ndarray,
    scale: np.ndarray,
    strengths: ArrayLike,
) -> Linear:
    """Ridge regression from x [N, ...] divided by `scale` to targets [N, E], with the best of the
    strengths.
    """
    mean, centre = x.mean(0), targets.mean(0)
    rows = ((x - mean) / scale).reshape(len(x), -1)
    u, eigenvalues = left_directions(rows)
    shrink, error = choose_strength(u, eigenvalues, targets - centre, subjects, strengths)
    dual = u @ ((shrink / eigenvalues)[:, None] * (u.T @ (targets - centre)))
    return Linear(mean, scale, rows.T @ dual, centre, error)


def left_directions(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Left singular vectors [N, r] and squared singular values [r], positive, of rows [N, D]; r is
    the smaller of N and D.

    From the smaller of the two Gram matrices, which is many times faster than a singular value
    decomposition. What that costs in precision concerns directions that ridge regression shrinks to
    nothing.
    """
    wide = len(rows) <= rows.shape[1]
    values, vectors = np.linalg.eigh(rows @ rows.T if wide else rows.T @ rows)
    values = np.maximum(values, max(1e-15 * values[-1], 1e-300))
    return (vectors if wide else rows @ (vectors / np.sqrt(values))), values


def choose_strength(
    u: np.ndarray,
    eigenvalues: np.ndarray,
    targets: np.ndarray,
    subjects: np.ndarray,
    strengths: ArrayLike,
) -> tuple[np.ndarray, float]:
    """Shrinkage of every direction at the strength with the least error on left-out subjects.

    Args:
        u: Orthonormal directions [N, r] of the centred inputs.
        eigenvalues: Their eigenvalues [r].
        targets: Centred targets [N, E].
        subjects: Subject of each row [N].
        strengths: Strengths tried, in units of the mean eigenvalue.

    Returns:
        The factors `s²/(s²+λ)` [r], and the summed squared error on left-out subjects.
    """
    columns, power = left_directions(targets)  # the same distances between rows, in fewer columns
    kept = power > 1e-12 * power[-1]
    targets = (columns * np.sqrt(power))[:, kept]
    groups = [np.flatnonzero(subjects == subject) for subject in np.unique(subjects)]
    seen = u.T @ targets
    best: tuple[np.ndarray, float] | None = None
    for strength in np.asarray(strengths, np.float64):
        shrink = eigenvalues / (eigenvalues + strength * eigenvalues.mean())
        residual = targets - u @ (shrink[:, None] * seen)
        error = 0.0
        for rows in groups:
            hat = 1.0 / len(u) + (u[rows] * shrink) @ u[rows].T
            left_out = np.linalg.solve(np.eye(len(rows)) - hat, residual[rows])
            error += float(np.square(left_out).sum())
        if best is None or error < best[1]:
            best = shrink, error
    assert best is not None
    return best
