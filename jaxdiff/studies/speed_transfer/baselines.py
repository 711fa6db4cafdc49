"""The change of gait with speed that the training people have in common, and the baselines made of
it.

copy       the recording
warp       its mean stride at the cadence of the target speed
linear     and with the population's change, linear in speed for every angle and phase
quadratic  and with the population's change, quadratic in speed
mean       the training people's mean stride at the target speed, at their mean cadence

Changes are fitted within people, as least squares on the states of mean strides. The logarithm of
the stride time is a quadratic in log v, so the ratio of the cadences at two speeds is the same for
all and the own cadence carries over.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jaxdiff.studies.speed_transfer import hierarchy
from jaxdiff.studies.speed_transfer.strides import SIZE, STRIDE_TIME, Gait

BASELINES = ("copy", "warp", "linear", "quadratic", "mean")
_TIME = np.arange(SIZE) == STRIDE_TIME


class Population(NamedTuple):
    """Fitted to training people only."""

    level: np.ndarray
    """Mean state at the centre of the speeds, [SIZE]."""
    slope: np.ndarray
    """Coefficients of the linear change, [1, SIZE]; that of the stride time is quadratic in both.
    """
    bend: np.ndarray
    """Coefficients of the quadratic change, [2, SIZE]."""

    def change(self, source: float, target: float, degree: int = 2) -> np.ndarray:
        """Change of the state between two speeds, [SIZE]."""
        one, two = (hierarchy.basis(v, _TIME)[1:] for v in (source, target))
        whole = ((two - one) * self.bend).sum(0)
        return whole if degree == 2 else np.where(_TIME, whole, (two - one)[0] * self.slope[0])

    def predict(self, name: str, source: Gait, target: float) -> np.ndarray:
        """The state [SIZE] that a baseline other than `copy` expects at a speed."""
        if name == "mean":
            return self.level + (hierarchy.basis(target, _TIME)[1:] * self.bend).sum(0)
        if name == "warp":
            return source.mean + np.where(_TIME, self.change(source.speed, target), 0.0)
        return source.mean + self.change(source.speed, target, 1 if name == "linear" else 2)


def fit(gaits: Sequence[Gait]) -> Population:
    """The population of these recordings."""
    people = hierarchy.group(gaits)
    states = [np.nan_to_num(np.stack([g.mean for g in each])) for each in people]
    psi = [hierarchy.basis([g.speed for g in each], _TIME)[:, 1:] for each in people]
    away = np.concatenate([z - z.mean(0) for z in states])
    steps = np.concatenate([p - p.mean(0) for p in psi])
    found = []
    for degree in (1, 2):
        fitted = np.zeros((degree, SIZE))
        for rows in (np.flatnonzero(~_TIME), np.flatnonzero(_TIME)):
            design = steps[:, :degree, rows[0]]
            fitted[:, rows] = np.linalg.lstsq(design, away[:, rows], rcond=None)[0]
        found.append(fitted)
    whole = (np.concatenate(psi) * found[1]).sum(1)
    return Population((np.concatenate(states) - whole).mean(0), *found)
