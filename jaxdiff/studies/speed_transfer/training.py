"""From a config to cohorts, and from cohorts to a trained model."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdiff.data import normalise
from jaxdiff.data.pipeline import Batches
from jaxdiff.data.trials import Trials
from jaxdiff.methods import speed_transfer as method
from jaxdiff.nets.residual_denoiser import size
from jaxdiff.studies.generation import evenly
from jaxdiff.studies.speed_transfer import data, people
from jaxdiff.studies.speed_transfer.data import Form, Gaits, PairSource
from jaxdiff.studies.speed_transfer.transfer import Transfer, about
from jaxdiff.training import settings
from jaxdiff.training.loop import fit
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
    trials = load(d.name, d, d.recipe)
    stroke = load(d.stroke, d, d.stroke_recipe, kind="stroke") if d.stroke else None
    split = data.divide(trials, d.split, config.training.seed, d.test, d.validation)
    other = None if stroke is None else data.gaits(stroke, d.seconds, d.rate)
    able = data.gaits(trials, d.seconds, d.rate)
    return Cohorts(able, split.train, split.validation, split.test, other)


def load(name: str, d: Config, recipe: str | None, **simulated: Any) -> Trials:
    """Load one data set with the settings it takes."""
    if name == "simulated_people":
        return people.simulated(seconds=d.seconds, rate=d.rate, **simulated)
    if name == "simulated_speeds":
        return data.load(name, size=d.size, **simulated)
    return (
        data.load(name, recipe=recipe)
        if name == "folder"
        else data.load(name, manual_dir=d.manual_dir)
    )


def form(config: Config) -> Form:
    """How this config's gaits become sequences."""
    m = config.model
    frames = (
        m.strides * m.points
        if m.align == "phase"
        else round(config.data.seconds * config.data.rate)
    )
    return Form(m.align, frames, m.points, m.about)


def model_settings(config: Config, residual_scale: np.ndarray) -> method.Settings:
    """The method's settings of a config."""
    m = config.model
    phase = m.align == "phase"
    return method.Settings(
        size=size(m.size)._replace(encoder=m.encoder),
        channel_weights=(1.0, m.knee, 1.0) * 2,
        residual_scale=tuple(residual_scale.tolist()),
        person=m.person if phase else 0.0,
        mirror=m.mirror and phase,
        near=m.near,
        points=m.points if phase else 0,
        residual=m.residual,
        identity=m.identity,
        subject=m.subject,
        snr=m.snr,
        prediction=m.prediction,
        schedule=m.schedule,
        steps=config.sampling.steps,
        grid=config.sampling.grid,
        draws=config.sampling.draws,
        dtype=jnp.bfloat16 if m.bfloat16 else jnp.float32,
    )


def train(config: Config, who: Cohorts, out: Path) -> Transfer:
    """Train one model; the checkpoint with the least denoising error on the validation subjects is the best."""
    shape, gaits = form(config), who.gaits(who.train)
    normaliser = normalise.fit(who.train, "zscore", [data.MODALITY])[data.MODALITY]
    population = gaits.population()
    pairs = PairSource(
        gaits, data.training_pairs(who.train, config.data.pairs), shape, normaliser, population
    )
    scale = (
        residual_scale(pairs) if config.model.unit_residual else np.ones(len(normaliser.channels))
    )
    wanted = model_settings(config, scale)

    watched = PairSource(
        who.gaits(who.validation), data.all_pairs(who.validation), shape, normaliser, population
    )
    count = min(len(watched), config.evaluation.validation_pairs)
    chosen = evenly(len(watched), count)
    validation = watched(chosen, np.zeros((count, 4)))
    keys = jax.random.split(jax.random.key(0), count)
    error = jax.jit(lambda params, batch, keys: method.noise_error(wanted, params, batch, keys))

    def evaluate(state: TrainState) -> dict[str, float]:
        parts = []
        for i in range(0, count, 64):
            part = {name: value[i : i + 64] for name, value in validation.items()}
            parts.append(error(state.ema, part, keys[i : i + 64]))
        return {"validation_loss": float(np.concatenate(parts).mean())}

    said = about(wanted, shape, normaliser, population)
    kept = {
        name: value
        for name, value in config.to_dict().items()
        if name not in ("experiment", "report", "compare", "evaluation")
    }
    fit(
        method.speed_transfer(wanted),
        Batches(pairs, config.batch_size, config.training.seed, shuffle=False),
        settings.from_config(config.training),
        out,
        evaluate=evaluate,
        about={
            **said,
            "config": plain(kept),
            "rate": config.data.rate,
            "seconds": config.data.seconds,
        },
    )
    return Transfer(None, wanted, shape, normaliser, population)


def residual_scale(pairs: PairSource, count: int = 512) -> np.ndarray:
    """The deviation of the residual per channel over the first training pairs."""
    u = np.random.default_rng(0).random((count, 4))
    batch = pairs(np.arange(count), u)
    return (batch["target"] - batch["base"]).std((0, 1)).astype(np.float64).round(6)


def plain(tree: Any) -> Any:
    """The tree with lists in place of tuples, as JSON has it."""
    if isinstance(tree, dict):
        return {name: plain(value) for name, value in tree.items()}
    return [plain(value) for value in tree] if isinstance(tree, (list, tuple)) else tree
