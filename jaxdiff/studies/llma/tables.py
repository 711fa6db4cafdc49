"""The tables of the paper, and of what it claims where data are few or pairs are broken."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxdiff.report.tables import Cell, Table, cell, provenance
from jaxdiff.studies.llma import evaluation, paper
from jaxdiff.studies.llma.kept import kept
from jaxdiff.studies.llma.preparation import Fold, folds, load_trials, method_settings
from jaxdiff.studies.llma.starts import Start, start
from jaxdiff.studies.llma.training import Job, train_jobs, trained_with
from jaxdiff.training.step import make_generate
from jaxdiff.typing import Config, Method, Params

ARROW = {"x": "X|Y", "y": "Y|X"}
FIGURES = (
    "mse",
    "mse_mean",
    "rmse_mean",
    "rmse_expected",
    "r2_mean",
    "fid",
    "pred",
    "crps",
    "coverage_90",
    "calibrated_90",
    "spread_skill",
    "mse_mean_seen_tasks",
    "mse_mean_unseen_tasks",
    "contrast",
    "mispaired",
)
NOTE = (
    "mse: one sample against the truth, normalised to [-1, 1]; mse_mean, rmse_mean, r2_mean: the mean of the samples, R² "
    "against the training mean curve; rmse_expected: without the share of the error that is due to the number of samples; coverage_90: share of the truth in the 90 % interval (0.9 is right), "
    "calibrated_90: after conformal scaling on held-out people; contrast, mispaired: contrast of the latents of true "
    "pairs, and of pairs that do not belong together (windows of other sequences at the same position are the "
    "negatives; equal values mean that the latents identify no content). "
)


class Variant(NamedTuple):
    """A row of a table.

    Attributes:
      label: its name.
      word: an alignment, or `direct`. Variants of the same word and start are trained as one program.
      weights: factors of the parts of the loss.
      start: what the networks start from; by default the config's.
    """

    label: str
    word: str
    weights: dict[str, float] = {}
    start: str = ""


class Trained(NamedTuple):
    """A variant with its trained networks, one per fold; `generate` is compiled once for all variants of one method."""

    variant: Variant
    method: Method
    params: list[Params]
    starts: list[Start]
    generate: Callable[..., Any]
    folder: Path


WITHOUT = Variant("without alignment", "llma", {"alignment": 0.0})
WITH = Variant("with alignment", "llma", {"alignment": 1.0})


def each_variant(
    config: Config, each: list[Fold], variants: Sequence[Variant], out: Path, pair: Sequence[str]
) -> Iterator[Trained]:
    """Train every variant on all folds.

    An interrupted experiment continues where it was, and tables that need the same networks share them.
    """
    starts: dict[str, list[Start]] = {}
    groups: dict[tuple[str, str], list[Variant]] = {}
    for variant in variants:
        kind = variant.start or config.model.start
        groups.setdefault((kind, variant.word), []).append(variant)
    for (kind, word), group in groups.items():
        if kind not in starts:
            found = {
                id(fold): start(config, fold, kind) for fold in {id(f): f for f in each}.values()
            }
            starts[kind] = [found[id(fold)] for fold in each]  # seeds may share their people
        names = {name for variant in group for name in variant.weights}
        jobs = [
            Job(fold, begin, {**dict.fromkeys(names, 1.0), **variant.weights}, seed)
            for variant in group
            for seed, (fold, begin) in enumerate(zip(each, starts[kind]))
        ]
        labels = ", ".join(variant.label for variant in group)
        print(f"{' and '.join(pair)}: {labels}; {len(jobs)} trainings", flush=True)
        changed = config.copy_and_resolve_references()
        changed.model.start = kind
        name = "-".join([*pair, kind, word, *_abbreviated(group)])
        method, params = train_jobs(changed, jobs, word, out / "models" / name)
        generate = make_generate(method.generate)
        for number, variant in enumerate(group):
            own = params[number * len(each) : (number + 1) * len(each)]
            yield Trained(variant, method, own, starts[kind], generate, out / "models" / name)


def _abbreviated(group: list[Variant]) -> list[str]:
    """What distinguishes a group of variants from others of the same word: the parts of the loss they scale."""
    return sorted({name for variant in group for name in variant.weights})


def scores(
    config: Config, each: list[Fold], trained: Trained, target: str, silent: bool = False
) -> list[dict[str, Any]]:
    """Every figure of one direction, for each fold; `silent` networks add nothing to what they start from.

    They are kept beside the networks: an interrupted table continues with what it has not evaluated yet.
    """
    label = "start alone" if silent else trained.variant.label
    depends = {**trained_with(config), "sampling": config.sampling.to_dict()}
    depends["windows"] = config.data.windows
    rows = []
    for number in range(len(each)):
        name = re.sub(r"\W+", "-", f"{label} {ARROW[target]} {number}")
        row = kept(
            trained.folder / "scores" / f"{name}.json",
            depends,
            lambda number=number: _score(config, each[number], trained, number, target, silent),
        )
        shown = (
            n for n in ("rmse_mean", "rmse_expected", "coverage_90", "spread_skill") if n in row
        )
        figures = ", ".join(f"{n} {row[n]:.4g}" for n in shown)
        print(f"  {ARROW[target]} {label}: {figures}", flush=True)
        rows.append(row)
    return rows


def _score(
    config: Config, fold: Fold, trained: Trained, number: int, target: str, silent: bool
) -> dict[str, Any]:
    variant, generate, begin = trained.variant, trained.generate, trained.starts[number]
    params = silenced(trained.params[number]) if silent else trained.params[number]
    samples = 1 if variant.word == "direct" else config.sampling.samples
    side, given = fold.side("test", config.data.windows), evaluation.OTHER[target]
    calibration = None
    if samples > 1:
        calibration = evaluation.calibrated(fold, generate, params, begin.condition, target, config)
    drawn = evaluation.draw(generate, params, begin.condition(given, side[given]), samples)
    row: dict[str, Any] = evaluation.score(
        fold, side, target, drawn, config.sampling.predictive_steps, calibration
    )
    if variant.word != "direct" and not silent:
        settings = method_settings(config, variant.word)
        settings = settings._replace(linear=(variant.start or config.model.start) != "none")
        row |= evaluation.content(settings, params, side)
    return {name: float(value) for name, value in row.items()}


def run_table1(config: Config, out: Path) -> dict[str, Table]:
    """Generation with and without alignment in both directions of every pair, against baselines and the paper."""
    begin, trials = time.perf_counter(), load_trials(config)
    table = Table("Table 1: cross-modal generation with and without latent alignment", FIGURES)
    table.note = NOTE
    for pair in pairs(config):
        each = folds(config, trials, *pair)
        found: dict[tuple[str, str], list[dict[str, Any]]] = {}
        labels = []
        for trained in each_variant(config, each, _table1_variants(config), out, pair):
            label = trained.variant.label
            labels.append(label)
            for target in ARROW:
                found[label, target] = scores(config, each, trained, target)
                if label == "without alignment" and config.model.start != "none":
                    found["start", target] = scores(config, each, trained, target, silent=True)
        for target in ARROW:
            head = f"{pair[0]}–{pair[1]} {ARROW[target]}"
            for label in labels:
                _add(table, f"{head} {label}", found[label, target])
            if ("start", target) in found:
                _add(table, f"{head} start alone", found["start", target])
            for name, figures in _baselines(config, each, target).items():
                _add(table, f"{head} {name}", figures)
            change = _paired(found["without alignment", target], found["with alignment", target])
            table.row(f"{head} change by alignment", change)
            add_paper(table, pair, target, f"{head} ")
    table.note += "Change by alignment: mean over folds or seeds, and its two-sided p (sign-flip permutation)."
    return saved({"table1": table}, config, out, begin)


def _table1_variants(config: Config) -> list[Variant]:
    variants = [WITHOUT, WITH]
    if config.model.start == "linear":
        variants += [
            v._replace(label=f"{v.label}, from random initialisation", start="none")
            for v in (WITHOUT, WITH)
        ]
    if config.deterministic:
        variants.append(Variant("deterministic transformer", "direct", start="none"))
    return variants


def run_table2(config: Config, out: Path) -> dict[str, Table]:
    """Probes of the tasks from the latents of five alignments, of none, and from the raw signals."""
    begin, trials = time.perf_counter(), load_trials(config)
    words = ("none", "barlow", "simclr", "mse", "vicreg", "llma")
    columns = [f"{a}–{b} {ARROW[t]}" for a, b in pairs(config) for t in ARROW]
    names = [f"{a}–{b}" for a, b in pairs(config)]
    tables = {
        f"table2-{kind}": Table(f"Table 2: {kind} probing accuracy of the tasks", columns)
        for kind in ("linear", "nonlinear")
    }
    alike = Table("Correlation of the latents of the two modalities", names)
    content = Table(
        "Contrast of true pairs / of pairs that do not belong together (chance: log 64 = 4.16)",
        names,
    )
    cells: dict[tuple[str, str], dict[str, Any]] = {}
    for pair in pairs(config):
        each, name = folds(config, trials, *pair), f"{pair[0]}–{pair[1]}"
        probed = {
            "raw signals": [evaluation.probes(method_settings(config), None, f) for f in each]
        }
        for trained in each_variant(config, each, [Variant(w, w) for w in words], out, pair):
            word = trained.variant.word
            settings = method_settings(config, word)
            probed[word] = [evaluation.probes(settings, p, f) for p, f in zip(trained.params, each)]
            cells.setdefault(("alike", word), {})[name] = cell(
                f["latent_correlation"] for f in probed[word]
            )
            held = [
                evaluation.content(settings, p, f.side("test", config.data.windows))
                for p, f in zip(trained.params, each)
            ]
            cells.setdefault(("content", word), {})[name] = " / ".join(
                str(cell(h[part] for h in held)) for part in ("contrast", "mispaired")
            )
        for word, found in probed.items():
            for kind in ("linear", "nonlinear"):
                for target in ARROW:
                    value = cell(f[f"{kind}_{target}"] for f in found)
                    cells.setdefault((kind, word), {})[f"{name} {ARROW[target]}"] = value
    for kind in ("linear", "nonlinear"):
        table = tables[f"table2-{kind}"]
        for word in ("raw signals", *words):
            table.row(word, cells[kind, word])
        if len(columns) == 6:
            for word, quoted in paper.TABLE2.items():
                row = {c: paper.quoted(v) for c, v in zip(columns, quoted[kind])}
                table.row(f"paper (other data): {word}", row, quoted=True)
    for word in words:
        alike.row(word, cells["alike", word])
        content.row(word, cells["content", word])
    tables |= {"table2-correlation": alike, "table2-content": content}
    return saved(tables, config, out, begin)


def run_table3(config: Config, out: Path) -> dict[str, Table]:
    """What each part of the objective contributes: errors without it, and the energy's share of the loss."""
    begin, trials = time.perf_counter(), load_trials(config)
    columns = [
        "X|Y mse",
        "Y|X mse",
        "X|Y coverage_90",
        "Y|X coverage_90",
        "energy share of the loss",
    ]
    table = Table("Table 3: ablation of the parts of the objective", columns)
    variants = [
        Variant("without contrast", "llma", {"contrast": 0.0}),
        Variant("without covariance", "llma", {"covariance": 0.0}),
        Variant("without energy", "llma", {"energy": 0.0}),
        Variant("all", "llma"),
    ]
    pair = (config.data.x, config.data.y)
    each = folds(config, trials)
    for trained in each_variant(config, each, variants, out, pair):
        row: dict[str, Any] = {}
        for target, arrow in ARROW.items():
            found = scores(config, each, trained, target)
            for figure in ("mse", "coverage_90"):
                row[f"{arrow} {figure}"] = cell(s[figure] for s in found)
        row["energy share of the loss"] = _energy_share(config, each, trained)
        table.row(trained.variant.label, row)
        quoted = (paper.quoted(value) for value in paper.TABLE3[trained.variant.label])
        cells: dict[str, Any] = dict(zip(("X|Y mse", "Y|X mse"), quoted))
        table.row(f"paper (other data): {trained.variant.label}", cells, quoted=True)
    return saved({"table3": table}, config, out, begin)


