"""How well the stride model does on people left out: simulated ones, and real ones with known answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

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
NOTE = (
    "Mean absolute error in degrees between mean strides, over phases and measured angles; mean over people ± standard "
    "deviation between people. p: Wilcoxon's signed-rank test over people against the population's change; helps: share "
    "of people for whom the row errs less than it."
)
Predictors = Sequence[Predictor]
"""One law with networks of different seeds; a person's error is the mean over them."""


def simulated(
    predictors: Predictors, train: Sequence[Gait], test: Sequence[Gait], most: int = 6
) -> Table:
    """Errors on simulated test people, from one recording and from several."""
    kinds, law = held_out.kinds(test), predictors[0].law
    slope = held_out.linear(train)
    table = Table(
        "Simulated people left out: error by predictor",
        [f"{kind}{part}" for kind in kinds for part in ("", ", p", ", helps", ", cadence")],
        note=f"{NOTE} Cadence: mean absolute error in steps/min.",
    )
    rows: dict[str, dict[str, Cell]] = {}
    for kind, people in kinds.items():
        for number in (1, 2, 3):
            asked = held_out.tasks(people, number, most=most, seed=11)
            copy, added = (
                held_out.copied(asked.questions),
                held_out.added(law, asked.questions),
            )
            more = f", {number} recordings" if number > 1 else ""
            found = {}
            if not more:
                change = np.array([[q.target - q.sources[0].speed] for q in asked.questions])
                found = {"copy": [copy], "linear change": [copy + change * slope]}
            found[ADDED + more.replace(", ", ", nearest of ")] = [added]
            found[LINEAR + more] = [predictors[0].linear(asked.questions)]
            if predictors[0].trust:
                found[f"diffusion{more}"] = [p.point(asked.questions) for p in predictors]
            reference = None if more else _people(added, asked)
            for label, states in found.items():
                errors = np.mean([_people(each, asked) for each in states], axis=0)
                cells = _cells(errors, None if label == ADDED else reference)
                row = {kind if name == "MAE" else f"{kind}, {name}": c for name, c in cells.items()}
                pace = [held_out.cadence_errors(each, asked.truth) for each in states]
                row[f"{kind}, cadence"] = cell(
                    held_out.by_person(np.mean(pace, axis=0), asked.subjects)
                )
                rows.setdefault(label, {}).update(row)
    for label, row in rows.items():
        table.row(label, row)
    return table


def network(predictors: Predictors, test: Sequence[Gait], most: int = 6) -> Table:
    """What the networks add to the hierarchical model, and how far they differ between seeds."""
    table = Table(
        f"Simulated people left out: the network, {len(predictors)} seeds",
        [LINEAR, "diffusion", "between seeds", "p", "helps"],
        note="Mean absolute error in degrees, mean over people ± standard deviation between people; between seeds: standard "
        "deviation of the mean error; p, helps: Wilcoxon's signed-rank test over people and share of people for whom it helps, "
        "against the hierarchical model.",
    )
    for kind, people in held_out.kinds(test).items():
        for number in (1, 2, 3):
            asked = held_out.tasks(people, number, most=most, seed=11)
            reference = _people(predictors[0].linear(asked.questions), asked)
            each = np.stack([_people(p.point(asked.questions), asked) for p in predictors])
            cells = _cells(each.mean(0), reference)
            cells["diffusion"] = cells.pop("MAE")
            if len(predictors) > 1:
                cells["between seeds"] = Cell(float(each.mean(1).std(ddof=1)))
            table.row(_recordings(kind, number), {LINEAR: cell(reference), **cells})
    return table


def gain(predictors: Predictors, test: Sequence[Gait], most: int = 6) -> Table:
    """What personalisation is worth: the population's change less the model, by person."""
    quantiles = {"10 %": 0.1, "median": 0.5, "90 %": 0.9}
    table = Table(
        "Simulated people left out: gain of personalisation by person",
        [ADDED, "this model", "gain", *(f"gain, {name}" for name in quantiles), "helps"],
        note="Degrees; gain: error of the population's change, added to the nearest recording, less that of the model, for each "
        "person; quantiles over people; helps: share of people with a positive gain.",
    )
    for kind, people in held_out.kinds(test).items():
        for number in (1, 2, 3):
            asked = held_out.tasks(people, number, most=most, seed=11)
            reference = _people(held_out.added(predictors[0].law, asked.questions), asked)
            errors = np.mean([_people(p.point(asked.questions), asked) for p in predictors], axis=0)
            won = reference - errors
            row = {ADDED: cell(reference), "this model": cell(errors), "gain": cell(won)}
            row |= {
                f"gain, {name}": Cell(float(np.quantile(won, q))) for name, q in quantiles.items()
            }
            row["helps"] = Cell(float((won > 0).mean()))
            table.row(_recordings(kind, number), row)
    return table


