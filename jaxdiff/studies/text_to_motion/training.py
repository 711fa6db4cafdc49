"""Training the evaluator and the model, each in a directory of its own that says what it holds."""

from __future__ import annotations

from pathlib import Path

import jax
import numpy as np

from jaxdiff.data.pipeline import Batches
from jaxdiff.errors import ConfigError
from jaxdiff.methods.evaluator import evaluator
from jaxdiff.methods.text_to_motion import text_to_motion
from jaxdiff.studies.fitting import finished, fit_once
from jaxdiff.studies.rehearsal import rehearse
from jaxdiff.studies.run import Run
from jaxdiff.studies.text_to_motion import preparation
from jaxdiff.studies.text_to_motion.preparation import Captioned, Prepared
from jaxdiff.training import settings
from jaxdiff.training.state import TrainState
from jaxdiff.typing import Config, Params

EVALUATOR, MODEL = "evaluator", "model"


def train_evaluator(config: Config, prepared: Prepared, out: Path) -> Params:
    """The evaluator with the least loss on the validation clips, trained in `out/evaluator` or
    taken from another run.
    """
    if config.evaluator.run:
        return given_evaluator(config, prepared)
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

    return fit_once(
        method,
        lambda: preparation.batches(
            preparation.evaluator_source(prepared, "train"), batch_size, seed
        ),
        settings.from_config(config.evaluator.training),
        out / EVALUATOR,
        preparation.about("evaluator", config, prepared),
        evaluate,
    )


def given_evaluator(config: Config, prepared: Prepared) -> Params:
    """The evaluator of the run that `evaluator.run` names.

    Raises:
      ConfigError: if it was trained on other data.
    """
    trained = Run.open(config.evaluator.run, EVALUATOR).trained()
    words, normaliser = (trained.metadata[name] for name in ("words", "normaliser"))
    if tuple(words) != prepared.evaluator_words or normaliser != prepared.plain.state():
        raise ConfigError(
            f"the evaluator of {config.evaluator.run} was trained on other data than"
            f" {config.data.name}"
        )
    return trained.params


def rehearse_evaluator(config: Config, prepared: Prepared, out: Path) -> None:
    """Trace the evaluator on its own batches, unless it is trained in `out`; refuse one of other
    data.
    """
    if config.evaluator.run:
        given_evaluator(config, prepared)
    if config.evaluator.run or finished(out / EVALUATOR, config.evaluator.training.steps):
        return
    source = preparation.evaluator_source(prepared, "train")
    batch = next(Batches(source, min(config.evaluator.batch_size, len(source)), 0))
    method = evaluator(preparation.evaluator_settings(config, len(prepared.evaluator_words)))
    rehearse(method, batch, batch, EVALUATOR)


def held_out(source: Captioned, batch_size: int) -> list[dict[str, np.ndarray]]:
    """The whole batches of a side, at least one, always the same."""
    size = min(batch_size, len(source))
    epoch = Batches(source, size, shuffle=True, epochs=1)
    return [batch for batch in epoch if len(batch["length"]) == size]


def train_model(config: Config, prepared: Prepared, out: Path) -> Params:
    """The averaged parameters of the text-to-motion model, trained in `out/model`."""

    def data() -> Batches:
        source = preparation.model_source(config, prepared, out / "cache")
        return preparation.batches(source, config.batch_size, config.training.seed)

    return fit_once(
        text_to_motion(preparation.model_settings(config, len(prepared.words))),
        data,
        settings.from_config(config.training),
        out / MODEL,
        preparation.about("text_to_motion", config, prepared),
    )
