"""Training the evaluator and the model, each in a directory of its own that says what it holds."""

from __future__ import annotations

from pathlib import Path

import jax
import numpy as np

from jaxdiff.data.pipeline import Batches
from jaxdiff.errors import ConfigError
from jaxdiff.methods.evaluator import evaluator
from jaxdiff.methods.text_to_motion import text_to_motion
from jaxdiff.studies.text_to_motion import preparation
from jaxdiff.studies.text_to_motion.preparation import Captioned, Prepared
from jaxdiff.training import settings
from jaxdiff.training.checkpoint import load_params
from jaxdiff.training.loop import fit
from jaxdiff.training.state import TrainState
from jaxdiff.typing import Config, Params

EVALUATOR, MODEL = "evaluator", "model"


def train_evaluator(config: Config, prepared: Prepared, out: Path) -> Params:
    """The evaluator with the least loss on the validation clips, trained in `out/evaluator` or taken from another run."""
    if config.evaluator.run:
        params, told = load_params(Path(config.evaluator.run) / EVALUATOR / "checkpoints")
        if (
            tuple(told["words"]) != prepared.evaluator_words
            or told["normaliser"] != prepared.plain.state()
        ):
            raise ConfigError(
                f"the evaluator of {config.evaluator.run} was trained on other data than {config.data.name}"
            )
        return params
    method = evaluator(preparation.evaluator_settings(config, len(prepared.evaluator_words)))
    batch_size, seed = config.evaluator.batch_size, config.evaluator.training.seed
    validation = held_out(preparation.evaluator_source(prepared, "validation"), batch_size)
    keys = jax.random.split(jax.random.key(seed), batch_size)
    measure = jax.jit(
        lambda params, batch: method.loss(
            params, batch, keys[: len(batch["length"])], lambda z: z, {}
        )
    )

    def evaluate(state: TrainState) -> dict[str, float]:
        rows = [measure(state.ema, batch) for batch in validation]
        return {
            "validation_loss": float(np.mean([loss for loss, _ in rows])),
            "validation_top_3": float(np.mean([parts["top_3"] for _, parts in rows])),
        }

    data = preparation.batches(preparation.evaluator_source(prepared, "train"), batch_size, seed)
    how, said = (
        settings.from_config(config.evaluator.training),
        preparation.about("evaluator", config, prepared),
    )
    fit(method, data, how, out / EVALUATOR, evaluate=evaluate, about=said)
    return load_params(out / EVALUATOR / "checkpoints")[0]


def held_out(source: Captioned, batch_size: int) -> list[dict[str, np.ndarray]]:
    """The whole batches of a side, at least one, always the same."""
    size = min(batch_size, len(source))
    epoch = Batches(source, size, shuffle=True, epochs=1)
    return [batch for batch in epoch if len(batch["length"]) == size]


def train_model(config: Config, prepared: Prepared, out: Path) -> Params:
    """The averaged parameters of the text-to-motion model, trained in `out/model`."""
    method = text_to_motion(preparation.model_settings(config, len(prepared.words)))
    source = preparation.model_source(config, prepared, out / "cache")
    data = preparation.batches(source, config.batch_size, config.training.seed)
    how, said = (
        settings.from_config(config.training),
        preparation.about("text_to_motion", config, prepared),
    )
    return fit(method, data, how, out / MODEL, about=said).ema
