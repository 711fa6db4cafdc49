"""Generated gait compared with the person's own and with other people's (paper, II.F; formulas in
`metrics.gait`).

A `Task` is a cohort with pairs of source and target; a predictor turns a task into gaits; `judge`
scores them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from jaxdiff.body.gait import cadence, strikes_from_hip
from jaxdiff.errors import DataError
from jaxdiff.metrics import gait as metrics
from jaxdiff.metrics.speeds import identity_split
from jaxdiff.report.tables import Cell, cell
from jaxdiff.studies.speed_transfer.data import LEFT_HIP, RIGHT_HIP, Gaits

HIPS = (RIGHT_HIP, LEFT_HIP)
SAME_SPEED = 0.025
CADENCE_SPEEDS = 0.5, 1.2
"""Target speeds at which the cadence of stroke survivors is judged (paper, IV.A)."""
FEWEST_RIVALS = 3
"""Fewest subjects at a speed for a rank to be computed."""


class Task:
    """Pairs (source, target) of rows of a cohort; ranks are among all subjects of the cohort.

    `seed` numbers the repetitions of a predictor that was trained several times.
    """

    def __init__(
        self, gaits: Gaits, source: np.ndarray, target: np.ndarray, seed: np.ndarray | int = 0
    ):
        self.gaits, self.source, self.target = gaits, np.asarray(source), np.asarray(target)
        self.seed = np.broadcast_to(seed, self.source.shape)

    def __len__(self) -> int:
        return len(self.source)

    @property
    def target_speed(self) -> np.ndarray:
        return self.gaits.speed[self.target]

    def where(self, keep: np.ndarray) -> Task:
        """The pairs of a mask."""
        return Task(self.gaits, self.source[keep], self.target[keep], self.seed[keep])

    def repeated(self, seeds: int) -> Task:
        """The pairs once for each of several seeds; scores are then means over seeds."""
        if seeds == 1:
            return self
        source, target = (np.tile(rows, seeds) for rows in (self.source, self.target))
        return Task(self.gaits, source, target, np.repeat(np.arange(seeds), len(self)))

    @cached_property
    def cycles(self) -> list[list[np.ndarray]]:
        """Gait cycles of every real recording, right and left."""
        return [cycles(values, self.gaits.rate) for values in self.gaits.values]

    def rivals(self, target: int) -> np.ndarray:
        """Rows of all subjects' gaits at the speed of `target`, one each, the target first."""
        near = np.flatnonzero(np.abs(self.gaits.speed - self.gaits.speed[target]) < SAME_SPEED)
        near = near[self.gaits.subject[near] != self.gaits.subject[target]]
        _, first = np.unique(self.gaits.subject[near], return_index=True)
        return np.concatenate([[target], near[first]])


def task(
    gaits: Gaits,
    subjects: Sequence[str],
    source_speeds: Sequence[float] = (),
    target_speeds: Sequence[float] = (),
) -> Task:
    """Every pair of these subjects' recordings between the given speeds; empty for all speeds."""

    def rows(speeds: Sequence[float]) -> np.ndarray:
        keep = np.isin(gaits.subject, subjects)
        if len(speeds):
            keep &= (np.abs(gaits.speed[:, None] - np.asarray(speeds)) < SAME_SPEED).any(1)
        return np.flatnonzero(keep)

    source, target = (
        a.ravel() for a in np.meshgrid(rows(source_speeds), rows(target_speeds), indexing="ij")
    )
    own = gaits.subject[source] == gaits.subject[target]
    if not own.any():
        raise DataError(
            f"no pairs: the subjects {list(subjects)} have none of the speeds"
            f" {list(source_speeds)} m/s"
        )
    return Task(gaits, source[own], target[own])


class Results(NamedTuple):
    """One row per pair; errors (N, 2 sides, 3 joints) in degrees, cadences in steps/min, `rank` NaN
    where not ranked.
    """

    subject: np.ndarray
    seed: np.ndarray
    source_speed: np.ndarray
    target_speed: np.ndarray
    paretic: np.ndarray
    mae: np.ndarray
    mae_per_cycle: np.ndarray
    correlation: np.ndarray
    real_cadence: np.ndarray
    cadence: np.ndarray
    real_cadence_in_window: np.ndarray
    cadence_in_window: np.ndarray
    rank: np.ndarray
    available: np.ndarray

    @property
    def error(self) -> np.ndarray:
        """MAE of each pair, (N,)."""
        return self.mae.mean((1, 2))

    def where(self, keep: np.ndarray) -> Results:
        """The pairs of a mask."""
        return Results(*(column[keep] for column in self))


