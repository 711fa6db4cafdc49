"""The experiments: train, evaluate, report."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from jaxdiff.errors import ConfigError
from jaxdiff.report import legs
from jaxdiff.report.page import Page
from jaxdiff.report.publish import Report, publish
from jaxdiff.report.tables import Table, provenance
from jaxdiff.studies.generation import evenly
from jaxdiff.studies.loading import load
from jaxdiff.studies.speed_transfer import figures, stride_figures, tables
from jaxdiff.studies.speed_transfer import transfer as trained
from jaxdiff.studies.speed_transfer.data import Gaits
from jaxdiff.studies.speed_transfer.evaluation import SAME_SPEED, Results, Task, judge, task
from jaxdiff.studies.speed_transfer.predictors import CONTROLS, answers, describe
from jaxdiff.studies.speed_transfer.training import Cohorts, cohorts, train
from jaxdiff.studies.speed_transfer.transfer import Transfer
from jaxdiff.typing import Config

if TYPE_CHECKING:
    from jaxdiff.studies.speed_transfer.model import StrideTransferModel


def run(config: Config, out: Path) -> None:
    """Train, or with `config.experiment = "evaluate"` take the run in `out` as it is, and
    report.
    """
    begin, who = time.perf_counter(), cohorts(config)
    if config.experiment == "train":
        train(config, who, out)
    report(config, who, out, begin)


def report(config: Config, who: Cohorts, out: Path, begin: float) -> None:
    """The tables and figures asked for: printed, and kept in `out`."""
    model, said = trained.load(out)
    print(f"model: the checkpoint of step {said['step']} in {out}", flush=True)
    asked = set(config.report)
    if "table2" in asked and who.stroke is None:
        raise ConfigError(
            "Table II is about stroke survivors: give data.stroke a cohort, or leave table2 out of"
            " report"
        )
    tasks = asked_tasks(config, who)
    if asked == {"table2"}:
        del tasks["able"]
    generated = {
        cohort: answers(config, who, model, cohort, each, out) for cohort, each in tasks.items()
    }
    found: dict[str, dict[str, Results]] = {}
    for cohort, said_by in generated.items():
        ranked = bool(asked - {"table2"})
        found[cohort] = {
            name: judge(part, values, ranked) for name, (part, values) in said_by.items()
        }

    made: dict[str, Table] = {}
    plain = {
        c: {n: r for n, r in results.items() if not n.endswith(CONTROLS)}
        for c, results in found.items()
    }
    if "table1" in asked:
        made["table1"] = tables.overall(plain)
    if "table2" in asked:
        made["table2"] = tables.sides(plain["stroke"])
    if "table3" in asked:
        made["table3"] = tables.randomised(found)
    if "baselines" in asked:
        made |= {f"baselines-{cohort}": tables.details(plain, cohort) for cohort in plain}
    if "figures" in asked:
        made["by-source"], made["by-change"] = (
            tables.by_source(plain["able"]),
            tables.by_change(plain["able"]),
        )
        made["by-number"] = tables.by_number(plain["able"])

    facts = about_data(config, begin)
    facts |= {
        "model": describe(model, said["step"]),
        "embedding": sensitivity(model, next(iter(tasks.values()))),
    }
    whole = Report("Speed transfer: the gait of a person at other speeds", facts)
    if "figures" in asked:
        for cohort, results in plain.items():
            shown = figures.walks(*generated[cohort][figures.OURS], results[figures.OURS])
            title, rate = f"Walking, {tables.COHORTS[cohort]}", tasks[cohort].gaits.rate
            whole.add(Page.motion, title, shown, legs.skeleton(), rate, figures.LEGS)
        if config.strides:
            whole.add(Page.figures, [_strides(config.strides, who.gaits(who.test))])
    for name, table in made.items():
        whole.table(table, name)
    if "figures" in asked:
        whole.add(Page.figures, _pictures(out / "figures", plain, tasks, generated, model))
    whole.curves("Training", out)
    publish(whole, out)


def _strides(name: str, people: Gaits) -> tuple[str, Any, str]:
    """Strides of a test subject at every speed, real ones and the bands of a stride model."""
    model = cast("StrideTransferModel", load(name))
    person = stride_figures.typical(model.predictor, people.strides)
    picture = stride_figures.picture(model.predictor, model.calibrations, person)
    return "Strides, real and generated", *picture


def _pictures(
    folder: Path,
    found: tables.Found,
    tasks: Mapping[str, Task],
    generated: Mapping[str, Mapping[str, tuple[Task, np.ndarray]]],
    model: Transfer,
) -> Iterator[tuple[str, Any, str]]:
    """Title, figure and description of every figure, which is also kept as a file."""
    drawings = figures.drawn(found, generated)
    for cohort, each in tasks.items():
        gaits = each.gaits.select(np.unique(each.source))
        drawings[f"people-{cohort}"] = figures.people(
            model.embed(gaits.values), gaits, tables.COHORTS[cohort]
        )
    folder.mkdir(exist_ok=True)
    for name, (figure, description) in drawings.items():
        figure.savefig(folder / f"{name}.png", dpi=110)
        yield figures.title(name), figure, description


def asked_tasks(config: Config, who: Cohorts) -> dict[str, Task]:
    """The able-bodied test subjects' pairs at the speeds of the config, and all of the stroke
    survivors'.
    """
    speeds = config.evaluation.source_speeds, config.evaluation.target_speeds
    tasks = {"able": task(who.able, who.test.subjects, *speeds)}
    if who.stroke is not None:
        tasks["stroke"] = task(who.stroke, np.unique(who.stroke.subject).tolist())
    return tasks


def about_data(config: Config, begin: float) -> dict[str, str]:
    """What repeats a result, but for the model."""
    seconds = time.perf_counter() - begin
    return provenance(config.data.name, config.training.seed, seconds)


def sensitivity(model: Transfer, asked: Task, most: int = 30) -> str:
    """How far a circular shift of the recording moves the embedding, beside how far apart people
    are.
    """
    rows = np.unique(asked.source)
    rows = rows[evenly(len(rows), most)]
    moved, apart = embedding_shift(model, asked.gaits.select(rows))
    return (
        f"a circular shift of the recording moves it by {moved:.3f}, another person walking at that"
        f" speed is {apart:.3f} away"
    )


def embedding_shift(model: Transfer, gaits: Gaits, seed: int = 0) -> tuple[float, float]:
    """Mean distances of embeddings: of a gait and its circular shift in time, and of two people at
    one speed.
    """

    rng, z = np.random.default_rng(seed), model.embed(gaits.values)
    shifted = [
        np.roll(values, -int(rng.integers(1, len(values))), axis=0) for values in gaits.values
    ]
    moved = np.linalg.norm(model.embed(np.stack(shifted)) - z, axis=1).mean()
    apart = np.linalg.norm(z[:, None] - z, axis=-1)
    rivals = (gaits.subject[:, None] != gaits.subject) & (
        np.abs(gaits.speed[:, None] - gaits.speed) < SAME_SPEED
    )
    return float(moved), float(apart[rivals].mean()) if rivals.any() else float("nan")
