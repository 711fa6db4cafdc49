"""Bands of a stride: conformal factors per channel and part of the stride, at the phases of a
recording.

People whose legs are unlike, such as after a stroke, differ more from what the others do. Factors
are kept for all people and, where there are enough of them, for groups: people stated to have
hemiparesis (`paretic` in the metadata of a recording), and everyone by how unlike the legs are, for
recordings that do not state it. Names are `KIND` for all and `KIND, GROUP`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from jaxdiff.models.calibration import LEVELS, Calibration
from jaxdiff.studies.speed_transfer import strides
from jaxdiff.studies.speed_transfer.recorded import ANGLES
from jaxdiff.studies.speed_transfer.strides import CHANNELS, TERMS, Gait

PARTS = 10
"""Parts of the stride with factors of their own."""
KINDS = ("stride", "mean")
"""What an interval may hold: a single stride, or the mean stride."""
GROUPS = ("symmetric", "asymmetric", "hemiparesis")
ALIKE = 8.0
"""Largest difference between the legs, in degrees, of a symmetric gait; chosen on validation
people.
"""
FEWEST = 20
"""People below which a group has no factors of its own: for 95 % conformal prediction needs 19."""


def asymmetry(gait: Gait) -> float:
    """Root mean square difference of the legs half a stride apart, in degrees; NaN where a joint
    lacks one.
    """
    legs = len(CHANNELS) * TERMS
    apart = (gait.mean - strides.mirrored(gait.mean))[:legs]
    return float(np.sqrt(np.square(apart).sum() / len(CHANNELS)))


def alike(sources: Sequence[Gait]) -> str:
    """The group of a person with these recordings by the legs, or nothing where one was not
    recorded.
    """
    found = float(np.mean([asymmetry(g) for g in sources]))
    return "" if np.isnan(found) else GROUPS[int(found > ALIKE)]


def group(sources: Sequence[Gait]) -> str:
    """The group whose factors a person with these recordings is given."""
    return GROUPS[2] if any(g.paretic for g in sources) else alike(sources)


def chosen(kept: Mapping[str, Calibration], kind: str, sources: Sequence[Gait]) -> Calibration:
    """The factors for a person with these recordings; without any calibration factors of one."""
    everyone = kept.get(kind)
    if everyone is None:
        everyone = Calibration.identity(_names(ANGLES))
    return kept.get(f"{kind}, {group(sources)}", everyone)


def by_group(
    samples: np.ndarray,
    truth: np.ndarray,
    sources: Sequence[Sequence[Gait]],
    kind: str,
    levels: Sequence[float] = LEVELS,
) -> dict[str, Calibration]:
    """Factors from held-out people, for all of them and for each group that is large enough;
    arguments as in `fit`.

    Args:
      sources: recordings that each example was predicted from; the first one names the person.
      kind: what the bands hold, `stride` or `mean`.
    """
    groups = np.array([alike(each) for each in sources])
    stated = np.array([group(each) == GROUPS[2] for each in sources])
    subjects = np.array([each[0].subject for each in sources])
    found = {kind: fit(samples, truth, subjects, ANGLES, levels)}
    for name in GROUPS:
        rows = np.flatnonzero(stated if name == GROUPS[2] else groups == name)
        if len(np.unique(subjects[rows])) >= FEWEST:
            found[f"{kind}, {name}"] = fit(
                samples[:, rows], truth[rows], subjects[rows], ANGLES, levels
            )
    return found


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

    return Calibration.fit(parted(samples), parted(truth), subjects, _names(channels), levels)


def _names(channels: Sequence[str]) -> list[str]:
    return [f"{name}@{part}" for part in range(PARTS) for name in channels]


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
