"""Training one model, or the folds of a table side by side in chunks that fit the device."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxdiff.data.pipeline import stack
from jaxdiff.methods.direct import direct
from jaxdiff.methods.llma import llma
from jaxdiff.models.calibration import Calibration
from jaxdiff.studies.llma import evaluation
from jaxdiff.studies.llma.preparation import CALIBRATION, Fold, about, batches, method_settings
from jaxdiff.studies.llma.starts import Start
from jaxdiff.training import settings
from jaxdiff.training.checkpoint import load_params
from jaxdiff.training.loop import fit
from jaxdiff.training.state import TrainState
from jaxdiff.training.step import make_generate
from jaxdiff.typing import Config, Method, Params


def train(config: Config, fold: Fold, start: Start, out: Path, alignment: str = "") -> Params:
    """Train one model.

    The best checkpoint is chosen by the error of single samples on the validation subjects; the intervals of both
    modalities are then calibrated on the same subjects and kept beside the checkpoints.

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

    fit(
        method,
        batches(start.source(fold.train), config),
        settings.from_config(config.training),
        out,
        evaluate=evaluate,
        about=about(config, fold),
        known=start.params,
    )
    params = load_params(out / "checkpoints")[0]
    factors = {
        target: Calibration.fit(
            draw(params, given, config.sampling.samples),
            validation[target],
            validation["subject"],
            fold.scale[target].channels,
        ).to_json()
        for given, target in evaluation.OTHER.items()
    }
    (out / CALIBRATION).write_text(json.dumps(factors), encoding="utf-8")
    return params


def train_folds(
    config: Config,
    each: Sequence[Fold],
    word: str,
    weights: dict[str, float],
    out: Path,
    starts: Sequence[Start],
) -> tuple[Method, list[Params]]:
    """One method trained on every fold, `config.folds_at_once` folds as one program.

    Args:
      config: a config of the study.
      each: the folds.
      word: an alignment, or `direct` for the deterministic transformer.
      weights: factors of the parts of the loss (`alignment`, `energy`), the same for all folds.
      out: run directory; every chunk of folds has one of its own in it.
      starts: the starts of the folds.

    Returns:
      The method, and the averaged parameters of every fold.
    """
    how = method_settings(config, "none" if word == "direct" else word)
    method = direct(how) if word == "direct" else llma(how)
    size = config.folds_at_once or len(each)
    params: list[Params] = []
    for begin in range(0, len(each), size):
        part = range(begin, min(begin + size, len(each)))
        data = [batches(starts[i].source(each[i].train), config, i) for i in part]
        known = [starts[i].params for i in part]
        training = settings.from_config(config.training)
        state = fit(
            method,
            stack(data),
            training._replace(seed=training.seed + begin),
            out if size >= len(each) else out / f"folds-{begin}",
            about={**_trained_with(config), "word": word, "weights": weights},
            fold_weights=[weights for _ in part],
            known=jax.tree.map(lambda *a: np.stack(a), *known),
        )
        params += [jax.tree.map(lambda a, i=i: a[i], state.ema) for i in range(len(part))]
    return method, params


def _trained_with(config: Config) -> dict[str, Any]:
    """What trained networks depend on: other tables, samples or numbers of windows evaluated reuse them."""
    parts = {name: config.to_dict()[name] for name in ("data", "model", "batch_size", "training")}
    parts["data"] = {
        name: value
        for name, value in parts["data"].items()
        if name not in ("windows", "pairs", "x", "y")
    }
    return {"config": parts}
