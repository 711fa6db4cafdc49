"""How recordings differ from simulated strides: smooth deviations of each channel that say nothing
about the walk.

Misplaced markers, plates and joint centres, filters, and a simulation's own errors shift a whole
curve at once. A law with independent residuals takes a hundred shifted samples for a hundred pieces
of evidence. Here every channel deviates by

    d = D xi,    xi ~ N(0, I)

with a constant and a few harmonics of the stride, in proportion to how much strides vary at that
phase (forces of the swing phase stay zero), and a gain on the mean curve. Observations are then
correlated, and a curve that lies a little off is trusted as little as it deserves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

HARMONICS = 6
OFFSET = 0.4
"""Share of the variance that is constant over the stride; harmonic h has one proportional to 1 /
h².
"""


class Discrepancy(NamedTuple):
    """Size of the deviations of one modality."""

    share: float = 0.0
    """Deviation of d in deviations of the strides at that phase."""
    gain: float = 0.0
    """Deviation of the relative error of the mean curve's amplitude."""


def from_json(values: Mapping[str, Mapping[str, float]]) -> dict[str, Discrepancy]:
    """Discrepancies by modality of a config's or a file's plain values."""
    return {name: Discrepancy(**value) for name, value in values.items()}


def directions(spread: np.ndarray, mean: np.ndarray, size: Discrepancy) -> np.ndarray:
    """D of every channel, [steps, C, R].

    Args:
      spread: deviation of strides at every step, [steps, C].
      mean: mean curve, [steps, C].
      size: of the deviations.
    """
    steps = len(spread)
    phase = 2 * np.pi * np.arange(steps) / steps
    columns = [np.ones(steps)]
    if steps > 1:
        order = np.arange(1, HARMONICS + 1)
        amplitude = np.sqrt((1 - OFFSET) / np.square(order) / (1 / np.square(order)).sum())
        columns[0] = np.full(steps, np.sqrt(OFFSET))
        columns += [a * f(h * phase) for h, a in zip(order, amplitude) for f in (np.cos, np.sin)]
    waves = size.share * spread[..., None] * np.stack(columns, -1)[:, None]
    swing = mean - mean.mean(0) if steps > 1 else 0 * mean
    return np.concatenate([waves, size.gain * swing[..., None]], axis=-1)


def explained(directions: np.ndarray, noise: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """`Sigma^-1 W` of given samples whose covariance is `Sigma = diag(noise²) + D D'`.

    Args:
      directions: D at the given samples of a channel, [..., n, R].
      noise: deviation of the independent residual, [..., n].
      basis: W, [..., n, K].

    Returns:
      The map from standardised samples to evidence on the coefficients, [..., n, K].
    """
    scaled = basis / np.square(noise)[..., None]
    light = directions / np.square(noise)[..., None]
    return scaled - light @ correction(directions, noise, basis)


def correction(directions: np.ndarray, noise: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """`(I + D' N^-1 D)^-1 D' N^-1 W`, [..., R, K]: see `explained`."""
    light = np.swapaxes(directions / np.square(noise)[..., None], -1, -2)
    inner = np.eye(directions.shape[-1]) + light @ directions
    return np.linalg.solve(inner, light @ basis)


def posterior(
    directions: np.ndarray, noise: np.ndarray, residual: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Mean [..., R] and root of the covariance [R, R] of xi, given residuals [..., n] of one
    channel.
    """
    light = directions / np.square(noise)[:, None]
    inner = np.eye(directions.shape[-1]) + light.T @ directions
    values, vectors = np.linalg.eigh(inner)
    root = (vectors / np.sqrt(values)) @ vectors.T
    return residual @ light @ root @ root, root
