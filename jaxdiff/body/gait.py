"""Gait events, cadence and time-normalised strides from joint angles or foot paths (speed-transfer
paper, II-F).

Hip-extension peaks m_0 < m_1 < ... are the minima of hip flexion, at least 0.4 of a cycle apart;
shifted by half a cycle they stand for heel strikes. With N = #m - 1 cycles, two steps each, one
side's cadence in steps/min is

    span:   60 * 2 N / (time from the first peak to the last)
    window: 60 * 2 N / (duration of the whole recording), as printed in the paper; up to 4 steps/min
        low in 30 s.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from jaxdiff.errors import ConfigError, DataError

Form = Literal["span", "window"]


def stride_duration(
    hip: np.ndarray, rate: float, shortest: float = 0.4, longest: float = 3.0
) -> float:
    """The period of one hip angle (T,) in seconds: the first high peak of its autocorrelation; nan
    if it has none.
    """
    hip = hip - np.mean(hip)
    power = np.abs(np.fft.rfft(hip, 2 * len(hip))) ** 2
    correlation = np.fft.irfft(power)[: len(hip)] / np.arange(len(hip), 0, -1)
    lags = np.arange(int(np.ceil(shortest * rate)), min(int(longest * rate), len(hip) * 2 // 3))
    lags = lags[np.isin(lags, _minima(-correlation))]
    if not len(lags) or not correlation[lags].max() > 0:
        return float("nan")
    high = lags[correlation[lags] >= 0.85 * correlation[lags].max()]
    return float(high[0] / rate)


def hip_extension_peaks(hip: np.ndarray, rate: float) -> np.ndarray:
    """Sample numbers of the minima of one hip-flexion angle (T,): one a cycle, below the mean, 0.4
    of a cycle apart.
    """
    hip = np.asarray(hip, np.float64)
    if not 0 < rate < np.inf:
        raise DataError(f"a rate is positive, in Hz; got {rate}")
    if hip.ndim != 1 or not np.isfinite(hip).all():
        raise DataError(
            f"hip-extension peaks are found in one finite signal (T,); got shape {hip.shape}"
        )
    cycle = stride_duration(hip, rate)
    if not np.isfinite(cycle):
        return np.zeros(0, np.int64)
    candidates = _minima(hip)
    candidates = candidates[hip[candidates] < hip.mean()]
    kept: list[int] = []
    for peak in candidates[np.argsort(hip[candidates], kind="stable")]:
        if all(abs(peak - other) >= 0.4 * cycle * rate for other in kept):
            kept.append(int(peak))
    return np.sort(np.array(kept, np.int64))


def strikes_from_hip(hip: np.ndarray, rate: float) -> np.ndarray:
    """Heel strikes (fractional sample numbers) as hip-extension peaks shifted by half their
    cycle.
    """
    peaks = hip_extension_peaks(hip, rate)
    if len(peaks) < 2:
        return np.zeros(0)
    cycle = np.diff(peaks)
    strikes = peaks + np.append(cycle, cycle[-1]) / 2
    return strikes[strikes <= len(hip) - 1]


def strikes_from_force(force: np.ndarray, rate: float, shortest: float = 0.1) -> np.ndarray:
    """Heel strikes as the instants at which the vertical force rises through 5 % of its maximum.

    Args:
        force: Vertical ground reaction of one foot [T], upward positive or negative, in any unit.
        rate: Samples per second.
        shortest: A shorter contact, or a shorter loss of contact, is noise (seconds).

    Returns:
        Fractional sample numbers of the threshold crossings. A foot that is loaded in the first
        sample has struck before it, so that strike is not counted.
    """
    force = np.asarray(force, np.float64)
    if force.ndim != 1 or not np.isfinite(force).all():
        raise DataError(f"heel strikes are found in one finite signal [T]; got shape {force.shape}")
    if not len(force):
        return np.zeros(0)
    force = -force if -force.min() > force.max() else force
    level = 0.05 * force.max()
    loaded = force > level
    if not loaded.any() or loaded.all():
        return np.zeros(0)
    frames = max(1, round(shortest * rate))
    for state in (False, True):  # first close short gaps of contact, then drop short contacts
        edges = np.flatnonzero(np.diff(np.concatenate([[not state], loaded, [not state]]) == state))
        for a, b in zip(edges[::2], edges[1::2]):
            if b - a < frames and a > 0 and b < len(loaded):
                loaded[a:b] = not state
    up = np.flatnonzero(loaded[1:] & ~loaded[:-1])
    rise = force[up + 1] - force[up]
    return up + np.clip((level - force[up]) / np.where(rise > 0, rise, 1.0), 0, 1)


def strikes_from_foot(
    foot: np.ndarray, pelvis: np.ndarray, forward: np.ndarray, rate: float
) -> np.ndarray:
    """Heel strikes as the instants at which the foot is furthest ahead of the pelvis (Zeni et al.
    2008).

    `foot`, `pelvis` (T, 3); `forward` (3,) or (T, 3) is the direction of walking. Works on a
    treadmill and over ground.
    """
    ahead = ((np.asarray(foot, np.float64) - pelvis) * forward).sum(-1)
    return hip_extension_peaks(-ahead, rate)


def cadence_from_minima(
    minima: Sequence[int] | np.ndarray, rate: float, duration: float, form: Form = "span"
) -> float:
    """Steps/min of one side from its hip-extension peaks (sample numbers); nan with fewer than
    two.
    """
    if form not in ("span", "window"):
        raise ConfigError(f"cadence has the forms 'span' and 'window'; got {form!r}")
    minima = np.asarray(minima)
    if len(minima) < 2:
        return float("nan")
    seconds = (minima[-1] - minima[0]) / rate if form == "span" else duration
    return float(60 * 2 * (len(minima) - 1) / seconds)


def cadence(hip: np.ndarray, rate: float, form: Form = "span") -> float:
    """Steps/min from hip-flexion angles (T,) or (sides, T), averaged over the sides; nan where no
    cycle is found.
    """
    sides = np.atleast_2d(np.asarray(hip))
    each = [
        cadence_from_minima(hip_extension_peaks(side, rate), rate, len(side) / rate, form)
        for side in sides
    ]
    return float(np.mean(each))


def normalise_strides(values: np.ndarray, events: np.ndarray, points: int = 101) -> np.ndarray:
    """Strides between consecutive events, each on `points` equidistant points: (T, ...) ->
    (strides, points, ...).
    """
    if points < 2:
        raise ConfigError(f"a stride is put on two points or more, its ends; got {points}")
    values, events = np.asarray(values), np.asarray(events, np.float64)
    if len(events) and not (
        events[0] >= 0 and events[-1] <= len(values) - 1 and (np.diff(events) > 0).all()
    ):
        raise DataError(
            f"events must rise within the samples 0 to {len(values) - 1}; got {events[0]} to"
            f" {events[-1]}"
        )
    share = np.linspace(0, 1, points)
    time = events[:-1, None] * (1 - share) + events[1:, None] * share
    left = np.minimum(time.astype(int), len(values) - 2)
    weight = (time - left).reshape(*time.shape, *[1] * (values.ndim - 1))
    return (values[left] * (1 - weight) + values[left + 1] * weight).astype(values.dtype)


def _minima(x: np.ndarray) -> np.ndarray:
    """Strict local minima; of a flat bottom, the middle."""
    turns = np.flatnonzero(np.diff(x) != 0)
    slopes = np.sign(x[turns + 1] - x[turns])
    bottoms = np.flatnonzero((slopes[:-1] < 0) & (slopes[1:] > 0))
    return (turns[bottoms] + 1 + turns[bottoms + 1]) // 2
