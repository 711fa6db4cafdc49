"""Training one model, or all folds of a cross-validation side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxdiff.data.pipeline import stack
from jaxdiff.methods.direct import direct
from jaxdiff.methods.llma import llma
from jaxdiff.studies.llma import evaluation
from jaxdiff.studies.llma.preparation import Fold, about, batches, laws, method_settings
from jaxdiff.training import settings
from jaxdiff.training.checkpoint import load_params
from jaxdiff.training.loop import fit
from jaxdiff.training.state import TrainState
from jaxdiff.training.step import make_generate
from jaxdiff.typing import Config, Method, Params


def train(config: Config, fold: Fold, out: Path) -> Params:
    """Averaged parameters of one training, the best checkpoint chosen by the error of single samples on the validation subjects."""
    method = llma(method_settings(config))
    generate = make_generate(method.generate)
    validation = fold.side("validation", most=config.data.windows)

    def evaluate(state: TrainState) -> dict[str, float]:
        errors = {}
        for given, target in evaluation.OTHER.items():
            drawn = evaluation.draw(generate, state.ema, given, validation[given], 1)
            errors[f"validation_mse_{target}"] = float(
                np.square(drawn[0] - validation[target]).mean()
            )
        return {**errors, "validation_mse": sum(errors.values()) / 2}

    fit(
        method,
        batches(fold.train, config),
        settings.from_config(config.training),
        out,
        evaluate=evaluate,
        about=about(config, fold),
        known=laws(config, fold),
    )
    return load_params(out / "checkpoints")[0]


def train_folds(
    config: Config,
    each: Sequence[Fold],
    word: str,
    weights: dict[str, float],
    out: Path,
    known: Sequence[Params],
) -> tuple[Method, list[Params]]:
    """The method of that word and its averaged parameters for every fold, all folds trained as one program.

    `word` is an alignment, or `direct` for the deterministic transformer; `weights` scales the parts of the loss
    (`alignment`, `energy`), the same for all folds here. `known` are the laws of the folds.
    """
    method = (
        direct(method_settings(config)._replace(linear=False))
        if word == "direct"
        else llma(method_settings(config, word))
    )
    data = stack([batches(fold.train, config, seed) for seed, fold in enumerate(each)])
    state = fit(
        method,
        data,
        settings.from_config(config.training),
        out,
        about={**_trained_with(config), "word": word, "weights": weights},
        fold_weights=[weights for _ in each],
        known=jax.tree.map(
            lambda *a: np.stack(a),
            *([laws(config, fold, linear=False) for fold in each] if word == "direct" else known),
        ),
    )
    return method, [jax.tree.map(lambda a, f=f: a[f], state.ema) for f in range(len(each))]


def _trained_with(config: Config) -> dict[str, Any]:
    """What the networks depend on: other tables, and more samples or windows to judge them by, take them as they are."""
    parts = {name: config.to_dict()[name] for name in ("data", "model", "batch_size", "training")}
    parts["data"] = {
        name: value
        for name, value in parts["data"].items()
        if name not in ("windows", "pairs", "x", "y")
    }
    return {"config": parts}