def _energy_share(config: Config, each: list[Fold], trained: Trained) -> Cell:
    """gamma · energy over denoising loss plus gamma · energy, on test windows."""
    share = []
    gamma = config.model.gamma * trained.variant.weights.get("energy", 1.0)
    for fold, params, begin in zip(each, trained.params, trained.starts):
        side = fold.side("test", 64)
        rows = len(side["x"]) // config.model.groups * config.model.groups
        side = {name: values[:rows] for name, values in side.items()}
        batch = {name: side[name] for name in ("x", "y", "subject")}
        batch["subject"] = np.full(len(side["x"]), -1, np.int32)
        for own, other in evaluation.OTHER.items():
            condition = begin.condition(other, side[other])
            if "guess" in condition:
                batch[f"guess_{own}"] = condition["guess"]
        loss = jax.jit(lambda p, b, k: trained.method.loss(p, b, k, lambda z: z, {})[1])
        parts = [
            loss(params, batch, jax.random.split(jax.random.key(i), len(side["x"])))
            for i in range(8)
        ]
        energy = gamma * np.mean([p["energy"] for p in parts])
        share.append(energy / (energy + np.mean([p["x"] + p["y"] for p in parts])))
    return cell(share)


def run_few(config: Config, out: Path) -> dict[str, Table]:
    """With and without alignment where pairs are few, or half of them do not belong together."""
    begin, trials = time.perf_counter(), load_trials(config)
    figures = ("rmse_mean", "mse", "coverage_90", "spread_skill", "contrast", "mispaired")
    columns = [f"{arrow} {name}" for arrow in ARROW.values() for name in figures]
    table = Table("Few people and broken pairs, with and without alignment", columns)
    settings: list[tuple[str, dict[str, Any]]] = [
        (f"{n} people", {"train_people": n}) for n in (8, 16, 32)
    ]
    settings += [("half of the pairs broken", {"broken": 0.5}), ("all people, all pairs", {})]
    pair = (config.data.x, config.data.y)
    for label, changes in settings:
        changed = config.copy_and_resolve_references()
        changed.data.update(changes)
        each = folds(changed, trials, *pair)
        folder = out / label.replace(" ", "-").replace(",", "") if changes else out
        for trained in each_variant(changed, each, [WITHOUT, WITH], folder, pair):
            row: dict[str, Any] = {}
            for target, arrow in ARROW.items():
                found = scores(changed, each, trained, target)
                row |= {f"{arrow} {name}": cell(s[name] for s in found) for name in figures}
            table.row(f"{label}, {trained.variant.label}", row)
        ridge = {}
        for target, arrow in ARROW.items():
            scored = _baselines(changed, each, target)["ridge"]
            ridge[f"{arrow} rmse_mean"] = cell(s["rmse_mean"] for s in scored)
        table.row(f"{label}, ridge", ridge)
    return saved({"few": table}, config, out, begin)


