"""The linear-Gaussian law of one signal given another: ridge regression, its error, and the exact
denoiser.

    x | y  ~  N(m(y), U' diag(λ) U + λ0 (I - U'U)),      m(y) = μ + W'V(y - ν) in principal components
    E[x | x_t, y] = m + G_t (x_t - α m),                 G_t = α λ / (α² λ + σ²) in each direction

A network that starts from this denoiser has ridge regression as its worst case, samples with the
spread of ridge's errors, and only departures from linearity to learn. The errors are those on
left-out subjects, and in training every window is predicted by a map fitted without its subject:
errors on known subjects would make the network trust the prediction too much.

A law is a dictionary of arrays. `fit` makes one with the map m; `around` makes one of the errors of
any other predictor, whose predictions the caller supplies; `marginal` makes one without a
condition, the training mean with one variance per channel.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from jaxdiff.baselines.component_ridge import (
    best_ridge,
    equivalent_noise,
    fit_map,
    groups,
    left_out,
    principal,
    spectrum,
)
from jaxdiff.diffusion import schedules
from jaxdiff.typing import Array, Params, Schedule

CONDITION_FACTOR = 4
"""Components of the condition per component of the target: with half as many the law loses to ridge
on all samples.
"""
COMPONENTS = 96
"""Principal components of the target."""
FEATURES = 256
"""Of a signal, for `features`."""
DAMPING = 1e-5
"""Share of the whole variance that is added to that of every feature."""


def fit(
    target: np.ndarray,
    condition: np.ndarray,
    subject: np.ndarray,
    folds: int,
    components: int = COMPONENTS,
) -> Params:
    """The law of a target given a condition.

    Args:
      target: windows [N, L, d].
      condition: windows [N, L', d'].
      subject: subject codes [N], non-negative integers.
      folds: groups of subjects for cross-validation; subject s belongs to group `s % folds`.
      components: principal components of the target.

    Returns:
      The law. `weights[g]` is the map fitted without group g; the last one is fitted on all
      subjects.

    Raises:
      DataError: fewer than two groups, or values that are not finite.
    """
    group = groups(target, condition, subject, folds)
    mu, basis = principal(target.reshape(len(target), -1), components)
    z = (target.reshape(len(target), -1) - mu) @ basis.T
    width = CONDITION_FACTOR * components
    strength, scale, nu, into, c = best_ridge(condition, width, z, group)
    residual = np.concatenate(list(left_out(c, z, group, strength).values()))
    variance, turn = np.linalg.eigh(residual.T @ residual / len(residual))
    basis, z = turn.T @ basis, z @ turn
    maps = [fit_map(c[group != g], z[group != g], strength) for g in range(folds)]
    maps.append(fit_map(c, z, strength))
    outside = np.square(target.reshape(len(target), -1) - mu).sum() - np.square(z).sum()
    rest = max(outside, 0.0) / len(z) / max(1, mu.size - len(basis))
    scale = np.broadcast_to(scale, condition.shape[1:])
    law = {
        "centre": mu.reshape(target.shape[1:]),
        "deviation": _deviation(target),
        "features": features(target),
        "condition_noise": equivalent_noise(strength, scale, c),
        "condition_centre": nu.reshape(condition.shape[1:]) * scale,
        "into": _padded(into.reshape(-1, *condition.shape[1:]) / scale, 0, width),
        "basis": _padded(basis.reshape(-1, *target.shape[1:]), 0, components),
        "weights": np.stack([_padded(w, (0, 1), (width, components)) for w, _ in maps]),
        "offset": np.stack([_padded(offset, 0, components) for _, offset in maps]),
        "variance": _padded(np.maximum(variance, 1e-6), 0, components),
        "rest": np.maximum(rest, 1e-6),
    }
    return {name: np.asarray(value, np.float32) for name, value in law.items()}


def condition_noise(
    target: np.ndarray,
    condition: np.ndarray,
    subject: np.ndarray,
    folds: int,
    components: int = COMPONENTS,
) -> np.ndarray:
    """Noise on the condition that shrinks a linear map as much as ridge regression does.

    Training with white noise of variance v on the condition of N windows is ridge regression with
    the penalty N v (Bishop 1995); the penalty is the one that predicts left-out subjects best.

    Args:
      target: windows [N, L, d].
      condition: windows [N, L', d'].
      subject: subject codes [N], non-negative integers.
      folds: groups of subjects for cross-validation.
      components: principal components of the target.

    Returns:
      Its deviation per channel of the condition [d'].

    Raises:
      DataError: fewer than two groups, or values that are not finite.
    """
    group = groups(target, condition, subject, folds)
    mu, basis = principal(target.reshape(len(target), -1), components)
    z = (target.reshape(len(target), -1) - mu) @ basis.T
    strength, scale, _, _, c = best_ridge(condition, CONDITION_FACTOR * components, z, group)
    return equivalent_noise(strength, np.broadcast_to(scale, condition.shape[1:]), c)


def around(target: np.ndarray, residual: np.ndarray, components: int = COMPONENTS) -> Params:
    """The law of the errors of any predictor.

    Args:
      target: windows [N, L, d].
      residual: target minus prediction [N, L, d], of subjects the predictor was not fitted on.
      components: principal components of the errors.

    Returns:
      A law without a map: the predictions are given to `denoise` as `m`.
    """
    flat = residual.reshape(len(residual), -1)
    power, vectors = spectrum(flat, components)
    outside = max(np.square(flat).sum() / len(flat) - power.sum(), 0.0)
    law = {
        "centre": target.mean(0),
        "deviation": _deviation(target),
        "features": features(target),
        "basis": _padded(vectors.reshape(-1, *target.shape[1:]), 0, components),
        "variance": _padded(np.maximum(power, 1e-6), 0, components),
        "rest": np.maximum(outside / max(1, flat.shape[1] - len(power)), 1e-6),
    }
    return {name: np.asarray(value, np.float32) for name, value in law.items()}


def marginal(target: np.ndarray, components: int = COMPONENTS) -> Params:
    """The law without a condition: the mean curve and the covariance about it of targets [N, L,
    d].
    """
    return around(target, target - target.mean(0), components)


def white(signals: Array, components: int = COMPONENTS) -> Params:
    """A law to be replaced, of the shapes of others: white noise about the mean curve of signals
    [N, L, d].

    Its components and features are single samples, evenly spread.
    """
    rest = jnp.maximum(jnp.square(signals - signals.mean(0)).mean(), 1e-6)
    deviation = jnp.asarray(_deviation(signals), jnp.float32)

    def single(count: int) -> Array:
        at = np.linspace(0, signals[0].size - 1, count).round().astype(int)
        return jax.nn.one_hot(at, signals[0].size).reshape(count, *signals.shape[1:])

    return {
        "centre": jnp.asarray(signals.mean(0), jnp.float32),
        "deviation": deviation,
        "features": single(FEATURES) / deviation,
        "basis": single(components),
        "variance": jnp.full((components,), rest, jnp.float32),
        "rest": rest,
    }


def features(
    signals: np.ndarray, noise: np.ndarray | None = None, count: int = FEATURES
) -> np.ndarray:
    """Directions [count, L, d] along which signals [N, L, d] about their mean are uncorrelated, of
    variance one at most.

    A network that is given these numbers sees the whole window at once, at one scale. They are
    small along directions that hold little of the variance, as in ridge regression; with noise of
    this deviation per channel [d] in training, their variance is one with the noise: directions in
    which it drowns the signal would enter training with many times the scale they have without it.
    """
    noisy = noise is not None and np.all(noise)
    scale = noise if noisy else np.ones(signals.shape[-1])
    centred = ((signals - signals.mean(0)) / scale).reshape(len(signals), -1)
    power, vectors = spectrum(centred, count)
    damping = max(DAMPING * power.sum(), 1.0 if noisy else 0.0)
    damped = vectors / np.sqrt(power + damping)[:, None]
    return _padded(damped.reshape(-1, *signals.shape[1:]) / scale, 0, count)


def seen(law: Params, signal: Array) -> Array:
    """The features of a signal [L, d], of which this is the law."""
    return jnp.tensordot(law["features"], signal - law["centre"], 2)


def has_map(law: Params) -> bool:
    """Whether `guess` depends on the condition."""
    return "weights" in law


def guess(law: Params, condition: Array, subject: Array | int = -1) -> Array:
    """The prediction `m(y)` [L, d] for one window.

    Args:
      law: a law with a map, or any other, which predicts its centre.
      condition: y, [L', d'].
      subject: a training subject, for the map fitted without its group; -1 for the map fitted on
        all.

    Returns:
      The conditional mean.
    """
    if not has_map(law):
        return jnp.asarray(law["centre"])
    folds = law["weights"].shape[0] - 1
    row = jnp.where(jnp.asarray(subject) < 0, folds, jnp.asarray(subject) % folds)
    c = jnp.tensordot(law["into"], condition - law["condition_centre"], 2)
    weights, offset = (jnp.asarray(law[name])[row] for name in ("weights", "offset"))
    return law["centre"] + jnp.tensordot(c @ weights + offset, law["basis"], 1)


def guesses(
    law: Params, conditions: np.ndarray, subject: np.ndarray, chunk: int = 256
) -> np.ndarray:
    """The predictions [N, L, d] for many windows, each by the map fitted without its subject's
    group.
    """
    run = jax.jit(jax.vmap(guess, (None, 0, 0)))
    parts = [
        run(law, conditions[first : first + chunk], subject[first : first + chunk])
        for first in range(0, len(conditions), chunk)
    ]
    return np.concatenate([np.asarray(part) for part in parts])


def without_map(law: Params) -> Params:
    """The law of the errors alone, for training with predictions that are known."""
    mapped = ("condition_centre", "into", "weights", "offset")
    return {name: value for name, value in law.items() if name not in mapped}


def denoise(
    law: Params, schedule: Schedule, x_t: Array, t: Array, m: Array, output: Array
) -> Array:
    """The posterior mean of one window, plus `output` in units of the posterior's deviation in each
    direction.
    """
    basis = law["basis"]
    inside, inside_scale = _posterior(schedule, t, law["variance"])
    outside, outside_scale = _posterior(schedule, t, law["rest"])
    away = x_t - schedules.at(schedule, t)[0] * m
    estimate = m + outside * away + outside_scale * output
    if not len(basis):
        return estimate
    z, f = jnp.tensordot(basis, away, 2), jnp.tensordot(basis, output, 2)
    along = (inside - outside) * z + (inside_scale - outside_scale) * f
    return estimate + jnp.tensordot(along, basis, 1)


def innovation(law: Params, schedule: Schedule, x_t: Array, t: Array, m: Array) -> Array:
    """Components of `x_t - alpha m`, of unit variance under the law at every step."""
    alpha, sigma = schedules.at(schedule, t)
    away = jnp.tensordot(law["basis"], x_t - alpha * m, 2)
    return away * jax.lax.rsqrt(jnp.square(alpha) * law["variance"] + jnp.square(sigma))


def left_open(law: Params, schedule: Schedule, t: Array) -> Array:
    """The mean squared error per sample that the law itself expects at step t."""
    inside, outside = (
        jnp.square(_posterior(schedule, t, law[name])[1]) for name in ("variance", "rest")
    )
    return _mean_variance(law, inside, outside)


def spread(law: Params) -> Array:
    """Root mean square deviation per sample of the law, without any noisy observation."""
    return jnp.sqrt(_mean_variance(law, jnp.asarray(law["variance"]), jnp.asarray(law["rest"])))


def _mean_variance(law: Params, inside: Array, outside: Array) -> Array:
    size = law["centre"].size
    return (jnp.sum(inside) + (size - len(inside)) * jnp.mean(outside)) / size


def _posterior(schedule: Schedule, t: Array, variance: Array) -> tuple[Array, Array]:
    """Gain on the noisy signal and posterior deviation, in directions of that prior variance."""
    alpha, sigma = schedules.at(schedule, t)
    total = jnp.square(alpha) * variance + jnp.square(sigma)
    return alpha * variance / total, sigma * jnp.sqrt(variance / total)


def _deviation(target: Array) -> Array:
    """Standard deviation of each channel about the mean curve, positive."""
    return ((target - target.mean(0)) ** 2).mean((0, 1)).clip(1e-6) ** 0.5


def _padded(values: np.ndarray, axes: int | tuple[int, ...], lengths: int | tuple) -> np.ndarray:
    """Zeros appended, so that the laws of several folds have one shape."""
    wanted = dict(zip(np.atleast_1d(axes).tolist(), np.atleast_1d(lengths).tolist()))
    return np.pad(values, [(0, wanted.get(i, n) - n) for i, n in enumerate(values.shape)])
