"""One signal given another, linear and Gaussian: ridge regression with its error, and the exact denoiser of that law.

    x | y  ~  N(m(y), U' diag(λ) U + λ0 (I - U'U)),      m(y) = μ + W'V(y - ν) in principal components
    E[x | x_t, y] = m + G_t (x_t - α m),                 G_t = α λ / (α² λ + σ²) in each direction

A network that starts from this denoiser has ridge regression as its worst case, samples whose spread is that of
ridge's errors, and only departures from linearity to learn. The errors are those on subjects left out, and while
training every window is guessed by the map that was fitted without its subject: errors on known subjects would teach
the network to trust the guess too much.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from jaxdiff.baselines import scalings
from jaxdiff.diffusion import schedules
from jaxdiff.errors import DataError
from jaxdiff.typing import Array, Params, Schedule

STRENGTHS = 10.0 ** np.arange(-5.0, 2.01, 0.5)
"""Ridge strengths tried, in units of the mean variance of the condition's components."""
INTO = 4
"""Components of the condition for each of the wanted signal: with half as many the law loses to ridge on all samples."""


def fit(
    wanted: np.ndarray, given: np.ndarray, subject: np.ndarray, subjects: int, components: int = 96
) -> Params:
    """The law of `wanted (n, L, dx)` given `given (n, L, dy)`, as arrays.

    `weights[s]` is the map fitted without subject s of `range(subjects)`; the last one is fitted on all.
    """
    known = np.unique(subject)
    if len(known) < 2:
        raise DataError(
            f"the errors on subjects left out need two training subjects or more, not {len(known)}"
        )
    if not (np.isfinite(wanted).all() and np.isfinite(given).all()):
        raise DataError("a law cannot be fitted to NaN or infinity")
    mu, basis = _principal(wanted.reshape(len(wanted), -1), components)
    z = (wanted.reshape(len(wanted), -1) - mu) @ basis.T
    tried = (_scaled(given, scale, INTO * components, z, subject) for scale in scalings(given))
    _, strength, scale, nu, into, c = min(tried, key=lambda each: each[0])
    residual = np.concatenate(list(_left_out(c, z, subject, strength).values()))
    variance, turn = np.linalg.eigh(residual.T @ residual / len(residual))
    basis, z = turn.T @ basis, z @ turn
    maps = [_ridge(c[subject != s], z[subject != s], strength) for s in range(subjects)]
    maps.append(_ridge(c, z, strength))
    outside = np.square(wanted.reshape(len(wanted), -1) - mu).sum() - np.square(z).sum()
    rest = max(outside, 0.0) / len(z) / max(1, mu.size - len(basis))
    law = {
        "centre": mu.reshape(wanted.shape[1:]),
        "given_centre": nu.reshape(given.shape[1:]) * scale,
        "into": into.reshape(-1, *given.shape[1:]) / scale,
        "basis": basis.reshape(-1, *wanted.shape[1:]),
        "weights": np.stack([weights for weights, _ in maps]),
        "offset": np.stack([offset for _, offset in maps]),
        "variance": np.maximum(variance, 1e-6),
        "rest": np.maximum(rest, 1e-6),
    }
    for name, rows in {
        "into": INTO * components,
        "basis": components,
        "variance": components,
    }.items():
        law[name] = _padded(law[name], 0, rows)  # laws of several folds have one shape
    law["weights"] = _padded(_padded(law["weights"], 1, INTO * components), 2, components)
    law["offset"] = _padded(law["offset"], 1, components)
    return {name: np.asarray(value, np.float32) for name, value in law.items()}


def guess(law: Params, given: Array, subject: Array | int = -1) -> Array:
    """`m(y)` of one window `(L, dy)`: by the map fitted without that subject, or by the one fitted on all."""
    c = jnp.tensordot(law["into"], given - law["given_centre"], 2)
    weights, offset = (jnp.asarray(law[name])[subject] for name in ("weights", "offset"))
    return law["centre"] + jnp.tensordot(c @ weights + offset, law["basis"], 1)


