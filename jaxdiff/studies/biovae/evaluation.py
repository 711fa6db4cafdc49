"""What is measured: generated motions, motions with scaled accelerations, and muscles, each against
the real ones.

A repetition draws test clips, their captions and the noise anew, the same for all arms, and takes
the next training of each. Physical figures are held against those of the very clips whose captions
were given.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from jaxdiff.errors import MissingExtra
from jaxdiff.methods import biovae, evaluator, muscle_encoder
from jaxdiff.metrics.mechanics import mechanics
from jaxdiff.metrics.physical import Scene, physical
from jaxdiff.metrics.text_motion import repeated
from jaxdiff.studies.biovae import preparation
from jaxdiff.studies.biovae.preparation import Prepared
from jaxdiff.studies.biovae.training import Arm
from jaxdiff.studies.generation import in_chunks
from jaxdiff.studies.text_to_motion import evaluation as captions
from jaxdiff.studies.text_to_motion import texts
from jaxdiff.studies.text_to_motion.preparation import evaluator_settings, everything, normalised
from jaxdiff.training.step import make_generate
from jaxdiff.typing import Config, Params

Figures = dict[str, list[float]]
Generate = Callable[[Params, Any, Any], Any]
FACTOR = "acceleration"


def generator(config: Config, prepared: Prepared, arm: Arm) -> Generate:
    """Makes motions of an arm; a condition may have factors of the acceleration."""
    own = preparation.settings(config, len(prepared.base.words), arm)
    run = make_generate(biovae.biovae(own, prepared.scale).generate)
    if not arm.mechanics:
        return run

    def scaled(params: Params, key: Any, condition: Mapping[str, Any]) -> Any:
        ones = np.ones((len(condition["length"]), 22), np.float32)
        return run(params, key, {FACTOR: ones, **condition})

    return scaled


def by(factor: float, generate: Generate) -> Generate:
    """The same with every acceleration multiplied."""

    def scaled(params: Params, key: Any, condition: Mapping[str, Any]) -> Any:
        factors = np.full((len(condition["length"]), 22), factor, np.float32)
        return generate(params, key, {**condition, FACTOR: factors})

    return scaled


Made = Mapping[str, tuple[Generate, Sequence[Params]]]
"""By row: what makes motions, and the trainings it makes them with."""


def plausibility(config: Config, prepared: Prepared, made: Made) -> dict[str, Figures]:
    """Physical and mechanical figures by row, one for each repetition; the row `real` first."""
    test, rows = prepared.base.sides["test"], {}
    read = texts.reader(config, prepared.base.words)

    def score(row: str, clips: Sequence[np.ndarray]) -> None:
        for name, value in figures(config, clips, prepared.base.rate).items():
            rows.setdefault(row, {}).setdefault(name, []).append(value)

    for seed in range(config.evaluation.repetitions):
        batch = everything(test, seed)
        drawn = np.random.default_rng([seed, 11]).permutation(len(test))[: config.evaluation.clips]
        length = batch["length"][drawn]
        condition = {
            "text": read([test.captions[i] for i in batch["caption"][drawn]]),
            "length": length,
        }
        score("real", joints(prepared, normalised(prepared.normaliser, batch)[drawn], length))
        for row, (generate, trainings) in made.items():
            motion = in_chunks(
                generate, trainings[seed % len(trainings)], jax.random.key(seed), condition
            )
            score(row, joints(prepared, motion, length))
    return rows


def figures(config: Config, clips: Sequence[np.ndarray], rate: float) -> dict[str, float]:
    """The physical metrics, and inverse dynamics of some clips where MuJoCo is there."""
    scene = Scene(rate=rate)
    found = physical(clips, scene)
    if config.evaluation.mechanics:
        with contextlib.suppress(MissingExtra):
            found |= mechanics(clips[: config.evaluation.mechanics], scene=scene)
    return found


def joints(prepared: Prepared, motion: np.ndarray, length: np.ndarray) -> list[np.ndarray]:
    """Normalised motions `(B, T, F)` as joints in metres, each of its own length."""
    every = np.asarray(jax.jit(jax.vmap(prepared.scale.joints))(motion))
    return [clip[:n] for clip, n in zip(every, length)]


def protocol(
    config: Config, prepared: Prepared, made: Made, judge: Params
) -> dict[str, dict[str, float]]:
    """Text to motion's figures by row, mean and 95 % interval (`…_ci95`): the row `real` first, the
    controls that must fail last.

    The interval is over trainings where there are several, over repetitions where there is one.
    """
    embed = make_generate(
        evaluator.evaluator(evaluator_settings(config, len(prepared.base.evaluator_words))).generate
    )
    rows: dict[str, dict[str, float]] = {"real": {}}
    same: dict[str, dict[str, float]] = {}  # does not depend on the arm
    for row, (generate, trainings) in made.items():
        generated = []
        for params in trainings:
            found = captions.protocol(
                config, prepared.base, generate, params, embed, judge, controls=not same
            )
            same = same or {name: found[name] for name in ("real", *captions.CONTROLS)}
            generated.append(found["generated"])
        rows[row] = over_trainings(generated)
    return rows | same


def over_trainings(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Mean and 95 % interval over the rows of several trainings; the row itself where there is
    one.
    """
    if len(rows) == 1:
        return dict(rows[0])
    means = [{n: value for n, value in row.items() if not n.endswith("_ci95")} for row in rows]
    return repeated(means.__getitem__, range(len(means)))


def muscles(
    config: Config, prepared: Prepared, networks: Mapping[str, Params], side: str = "test"
) -> dict[str, Figures]:
    """RMSE of activations by network, over all muscles and of each, beside that of always saying
    the training mean.
    """
    length = config.finetune.length
    base = prepared.base.sides[side].trials
    clips = base.select(base.length >= length)
    rows = clips.start[:, None] + np.arange(length)
    motion = prepared.normaliser(clips.modality("motion")[rows]).astype(np.float32)
    truth = clips.modality(preparation.MUSCLES)[rows]
    mean = prepared.base.sides["train"].trials.frames(preparation.MUSCLES).mean(0)
    said = {"training mean": np.broadcast_to(mean, truth.shape)}
    condition = {"motion": motion, "length": np.full(len(motion), length, np.int32)}
    for name, params in networks.items():
        run = make_generate(
            muscle_encoder.muscle_encoder(preparation.encoder_settings(config, name)).generate
        )
        said[name] = in_chunks(run, params, jax.random.key(0), condition)
    names = clips.channels[preparation.MUSCLES]
    errors = {row: np.square(u - truth).mean((0, 1)) for row, u in said.items()}
    return {
        row: {
            "all": [float(np.sqrt(e.mean()))],
            **{m: [float(np.sqrt(x))] for m, x in zip(names, e)},
        }
        for row, e in errors.items()
    }


def nearer(
    rows: Mapping[str, Figures], row: str, baseline: str = "backbone", real: str = "real"
) -> dict[str, int]:
    """Of every figure, whether a row is nearer to the real one than the baseline is in every
    repetition (1), farther in every one (-1), or now this and now that (0)."""
    verdict = {}
    for name, truth in rows[real].items():
        off, other = (np.abs(np.subtract(rows[r][name], truth)) for r in (row, baseline))
        verdict[name] = int(np.all(off < other)) - int(np.all(off > other))
    return verdict