def judge(task: Task, generated: np.ndarray, ranked: bool = False) -> Results:
    """Score generated gaits (N, T, 6) against the real ones; `ranked` also against other subjects'
    at that speed.
    """
    rows = []
    for target, values in zip(task.target, generated):
        found = cycles(values, task.gaits.rate)

        def errors(
            i: int, values: np.ndarray = values, found: list[np.ndarray] = found
        ) -> metrics.GaitErrors:
            return metrics.gait_errors(task.gaits.values[i], values, task.cycles[i], found)

        own = errors(target)
        rank = available = np.nan
        rivals = task.rivals(target) if ranked else []
        if len(rivals) >= FEWEST_RIVALS:
            against = [own.mae.mean(), *(errors(i).mae.mean() for i in rivals[1:])]
            rank, available = metrics.rank(against, 0), len(rivals)
        pace = [
            cadence(x[:, HIPS].T, task.gaits.rate, form)  # type: ignore[arg-type]
            for form in ("span", "window")
            for x in (task.gaits.values[target], values)
        ]
        rows.append((own.mae, own.mae_per_cycle, own.correlation, *pace, rank, available))
    columns = [np.array(column) for column in zip(*rows)]
    who = task.gaits.subject[task.source]
    return Results(
        who,
        task.seed,
        task.gaits.speed[task.source],
        task.target_speed,
        task.gaits.paretic[task.source],
        *columns,
    )


def scores(results: Results) -> dict[str, float]:
    """The values of Table I and further ones, by name."""
    parts = identity_split(results.source_speed, results.target_speed, results.error)
    across = np.abs(results.target_speed - results.source_speed) > 1e-6
    low, high = CADENCE_SPEEDS
    judged = (results.paretic == "") | (
        (results.target_speed >= low - SAME_SPEED) & (results.target_speed <= high + SAME_SPEED)
    )
    paced = results.where(judged)
    pace = metrics.cadence_errors(paced.real_cadence, paced.cadence)
    window = metrics.cadence_errors(paced.real_cadence_in_window, paced.cadence_in_window)
    return {
        "mae": parts["all"],
        "mae_across": parts["off_diagonal"],
        "mae_identity": parts["identity"],
        "mae_per_cycle": _mean(results.mae_per_cycle),
        "r": _mean(results.correlation),
        "r_across": _mean(results.correlation[across]),
        "rank": _mean(results.rank),
        "rank_across": _mean(results.rank[across]),
        "available": _mean(results.available),
        **pace,
        "cadence_mae_in_window": window["cadence_mae"],
        "failed": float(np.isnan(results.error).mean()),
    }


def cells(results: Results) -> dict[str, Cell]:
    """The same values as means over subjects, with their standard deviation between subjects."""
    each = [scores(results.where(results.subject == who)) for who in np.unique(results.subject)]
    known = {name: [s[name] for s in each if np.isfinite(s[name])] for name in each[0]}
    return {name: cell(values) if values else Cell(np.nan) for name, values in known.items()}


def cycles(values: np.ndarray, rate: float) -> list[np.ndarray]:
    """Gait cycles of the right and of the left leg: their starts and ends in samples."""
    return [metrics.cycles_between(strikes_from_hip(values[:, hip], rate)) for hip in HIPS]


def normalisers(gaits: Gaits, kind: str, count: int = 12, seed: int = 0) -> np.ndarray | None:
    """Offset and scale (N, 2, C) of each gait of a cohort that the model was not trained on.

    `training`: the model's own (None). `paper`: of `count` subjects, the same for all, so most are
        among them (III.C).
    `others`: of `count` other subjects, drawn for each subject.
    """
    if kind == "training":
        return None
    people, rng = np.unique(gaits.subject), np.random.default_rng(seed)
    chosen = rng.permutation(people)[:count]
    found = np.empty((len(gaits), 2, gaits.values.shape[-1]))
    for who in people:
        pool = chosen if kind == "paper" else rng.permutation(people[people != who])[:count]
        values = gaits.values[np.isin(gaits.subject, pool)]
        found[gaits.subject == who] = values.mean((0, 1)), values.std((0, 1))
    return found


def _mean(values: np.ndarray) -> float:
    values = values[~np.isnan(values)]
    return float(values.mean()) if len(values) else float("nan")
