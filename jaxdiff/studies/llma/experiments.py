"""The experiments of the paper: train and report, Tables 1 to 3, and the same questions asked of real data."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxdiff.methods.llma import llma
from jaxdiff.report import legs
from jaxdiff.report.page import Page
from jaxdiff.report.publish import Report, publish
from jaxdiff.report.tables import Cell, Table, cell, provenance
from jaxdiff.studies.llma import evaluation, figures, paper
from jaxdiff.studies.llma.preparation import Fold, folds, laws, load_trials, method_settings
from jaxdiff.studies.llma.training import train, train_folds
from jaxdiff.training.step import make_generate
from jaxdiff.typing import Config, Method, Params

ARROW = {"x": "X|Y", "y": "Y|X"}
COLUMNS = ("mse", "mse_mean", "r2_mean", "fid", "pred", "crps", "coverage_90", "spread_skill")
NOTE = (
    "mse: one sample against the truth, normalised to [-1, 1]; mse_mean, r2_mean: the mean of the samples, R² against the "
    "training mean curve; coverage_90: share of the truth in the 90 % interval (0.9 is right). "
)

LEG = "Two strides of hip, knee and ankle flexion as a leg under an upright pelvis, drawn as a right one; one sample."


def run_train(config: Config, out: Path) -> None:
    """Trains one model, holds it against the baselines on unseen subjects, and leaves tables, pictures and a page."""
    begin = time.perf_counter()
    trials = load_trials(config)
    fold = folds(config, trials)[0]
    params = train(config, fold, out)
    settings = method_settings(config)
    generate = make_generate(llma(settings).generate)
    side = fold.side("test", config.data.windows)
    report = Report(f"LLMA: {config.data.x} and {config.data.y}")
    for target, given in (("y", "x"), ("x", "y")):
        drawn = evaluation.draw(generate, params, given, side[given], config.sampling.samples)
        names = getattr(fold.test, given), getattr(fold.test, target)
        table = Table(f"{names[1]} from {names[0]}, subjects never seen", COLUMNS, note=NOTE)
        mae = Table(
            f"Mean absolute error of {names[1]}, in their units", fold.scale[target].channels
        )
        rows = {"LLMA": drawn, **evaluation.baseline_predictions(fold, side, target)}
        for name, prediction in rows.items():
            scores = evaluation.score(
                fold, side, target, prediction, config.sampling.predictive_steps
            )
            table.row(name, {c: Cell(scores[c]) for c in COLUMNS if c in scores})
            mae.row(name, _channel_errors(scores))
        _add_paper(table, (config.data.x, config.data.y), target)
        report.table(table, f"table{len(report.tables)}")
        report.table(mae, f"table{len(report.tables)}")
        report.add(Page.figures, figures.windows(fold, side, drawn, target))
        if walks := figures.walks(fold, side, drawn, target):
            leg = legs.skeleton(("right",))
            report.add(Page.motion, "The walking leg", walks, leg, figures.LEG_RATE, LEG)
    codes = {m: evaluation.encoded(settings, params, side, m) for m in ("x", "y")}
    report.add(Page.figures, figures.maps(codes, side["task"]))
    report.curves("Training", out)
    report.facts = _said(config, begin)
    publish(report, out)


def _channel_errors(scores: dict[str, float]) -> dict[str, Any]:
    errors = {name[4:]: value for name, value in scores.items() if name.startswith("mae/")}
    return {
        name.split(" [")[0]: f"{value:.3g} {name.split(' [')[1][:-1]}"
        for name, value in errors.items()
    }


class Variant(NamedTuple):
    """A row of a table: its label, the word that names the method, and the weights of the parts of the loss."""

    label: str
    word: str
    weights: dict[str, float] = {}


def _each_variant(
    config: Config, each: list[Fold], variants: list[Variant], out: Path, pair: Sequence[str]
) -> Iterator[tuple[Variant, Method, list[Params]]]:
    """Trains every variant, all its folds as one program.

    An interrupted experiment goes on where it was, and tables that need the same model share it.
    """
    known = [laws(config, fold) for fold in each]
    for variant in variants:
        print(f"{' and '.join(pair)}: {variant.label}, {len(each)} folds side by side", flush=True)
        name = "-".join(
            [
                *pair,
                variant.word,
                *(f"{part}{weight:g}" for part, weight in variant.weights.items()),
            ]
        )
        yield (
            variant,
            *train_folds(config, each, variant.word, variant.weights, out / "models" / name, known),
        )


def _scores(
    config: Config,
    each: list[Fold],
    method: Method,
    params: list[Params],
    target: str,
    samples: int,
) -> list[dict[str, Any]]:
    generate = make_generate(method.generate)
    given, rows = evaluation.OTHER[target], []
    for fold, p in zip(each, params):
        side = fold.side("test", config.data.windows)
        drawn = evaluation.draw(generate, p, given, side[given], samples)
        rows.append(evaluation.score(fold, side, target, drawn, config.sampling.predictive_steps))
    return rows


def run_table1(config: Config, out: Path) -> list[Table]:
    """Generation with and without alignment, three pairs in both directions, against baselines and the paper."""
    begin, trials = time.perf_counter(), load_trials(config)
    table = Table(
        "Table 1: cross-modal generation with and without latent alignment", COLUMNS, note=NOTE
    )
    variants = [Variant("without", "none"), Variant("with", "llma")]
    for pair in _pairs(config):
        each = folds(config, trials, *pair)
        found: dict[tuple[str, str], list[dict[str, Any]]] = {}
        extended = [*variants, Variant("deterministic transformer", "direct")]
        for variant, method, params in _each_variant(config, each, extended, out, pair):
            samples = 1 if variant.word == "direct" else config.sampling.samples
            for target in ("x", "y"):
                found[variant.label, target] = _scores(
                    config, each, method, params, target, samples
                )
                if variant.word == "none" and config.model.linear:
                    start = [_silenced(p) for p in params]
                    found["start", target] = _scores(config, each, method, start, target, samples)
        for target in ("x", "y"):
            head = f"{pair[0]}–{pair[1]} {ARROW[target]}"
            for variant in variants:
                _add(table, f"{head} {variant.label} alignment", found[variant.label, target])
            _add(
                table,
                f"{head} deterministic transformer",
                found["deterministic transformer", target],
            )
            if config.model.linear:
                _add(table, f"{head} linear-Gaussian start", found["start", target])
            for name, scores in _baselines(config, each, target).items():
                _add(table, f"{head} {name}", scores)
            table.row(
                f"{head} paired test", _paired(found["without", target], found["with", target])
            )
            _add_paper(table, pair, target, f"{head} ")
    table.note += "Paired test: mean change from without to with over folds, and its two-sided p (sign-flip permutation)."
    _keep(table, "table1", config, out, begin)
    return [table]


def run_table2(config: Config, out: Path) -> list[Table]:
    """Probes of the tasks from the latents of five alignments (and none)."""
    begin, trials = time.perf_counter(), load_trials(config)
    words = ("none", "barlow", "simclr", "mse", "vicreg", "llma")
    columns = [f"{a}–{b} {ARROW[t]}" for a, b in _pairs(config) for t in ("x", "y")]
    tables = {
        kind: Table(f"Table 2: {kind} probing accuracy of the tasks", columns)
        for kind in ("linear", "nonlinear")
    }
    alike = Table(
        "Correlation of the latents of the two modalities", [f"{a}–{b}" for a, b in _pairs(config)]
    )
    cells: dict[tuple[str, str], dict[str, Cell]] = {}
    for pair in _pairs(config):
        each = folds(config, trials, *pair)
        variants = [Variant(word, word) for word in words]
        for (word, _, _), _, params in _each_variant(config, each, variants, out, pair):
            settings = method_settings(config, word)
            found = [evaluation.probes(settings, p, fold) for p, fold in zip(params, each)]
            for kind in tables:
                for target in ("x", "y"):
                    name = f"{pair[0]}–{pair[1]} {ARROW[target]}"
                    cells.setdefault((kind, word), {})[name] = cell(
                        f[f"{kind}_{target}"] for f in found
                    )
            name = f"{pair[0]}–{pair[1]}"
            cells.setdefault(("alike", word), {})[name] = cell(
                f["latent_correlation"] for f in found
            )
    for kind, table in tables.items():
        for word in words:
            table.row(word, cells[kind, word])
        if len(columns) == 6:
            for word, quoted in paper.TABLE2.items():
                row = {c: paper.quoted(v) for c, v in zip(columns, quoted[kind])}
                table.row(f"paper (other data): {word}", row, quoted=True)
        _keep(table, f"table2-{kind}", config, out, begin)
    for word in words:
        alike.row(word, cells["alike", word])
    _keep(alike, "table2-correlation", config, out, begin)
    return [*tables.values(), alike]


def run_table3(config: Config, out: Path) -> list[Table]:
    """What each part of the objective is worth: MSE without it."""
    begin, trials = time.perf_counter(), load_trials(config)
    table = Table("Table 3: ablation of the parts of the objective (mse)", ("X|Y", "Y|X"))
    variants = [
        Variant("without contrast", "covariance"),
        Variant("without covariance", "contrast"),
        Variant("without energy", "llma", {"energy": 0.0}),
        Variant("all", "llma"),
    ]
    each = folds(config, trials)
    for (label, _, _), method, params in _each_variant(
        config, each, variants, out, (config.data.x, config.data.y)
    ):
        scores = {
            t: _scores(config, each, method, params, t, config.sampling.samples) for t in ("x", "y")
        }
        row = {ARROW[t]: cell(s["mse"] for s in scores[t]) for t in scores}
        table.row(label, row)
        quoted = (paper.quoted(value) for value in paper.TABLE3[label])
        cells = dict(zip(("X|Y", "Y|X"), quoted))
        table.row(f"paper (other data): {label}", cells, quoted=True)
    _keep(table, "table3", config, out, begin)
    return [table]


TABLES = {"table1": run_table1, "table2": run_table2, "table3": run_table3}


def run_tables(config: Config, out: Path) -> None:
    """The tables of a config, from one set of trained models, and a page of them; on real data Table 1 alone."""
    begin = time.perf_counter()
    which = {"tables": tuple(TABLES), "verheul": ("table1",)}.get(
        config.experiment, (config.experiment,)
    )
    report = Report(f"LLMA: {config.data.name}")
    for name in which:
        for table in TABLES[name](config, out):
            report.table(table)
    for run in sorted((out / "models").glob("*")):
        report.curves(f"Training of {run.name}", run)
    report.facts = _said(config, begin)
    publish(report, out)


def _silenced(params: Params) -> Params:
    """The networks of a model made to add nothing: what is left is the law they started from."""
    quiet = {
        m: {**params[m], "out": jax.tree.map(np.zeros_like, params[m]["out"])} for m in ("x", "y")
    }
    return {**params, **quiet}


def _pairs(config: Config) -> tuple[tuple[str, str], ...]:
    return paper.PAIRS if config.data.pairs == "all" else ((config.data.x, config.data.y),)


def _add(table: Table, label: str, scores: list[dict[str, Any]]) -> None:
    table.row(label, {name: cell(s[name] for s in scores) for name in COLUMNS if name in scores[0]})


def _add_paper(table: Table, pair: tuple[str, str], target: str, head: str = "") -> None:
    """The paper's rows of a pair, where it has them."""
    for i, word in enumerate(("without", "with")):
        if quoted := paper.TABLE1.get((pair, target)):
            row = {metric: paper.quoted(values[i]) for metric, values in quoted.items()}
            table.row(f"paper (other data): {head}{word} alignment", row, quoted=True)


