"""The rows of the tables: variants of the networks, trained and scored on every fold."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxdiff.studies.llma import evaluation
from jaxdiff.studies.llma.kept import kept
from jaxdiff.studies.llma.preparation import Fold, method_settings
from jaxdiff.studies.llma.starts import Start, start
from jaxdiff.studies.llma.training import Job, train_jobs, trained_with
from jaxdiff.training.step import make_generate
from jaxdiff.typing import Config, Method, Params

ARROW = {"x": "X|Y", "y": "Y|X"}


class Variant(NamedTuple):
    """A row of a table.

    Attributes:
      label: its name.
      word: an alignment, or `direct`. Variants of the same word and start are trained as one
        program.
      weights: factors of the parts of the loss.
      start: what the networks start from; by default the config's.
    """

    label: str
    word: str
    weights: dict[str, float] = {}
    start: str = ""


class Trained(NamedTuple):
    """A variant with its trained networks, one per fold; `generate` is compiled once for all
    variants of one method.
    """

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

    An interrupted experiment continues where it was, and tables that need the same networks share
    them.
    """
    starts: dict[str, list[Start]] = {}
    groups: dict[tuple[str, str], list[Variant]] = {}
    for variant in variants:
        kind = variant.start or config.model.start
        groups.setdefault((kind, variant.word), []).append(variant)
    for (kind, word), group in groups.items():
        if kind not in starts:
            found = {id(fold): start(config, fold, kind) for fold in _distinct(each)}
            starts[kind] = [found[id(fold)] for fold in each]
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
    """What distinguishes a group of variants from others of the same word: the parts of the loss
    they scale.
    """
    return sorted({name for variant in group for name in variant.weights})


def scores(
    config: Config, each: list[Fold], trained: Trained, target: str, silent: bool = False
) -> list[dict[str, Any]]:
    """Every figure of one direction, for each fold; with `silent` the networks return zero, so
    that their start is scored alone.

    They are kept beside the networks: an interrupted table continues with what it has not evaluated
        yet.
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


def baselines(config: Config, each: list[Fold], target: str) -> dict[str, list[dict[str, Any]]]:
    """Every figure of the baselines in one direction, for each fold; once where seeds share their
    people.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for fold in _distinct(each):
        side = fold.side("test", config.data.windows)
        predicted = evaluation.baseline_predictions(fold, side, target, tuple(config.compared))
        for name, prediction in predicted.items():
            found.setdefault(name, []).append(
                evaluation.score(fold, side, target, prediction, predictive_steps=0)
            )
    return found


def silenced(params: Params) -> Params:
    """Networks whose output is zero, which leaves the law they started from."""
    ends = ("out", "whole_out")
    quiet = {
        m: {**params[m], **{end: jax.tree.map(np.zeros_like, params[m][end]) for end in ends}}
        for m in ("x", "y")
    }
    return {**params, **quiet}


def _distinct(each: list[Fold]) -> list[Fold]:
    """The folds without repetition: seeds share their people, except where these or their pairs are
    drawn.
    """
    return list({id(fold): fold for fold in each}.values())
