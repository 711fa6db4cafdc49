"""Ridge regression between principal components, its strength and its units of the condition chosen
by leaving out groups of subjects.

In contrast to `ridge`, what is wanted is the map and the errors it leaves, in components, for every
group that is left out.
"""

from __future__ import annotations

import numpy as np

from jaxdiff.baselines.protocol import check
from jaxdiff.baselines.ridge import SCALINGS, units
from jaxdiff.errors import DataError

STRENGTHS = 10.0 ** np.arange(-5.0, 2.01, 0.5)
"""Ridge strengths tried, in units of the mean variance of the condition's components."""


def groups(
    target: np.ndarray, condition: np.ndarray, subject: np.ndarray, folds: int
) -> np.ndarray:
    """The group of every row; two groups or more."""
    check(target, condition, subject)
    group = np.asarray(subject) % folds
    if len(np.unique(group)) < 2:
        raise DataError(
            "errors on left-out subjects need two training subjects or more, "
            f"not {len(np.unique(group))}"
        )
    return group


def best_ridge(condition: np.ndarray, width: int, z: np.ndarray, group: np.ndarray) -> tuple:
    """Of the units that predict left-out subjects best: strength, scale, mean, directions,
    components.
    """
    tried = (_with_units(condition, units(condition, name), width, z, group) for name in SCALINGS)
    return min(tried, key=lambda each: each[0])[1:]


def equivalent_noise(strength: float, scale: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Deviation per channel of noise that amounts to the penalty of `fit_map` on components c."""
    variance = strength * np.square(c).sum() / len(c) / max(1, c.shape[1])
    return np.asarray(np.sqrt(variance) * scale.mean(0), np.float32)


def _with_units(
    condition: np.ndarray, scale: np.ndarray, components: int, z: np.ndarray, group: np.ndarray
) -> tuple:
    """With the condition in units of `scale`: left-out error, best strength, scale, mean,
    directions, components.
    """
    flat = (condition / scale).reshape(len(condition), -1)
    nu, into = principal(flat, components)
    c = (flat - nu) @ into.T
    errors = {
        s: sum(np.square(r).sum() for r in left_out(c, z, group, s).values()) for s in STRENGTHS
    }
    strength = min(errors, key=lambda s: errors[s])
    return errors[strength], strength, scale, nu, into, c


def principal(values: np.ndarray, components: int) -> tuple[np.ndarray, np.ndarray]:
    """The mean, and orthonormal principal directions: all but 1e-9 of the largest variance, at most
    `components`.
    """
    mean = values.mean(0)
    return mean, spectrum(values - mean, components)[1]


def spectrum(values: np.ndarray, components: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean squares along, and orthonormal, principal directions of uncentred rows."""
    wide = len(values) <= values.shape[1]
    small = values if not wide else values.T
    power, vectors = np.linalg.eigh(small.T @ small)
    keep = np.flatnonzero(power > 1e-9 * power.max())[::-1][:components]
    directions = vectors[:, keep]
    if wide:
        directions = values.T @ (directions / np.sqrt(power[keep]))
    return power[keep] / len(values), directions.T


def fit_map(c: np.ndarray, z: np.ndarray, strength: float) -> tuple[np.ndarray, np.ndarray]:
    """Weights and intercept. The intercept is refitted per fold; a shared mean would leak the
    left-out subjects.
    """
    c_mean, z_mean = c.mean(0), z.mean(0)
    c, z = c - c_mean, z - z_mean
    penalty = max(strength * np.square(c).sum() / max(1, c.shape[1]), 1e-9)
    weights = np.linalg.solve(c.T @ c + penalty * np.eye(c.shape[1]), c.T @ z)
    return weights, z_mean - c_mean @ weights


def left_out(
    c: np.ndarray, z: np.ndarray, group: np.ndarray, strength: float
) -> dict[int, np.ndarray]:
    """Residual components of every group under the map of the others."""
    left: dict[int, np.ndarray] = {}
    for g in np.unique(group):
        weights, offset = fit_map(c[group != g], z[group != g], strength)
        left[g] = z[group == g] - c[group == g] @ weights - offset
    return left
