"""How well the stride model does on people left out: simulated ones, and real ones with known
answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.stats import wilcoxon

from jaxdiff.models.calibration import Calibration
from jaxdiff.report.tables import Cell, Table, cell
from jaxdiff.studies.speed_transfer import adaptation, held_out, hierarchy, real
from jaxdiff.studies.speed_transfer.bands import ALIKE, KINDS
from jaxdiff.studies.speed_transfer.hierarchy import Law
from jaxdiff.studies.speed_transfer.predictor import Predictor, Question
from jaxdiff.studies.speed_transfer.strides import CHANNELS, TERMS, Gait

SAMPLES = 32
ADDED = "population change, updated"
LINEAR = "hierarchical model"
NETWORK = "diffusion"
NOTE = (
    "Mean absolute error in degrees between mean strides, over phases and measured angles; mean"
    " over people ± standard deviation between people. p: Wilcoxon's signed-rank test over people"
    " against the population's change; helps: share of people for whom the row errs less than it."
)
Predictors = Sequence[Predictor]
"""One law with networks of different seeds; a person's error is the mean over them."""


class Answered(NamedTuple):
    """People of one kind, from one or more recordings: predicted states [N, SIZE] by predictor,
    those of the networks by seed.
    """

    kind: str
    recordings: int
    asked: held_out.Tasks
    states: dict[str, list[np.ndarray]]

    def errors(self, label: str) -> np.ndarray:
        """Error of each person, the mean over seeds."""
        return np.mean([_people(each, self.asked) for each in self.states[label]], axis=0)

    @property
    def title(self) -> str:
        return f"{self.kind}, {self.recordings} recording{'s' * (self.recordings > 1)}"

    @property
    def best(self) -> str:
        """The predictor to report."""
        return NETWORK if NETWORK in self.states else LINEAR


def answered(
    predictors: Predictors, train: Sequence[Gait], test: Sequence[Gait], most: int = 6
) -> list[Answered]:
    """All predictors on test people of every kind, from one to three recordings."""
    law, slope, found = predictors[0].law, held_out.linear(train), []
    for kind, people in held_out.kinds(test).items():
        for number in (1, 2, 3):
            asked = held_out.tasks(people, number, most=most, seed=11)
            prepared = predictors[0].prepare(asked.questions)
            states = {}
            if number == 1:
                copy = held_out.copied(asked.questions)
                change = np.array([[q.target - q.sources[0].speed] for q in asked.questions])
                states = {"copy": [copy], "linear change": [copy + change * slope]}
            states[ADDED] = [held_out.added(law, asked.questions)]
            states[LINEAR] = [prepared.mean]
            if predictors[0].trust:
                states[NETWORK] = [p.expected(prepared) for p in predictors]
            found.append(Answered(kind, number, asked, states))
    return found


def simulated(found: Sequence[Answered]) -> Table:
    """Errors on simulated test people, from one recording and from several."""
    kinds = dict.fromkeys(each.kind for each in found)
    table = Table(
        "Simulated people left out: error by predictor",
        [f"{kind}{part}" for kind in kinds for part in ("", ", p", ", helps", ", cadence")],
        note=f"{NOTE} Cadence: mean absolute error in steps/min.",
    )
    rows: dict[str, dict[str, Cell]] = {}
    for each in found:
        one = each.recordings == 1
        for label, states in each.states.items():
            cells = _cells(
                each.errors(label), each.errors(ADDED) if one and label != ADDED else None
            )
            row = {f"{each.kind}, {name}": value for name, value in cells.items()}
            row[each.kind] = row.pop(f"{each.kind}, MAE")
            pace = np.mean([held_out.cadence_errors(s, each.asked.truth) for s in states], axis=0)
            row[f"{each.kind}, cadence"] = cell(held_out.by_person(pace, each.asked.subjects))
            more = (
                "" if one else f", {'nearest of ' * (label == ADDED)}{each.recordings} recordings"
            )
            rows.setdefault(label + more, {}).update(row)
    for label, row in rows.items():
        table.row(label, row)
    return table


