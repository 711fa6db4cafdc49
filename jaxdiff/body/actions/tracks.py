"""Curves over time from a few keys: the brush strokes of the simulated motions. All on frames (T,),
NumPy, float64.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

FPS = 20.0


def ease(u: ArrayLike) -> np.ndarray:
    """From 0 to 1 with least jerk: 10 u^3 - 15 u^4 + 6 u^5, constant outside [0, 1]."""
    u = np.clip(u, 0, 1)
    return u**3 * (10 - 15 * u + 6 * u**2)


def hermite(t: np.ndarray, times: ArrayLike, values: ArrayLike, slopes: ArrayLike) -> np.ndarray:
    """The cubic through (times, values) with the given slopes; the end values beyond the ends."""
    times, values, slopes = (np.asarray(a, np.float64) for a in (times, values, slopes))
    t = np.clip(t, times[0], times[-1])
    i = np.clip(np.searchsorted(times, t, side="right") - 1, 0, len(times) - 2)
    h = times[i + 1] - times[i]
    u = (t - times[i]) / h
    expand = (slice(None), *[None] * (values.ndim - 1))
    u, h = u[expand], h[expand]
    start, end = values[i] + 0 * u, values[i + 1]
    return (
        start
        + (end - start) * u**2 * (3 - 2 * u)
        + h * u * (1 - u) * (slopes[i] * (1 - u) - slopes[i + 1] * u)
    )


def keys(t: np.ndarray, *frames: tuple[float, ArrayLike]) -> np.ndarray:
    """The monotone cubic through (time, value) keys (Fritsch and Carlson): no overshoot, rest where
    keys repeat.
    """
    times = np.array([time for time, _ in frames], np.float64)
    values = np.array([value for _, value in frames], np.float64)
    h = np.diff(times)[(slice(None), *[None] * (values.ndim - 1))]
    secant = np.diff(values, axis=0) / h
    slopes = np.zeros_like(values)
    before, after = secant[:-1], secant[1:]
    same = before * after > 0
    w_before, w_after = 2 * h[1:] + h[:-1], h[1:] + 2 * h[:-1]
    mean = w_before / np.where(same, before, 1) + w_after / np.where(same, after, 1)
    slopes[1:-1] = np.where(same, (w_before + w_after) / np.where(same, mean, 1), 0)
    return hermite(t, times, values, slopes)


def pulses(
    t: np.ndarray, starts: Sequence[float], rise: float, hold: float, fall: float
) -> np.ndarray:
    """0 -> 1 -> 0 at each start, smoothly."""
    total = np.zeros_like(t)
    for start in starts:
        total += ease((t - start) / rise) - ease((t - start - rise - hold) / fall)
    return total


def smooth(x: np.ndarray, sigma: float) -> np.ndarray:
    """A Gaussian of `sigma` frames along the first axis, edge values repeated."""
    radius = int(np.ceil(3 * sigma))
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    flat = np.concatenate([x[:1].repeat(radius, 0), x, x[-1:].repeat(radius, 0)]).reshape(
        len(x) + 2 * radius, -1
    )
    columns = [np.convolve(column, weights / weights.sum(), mode="valid") for column in flat.T]
    return np.stack(columns, axis=-1).reshape(x.shape)


def drift(rng: np.random.Generator, t: np.ndarray, scale: ArrayLike) -> np.ndarray:
    """Slow aimless movement (T, *scale.shape) of standard deviation `scale`: three slow sines of
    random phase each.
    """
    scale = np.asarray(scale, np.float64)
    frequency, phase = (
        rng.uniform(0.08, 0.5, (3, *scale.shape)),
        rng.uniform(0, 2 * np.pi, (3, *scale.shape)),
    )
    angle = (
        2 * np.pi * frequency[:, None] * t[(None, slice(None), *[None] * scale.ndim)]
        + phase[:, None]
    )
    return scale * np.sqrt(2 / 3) * np.sin(angle).sum(0)
