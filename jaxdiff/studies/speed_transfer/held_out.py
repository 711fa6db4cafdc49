"""People left out: their errors, the coverage of the bands, and the conformal factors that set
it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from jaxdiff.models.calibration import LEVELS, Calibration, predictive_interval
from jaxdiff.studies.speed_transfer import bands, strides, synthesis
from jaxdiff.studies.speed_transfer.hierarchy import Law, group
from jaxdiff.studies.speed_transfer.predictor import Predictor, Question
from jaxdiff.studies.speed_transfer.strides import CHANNELS, Gait

POINTS = 50
"""Points of a stride at which errors and coverage are measured."""


class Tasks(NamedTuple):
    """Questions about people, and what they did."""

    questions: list[Question]
    truth: list[Gait]

    @property
    def subjects(self) -> np.ndarray:
        return np.array([g.subject for g in self.truth])


def tasks(gaits: Sequence[Gait], sources: int = 1, most: int = 0, seed: int = 0) -> Tasks:
    """All ordered pairs of a person's speeds; with several `sources`, random sets of other speeds.

    Args:
      most: upper bound on the questions per person, drawn at random; 0 for all.
    """
    rng, questions, truth = np.random.default_rng(seed), [], []
    for person in group(gaits):
        pairs = []
        for target in person:
            others = [g for g in person if g.speed != target.speed]
            if len(others) < sources:
                continue
            if sources == 1:
                pairs += [((g,), target) for g in others]
            else:
                chosen = rng.permutation(len(others))[:sources]
                pairs.append((tuple(others[i] for i in chosen), target))
        if most and len(pairs) > most:
            pairs = [pairs[i] for i in rng.permutation(len(pairs))[:most]]
        questions += [Question(chosen, target.speed) for chosen, target in pairs]
        truth += [target for _, target in pairs]
    return Tasks(questions, truth)


def kinds(gaits: Sequence[Gait]) -> dict[str, list[Gait]]:
    """People without and with hemiparesis, as far as there are any."""
    found = {
        "no hemiparesis": [g for g in gaits if not g.paretic],
        "hemiparesis": [g for g in gaits if g.paretic],
    }
    return {kind: people for kind, people in found.items() if people}


def curves(states: np.ndarray, points: int = POINTS) -> np.ndarray:
    """Strides [..., points, 6] in degrees; NaN in channels of NaN coefficients."""
    return strides.curves(states, points)


def errors(states: np.ndarray, truth: Sequence[Gait], channels: Sequence[int] = ()) -> np.ndarray:
    """Mean absolute error [N] in degrees of mean strides, over phases and measured channels."""
    real = curves(np.stack([g.mean for g in truth]))
    wrong = np.abs(curves(states) - real)
    if len(channels):
        wrong = wrong[..., list(channels)]
    return np.nanmean(wrong, axis=(1, 2))


def cadence_errors(states: np.ndarray, truth: Sequence[Gait]) -> np.ndarray:
    """Absolute errors [N] of the cadence in steps/min."""
    real = synthesis.stride_time(np.stack([g.mean for g in truth]))
    return np.abs(120 / synthesis.stride_time(states) - 120 / real)


def by_person(values: np.ndarray, subjects: np.ndarray) -> np.ndarray:
    """Mean of each person's values, in order of the names."""
    return np.array([values[subjects == name].mean() for name in np.unique(subjects)])


def added(law: Law, questions: Sequence[Question]) -> np.ndarray:
    """The population's change added to the nearest source: "population change, updated"; states [N,
    SIZE].
    """
    found = []
    for q in questions:
        source = min(q.sources, key=lambda g: abs(g.speed - q.target))
        found.append(source.mean + law.at(q.target) - law.at(source.speed))
    return np.stack(found)


def copied(questions: Sequence[Question]) -> np.ndarray:
    """The nearest source as it is."""
    return np.stack([min(q.sources, key=lambda g: abs(g.speed - q.target)).mean for q in questions])


