"""The data of the paper's setting: recordings of equal length at one rate, and pairs of speeds of
one person.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from jaxdiff.body.gait import strikes_from_hip
from jaxdiff.data import normalise, pairs, splits
from jaxdiff.data.normalise import Normaliser
from jaxdiff.data.resampling import resampled
from jaxdiff.data.trials import Trials
from jaxdiff.errors import ConfigError, DataError
from jaxdiff.methods.speed_transfer import speed_vector
from jaxdiff.studies.speed_transfer import people, strides
from jaxdiff.studies.speed_transfer.strides import Gait
from jaxdiff.typing import Config

MODALITY = "sagittal"
RIGHT_HIP, LEFT_HIP = 0, 3
"""Among the six channels: hip, knee, ankle of the right leg, then of the left."""
FINER = 8
"""Foot strikes are sought on a grid finer by this factor: a sample at 20 Hz is 5 % of a stride."""


@dataclasses.dataclass(frozen=True)
class Gaits:
    """Recordings of equal length: `values` (N, T, C) in `units`, with subject, speed (m/s) and
    paretic side.
    """

    values: np.ndarray
    subject: np.ndarray
    speed: np.ndarray
    paretic: np.ndarray
    rate: float
    channels: tuple[str, ...]
    units: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.values)

    def select(self, which: np.ndarray) -> Gaits:
        """The gaits of a mask or an index array."""
        rows = {
            name: getattr(self, name)[which] for name in ("values", "subject", "speed", "paretic")
        }
        return dataclasses.replace(self, **rows)

    @cached_property
    def strikes(self) -> list[np.ndarray]:
        """Right foot strikes of every recording in seconds: half a stride after the largest hip
        extension.
        """
        rate = FINER * self.rate
        hips = (resampled(each[:, [RIGHT_HIP]], self.rate, rate)[:, 0] for each in self.values)
        return [strikes_from_hip(hip, rate) / rate for hip in hips]

    @cached_property
    def strides(self) -> list[Gait]:
        """Every recording as a mean stride and its variability."""
        found = []
        for i, values in enumerate(self.values):
            fine = resampled(values.astype(np.float64), self.rate, FINER * self.rate)
            found.append(
                strides.gait(
                    fine,
                    FINER * self.rate,
                    self.strikes[i] * FINER * self.rate,
                    float(self.speed[i]),
                    subject=str(self.subject[i]),
                    paretic=str(self.paretic[i]),
                )
            )
        return found


def gaits(trials: Trials, seconds: float, rate: float) -> Gaits:
    """The first `seconds` of every trial."""
    frames, found = round(seconds * rate), trials.modality(MODALITY)
    if not np.allclose(trials.column("rate"), rate):
        raise DataError(
            f"speed transfer works at {rate:g} Hz; these trials have"
            f" {np.unique(trials.column('rate'))} Hz"
        )
    if (trials.length < frames).any():
        raise DataError(
            f"speed transfer needs {seconds:g} s of every trial; the shortest has"
            f" {trials.length.min() / rate:g} s"
        )
    rows = trials.start[:, None] + np.arange(frames)
    subject, speed, paretic = (trials.column(name) for name in ("subject", "speed", "paretic"))
    return Gaits(
        found[rows],
        subject,
        speed,
        paretic,
        rate,
        trials.channels[MODALITY],
        trials.units[MODALITY],
    )


def load(name: str, d: Config, recipe: str | None, kind: str = "able") -> Trials:
    """The trials of a cohort: `simulated_people`, `camargo2021`, or a `folder` with the modality
    `sagittal`.
    """
    from jaxdiff.data import catalogue

    if name == "simulated_people":
        return people.simulated(kind, seconds=d.seconds, rate=d.rate)
    given: dict[str, Any] = {"recipe": recipe} if name == "folder" else {"manual_dir": d.manual_dir}
    trials = catalogue.load(name, **given)
    if MODALITY not in trials.signals or trials.modality(MODALITY).shape[-1] != 6:
        raise ConfigError(
            f"data set {name!r} has no modality {MODALITY!r} of six angles: hip, knee, ankle, right"
            " then left"
        )
    return trials


def divide(
    trials: Trials,
    counts: Sequence[int],
    seed: int,
    test: Sequence[str] = (),
    validation: Sequence[str] = (),
) -> splits.Split:
    """Training, validation and test subjects: those that are named, or drawn by their numbers."""
    if len(test) or len(validation):
        return splits.for_training(trials, test, validation, seed)
    return splits.by_counts(trials, *counts, seed=seed)


class PairSource:
    """Batches of pairs of speeds: `source`, `target` (B, T, C), normalised, `speeds`, `subject`.

    Args:
        trials: Recordings of equal length.
        frames: Samples of each that are used.
        normaliser: Of the angles.
        draws: Balanced random pairs an epoch; 0: every ordered pair of a person's recordings.
    """

    def __init__(self, trials: Trials, frames: int, normaliser: Normaliser, draws: int = 0):
        trials = normalise.apply({MODALITY: normaliser}, trials)
        self.pairs: Any = (
            pairs.balanced(trials, MODALITY, frames, draws)
            if draws
            else pairs.exhaustive(trials, MODALITY, frames)
        )

    def __len__(self) -> int:
        return len(self.pairs)

    def __call__(self, index: np.ndarray, u: np.ndarray) -> dict[str, np.ndarray]:
        found = self.pairs(index, u)
        asked = found.pop("source_speed"), found.pop("target_speed")
        return {**found, "speeds": speed_vector(*asked)}
