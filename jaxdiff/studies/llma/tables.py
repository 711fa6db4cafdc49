"""The tables of the paper, and of what it claims where data are few or pairs are broken."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxdiff.report.tables import Cell, Table, cell, provenance
from jaxdiff.studies.llma import evaluation, paper
from jaxdiff.studies.llma.preparation import Fold, folds, load_trials, method_settings
from jaxdiff.studies.llma.variants import (
    ARROW,
    WITH,
    WITHOUT,
    Trained,
    Variant,
    baselines,
    each_variant,
    scores,
)
from jaxdiff.typing import Config

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
    "mse: one sample against the truth, normalised to [-1, 1]; mse_mean, rmse_mean, r2_mean: the"
    " mean of the samples, R² against the training mean curve; rmse_expected: without the share of"
    " the error that is due to the number of samples; coverage_90: share of the truth in the 90 %"
    " interval (0.9 is right), calibrated_90: after conformal scaling on held-out people; contrast,"
    " mispaired: contrast of the latents of true pairs, and of pairs that do not belong together"
    " (windows of other sequences at the same position are the negatives; equal values mean that"
    " the latents identify no content). "
)


def run_table1(config: Config, out: Path) -> dict[str, Table]:
    """Generation with and without alignment in both directions of every pair, against baselines and
    the paper.
    """
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
            for name, figures in baselines(config, each, target).items():
                _add(table, f"{head} {name}", figures)
            for label in labels:
                if label.startswith("with alignment"):
                    before = found[label.replace("with", "without", 1), target]
                    change = label.replace("with alignment", "change by alignment", 1)
                    table.row(f"{head} {change}", _paired(before, found[label, target]))
            add_paper(table, pair, target, f"{head} ")
    table.note += (
        "Change by alignment: mean over folds or seeds, and its two-sided p (sign-flip"
        " permutation)."
    )
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
    """Probes of the tasks from the latents of five alignments, of none, and from the raw
    signals.
    """
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
    """What each part of the objective contributes: errors without it, and the energy's share of the
    loss.
    """
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
            scored = baselines(changed, each, target)["ridge"]
            ridge[f"{arrow} rmse_mean"] = cell(s["rmse_mean"] for s in scored)
        table.row(f"{label}, ridge", ridge)
    return saved({"few": table}, config, out, begin)


TABLES = {"table1": run_table1, "table2": run_table2, "table3": run_table3, "few": run_few}


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


def _paired(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> dict[str, str]:
    """Mean change over folds, with the p-value of flipping the signs of the changes in every
    way.
    """
    row = {}
    compared = ("mse", "rmse_expected", "fid", "pred", "crps")
    for name in (n for n in compared if n in before[0]):
        change = np.array([b[name] - a[name] for a, b in zip(before, after)])
        signs = np.array(np.meshgrid(*[[-1, 1]] * len(change))).reshape(len(change), -1)
        p = np.mean(np.abs(change @ signs) >= abs(change.sum()) - 1e-12)
        row[name] = f"{change.mean():+.3g} (p {p:.2g})"
    return row