def linear(gaits: Sequence[Gait]) -> np.ndarray:
    """Change per m/s of some people by least squares within each person, [SIZE]."""
    total, weight = 0.0, 0.0
    for person in group(gaits):
        v = np.array([g.speed for g in person]) - np.mean([g.speed for g in person])
        total, weight = total + v @ np.stack([g.mean for g in person]), weight + v @ v
    return np.asarray(total / weight)


def drawn(
    predictor: Predictor, asked: Tasks, band: str, samples: int = 32, seed: int = 0
) -> np.ndarray:
    """Samples [S, N, POINTS, 6] of a single stride, or of the mean over as many strides as the
    truth has.
    """
    return varied(predictor.law, asked, predictor(asked.questions, samples, seed), band, seed)


def varied(law: Law, asked: Tasks, states: np.ndarray, band: str, seed: int = 0) -> np.ndarray:
    """The same from samples of the mean stride's state [S, N, SIZE]."""
    rng, states = np.random.default_rng([seed, 2]), states.copy()
    roots: dict[int, np.ndarray] = {}
    for i, (q, truth) in enumerate(zip(asked.questions, asked.truth)):
        key = id(q.sources[0])
        if key not in roots:
            roots[key] = synthesis.variability(law, list(q.sources))
        count = 1 if band == "stride" else truth.strides
        states[:, i] += synthesis.deviations(roots[key], len(states), rng) / np.sqrt(count)
    return curves(states)


def measured(asked: Tasks, band: str, seed: int = 0) -> np.ndarray:
    """What was measured, [N, POINTS, 6]: a stride drawn at random, or the mean stride."""
    rng, found = np.random.default_rng([seed, 3]), []
    for g in asked.truth:
        shift = g.deviations[rng.integers(len(g.deviations))] if len(g.deviations) else 0.0
        found.append(g.mean + shift if band == "stride" else g.mean)
    return curves(np.stack(found))


def calibrate(
    predictor: Predictor,
    asked: Tasks,
    samples: int = 32,
    levels: Sequence[float] = LEVELS,
    seed: int = 0,
) -> dict[str, Calibration]:
    """Conformal factors per channel and part of the stride from people the predictor was not fitted
    to.
    """
    found: dict[str, Calibration] = {}
    sources = [q.sources for q in asked.questions]
    states = predictor(asked.questions, samples, seed)
    for band in bands.KINDS:
        values = varied(predictor.law, asked, states, band, seed)
        found |= bands.by_group(values, measured(asked, band, seed), sources, band, levels)
    return found


def coverage(
    predictor: Predictor,
    asked: Tasks,
    band: str,
    kept: Mapping[str, Calibration] | None = None,
    p: float = 0.9,
    samples: int = 32,
    seed: int = 0,
) -> np.ndarray:
    """Share of the measured curve inside the interval, for each person; `kept` by `calibrate`, or
    as sampled.
    """
    return held(asked, drawn(predictor, asked, band, samples, seed), band, kept, p, seed)


def held(
    asked: Tasks,
    values: np.ndarray,
    band: str,
    kept: Mapping[str, Calibration] | None,
    p: float = 0.9,
    seed: int = 0,
) -> np.ndarray:
    """The same for samples [S, N, POINTS, 6] that were drawn before."""
    truth, phase = measured(asked, band, seed), np.arange(POINTS) / POINTS
    scale: np.ndarray | float = 1.0
    if kept is not None:
        each = (bands.chosen(kept, band, q.sources) for q in asked.questions)
        scale = np.stack([bands.at(one, phase, range(len(CHANNELS))).scale(p) for one in each])
    low, high = predictive_interval(values, p, scale)
    inside = np.where(np.isfinite(truth), (truth >= low) & (truth <= high), np.nan)
    return by_person(np.nanmean(inside, axis=(1, 2)), asked.subjects)
