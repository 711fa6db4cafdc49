"""Training one model, or the folds and variants of a table as one program, in chunks that fit the
device.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxdiff.data.pipeline import stack
from jaxdiff.methods.direct import direct
from jaxdiff.methods.llma import llma
from jaxdiff.models.calibration import Calibration
from jaxdiff.studies.llma import evaluation, written
from jaxdiff.studies.llma.preparation import CALIBRATION, Fold, about, batches, method_settings
from jaxdiff.studies.llma.starts import Start
from jaxdiff.studies.rehearsal import rehearse
from jaxdiff.studies.run import Run
from jaxdiff.training import atomic, settings
from jaxdiff.training.loop import fit
from jaxdiff.training.state import TrainState
from jaxdiff.training.step import make_generate
from jaxdiff.typing import Config, Method, Params


def train(config: Config, fold: Fold, start: Start, out: Path, alignment: str = "") -> Params:
    """Train one model.

    The best checkpoint is chosen by the error of single samples on the validation subjects; the
    intervals of both modalities are then calibrated on the same subjects, for the number of samples
    that `generate` draws, and kept beside the checkpoints.

    Args:
      config: a config of the study.
      fold: the split.
      start: its start.
      out: run directory.
      alignment: overrides the config's.

    Returns:
      The averaged parameters of the best checkpoint.
    """
    method = llma(method_settings(config, alignment))
    generate = make_generate(method.generate)
    validation = fold.side("validation", most=config.data.windows)

    def draw(params: Params, given: str, samples: int) -> np.ndarray:
        condition = start.condition(given, validation[given])
        return evaluation.draw(generate, params, condition, samples)

    def evaluate(state: TrainState) -> dict[str, float]:
        errors = {}
        for given, target in evaluation.OTHER.items():
            drawn = draw(state.ema, given, 1)
            errors[f"validation_mse_{target}"] = float(
                np.square(drawn[0] - validation[target]).mean()
            )
        return {**errors, "validation_mse": sum(errors.values()) / 2}

    _rehearse(config, method, fold, start, out.name)
    fit(
        method,
        batches(start.source(fold.train), config),
        settings.from_config(config.training),
        out,
        evaluate=evaluate,
        about=about(config, fold),
        known=start.params,
    )
    params = Run.open(out).trained().params
    factors = {
        target: Calibration.fit(
            draw(params, given, written.SAMPLES),
            validation[target],
            validation["subject"],
            fold.scale[target].channels,
        ).to_json()
        for given, target in evaluation.OTHER.items()
    }
    atomic.replace(out / CALIBRATION, json.dumps(factors))
    return params


class Job(NamedTuple):
    """One of several trainings that run as one program.

    Attributes:
      fold: the split.
      start: its start.
      weights: factors of the parts of the loss.
      seed: number of the fold: jobs of the same number start from the same parameters and see the
        same batches.
    """

    fold: Fold
    start: Start
    weights: dict[str, float]
    seed: int


def train_jobs(
    config: Config, jobs: Sequence[Job], word: str, out: Path
) -> tuple[Method, list[Params]]:
    """Train one method on several folds and with several weights of its loss.

    Args:
      config: a config of the study; `folds_at_once` jobs run as one program.
      jobs: the trainings; all have weights of the same names.
      word: an alignment, or `direct` for the deterministic transformer.
      out: run directory; every chunk of jobs has one of its own in it.

    Returns:
      The method, and the averaged parameters of every job.
    """
    how = method_settings(config, "none" if word == "direct" else word)
    method = direct(how) if word == "direct" else llma(how)
    training = settings.from_config(config.training)
    if word == "direct":  # it has no weight of an alignment
        training = training._replace(optimizer=training.optimizer._replace(rates={}))
    size = config.folds_at_once or len(jobs)
    params: list[Params] = []
    for begin in range(0, len(jobs), size):
        part = jobs[begin : begin + size]
        data = [batches(job.start.source(job.fold.train), config, job.seed) for job in part]
        _rehearse(config, method, part[0].fold, part[0].start, f"{word} of {out.name}")
        state = fit(
            method,
            stack(data),
            training,
            out if size >= len(jobs) else out / f"jobs-{begin}",
            about={
                **trained_with(config),
                "word": word,
                "weights": [job.weights for job in part],
            },
            fold_weights=[job.weights for job in part],
            fold_seeds=[job.seed for job in part],
            known=jax.tree.map(lambda *a: np.stack(a), *[job.start.trained_with for job in part]),
        )
        for i, job in enumerate(part):
            params.append({**jax.tree.map(lambda a, i=i: a[i], state.ema), **job.start.params})
    return method, params


def _rehearse(config: Config, method: Method, fold: Fold, start: Start, what: str) -> None:
    """Trace training, and generation of both modalities, before the first step (see
    `studies.rehearsal`).
    """
    batch, side = next(batches(start.source(fold.train), config)), fold.side("train", 2)
    for given in evaluation.OTHER:
        rehearse(method, batch, start.condition(given, side[given]), what, start.params)


def trained_with(config: Config) -> dict[str, Any]:
    """What trained networks depend on: other tables, samples or numbers of windows evaluated reuse
    them.
    """
    parts = {name: config.to_dict()[name] for name in ("data", "model", "batch_size", "training")}
    parts["data"] = {
        name: value
        for name, value in parts["data"].items()
        if name not in ("windows", "pairs", "x", "y")
    }
    return {"config": parts}