def _baselines(config: Config, each: list[Fold], target: str) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for fold in each:
        side = fold.side("test", config.data.windows)
        for name, prediction in evaluation.baseline_predictions(fold, side, target).items():
            scores = evaluation.score(fold, side, target, prediction, predictive_steps=0)
            found.setdefault(name, []).append(scores)
    return found


def _paired(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> dict[str, str]:
    """Mean change over folds, with the p-value of flipping the signs of the changes in every way."""
    row = {}
    for name in (n for n in ("mse", "mse_mean", "fid", "pred") if n in before[0]):
        change = np.array([b[name] - a[name] for a, b in zip(before, after)])
        signs = np.array(np.meshgrid(*[[-1, 1]] * len(change))).reshape(len(change), -1)
        p = np.mean(np.abs(change @ signs) >= abs(change.sum()) - 1e-12)
        row[name] = f"{change.mean():+.3g} (p {p:.2g})"
    return row


def _keep(table: Table, name: str, config: Config, out: Path, begin: float) -> None:
    table.show()
    table.save(out, name, _said(config, begin))
    print(f"kept in {out / name}.md")


def _said(config: Config, begin: float) -> dict[str, str]:
    data = f"{config.data.name} ({config.data.size})"
    return provenance(data, config.training.seed, time.perf_counter() - begin)
