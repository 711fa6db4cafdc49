"""Predictions of strides in the tables of the paper: recordings of equal length in, recordings of
equal length out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jaxdiff.studies.speed_transfer import held_out, strides, synthesis
from jaxdiff.studies.speed_transfer.baselines import Population
from jaxdiff.studies.speed_transfer.data import Gaits
from jaxdiff.studies.speed_transfer.predictor import Predictor, Question

KINDS = {
    "diffusion": "diffusion",
    "hierarchical model": "hierarchical",
    "population change, simulated": "added",
}
"""Rows of the tables, and what `answer` calls them."""


def answer(
    predictor: Predictor,
    gaits: Gaits,
    source: np.ndarray,
    target_speed: np.ndarray,
    kind: str = "diffusion",
    seen: np.ndarray | None = None,
) -> np.ndarray:
    """Generated gaits (N, T, 6) in degrees: the predicted mean stride at the predicted cadence.

    Args:
      source: rows of the cohort (N,) to start from.
      kind: `diffusion` (its expectation), `hierarchical` (the law alone) or `added` (the
        population's change).
      seen: rows (N,) that the network sees in place of the source: a control.
    """
    questions = _questions(gaits, source, target_speed)
    if kind == "hierarchical":
        states = predictor.linear(questions)
    elif kind == "added":
        states = held_out.added(predictor.law, questions)
    else:
        others = None if seen is None else _questions(gaits, seen, target_speed)
        states = predictor.point(questions, others)
    return played(gaits, source, states)


def baseline(
    name: str, people: Population, gaits: Gaits, source: np.ndarray, target_speed: np.ndarray
) -> np.ndarray:
    """Gaits (N, T, 6) of one of `baselines.BASELINES`."""
    if name == "copy":
        return gaits.values[source]
    asked = zip(source, target_speed.tolist())
    states = [people.predict(name, gaits.strides[row], v) for row, v in asked]
    return played(gaits, source, np.stack(states))


def played(gaits: Gaits, source: np.ndarray, states: np.ndarray) -> np.ndarray:
    """Mean strides as recordings (N, T, 6), in phase with their sources at the beginning."""
    time = np.arange(gaits.values.shape[1]) / gaits.rate
    made = np.empty((len(states), *gaits.values.shape[1:]), np.float32)
    for i, (row, state) in enumerate(zip(source, states)):
        begin = gaits.strikes[row][0] / synthesis.stride_time(gaits.strides[row].mean)
        made[i] = strides.at_phases(state, time / synthesis.stride_time(state) - begin)
    return made


def _questions(
    gaits: Gaits, rows: Sequence[int] | np.ndarray, speeds: np.ndarray
) -> list[Question]:
    return [Question((gaits.strides[row],), float(v)) for row, v in zip(rows, speeds)]
