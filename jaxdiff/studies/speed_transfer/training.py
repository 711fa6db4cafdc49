"""From a config of the paper's setting to cohorts, and from cohorts to a trained model."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdiff.data import normalise
from jaxdiff.data.pipeline import Batches
from jaxdiff.data.trials import Trials
from jaxdiff.methods import speed_transfer as method
from jaxdiff.nets.residual_denoiser import size
from jaxdiff.studies.fitting import fit_once
from jaxdiff.studies.generation import evenly
from jaxdiff.studies.speed_transfer import data
from jaxdiff.studies.speed_transfer.data import Gaits, PairSource
from jaxdiff.studies.speed_transfer.transfer import about
from jaxdiff.training import settings
from jaxdiff.training.state import TrainState
from jaxdiff.typing import Config


class Cohorts(NamedTuple):
    """The able-bodied with their split, and stroke survivors if there are any."""

    able: Gaits
    train: Trials
    validation: Trials
    test: Trials
    stroke: Gaits | None

    def gaits(self, side: Trials) -> Gaits:
        """The gaits of one side."""
        return self.able.select(np.isin(self.able.subject, side.subjects))


def cohorts(config: Config) -> Cohorts:
    """Load the cohorts of a config; they are prepared on first use."""
    d = config.data
    trials = data.load(d.name, d, d.recipe)
    stroke = data.load(d.stroke, d, d.stroke_recipe, "stroke") if d.stroke else None
    split = data.divide(trials, d.split, config.training.seed, d.test, d.validation)
    other = None if stroke is None else data.gaits(stroke, d.seconds, d.rate)
    able = data.gaits(trials, d.seconds, d.rate)
    return Cohorts(able, split.train, split.validation, split.test, other)


def model_settings(config: Config) -> method.Settings:
    """The method's settings of a config."""
    m = config.model
    return method.Settings(
        size=size(m.size)._replace(encoder=m.encoder),
        channel_weights=(1.0, m.knee, 1.0) * 2,
        residual=m.residual,
        identity=m.identity,
        subject=m.subject,
        snr=m.snr,
        prediction=m.prediction,
        schedule=m.schedule,
        steps=config.sampling.steps,
        grid=config.sampling.grid,
        dtype=jnp.bfloat16 if m.bfloat16 else jnp.float32,
    )


def train(config: Config, who: Cohorts, out: Path) -> None:
    """Train one model; the checkpoint with the least denoising error on the validation subjects is
    the best.
    """
    normaliser = normalise.fit(who.train, "zscore", [data.MODALITY])[data.MODALITY]
    frames = round(config.data.seconds * config.data.rate)
    wanted = model_settings(config)
    watched = PairSource(who.validation, frames, normaliser)
    count = min(len(watched), config.evaluation.validation_pairs)
    validation = watched(evenly(len(watched), count), np.zeros((count, 4)))
    keys = jax.random.split(jax.random.key(0), count)
    error = jax.jit(lambda params, batch, keys: method.noise_error(wanted, params, batch, keys))

    def evaluate(state: TrainState) -> dict[str, float]:
        parts = []
        for i in range(0, count, 64):
            part = {name: value[i : i + 64] for name, value in validation.items()}
            parts.append(error(state.ema, part, keys[i : i + 64]))
        return {"validation_loss": float(np.concatenate(parts).mean())}

    kept = {
        name: value
        for name, value in config.to_dict().items()
        if name not in ("experiment", "report", "strides", "seeds", "compare", "evaluation")
    }
    fit_once(
        method.speed_transfer(wanted),
        lambda: Batches(
            PairSource(who.train, frames, normaliser, config.data.pairs),
            config.batch_size,
            config.training.seed,
            shuffle=False,
        ),
        settings.from_config(config.training),
        out,
        {
            **about(wanted, normaliser),
            "config": kept,
            "rate": config.data.rate,
            "seconds": config.data.seconds,
        },
        evaluate,
    )
