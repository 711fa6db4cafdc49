"""All predictors of the tables: the diffusion models, their controls, and the baselines."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from jaxdiff.metrics.gait import other_subjects
from jaxdiff.studies.loading import load
from jaxdiff.studies.speed_transfer import baselines, regression, stride_rows
from jaxdiff.studies.speed_transfer import transfer as trained
from jaxdiff.studies.speed_transfer.evaluation import Task, normalisers
from jaxdiff.studies.speed_transfer.predictor import Predictor
from jaxdiff.studies.speed_transfer.training import Cohorts
from jaxdiff.studies.speed_transfer.transfer import Transfer
from jaxdiff.typing import Config

if TYPE_CHECKING:
    from jaxdiff.studies.speed_transfer.model import StrideTransferModel

FEW_SPEEDS = 8
"""Most source speeds for which regression baselines are trained; with more, the paper's six are
used.
"""
CONTROLS = ("another person", "embedding only")
"""Of the personalisation rank: another person's gait in place of the source, and in place of what
is embedded only.
"""
IN_TIME = "diffusion in time, as in the paper"
Answer = Callable[[Task], np.ndarray]
"""Gaits (N, T, 6) in degrees for the pairs of a task."""


def answers(
    config: Config, who: Cohorts, model: Transfer, cohort: str, each: Task, out: Path
) -> dict[str, tuple[Task, np.ndarray]]:
    """Predictor -> (the pairs it predicted, gaits in degrees); trained baselines are kept under
    `out`.
    """
    people = who.gaits(who.train)
    kind = "training" if cohort == "able" else config.data.stroke_normaliser
    scales = normalisers(each.gaits, kind)
    found: dict[str, tuple[Task, np.ndarray]] = {}

    def ask(name: str, part: Task, *seeds: Answer) -> None:
        begin = time.perf_counter()
        made = [answer(part) for answer in seeds]
        found[name] = part.repeated(len(seeds)), np.concatenate(made)
        print(
            f"{cohort}: {name}, {len(found[name][0])} pairs, {time.perf_counter() - begin:.0f} s",
            flush=True,
        )

    strides = stride_models(config)
    ours = IN_TIME if strides else "diffusion"
    for label, kind in stride_rows.KINDS.items() if strides else ():
        ask(label, each, *_strides(strides if kind == "diffusion" else strides[:1], kind))
    ask(ours, each, lambda t: model(t.gaits, t.source, t.target_speed, normaliser=scales))
    for path in config.compare:
        other, said = trained.load(path)
        label = f"diffusion, {describe(other, said['step'])}"
        ask(
            label,
            each,
            lambda t, other=other: other(t.gaits, t.source, t.target_speed, normaliser=scales),
        )
    changes = baselines.fit(people.strides)
    for name in baselines.BASELINES:
        ask(
            name,
            each,
            lambda t, name=name: stride_rows.baseline(
                name, changes, t.gaits, t.source, t.target_speed
            ),
        )
    if cohort == "able" and {"table1", "baselines", "figures"} & set(config.report):
        settings = _regression(config, each)
        part = each.where(np.isin(each.gaits.speed[each.source].round(2), settings.source_speeds))
        validation = who.gaits(who.validation)

        def regressed(kind: str, seed: int, part: Task) -> np.ndarray:
            folder = out / "baselines" / f"{kind}-{seed}"
            given = people, validation, model.normaliser, settings
            return regression.train(kind, *given, folder, seed)(part)

        first, count = config.training.seed, config.evaluation.regression_seeds
        for kind in regression.NETWORKS:
            ask(kind, part, *(partial(regressed, kind, first + i) for i in range(count)))
    if "table3" in config.report:
        others = other_subjects(each.gaits.subject, each.gaits.speed)[each.source]
        prefix = "in time: " if strides else ""
        ask(prefix + CONTROLS[0], each, lambda t: instead(model, t, others, scales))
        ask(
            prefix + CONTROLS[1],
            each,
            lambda t: model(t.gaits, t.source, t.target_speed, normaliser=scales, who=others),
        )
        if strides:
            ask(CONTROLS[0], each, *_strides(strides, source=others))
            ask(CONTROLS[1], each, *_strides(strides, seen=others))
    return found


def stride_models(config: Config) -> list[Predictor]:
    """The stride models of the config, one per seed; none if it names none."""
    names = (config.strides, *config.seeds) if config.strides else ()
    return [cast("StrideTransferModel", load(name)).predictor for name in names]


def _strides(
    predictors: Sequence[Predictor],
    kind: str = "diffusion",
    source: np.ndarray | None = None,
    seen: np.ndarray | None = None,
) -> list[Answer]:
    """Answers of stride models to a task, from its own sources or from others."""

    def answer(predictor: Predictor, task: Task) -> np.ndarray:
        rows = task.source if source is None else source
        return stride_rows.answer(predictor, task.gaits, rows, task.target_speed, kind, seen)

    return [partial(answer, predictor) for predictor in predictors]


def _regression(config: Config, each: Task) -> regression.Settings:
    """Settings of the MLP and TCN for the speeds of a task, with the paper's six source speeds
    where there are many.
    """
    sources, targets = (
        tuple(np.unique(speed.round(2)).tolist())
        for speed in (each.gaits.speed[each.source], each.target_speed)
    )
    settings = regression.Settings(steps=config.evaluation.regression_steps, target_speeds=targets)
    return settings._replace(source_speeds=sources) if len(sources) <= FEW_SPEEDS else settings


def instead(
    model: Transfer, asked: Task, others: np.ndarray, scales: np.ndarray | None
) -> np.ndarray:
    """Gaits generated from another subject's source: the paper's control of personalisation."""
    return model(asked.gaits, others, asked.target_speed, normaliser=scales)


def describe(model: Transfer, step: int) -> str:
    """A model in a line."""
    settings = model.settings
    return (
        f"in time, as in the paper; subject encoder {settings.size.encoder}, {settings.prediction}"
        f" prediction, DDIM {settings.steps}, step {step}"
    )
