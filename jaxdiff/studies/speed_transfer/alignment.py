"""Gaits at two speeds on one clock: phases, strides, and a gait walked at another cadence.

The phase phi(t) of a recording counts strides: k at the k-th hip-extension peak of the right leg, k + 1/2 at the left
leg's, linear between them. Strides cut at whole phases and sampled at equal ones can be subtracted at any two speeds;
what remains is the change of shape, without the drift of two clocks. A gait is played at another cadence by running its
clock `ratio` times as fast, x(phi^-1(phi(ratio t))). Beyond its last stride it is repeated, the end blended into the
beginning at equal phase.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from jaxdiff.body.gait import hip_extension_peaks
from jaxdiff.data.resampling import resampled
from jaxdiff.errors import DataError

FINER = 8
"""Peaks are sought on a grid finer by this factor: a sample at 20 Hz is 2 % of a stride."""
RIGHT_HIP, LEFT_HIP = 0, 3
"""Among the six channels: hip, knee, ankle of the right leg, then of the left."""
FEWEST_STRIDES = 3
BLEND = 0.5
"""Strides over which the end of a repeated source is blended into its beginning."""


class Clock(NamedTuple):
    """A gait on the finer grid: `values` (F, C), its `phase` (F,) in strides, rising, and the grid's `rate` in Hz."""

    values: np.ndarray
    phase: np.ndarray
    rate: float

    @property
    def strides(self) -> float:
        return float(self.phase[-1] - self.phase[0])

    @property
    def frequency(self) -> float:
        """Strides per second."""
        return self.strides * self.rate / (len(self.phase) - 1)


def clock(values: np.ndarray, rate: float, name: str = "the recording") -> Clock:
    """The clock of sagittal angles (T, 6) sampled at `rate` Hz."""
    fine = resampled(np.asarray(values, np.float64), rate, FINER * rate)
    fine[::FINER] = values
    position, phase = _events(fine, FINER * rate)
    if len(position) < 2 * FEWEST_STRIDES:
        raise DataError(
            f"{name} shows {len(position)} hip-extension peaks of both legs; {2 * FEWEST_STRIDES} are needed"
        )
    slope = (phase[-1] - phase[0]) / (position[-1] - position[0])
    frames = np.arange(len(fine))
    inside = np.interp(frames, position, phase)
    beyond = np.minimum(frames - position[0], 0) + np.maximum(frames - position[-1], 0)
    return Clock(fine.astype(np.float32), inside + slope * beyond, FINER * rate)


def _events(fine: np.ndarray, rate: float) -> tuple[np.ndarray, np.ndarray]:
    """Positions and phases of the hip-extension peaks of both legs; left ones far from mid-stride are left out."""
    right, left = (hip_extension_peaks(fine[:, hip], rate) for hip in (RIGHT_HIP, LEFT_HIP))
    if len(right) < 2:
        return np.zeros(0), np.zeros(0)
    cycles = np.diff(right)
    counted = np.concatenate([[0], np.cumsum(np.maximum(1, np.round(cycles / np.median(cycles))))])
    between = left[(left > right[0]) & (left < right[-1])]
    expected = np.interp(between, right, counted)
    half = np.floor(expected) + 0.5
    kept = np.abs(expected - half) < 0.25
    position, phase = np.concatenate([right, between[kept]]), np.concatenate([counted, half[kept]])
    order = np.argsort(position)
    position, phase = position[order], phase[order]
    rising = np.diff(phase, prepend=-1) > 0
    return position[rising].astype(np.float64), phase[rising]


def retimed_phase(source: Clock, ratio: float, length: int) -> np.ndarray:
    """The phase (length,) of the source at `ratio` times its cadence, from the source's first phase on."""
    frame = np.arange(length) * (FINER * ratio)
    lap, frame = np.divmod(frame, len(source.phase) - 1)
    return np.interp(frame, np.arange(len(source.phase)), source.phase) + lap * source.strides


def warp(source: Clock, phase: np.ndarray) -> np.ndarray:
    """The source's values at these rising phases (T,), to a whole number of strides: (T, C)."""
    first = source.phase[0]
    walked = phase - first + np.ceil(first - phase[0])
    if walked[-1] <= source.strides:
        return _at(source, first + walked)
    circle = np.floor(source.strides - BLEND)
    lap, place = np.divmod(walked, circle)
    values = _at(source, first + place)
    seam = np.flatnonzero((lap > 0) & (place < BLEND))
    weight = place[seam, None] / BLEND
    values[seam] = (1 - weight) * _at(source, first + circle + place[seam]) + weight * values[seam]
    return values


def strides(source: Clock, points: int) -> np.ndarray:
    """The whole strides, (strides, points, C), each from one right hip-extension peak to the next."""
    first, last = int(np.ceil(source.phase[0])), int(np.floor(source.phase[-1]))
    phase = np.arange(first, last)[:, None] + np.arange(points) / points
    return _at(source, phase.ravel()).reshape(last - first, points, -1)


def curve_at(curve: np.ndarray, phase: np.ndarray) -> np.ndarray:
    """A periodic curve (points, C) of one stride at phases (T,): (T, C)."""
    place = np.mod(phase, 1.0) * len(curve)
    left = np.floor(place).astype(int)
    weight = (place - left)[:, None]
    return (1 - weight) * curve[left % len(curve)] + weight * curve[(left + 1) % len(curve)]


def _at(source: Clock, phase: np.ndarray) -> np.ndarray:
    frame = np.interp(phase, source.phase, np.arange(len(source.phase)))
    left = np.minimum(frame.astype(int), len(source.phase) - 2)
    weight = (frame - left)[:, None].astype(np.float32)
    return (1 - weight) * source.values[left] + weight * source.values[left + 1]
