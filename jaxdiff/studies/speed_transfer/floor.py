"""Lower bounds of the error on simulated people: predictors that know more of a person than any model.

    second recording   the same person walking at the target speed once more: what strides differ by chance
    own change         x_src + the person's own quadratic change, fitted to second recordings of that person
    quadratic          x_src + the population's: between this and `own change` lies all that personalising can gain

A person's response to speed is individual in the simulation only through size, cadence and the projection of the gait onto
Newton and ground contact (`body.walker`): no trait of a subject is a response to speed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from jaxdiff.body.walker.cohorts import generator
from jaxdiff.body.walker.nodes import SPEED_TASK, STROKE_TASK, gait_nodes
from jaxdiff.body.walker.recordings import record_sagittal
from jaxdiff.body.walker.subjects import able_bodied, stroke_survivor
from jaxdiff.errors import ConfigError
from jaxdiff.report.tables import Table
from jaxdiff.studies.speed_transfer import population, tables
from jaxdiff.studies.speed_transfer.data import Gaits
from jaxdiff.studies.speed_transfer.evaluation import Results, Task, judge
from jaxdiff.studies.speed_transfer.population import Population

COHORTS = {"able": (able_bodied, SPEED_TASK), "stroke": (stroke_survivor, STROKE_TASK)}


class Knowing(NamedTuple):
    """Predictors that have seen the test people."""

    people: Population
    second: Gaits

    def __call__(self, task: Task) -> dict[str, Results]:
        """Predictor -> its results."""
        own = {
            who: self.second.select(self.second.subject == who).population()
            for who in np.unique(task.gaits.subject)
        }
        length = task.gaits.values.shape[1]

        def played(name: str, known: Mapping[str, Population] | None = None) -> np.ndarray:
            return np.stack(
                [
                    population.baseline(
                        name,
                        known[str(task.gaits.subject[s])] if known else self.people,
                        task.gaits.clocks[s],
                        float(task.gaits.speed[s]),
                        v,
                        length,
                    )
                    for s, v in zip(task.source, task.target_speed.tolist())
                ]
            )

        answers = {
            "second recording": self.second.values[task.target],
            "own change": played("quadratic", own),
            "quadratic": played("quadratic"),
            "linear": played("linear"),
        }
        return {name: judge(task, values, ranked=True) for name, values in answers.items()}


def second(gaits: Gaits, cohort: str, seed: int = 0) -> Gaits:
    """The people of a simulated cohort (its `seed`) at their speeds once more, with other strides."""
    if cohort not in COHORTS or not all(
        str(who).startswith(cohort) for who in np.unique(gaits.subject)
    ):
        raise ConfigError(
            f"only simulated people walk once more; these are {', '.join(np.unique(gaits.subject)[:3])} …"
        )
    draw, grid = COHORTS[cohort]
    values, length = np.empty_like(gaits.values), gaits.values.shape[1]
    for who in np.unique(gaits.subject):
        index = int(who.removeprefix(cohort)) - 1
        walker = draw(generator(seed, cohort, index))
        nodes = gait_nodes(walker, *grid)
        for row in np.flatnonzero(gaits.subject == who):
            speed, rng = (
                float(gaits.speed[row]),
                generator(seed + 1, cohort, index, float(gaits.speed[row])),
            )
            walked = record_sagittal(
                walker, nodes, who, "", speed, length / gaits.rate, gaits.rate, rng
            )
            values[row] = walked.signals["sagittal"]
    return dataclasses.replace(gaits, values=values)


def table(people: Population, tasks: Mapping[str, Task]) -> Table:
    """The errors of those who know, on every cohort."""
    found = {
        cohort: Knowing(people, second(task.gaits, cohort))(task) for cohort, task in tasks.items()
    }
    made = tables.overall(found)
    made.title = "What is there to be known?"
    return made
