"""What a laboratory adds to the motion it measures: irregular forces, smoothing, misplaced plates,
moving skin.

The rigid body explains forces that are smooth and alike in every stride. Measured ones are not:
soft tissue and the foot's impact add what no rigid model predicts, and every laboratory smooths and
places its plates in its own way. The forces are changed before joint moments are computed from
them, as inverse dynamics of measured forces does, so moments and powers carry the same errors.
Traits that are 0 leave the signals of the rigid body unchanged.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from jaxdiff.body.walker.traits import Traits
from jaxdiff.typing import Array

BAND = (3, 16)
"""Lowest and highest frequency of irregular forces and angles, cycles per stride."""
DIRECTIONS = np.array([0.35, 0.25, 1.0])
"""Irregularity of the forward, lateral and normal force, relative to the normal one."""
IMPACT_TIME, IMPACT_WIDTH = 0.022, 0.009
"""Seconds after foot strike, and standard deviation."""
IMPACT_BRAKING = 0.25
REACH = 12
"""Samples over which forces are smoothed, to either side."""


def ideal(t: Traits) -> Traits:
    """The same people measured without error: forces of the rigid body, true joint angles.

    Soft tissue is no error of the instruments: it stays as it is.
    """
    none = "angle_offset", "angle_artefact", "angle_noise", "plate_shift", "plate_tilt"
    none += ("smoothing", "angle_smoothing", "impact", "roughness")
    none += ("imu_turn", "imu_bias", "imu_noise")
    return t._replace(**{name: np.zeros_like(getattr(t, name)) for name in none})


def band_noise(
    rng: np.random.Generator, shape: tuple[int, ...], samples: int, points: int
) -> np.ndarray:
    """Noise [*shape, samples] of unit variance within `BAND`, of equal power per octave."""
    frequency = np.fft.rfftfreq(samples) * points
    inside = (frequency >= BAND[0] - 1e-6) & (frequency <= BAND[1] + 1e-6)
    gain = np.where(inside, 1.0 / np.sqrt(np.maximum(frequency, 1.0)), 0.0)
    noise = np.fft.rfft(rng.standard_normal((*shape, samples), dtype=np.float32), axis=-1) * gain
    scale = np.sqrt(2.0 * np.square(gain).sum() / samples)
    return np.fft.irfft(noise, samples, axis=-1) / scale


def ripple(rng: np.random.Generator, t: Traits, strides: int, points: int) -> np.ndarray:
    """Irregularity of the forces [M, 2, 3, strides * points] relative to the normal force, both
    feet.
    """
    shape = (len(t.mass), 2, 3)
    repeated = np.tile(band_noise(rng, shape, points, points), strides)
    fresh = band_noise(rng, shape, strides * points, points)
    each = t.roughness[:, :, None, None, None]
    return (each[:, 0] * repeated + each[:, 1] * fresh) * DIRECTIONS[:, None]


def smoothed(values: Array, samples: Array) -> Array:
    """Values [..., M, T] smoothed by a Gaussian of these standard deviations [M] in samples."""
    n = values.shape[-1]
    padded = jnp.pad(values, [(0, 0)] * (values.ndim - 1) + [(REACH, REACH)], mode="edge")
    away = np.arange(-REACH, REACH + 1)
    weights = jnp.exp(-0.5 * jnp.square(away[:, None] / jnp.maximum(samples, 1e-3)))
    weights = weights / weights.sum(0)
    total = jnp.zeros_like(values)
    for k, weight in enumerate(weights):
        total = total + weight[:, None] * padded[..., k : k + n]
    return total


def measured_force(
    force: Array, t: Traits, irregular: Array, since_strike: Array, speed: Array, samples: Array
) -> Array:
    """Forces [2, 3, M, T] of both feet as a laboratory would report them, in body weights.

    Args:
        force: Of the rigid body.
        t: Traits.
        irregular: From `ripple` [M, 2, 3, T].
        since_strike: Seconds since the foot's strike [M, 2, T].
        speed: `v / sqrt(gL)` [M, T].
        samples: Standard deviation of the smoothing [M], in samples.
    """
    irregular = jnp.moveaxis(irregular, 0, 2)
    since = jnp.moveaxis(since_strike, 1, 0)
    bump = jnp.exp(-0.5 * jnp.square((since - IMPACT_TIME) / IMPACT_WIDTH))
    bump = bump * t.impact.T[..., None] * (speed / 0.4) * (force[:, 2] > 0.0)
    force = force + irregular * force[:, 2:]
    force = force.at[:, 2].add(bump)
    force = force.at[:, 0].add(-IMPACT_BRAKING * bump)
    tilt = jnp.transpose(t.plate_tilt, (1, 2, 0))[..., None]
    force = force.at[:, :2].add(tilt * force[:, 2:])
    return smoothed(force, samples)


def angle_errors(rng: np.random.Generator, t: Traits, strides: int, points: int) -> np.ndarray:
    """Offsets, artefacts and irregularity of reported angles [M, strides * points, 26] in
    degrees.
    """
    phase = 2.0 * np.pi * np.arange(points)[:, None] / points * np.arange(1, 4)
    basis = np.concatenate([np.cos(phase), np.sin(phase)], axis=1)
    shape = t.angle_offset.shape
    repeated = t.angle_artefact @ basis.T
    repeated = repeated + t.angle_noise[:, :1, None] * band_noise(rng, shape, points, points)
    fresh = t.angle_noise[:, 1:, None] * band_noise(rng, shape, strides * points, points)
    errors = t.angle_offset[..., None] + np.tile(repeated, strides) + fresh
    return np.moveaxis(errors, 1, 2).astype(np.float32)
