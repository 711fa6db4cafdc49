"""What an experiment begins with: the model that is named (`config.start`) or trained here, and the
evaluator that judges its motions.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import NamedTuple

from jaxdiff.errors import CheckpointError, ConfigError
from jaxdiff.methods.evaluator import evaluator
from jaxdiff.studies.loading import load
from jaxdiff.studies.text_to_motion import preparation
from jaxdiff.studies.text_to_motion.evaluation import Generate
from jaxdiff.studies.text_to_motion.model import TextToMotionModel
from jaxdiff.studies.text_to_motion.preparation import Prepared
from jaxdiff.studies.text_to_motion.training import train_evaluator, train_model
from jaxdiff.training.step import make_generate
from jaxdiff.typing import Config, Params


class Judged(NamedTuple):
    """A model and the evaluator of its motions; the first three are those of `begin`."""

    config: Config
    prepared: Prepared
    params: Params
    embed: Generate
    """The evaluator's `generate`, made to run."""
    judge: Params
    """Its parameters."""


def judged(config: Config, out: Path) -> Judged:
    """The model and evaluator of an experiment that scores motions, trained in `out` if missing."""
    prepared = preparation.prepare(config)
    judge = train_evaluator(config, prepared, out)
    settings = preparation.evaluator_settings(config, len(prepared.evaluator_words))
    embed = make_generate(evaluator(settings).generate)
    return Judged(*begin(config, prepared, out), embed, judge)


def begin(config: Config, prepared: Prepared, out: Path) -> tuple[Config, Prepared, Params]:
    """The model's parameters, with config and data as it needs them.

    Args:
      config: the experiment's; `start` names a shipped model, a model file or a run.
      prepared: the data set.
      out: directory of the run, where a model is trained if none is named.

    Returns:
      The config with the model's own sizes and sampler, the data with its normaliser and
      vocabulary, its parameters.

    Raises:
      CheckpointError: if `start` is a model of another study.
      ConfigError: if its motion features are of another variant than the data's.
    """
    if not config.start:
        return config, prepared, train_model(config, prepared, out)
    model = load(config.start)
    if not isinstance(model, TextToMotionModel):
        raise CheckpointError(f"{config.start} is a model of {model.study}, not of text_to_motion")
    preparation.same_variant(config.start, model.variant, config.data.name, prepared.variant)
    if model.longest < config.data.length:
        raise ConfigError(
            f"{config.start} generates up to {model.longest} frames; set data.length to that or"
            f" less, not {config.data.length}"
        )
    own = config.copy_and_resolve_references().unlock()
    own.model.update(model.config.model)
    own.sampling.update(model.config.sampling)
    ready = dataclasses.replace(prepared, normaliser=model.scale, words=tuple(model.words))
    return own, ready, model.trained.params