def network(found: Sequence[Answered]) -> Table:
    """What the networks add to the hierarchical model, and how far they differ between seeds."""
    table = Table(
        f"Simulated people left out: the network, {len(found[0].states[NETWORK])} seeds",
        [LINEAR, NETWORK, "between seeds", "p", "helps"],
        note=(
            "Mean absolute error in degrees, mean over people ± standard deviation between people;"
            " between seeds: standard deviation of the mean error; p, helps: Wilcoxon's signed-rank"
            " test over people and share of people for whom it helps, against the hierarchical"
            " model."
        ),
    )
    for each in found:
        cells = _cells(each.errors(NETWORK), each.errors(LINEAR))
        row = {LINEAR: cell(each.errors(LINEAR)), NETWORK: cells.pop("MAE"), **cells}
        if len(each.states[NETWORK]) > 1:
            means = [_people(states, each.asked).mean() for states in each.states[NETWORK]]
            row["between seeds"] = Cell(float(np.std(means, ddof=1)))
        table.row(each.title, row)
    return table


def gain(found: Sequence[Answered]) -> Table:
    """What personalisation is worth: the population's change less the model, by person."""
    quantiles = {"10 %": 0.1, "median": 0.5, "90 %": 0.9}
    table = Table(
        "Simulated people left out: gain of personalisation by person",
        [ADDED, "this model", "gain", *(f"gain, {name}" for name in quantiles), "helps"],
        note=(
            "Degrees; gain: error of the population's change, added to the nearest recording, less"
            " that of the model, for each person; quantiles over people; helps: share of people"
            " with a positive gain."
        ),
    )
    for each in found:
        reference, errors = each.errors(ADDED), each.errors(each.best)
        won = reference - errors
        row = {ADDED: cell(reference), "this model": cell(errors), "gain": cell(won)}
        row |= {f"gain, {name}": Cell(float(np.quantile(won, q))) for name, q in quantiles.items()}
        table.row(each.title, row | {"helps": Cell(float((won > 0).mean()))})
    return table


def coverage(
    predictor: Predictor,
    calibrations: Mapping[str, Calibration],
    test: Sequence[Gait],
    p: float = 0.9,
) -> Table:
    """Share of people's strides and mean strides inside the bands, before and after calibration."""
    table = Table(
        f"Simulated people left out: coverage of the {p:.0%} band",
        [f"{band}, {how}" for band in KINDS for how in ("as sampled", "calibrated")],
        note=(
            "Mean over people ± standard deviation between people, all phases and angles."
            " Calibrated: with the factors of the group: stated hemiparesis, or legs at most"
            f" {ALIKE:g} degrees apart or more."
        ),
    )
    kinds = {"all": list(test), **held_out.kinds(test)}
    if unstated := [g._replace(paretic="") for g in kinds.get("hemiparesis", [])]:
        kinds["hemiparesis, not stated"] = unstated
    for label, people in kinds.items():
        asked, row = held_out.tasks(people, most=4, seed=13), {}
        states = predictor(asked.questions, SAMPLES, 14)
        for band in KINDS:
            values = held_out.varied(predictor.law, asked, states, band, 14)
            for how, kept in (("as sampled", None), ("calibrated", calibrations)):
                row[f"{band}, {how}"] = cell(held_out.held(asked, values, band, kept, p, 14))
        table.row(label, row)
    return table


def inputs(predictors: Predictors, test: Sequence[Gait], most: int = 4) -> Table:
    """What a recording has to have: strides, legs, joints; and the network conditioned on another
    person's recording.
    """
    first = predictors[0]
    table = Table(
        "Simulated people left out: what is recorded",
        [LINEAR, NETWORK] if first.trust else [LINEAR],
        note=NOTE + " The error is over all six angles, also those that were not recorded.",
    )
    asked = held_out.tasks(test, most=most, seed=15)
    channels = np.arange(len(CHANNELS))

    def errors(questions: list[Question], others: list[Question] | None = None) -> dict[str, Cell]:
        prepared = first.prepare(questions)
        seen = None if others is None else first.prepare(others)
        each = [_people(p.expected(prepared, seen), asked) for p in predictors]
        linear = {} if seen else {LINEAR: cell(_people(prepared.mean, asked))}
        return linear | ({NETWORK: cell(np.mean(each, axis=0))} if first.trust else {})

    for label, count, keep in (
        ("both legs, all strides", 0, channels),
        ("both legs, one stride", 1, channels),
        ("one leg, all strides", 0, channels[:3]),
        ("hip and knee, both legs", 0, channels[[0, 1, 3, 4]]),
        ("ankles only", 0, channels[[2, 5]]),
    ):
        questions = [
            q._replace(sources=tuple(_less(g, count, keep) for g in q.sources))
            for q in asked.questions
        ]
        table.row(label, errors(questions))
    if not first.trust:
        return table
    order = np.random.default_rng(17).permutation(len(asked.questions))
    others = [
        Question(asked.questions[j].sources, q.target) for j, q in zip(order, asked.questions)
    ]
    table.row("network conditioned on another person", errors(asked.questions, others))
    return table