def coverage(
    predictors: Predictors,
    calibrations: Sequence[Mapping[str, Calibration]],
    test: Sequence[Gait],
    p: float = 0.9,
) -> Table:
    """Share of people's strides and mean strides inside the bands, before and after calibration."""
    table = Table(
        f"Simulated people left out: coverage of the {p:.0%} band",
        [f"{band}, {how}" for band in KINDS for how in ("as sampled", "calibrated")],
        note="Mean over people ± standard deviation between people, all phases and angles. Calibrated: with the factors of "
        f"people with legs as alike, at most {ALIKE:g} degrees apart or more.",
    )
    for label, people in {"all": list(test), **held_out.kinds(test)}.items():
        asked = held_out.tasks(people, most=4, seed=13)
        row = {}
        states = [one(asked.questions, SAMPLES, 14) for one in predictors]
        for band in KINDS:
            drawn = [held_out.varied(predictors[0].law, asked, each, band, 14) for each in states]
            for how, used in (("as sampled", False), ("calibrated", True)):
                shares = [
                    held_out.held(asked, values, band, kept if used else None, p, 14)
                    for values, kept in zip(drawn, calibrations)
                ]
                row[f"{band}, {how}"] = cell(np.mean(shares, axis=0))
        table.row(label, row)
    return table


def inputs(predictors: Predictors, test: Sequence[Gait], most: int = 4) -> Table:
    """What a recording has to have: strides, legs, joints; and the network conditioned on another person's recording."""
    first = predictors[0]
    table = Table(
        "Simulated people left out: what is recorded",
        [LINEAR, "diffusion"] if first.trust else [LINEAR],
        note=NOTE + " The error is over all six angles, also those that were not recorded.",
    )
    asked = held_out.tasks(test, most=most, seed=15)
    channels = np.arange(len(CHANNELS))

    def errors(questions: list[Question], others: list[Question] | None = None) -> Cell:
        each = [_people(p.point(questions, others), asked) for p in predictors]
        return cell(np.mean(each, axis=0))

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
        row = {LINEAR: cell(_people(first.linear(questions), asked))}
        table.row(label, row | ({"diffusion": errors(questions)} if first.trust else {}))
    if not first.trust:
        return table
    order = np.random.default_rng(17).permutation(len(asked.questions))
    others = [
        Question(asked.questions[j].sources, q.target) for j, q in zip(order, asked.questions)
    ]
    swapped = errors(asked.questions, others)
    table.row("network conditioned on another person", {"diffusion": swapped})
    return table


def amputees(predictors: Predictors, path: str | Path) -> Table:
    """Nine real people left out in turn (Hood et al. 2020): ankle angles of both legs, every pair of speeds."""
    gaits, predictor = real.hood(path), predictors[0]
    made = [adaptation.adapt(p, gaits, folds=len(gaits), nested=True).errors for p in predictors]
    found = {name: np.mean([each[name] for each in made], axis=0) for name in made[0]}
    simulated = held_out.tasks(gaits)
    before = held_out.by_person(
        held_out.errors(predictor.linear(simulated.questions), simulated.truth), simulated.subjects
    )
    table = Table(
        "Real people left out: ankle angles of nine amputees at five speeds",
        ["MAE", "p", "helps"],
        note=NOTE + " What to take from the simulated law is chosen anew without each person.",
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
        table.row(label, _cells(errors, None if name == ADDED else reference))
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


def _recordings(kind: str, number: int) -> str:
    return f"{kind}, {number} recording{'s' * (number > 1)}"


def _cells(errors: np.ndarray, reference: np.ndarray | None) -> dict[str, Cell]:
    """Mean and spread, and the paired comparison with a reference."""
    found = {"MAE": cell(errors)}
    if reference is not None and np.any(errors != reference):
        found["p"] = Cell(float(np.asarray(wilcoxon(errors, reference))[1]))
        found["helps"] = Cell(float((errors < reference).mean()))
    return found