TABLES = {"table1": run_table1, "table2": run_table2, "table3": run_table3, "few": run_few}


def silenced(params: Params) -> Params:
    """Networks whose output is zero, which leaves the law they started from."""
    ends = ("out", "whole_out")
    quiet = {
        m: {**params[m], **{end: jax.tree.map(np.zeros_like, params[m][end]) for end in ends}}
        for m in ("x", "y")
    }
    return {**params, **quiet}


def pairs(config: Config) -> tuple[tuple[str, str], ...]:
    """The pairs of modalities of a table."""
    return paper.PAIRS if config.data.pairs == "all" else ((config.data.x, config.data.y),)


def add_paper(table: Table, pair: tuple[str, str], target: str, head: str = "") -> None:
    """Add the paper's rows of a pair, where it has them."""
    for i, word in enumerate(("without", "with")):
        if quoted := paper.TABLE1.get((pair, target)):
            row = {metric: paper.quoted(values[i]) for metric, values in quoted.items()}
            table.row(f"paper (other data): {head}{word} alignment", row, quoted=True)


def facts(config: Config, begin: float) -> dict[str, str]:
    """What repeats a table."""
    data = f"{config.data.name} ({config.data.size})"
    return provenance(data, config.training.seed, time.perf_counter() - begin)


def saved(tables: dict[str, Table], config: Config, out: Path, begin: float) -> dict[str, Table]:
    """The tables, saved as soon as they are complete: a later one may be interrupted."""
    for name, table in tables.items():
        table.save(out / "tables", name, facts(config, begin))
    return tables


def _add(table: Table, label: str, found: list[dict[str, Any]]) -> None:
    table.row(label, {name: cell(s[name] for s in found) for name in FIGURES if name in found[0]})


def _baselines(config: Config, each: list[Fold], target: str) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for fold in {id(fold): fold for fold in each}.values():  # seeds may share their people
        side = fold.side("test", config.data.windows)
        predicted = evaluation.baseline_predictions(fold, side, target, tuple(config.compared))
        for name, prediction in predicted.items():
            found.setdefault(name, []).append(
                evaluation.score(fold, side, target, prediction, predictive_steps=0)
            )
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
