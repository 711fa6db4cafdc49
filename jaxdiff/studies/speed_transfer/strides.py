"""Gaits as strides: the mean stride and its variability, as Fourier coefficients.

A stride runs from one right foot strike to the next. Each sagittal angle of it is a periodic curve
of the phase,

    x(φ) = a_0 + √2 Σ_h (a_h cos 2πhφ + b_h sin 2πhφ),   h = 1 … H,

so that the mean square of a curve is the sum of its squared coefficients. A *state* is the vector
of the coefficients of all channels, followed by the logarithm of the stride time, stature and the
logarithm of mass. Coefficients need no common clock, sampling rate or number of points, and are the
same for a recording, a published mean curve and a simulation.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from jaxdiff.errors import DataError

HARMONICS = 10
TERMS = 2 * HARMONICS + 1
"""Coefficients of one channel."""
JOINTS = ("hip", "knee", "ankle")
CHANNELS = tuple(f"{joint}_{side}" for side in "rl" for joint in JOINTS)
EXTRAS = ("log_stride_time", "stature", "log_mass")
SIZE = len(CHANNELS) * TERMS + len(EXTRAS)
"""Length of a state."""
STRIDE_TIME, STATURE, LOG_MASS = range(SIZE - len(EXTRAS), SIZE)
SCALE = np.concatenate([np.ones(SIZE - len(EXTRAS)), [0.01, 0.01, 0.02]])
"""Units of a state: degrees; 1 % of stride time; 1 cm; 2 % of mass."""


class Gait(NamedTuple):
    """One person walking at one speed."""

    speed: float
    """Metres per second."""
    mean: np.ndarray
    """State of the mean stride [SIZE] in units of `SCALE`; NaN where not measured."""
    deviations: np.ndarray
    """States of single strides less the mean [strides, SIZE]; no rows for a published mean curve.
    """
    subject: str = ""
    paretic: str = ""
    count: int = 0
    """Strides of a published mean; 0: as many as `deviations` has rows."""

    @property
    def measured(self) -> np.ndarray:
        """Mask [SIZE] of what was measured."""
        return np.isfinite(self.mean)

    def select(self, rows: np.ndarray) -> Gait:
        """Some entries of the state."""
        return self._replace(mean=self.mean[rows], deviations=self.deviations[:, rows])

    @property
    def strides(self) -> int:
        """Number of strides the mean is taken over; at least 1."""
        return max(1, self.count, len(self.deviations))


def harmonics(phase: np.ndarray) -> np.ndarray:
    """The basis functions at phases [...] in strides: [..., TERMS]."""
    turn = 2 * np.pi * np.asarray(phase, np.float64)[..., None] * np.arange(1, HARMONICS + 1)
    waves = np.stack([np.cos(turn), np.sin(turn)], axis=-1).reshape(*turn.shape[:-1], -1)
    return np.concatenate([np.ones((*turn.shape[:-1], 1)), np.sqrt(2) * waves], axis=-1)


def coefficients(curves: np.ndarray) -> np.ndarray:
    """Coefficients [..., C * TERMS] of strides [..., P, C] at P equal phases from 0 on (without the
    end, phase 1).
    """
    points = curves.shape[-2]
    if points <= TERMS:
        raise DataError(f"a stride needs more than {TERMS} points; got {points}")
    found = np.einsum("pk,...pc->...ck", harmonics(np.arange(points) / points), curves) / points
    return found.reshape(*curves.shape[:-2], -1)


def curves(states: np.ndarray, points: int, channels: int = len(CHANNELS)) -> np.ndarray:
    """Strides [..., points, C] in degrees of states [..., SIZE], or of the coefficients of
    `channels` channels.
    """
    terms = states[..., : channels * TERMS].reshape(*states.shape[:-1], channels, TERMS)
    return np.einsum("pk,...ck->...pc", harmonics(np.arange(points) / points), terms)


def at_phases(states: np.ndarray, phase: np.ndarray) -> np.ndarray:
    """Angles [T, C] of one state per instant [T, SIZE], or one for all [SIZE], at phases [T]."""
    terms = states[..., : len(CHANNELS) * TERMS].reshape(*states.shape[:-1], len(CHANNELS), TERMS)
    return np.einsum("tk,...ck->tc" if states.ndim == 1 else "tk,tck->tc", harmonics(phase), terms)


def mirrored(states: np.ndarray) -> np.ndarray:
    """States [..., SIZE] with the legs exchanged; a stride then begins at the other leg's foot
    strike.
    """
    legs = len(CHANNELS) * TERMS
    order = np.repeat(np.arange(HARMONICS + 1), [1, *[2] * HARMONICS])
    half = np.where(order % 2, -1.0, 1.0)
    terms = states[..., :legs].reshape(*states.shape[:-1], len(CHANNELS), TERMS) * half
    turned = np.roll(terms, len(JOINTS), axis=-2).reshape(*states.shape[:-1], legs)
    return np.concatenate([turned, states[..., legs:]], axis=-1)


def gait(
    values: np.ndarray,
    rate: float,
    strikes: np.ndarray,
    speed: float,
    *,
    subject: str = "",
    paretic: str = "",
    stature: float = np.nan,
    mass: float = np.nan,
) -> Gait:
    """The gait of one recording.

    Args:
      values: sagittal angles in degrees [T, 6], in the order of `CHANNELS`; columns of NaN where
        not measured.
      rate: samples per second.
      strikes: right foot strikes in samples, ascending; they may lie between samples.
      speed: metres per second.
      stature: metres, if known.
      mass: kilograms, if known.

    Raises:
      DataError: fewer than one whole stride.
    """
    strikes = np.asarray(strikes, np.float64)
    if len(strikes) < 2:
        raise DataError(
            f"a gait needs one whole stride, two right foot strikes; got {len(strikes)}"
        )
    time = np.diff(strikes) / rate
    usual = np.median(time)
    kept = np.abs(np.log(time / usual)) < 0.35
    points = 4 * TERMS
    phase = np.arange(points) / points
    place = strikes[:-1, None] + np.diff(strikes)[:, None] * phase
    whole = _at(values, place[kept])
    states = np.concatenate(
        [
            coefficients(closed(whole, _at(values, strikes[1:][kept, None])[:, 0])),
            np.log(time[kept, None]),
            np.full((kept.sum(), 1), stature),
            np.full((kept.sum(), 1), np.log(mass)),
        ],
        axis=-1,
    )
    states = states / SCALE
    mean = states.mean(0)
    return Gait(float(speed), mean, states - mean, subject, paretic)


def _at(values: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Linear interpolation of values [T, C] at fractional samples [...]: [..., C]."""
    place = np.clip(place, 0, len(values) - 1)
    left = np.minimum(place.astype(int), len(values) - 2)
    weight = (place - left)[..., None]
    return (1 - weight) * values[left] + weight * values[left + 1]


def closed(strides: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Strides [..., P, C] without the step from their end [..., C] to their beginning, which is
    spread over the stride.
    """
    points = strides.shape[-2]
    phase = np.arange(points) / points - 0.5
    return strides - phase[:, None] * (end - strides[..., 0, :])[..., None, :]
