"""The stride model in the tables of the paper: recordings of equal length in, recordings of equal length out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jaxdiff.studies.speed_transfer import held_out, strides, synthesis
from jaxdiff.studies.speed_transfer.data import Gaits
from jaxdiff.studies.speed_transfer.predictor import Predictor, Question
from jaxdiff.studies.speed_transfer.strides import Gait


def gait(gaits: Gaits, row: int) -> Gait:
    """The gait of one recording of a cohort; foot strikes are half a stride after the largest hip extension."""
    clock = gaits.clocks[row]
    first, last = np.ceil(clock.phase[0] - 0.5), np.floor(clock.phase[-1] - 0.5)
    wanted = np.arange(first, last + 1) + 0.5
    strikes = np.interp(wanted, clock.phase, np.arange(len(clock.phase)))
    return strides.gait(
        clock.values.astype(np.float64),
        clock.rate,
        strikes,
        float(gaits.speed[row]),
        subject=str(gaits.subject[row]),
        paretic=str(gaits.paretic[row]),
    )


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
      kind: `diffusion` (its expectation), `hierarchical` (the law alone) or `added` (the population's change).
      seen: rows (N,) that the network sees in place of the source: a control.
    """
    known = {
        row: gait(gaits, row) for row in np.unique([*source, *(source if seen is None else seen)])
    }
    questions = _questions(known, source, target_speed)
    if kind == "hierarchical":
        states = predictor.linear(questions)
    elif kind == "added":
        states = held_out.added(predictor.law, questions)
    else:
        others = None if seen is None else _questions(known, seen, target_speed)
        states = predictor.point(questions, others)
    length = gaits.values.shape[1]
    made = np.empty((len(states), length, gaits.values.shape[2]), np.float32)
    for i, (row, state) in enumerate(zip(source, states)):
        pace = np.arange(length) / gaits.rate / synthesis.stride_time(state)
        made[i] = strides.at_phases(state, gaits.clocks[row].phase[0] - 0.5 + pace)
    return made


def _questions(
    known: dict[int, Gait], rows: Sequence[int] | np.ndarray, speeds: np.ndarray
) -> list[Question]:
    return [Question((known[row],), float(v)) for row, v in zip(rows, speeds)]