def denoise(
    law: Params, schedule: Schedule, x_t: Array, t: Array, m: Array, output: Array
) -> Array:
    """The posterior mean of one window, and `output` added in units of the posterior's deviation in each direction."""
    basis = law["basis"]
    inside, inside_scale = _posterior(schedule, t, law["variance"])
    outside, outside_scale = _posterior(schedule, t, law["rest"])
    away = x_t - schedules.at(schedule, t)[0] * m
    z, f = jnp.tensordot(basis, away, 2), jnp.tensordot(basis, output, 2)
    along = (inside - outside) * z + (inside_scale - outside_scale) * f
    return m + outside * away + outside_scale * output + jnp.tensordot(along, basis, 1)


def left_open(law: Params, schedule: Schedule, t: Array) -> Array:
    """The mean squared error per sample that the law itself expects at step t."""
    inside, outside = (
        jnp.square(_posterior(schedule, t, law[name])[1]) for name in ("variance", "rest")
    )
    size = law["centre"].size
    return (jnp.sum(inside) + (size - len(inside)) * outside) / size


def _posterior(schedule: Schedule, t: Array, variance: Array) -> tuple[Array, Array]:
    """How much of what is seen is believed, and the deviation of what is left, in directions of that variance."""
    alpha, sigma = schedules.at(schedule, t)
    total = jnp.square(alpha) * variance + jnp.square(sigma)
    return alpha * variance / total, sigma * jnp.sqrt(variance / total)


def _scaled(
    given: np.ndarray, scale: np.ndarray, components: int, z: np.ndarray, subject: np.ndarray
) -> tuple:
    """With the condition in units of `scale`: error on subjects left out, best strength, scale, mean, directions, components."""
    flat = (given / scale).reshape(len(given), -1)
    nu, into = _principal(flat, components)
    c = (flat - nu) @ into.T
    errors = {
        s: sum(np.square(r).sum() for r in _left_out(c, z, subject, s).values()) for s in STRENGTHS
    }
    strength = min(errors, key=lambda s: errors[s])
    return errors[strength], strength, scale, nu, into, c


def _padded(values: np.ndarray, axis: int, length: int) -> np.ndarray:
    extra = [(0, length - n if i == axis else 0) for i, n in enumerate(values.shape)]
    return np.pad(values, extra)


def _principal(values: np.ndarray, components: int) -> tuple[np.ndarray, np.ndarray]:
    """The mean, and orthonormal principal directions that hold all but 1e-6 of the variance, at most so many."""
    mean = values.mean(0)
    centred = values - mean
    small = centred if len(values) > values.shape[1] else centred.T
    power, vectors = np.linalg.eigh(small.T @ small)
    keep = np.flatnonzero(power > 1e-9 * power.max())[::-1][:components]
    if len(values) > values.shape[1]:
        return mean, vectors[:, keep].T
    return mean, (centred.T @ (vectors[:, keep] / np.sqrt(power[keep]))).T


def _ridge(c: np.ndarray, z: np.ndarray, strength: float) -> tuple[np.ndarray, np.ndarray]:
    """Weights and offset. Without an offset of its own a map would know the mean it was centred on, and who is in it."""
    c_mean, z_mean = c.mean(0), z.mean(0)
    c, z = c - c_mean, z - z_mean
    penalty = max(strength * np.square(c).sum() / max(1, c.shape[1]), 1e-9)
    weights = np.linalg.solve(c.T @ c + penalty * np.eye(c.shape[1]), c.T @ z)
    return weights, z_mean - c_mean @ weights


def _left_out(
    c: np.ndarray, z: np.ndarray, subject: np.ndarray, strength: float
) -> dict[int, np.ndarray]:
    """What is left of every subject's components after the map of the others."""
    left: dict[int, np.ndarray] = {}
    for s in np.unique(subject):
        weights, offset = _ridge(c[subject != s], z[subject != s], strength)
        left[s] = z[subject == s] - c[subject == s] @ weights - offset
    return left
