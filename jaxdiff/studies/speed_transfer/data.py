"""Gaits of a cohort, and the pairs of speeds a model is trained on: in time as in the paper, or on a grid of phases.

align = "none"    source and target are the first T samples of two recordings: their clocks drift apart
align = "phase"   both are whole strides on `points` phases each, from a random stride on: sample i of one is the
                  same instant of a stride as sample i of the other
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np

from jaxdiff.data import pairs, splits
from jaxdiff.data.normalise import Normaliser
from jaxdiff.data.trials import Trials
from jaxdiff.errors import ConfigError, DataError
from jaxdiff.methods.speed_transfer import speed_vector
from jaxdiff.studies.speed_transfer import alignment, population

Align = Literal["none", "phase"]
About = Literal["source", "quadratic"]
MODALITY = "sagittal"


class Form(NamedTuple):
    """How a gait becomes a sequence."""

    align: Align = "phase"
    frames: int = 600
    """Samples in time (`none`), or strides times points (`phase`)."""
    points: int = 30
    """Samples of a stride on the grid of phases."""
    about: About = "quadratic"
    """On the grid of phases: the residual is the target less the source, or less the source after the population's change."""


@dataclasses.dataclass(frozen=True)
class Gaits:
    """Recordings of equal length: `values` (N, T, C) in `units`, with subject, speed (m/s) and paretic side."""

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
    def clocks(self) -> list[alignment.Clock]:
        """The clock of every gait."""
        return [
            alignment.clock(values, self.rate, f"{who} at {speed:g} m/s")
            for values, who, speed in zip(self.values, self.subject, self.speed)
        ]

    def population(self) -> population.Population:
        """The population model of these gaits, for training subjects."""
        return population.fit(self.clocks, self.speed, self.subject)


def gaits(trials: Trials, seconds: float, rate: float) -> Gaits:
    """The first `seconds` of every trial."""
    frames, found = round(seconds * rate), trials.modality(MODALITY)
    if not np.allclose(trials.column("rate"), rate):
        raise DataError(
            f"speed transfer works at {rate:g} Hz; these trials have {np.unique(trials.column('rate'))} Hz"
        )
    if (trials.length < frames).any():
        raise DataError(
            f"speed transfer needs {seconds:g} s of every trial; the shortest has {trials.length.min() / rate:g} s"
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


def load(name: str, **settings: Any) -> Trials:
    """The trials of a cohort: `simulated_speeds`, `camargo2021`, or any `folder` with the modality `sagittal`."""
    from jaxdiff.data import catalogue

    trials = catalogue.load(name, **settings)
    if MODALITY not in trials.signals or trials.modality(MODALITY).shape[-1] != 6:
        raise ConfigError(
            f"data set {name!r} has no modality {MODALITY!r} of six angles: hip, knee, ankle, right then left"
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


class _Rows(NamedTuple):
    """In place of the sequences: pairs of trials as row numbers."""

    def pair(self, source: np.ndarray, target: np.ndarray) -> dict[str, np.ndarray]:
        return {"source": source, "target": target}


@dataclasses.dataclass(frozen=True)
class PairSource:
    """Batches of pairs in the form a model takes: `source`, `target` (B, T, C), `speeds`, `subject`."""

    gaits: Gaits
    rows: Any
    form: Form
    normaliser: Normaliser
    population: population.Population

    def __len__(self) -> int:
        return len(self.rows)

    def __call__(self, index: np.ndarray, u: np.ndarray) -> dict[str, np.ndarray]:
        chosen = self.rows(index, u)
        source, target = chosen["source"], chosen["target"]
        begin = u[:, 1:3] if self.form.align == "phase" else np.zeros((len(source), 2))
        begin = np.where(
            (source == target)[:, None], begin[:, :1], begin
        )  # the same trial, the same strides
        given, wanted = self.sequences(source, begin[:, 0]), self.gaits.speed[target]
        return {
            "source": given,
            "base": self.base(given, source, wanted),
            "target": self.sequences(target, begin[:, 1]),
            "speeds": speeds(self.gaits, source, wanted, self.form, self.population),
            "subject": self._codes[source],
        }

    def base(self, given: np.ndarray, source: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        """The base x_0 of the residual, normalised."""
        moved = change(self.gaits, source, wanted, self.form, self.population)
        return (given + moved / self.normaliser.scale).astype(given.dtype)

    @cached_property
    def _codes(self) -> np.ndarray:
        return np.unique(self.gaits.subject, return_inverse=True)[1].astype(np.int32)

    @cached_property
    def _prepared(self) -> list[np.ndarray]:
        return [self.normaliser(sequence) for sequence in prepared(self.gaits, self.form)]

    def sequences(self, rows: np.ndarray, begin: np.ndarray) -> np.ndarray:
        """(B, T, C), normalised; `begin` in [0, 1) chooses the first stride."""
        return np.stack(
            [window(self._prepared[row], self.form, start) for row, start in zip(rows, begin)]
        )


def prepared(gaits: Gaits, form: Form) -> list[np.ndarray]:
    """Every gait as it is windowed: samples (T, C), or all whole strides (n, points, C)."""
    if form.align == "none":
        return list(gaits.values)
    return [alignment.strides(each, form.points) for each in gaits.clocks]


def window(whole: np.ndarray, form: Form, begin: float = 0.0) -> np.ndarray:
    """(frames, C) of a gait; on a grid of phases, from a fraction `begin` of its strides on and in a circle."""
    if form.align == "none":
        return whole[: form.frames]
    strides = (int(begin * len(whole)) + np.arange(form.frames // form.points)) % len(whole)
    return whole[strides].reshape(form.frames, -1)


def speeds(
    gaits: Gaits, source: np.ndarray, target: np.ndarray, form: Form, people: population.Population
) -> np.ndarray:
    """The condition on speeds (eq. 4); on a grid of phases, which hides the cadence, with the relative cadence."""
    v = gaits.speed[source]
    if form.align == "none":
        return speed_vector(v, target)
    pace = [
        10 * np.log(gaits.clocks[i].frequency / people.frequency(float(gaits.speed[i])))
        for i in source
    ]
    return speed_vector(v, target, np.array(pace))


def change(
    gaits: Gaits, source: np.ndarray, target: np.ndarray, form: Form, people: population.Population
) -> np.ndarray:
    """The population's change, (B, frames, C) in degrees; zero where the residual is about the source."""
    if form.align == "none" or form.about == "source":
        return np.zeros((len(source), 1, 1))
    phase = np.arange(form.frames) / form.points
    asked = zip(gaits.speed[source].tolist(), target.tolist())
    return np.stack([alignment.curve_at(people.change(v, w), phase) for v, w in asked])


def training_pairs(trials: Trials, draws: int) -> pairs.BalancedPairs:
    """Balanced random pairs of rows of the trials (identity, near and far speeds)."""
    chosen = pairs.balanced(trials, MODALITY, int(trials.length.min()), draws)
    return dataclasses.replace(chosen, sequences=_Rows())  # type: ignore[arg-type]


def all_pairs(trials: Trials) -> pairs.Pairs:
    """Every ordered pair of rows of the trials within a subject."""
    chosen = pairs.exhaustive(trials, MODALITY, int(trials.length.min()))
    return dataclasses.replace(chosen, sequences=_Rows())  # type: ignore[arg-type]
