"""Few-step generation: a student distilled from the model, and both at equal numbers of network
evaluations.

jaxdiff train text_to_motion:motion --set experiment=few_steps --set start=motion
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxdiff.errors import ConfigError
from jaxdiff.methods.distillation import TEACHER, distillation, student
from jaxdiff.methods.text_to_motion import Settings, text_to_motion
from jaxdiff.report.publish import Report, publish
from jaxdiff.report.tables import Table, provenance
from jaxdiff.studies.fitting import fit_once
from jaxdiff.studies.text_to_motion import evaluation, preparation, texts
from jaxdiff.studies.text_to_motion.experiments import COLUMNS, Interval
from jaxdiff.studies.text_to_motion.preparation import Prepared
from jaxdiff.studies.text_to_motion.start import judged
from jaxdiff.training import settings as training
from jaxdiff.training.step import make_generate
from jaxdiff.typing import Batch, Config, Key, Params

STUDENT = "student"
SHOWN = ("r_precision_3", "fid", "mm_dist", "dynamics")
TIME = "ms a clip"
TIMED = 20
"""Runs of which the fastest is reported."""


def run_few_steps(config: Config, out: Path) -> None:
    """Distil the model and compare it with its student at equal numbers of evaluations."""
    begun = time.perf_counter()
    config, prepared, teacher, embed, judge = judged(config, out)
    if config.sampling.get("sampler", "sde") != "sde":
        raise ConfigError("the model to distil is a student itself: name its teacher in start")
    params = train_student(config, prepared, teacher, out)
    own = preparation.model_settings(config, len(prepared.words))
    rows: dict[str, tuple[Settings, Params]] = {"teacher": (own, teacher)}
    for steps in config.distillation.steps:
        few = own._replace(steps=steps)
        rows[f"teacher, {_steps(few)}"] = (few._replace(scale=1.0), teacher)
        rows[f"student, {_steps(few)}"] = (student(few), params)
    rows[f"teacher, {_steps(own)} (its own)"] = rows.pop("teacher")
    columns = (*(COLUMNS[name] for name in SHOWN), TIME)
    table = Table(f"Few-step generation on {config.data.name}", columns, note=_note(config))
    for name, (each, weights) in rows.items():
        generate = make_generate(text_to_motion(each).generate)
        found = evaluation.protocol(
            config, prepared, generate, weights, embed, judge, controls=not table.rows
        )
        if not table.rows:
            table.row("real", cells(found["real"], config.evaluation.repetitions))
        row = cells(found["generated"], config.evaluation.repetitions)
        condition = _one(config, prepared)
        table.row(name, row | {TIME: f"{milliseconds(generate, weights, condition):.0f}"})
    facts = provenance(config.data.name, config.distillation.training.seed, _since(begun))
    report = Report(f"Few-step generation: {config.data.name}", facts)
    report.table(table, "few_steps")
    report.curves("Training of the student", out / STUDENT)
    publish(report, out)


def train_student(config: Config, prepared: Prepared, teacher: Params, out: Path) -> Params:
    """The averaged parameters of the student, trained in `out/student` from those of the
    teacher.
    """
    how, own = config.distillation, preparation.model_settings(config, len(prepared.words))
    method = distillation(own, how.levels)

    def init(key: Key, batch: Batch) -> Params:
        start = jax.tree.map(np.asarray, teacher)
        return {**start, TEACHER: start}

    def data() -> Any:
        source = preparation.model_source(config, prepared, out / "cache")
        return preparation.batches(source, how.batch_size, how.training.seed)

    saved = config.copy_and_resolve_references().unlock()
    saved.sampling.update(scale=1.0, sampler="consistency", steps=max(how.steps))
    params = fit_once(
        method._replace(init=init),
        data,
        training.from_config(how.training),
        out / STUDENT,
        preparation.about("text_to_motion", saved, prepared),
    )
    return {name: value for name, value in params.items() if name != TEACHER}


def milliseconds(generate: Any, params: Params, condition: Batch) -> float:
    """Time of one generated clip, compiled, the fastest of a few runs."""
    generate(params, jax.random.key(0), condition)
    times = []
    for seed in range(TIMED):
        begin = time.perf_counter()
        np.asarray(generate(params, jax.random.key(seed), condition))
        times.append(time.perf_counter() - begin)
    return 1000 * min(times)


def _one(config: Config, prepared: Prepared) -> Batch:
    test = prepared.sides["test"]
    read = texts.reader(config, prepared.words)
    return {"text": read(test.captions[:1]), "length": np.array([config.data.length], np.int32)}


def cells(figures: Mapping[str, float], count: int) -> dict[str, Interval]:
    """The shown figures of a row of the protocol, as cells."""
    return {
        COLUMNS[name]: Interval(figures[name], figures[f"{name}_ci95"] * count**0.5 / 1.96, count)
        for name in SHOWN
    }


def _steps(settings: Settings) -> str:
    return f"{settings.steps} step{'s' if settings.steps > 1 else ''}"


def _note(config: Config) -> str:
    scale = config.sampling.scale
    guidance = (
        "none either" if scale == 1 else f"a guidance of {scale:g}, which the student learned"
    )
    return (
        f"Mean ± 95 % interval of {config.evaluation.repetitions} repetitions. The teacher at few"
        f" steps has no guidance, its own row {guidance}. {TIME}: one clip of {config.data.length}"
        f" frames, fastest of {TIMED}, compiled, on the machine below."
    )


def _since(begun: float) -> float:
    return time.perf_counter() - begun
