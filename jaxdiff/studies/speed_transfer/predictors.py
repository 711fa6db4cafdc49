"""All predictors of the tables: the diffusion models, their controls, and the baselines."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from jaxdiff.metrics.gait import other_subjects
from jaxdiff.studies.loading import load
from jaxdiff.studies.speed_transfer import baselines, regression, stride_rows
from jaxdiff.studies.speed_transfer import transfer as trained
from jaxdiff.studies.speed_transfer.evaluation import Task, normalisers
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

    def ask(name: str, part: Task, answer: Any) -> None:
        begin = time.perf_counter()
        found[name] = part, answer(part)
        print(
            f"{cohort}: {name}, {len(part)} pairs, {time.perf_counter() - begin:.0f} s", flush=True
        )

    strides = (
        cast("StrideTransferModel", load(config.strides)).predictor if config.strides else None
    )
    ours = "diffusion" if strides is None else IN_TIME
    if strides is not None:
        for label, kind in stride_rows.KINDS.items():
            ask(
                label,
                each,
                lambda t, kind=kind: stride_rows.answer(
                    strides, t.gaits, t.source, t.target_speed, kind
                ),
            )
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
        asked = np.unique(each.gaits.speed[each.source]).round(2).tolist()
        wanted = tuple(np.unique(each.target_speed.round(2)).tolist())
        settings = regression.Settings(
            steps=config.evaluation.regression_steps, target_speeds=wanted
        )
        settings = (
            settings._replace(source_speeds=tuple(asked)) if len(asked) <= FEW_SPEEDS else settings
        )
        part = each.where(np.isin(each.gaits.speed[each.source].round(2), settings.source_speeds))
        for kind in regression.NETWORKS:
            ask(
                kind,
                part,
                lambda t, kind=kind: regression.train(
                    kind,
                    people,
                    model.normaliser,
                    settings,
                    out / "baselines" / kind,
                    config.training.seed,
                )(t),
            )
    if "table3" in config.report:
        others = other_subjects(each.gaits.subject, each.gaits.speed)[each.source]
        prefix = "" if strides is None else "in time: "
        ask(prefix + CONTROLS[0], each, lambda t: instead(model, t, others, scales))
        ask(
            prefix + CONTROLS[1],
            each,
            lambda t: model(t.gaits, t.source, t.target_speed, normaliser=scales, who=others),
        )
        if strides is not None:
            ask(
                CONTROLS[0],
                each,
                lambda t: stride_rows.answer(strides, t.gaits, others, t.target_speed),
            )
            ask(
                CONTROLS[1],
                each,
                lambda t: stride_rows.answer(
                    strides, t.gaits, t.source, t.target_speed, seen=others
                ),
            )
    return found


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