def amputees(predictor: Predictor, path: str | Path) -> Table:
    """Nine real people left out in turn (Hood et al. 2020): ankle angles of both legs, every pair
    of speeds.
    """
    gaits = real.hood(path)
    made = adaptation.adapt(predictor, gaits, folds=len(gaits), nested=True)
    found = made.errors
    simulated = held_out.tasks(gaits)
    before = held_out.by_person(
        held_out.errors(predictor.linear(simulated.questions), simulated.truth), simulated.subjects
    )
    table = Table(
        "Real people left out: ankle angles of nine amputees at five speeds",
        ["MAE", "p", "helps", *(f"90 %, {band}" for band in made.coverage)],
        note=(
            NOTE + " What to take from the simulated law is chosen anew without each person. 90 %:"
            " share of the measured strides and mean strides inside the band, whose factors are"
            " those of the other people."
        ),
    )
    reference = found[ADDED]
    table.row("simulated law, not updated", _cells(before, reference))
    slopes = {}
    for person in hierarchy.group(gaits):
        name = person[0].subject
        slopes[name] = held_out.linear([g for g in gaits if g.subject != name])
    moved = np.stack(
        [
            q.sources[0].mean + (q.target - q.sources[0].speed) * slopes[g.subject]
            for q, g in zip(simulated.questions, simulated.truth)
        ]
    )
    straight = held_out.by_person(held_out.errors(moved, simulated.truth), simulated.subjects)
    table.row("linear change of the other people", _cells(straight, reference))
    for name, errors in found.items():
        label = f"{LINEAR}, updated" if name == "model, trust 0" else name
        row = _cells(errors, None if name == ADDED else reference)
        if name == "model, trust 0":
            row |= {f"90 %, {band}": cell(each) for band, each in made.coverage.items()}
        table.row(label, row)
    table.row("four other speeds: straight line through them", _cells(_own_line(gaits), None))
    table.row(
        "four other speeds: hierarchical model, updated",
        _cells(_four(predictor.law, gaits), _own_line(gaits)),
    )
    return table


def _own_line(gaits: Sequence[Gait]) -> np.ndarray:
    """Errors of a straight line through a person's other speeds, by person."""
    states, truth = [], []
    for person in hierarchy.group(gaits):
        for target in person:
            others = [g for g in person if g is not target]
            design = np.stack([[1.0, g.speed] for g in others])
            line = np.linalg.lstsq(design, np.stack([g.mean for g in others]), rcond=None)[0]
            states.append(np.array([1.0, target.speed]) @ line)
            truth.append(target)
    names = np.array([g.subject for g in truth])
    return held_out.by_person(held_out.errors(np.stack(states), truth), names)


def _four(law: Law, gaits: Sequence[Gait]) -> np.ndarray:
    """Errors of the updated law from all other speeds of a left-out person, by person."""
    rows, found = adaptation.common(gaits), []
    for person in hierarchy.group(gaits):
        rest = [g for g in gaits if g.subject != person[0].subject]
        fitted = adaptation.updated(law, rest, rows)
        states = [
            fitted.predict([g for g in person if g is not target], target.speed)[0]
            for target in person
        ]
        found.append(held_out.errors(np.stack(states), person).mean())
    return np.array(found)


def _less(gait: Gait, count: int, channels: np.ndarray) -> Gait:
    """The gait with fewer strides and channels; 0 strides stand for all."""
    keep = np.ones(len(gait.mean), bool)
    legs = len(CHANNELS) * TERMS
    keep[:legs] = np.repeat(np.isin(np.arange(len(CHANNELS)), channels), TERMS)
    mean, away = gait.mean, gait.deviations
    if count:
        mean, away = mean + away[:count].mean(0), away[:count] - away[:count].mean(0)
    return gait._replace(mean=np.where(keep, mean, np.nan), deviations=away)


def _people(states: np.ndarray, asked: held_out.Tasks) -> np.ndarray:
    return held_out.by_person(held_out.errors(states, asked.truth), asked.subjects)


def _cells(errors: np.ndarray, reference: np.ndarray | None) -> dict[str, Cell]:
    """Mean and spread, and the paired comparison with a reference."""
    found = {"MAE": cell(errors)}
    if reference is not None and np.any(errors != reference):
        found["p"] = Cell(float(np.asarray(wilcoxon(errors, reference))[1]))
        found["helps"] = Cell(float((errors < reference).mean()))
    return found
