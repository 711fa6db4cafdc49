"""Bands of a stride: conformal factors per channel and part of the stride, at the phases of a recording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from jaxdiff.models.calibration import LEVELS, Calibration

PARTS = 10
"""Parts of the stride with factors of their own."""


@dataclass(frozen=True)
class PhaseCalibration(Calibration):
    """A calibration whose channels are parts of a stride, read at the phase of every sample.

    Attributes:
      phase: phase of each sample of what is calibrated, [T], in strides.
      columns: the calibrated channel of each channel, by number.
      widening: further factor on all intervals, for speeds beyond those of the people.
    """

    phase: np.ndarray = field(default_factory=lambda: np.zeros(0))
    columns: tuple[int, ...] = ()
    widening: float = 1.0

    def scale(self, p: float, channels: Sequence[str] | None = None) -> np.ndarray:
        """Factors [T, C] at probability `p`; `channels` is not needed."""
        factors = Calibration.scale(self, p).reshape(PARTS, -1)
        place = np.mod(self.phase, 1.0) * PARTS - 0.5
        left = np.floor(place).astype(int)
        weight = (place - left)[:, None]
        mixed = (1 - weight) * factors[left % PARTS] + weight * factors[(left + 1) % PARTS]
        return self.widening * mixed[:, list(self.columns)]


def fit(
    samples: np.ndarray,
    truth: np.ndarray,
    subjects: np.ndarray,
    channels: Sequence[str],
    levels: Sequence[float] = LEVELS,
) -> Calibration:
    """Factors from held-out people.

    Args:
      samples: predictions of strides, [S, N, P, C], with P a multiple of `PARTS`.
      truth: measured strides [N, P, C]; NaN where not measured.
      subjects: person of each example, [N].
      channels: names of the C channels.
    """

    def parted(values: np.ndarray) -> np.ndarray:
        """[..., P, C] -> [..., P / PARTS, PARTS * C]."""
        *front, points, count = values.shape
        parts = values.reshape(*front, PARTS, points // PARTS, count)
        return np.moveaxis(parts, -2, -3).reshape(*front, points // PARTS, PARTS * count)

    names = [f"{name}@{part}" for part in range(PARTS) for name in channels]
    return Calibration.fit(parted(samples), parted(truth), subjects, names, levels)


def at(
    calibration: Calibration, phase: np.ndarray, columns: Sequence[int], widening: float = 1.0
) -> PhaseCalibration:
    """The factors of `fit` for samples at these phases and of these channels."""
    return PhaseCalibration(
        calibration.channels,
        calibration.levels,
        calibration.scales,
        calibration.subjects,
        np.asarray(phase),
        tuple(columns),
        widening,
    )
