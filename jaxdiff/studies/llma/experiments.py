"""The experiments of the study: one model with its report, figures with and without alignment,
tables.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from jaxdiff.data.trials import Trials
from jaxdiff.methods.llma import llma
from jaxdiff.models.model import Model
from jaxdiff.report import legs
from jaxdiff.report.page import Page
from jaxdiff.report.publish import Report, publish
from jaxdiff.report.tables import Cell, Table
from jaxdiff.studies.llma import evaluation, figures, written
from jaxdiff.studies.llma.config import GROUPS
from jaxdiff.studies.llma.preparation import folds, load_trials, method_settings
from jaxdiff.studies.llma.starts import start
from jaxdiff.studies.llma.tables import FIGURES, NOTE, TABLES, add_paper, facts
from jaxdiff.studies.llma.training import train
from jaxdiff.studies.run import Run
from jaxdiff.training.step import make_generate
from jaxdiff.typing import Config

COVERED = ("all channels", "lowest channel", "highest channel")
LEG = (
    "Two strides of hip, knee and ankle flexion as a leg under an upright pelvis, drawn as a right"
    " one; one sample."
)


def run_train(config: Config, out: Path) -> None:
    """Train one model, compare it with baselines on new subjects, and write tables, figures and a
    page.
    """
    begin = time.perf_counter()
    trials = load_trials(config)
    fold = folds(config, trials)[0]
    unseen = trials.where(subject=fold.test.trials.subjects)
    first = start(config, fold)
    params = train(config, fold, first, out)
    settings = method_settings(config)
    generate = make_generate(llma(settings).generate)
    side = fold.side("test", config.data.windows)
    report = Report(f"LLMA: {config.data.x} and {config.data.y}")
    files = Table(
        "Measured values inside the 90 % interval of generated files, new subjects", COVERED
    )
    model = Run.open(out).model()
    for target, given in evaluation.OTHER.items():
        condition = first.condition(given, side[given])
        drawn = evaluation.draw(generate, params, condition, config.sampling.samples)
        names = getattr(fold.test, given), getattr(fold.test, target)
        table = Table(f"{names[1]} from {names[0]}, new subjects", FIGURES, note=NOTE)
        mae = Table(
            f"Mean absolute error of {names[1]}, in their units", fold.scale[target].channels
        )
        rows = {"LLMA": drawn} | evaluation.baseline_predictions(
            fold, side, target, tuple(config.compared)
        )
        for name, prediction in rows.items():
            found = evaluation.score(
                fold, side, target, prediction, config.sampling.predictive_steps
            )
            table.row(name, {c: Cell(found[c]) for c in FIGURES if c in found})
            mae.row(name, _channel_errors(found))
        add_paper(table, (config.data.x, config.data.y), target)
        if config.model.start != "best":  # whose baselines are not kept with the model
            files.row(f"{names[1]} from {names[0]}", _covered(model, unseen, names))
        report.table(table, f"table{len(report.tables)}")
        report.table(mae, f"table{len(report.tables)}")
        report.add(Page.figures, figures.windows(fold, side, {"generated": drawn}, target))
        if walks := figures.walks(fold, side, drawn, target):
            leg = legs.skeleton(("right",))
            report.add(Page.motion, "The walking leg", walks, leg, figures.LEG_RATE, LEG)
    report.table(files, "files")
    codes = {m: evaluation.encoded(settings, params, side, m) for m in evaluation.OTHER}
    report.add(Page.figures, figures.maps({"": codes}, side["task"]))
    report.curves("Training", out)
    report.facts = facts(config, begin)
    publish(report, out)


def run_figures(config: Config, out: Path) -> None:
    """Figures 2, 3, 4 and 6: one model with and one without alignment, generated curves and latents
    side by side.
    """
    begin = time.perf_counter()
    fold = folds(config, load_trials(config))[0]
    first, side = start(config, fold), fold.side("test", config.data.windows)
    words = {"without alignment": "none", "with alignment": config.model.alignment}
    params, codes, settings = {}, {}, {}
    for label, word in words.items():
        settings[label] = method_settings(config, word)
        params[label] = train(config, fold, first, out / word, word)
        codes[label] = {
            m: evaluation.encoded(settings[label], params[label], side, m) for m in evaluation.OTHER
        }
    report = Report(f"LLMA with and without alignment: {config.data.x} and {config.data.y}")
    for target, given in evaluation.OTHER.items():
        condition = first.condition(given, side[given])
        drawn = {
            label: evaluation.draw(
                make_generate(llma(settings[label]).generate),
                params[label],
                condition,
                config.sampling.samples,
            )
            for label in words
        }
        report.add(Page.figures, figures.windows(fold, side, drawn, target))
    report.add(Page.figures, figures.maps(codes, side["task"]))
    for label, word in words.items():
        report.curves(f"Training {label}", out / word)
    report.facts = facts(config, begin)
    publish(report, out)


def run_tables(config: Config, out: Path) -> None:
    """The tables of a config, from one set of trained models, and a page of them."""
    begin = time.perf_counter()
    report = Report(f"LLMA: {config.data.name}")
    for name in GROUPS.get(config.experiment, (config.experiment,)):
        for key, table in TABLES[name](config, out).items():
            report.table(table, key)
    for run in sorted((out / "models").glob("*")):
        report.curves(f"Training of {run.name}", run)
    report.facts = facts(config, begin)
    publish(report, out)


def _covered(model: Model, trials: Trials, names: tuple[str, str]) -> dict[str, Cell]:
    share = written.covered(model, trials, *names)
    each = {name: value for name, value in share.items() if name != "all"}
    figures = (share["all"], min(each.values()), max(each.values()))
    return dict(zip(COVERED, map(Cell, figures)))


def _channel_errors(found: dict[str, float]) -> dict[str, Any]:
    errors = {name[4:]: value for name, value in found.items() if name.startswith("mae/")}
    return {
        name.split(" [")[0]: f"{value:.3g} {name.split(' [')[1][:-1]}"
        for name, value in errors.items()
    }
