"""The published protocol on real motions, on generated ones, and on controls that must fail.

Every repetition draws a caption and a crop of each test clip, generates a motion of that length for
the caption, brings it from the model's units to the evaluator's, and scores all rows against the
same real motions:

    real             the motions the captions were written for; its FID is that of another crop of the test set
    generated        ours
    other clip       real motions of other captions: chance in R-precision (k/32), no distance in FID
    frames shuffled  the right motion, its frames in random order
    frozen           the first pose of the right motion, held
    noise            what sampling starts from, in the evaluator's units

A control must be clearly worse than `generated` in two or more of R@3, FID and dynamics
(`metrics.dynamics`, the distance in how a motion moves from the real motion of the same caption);
`failing` counts in how many it is.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxdiff.body.humanml3d import joint_count, slices
from jaxdiff.data.normalise import Normaliser
from jaxdiff.errors import DataError
from jaxdiff.metrics import dynamics
from jaxdiff.metrics.text_motion import BATCH, repeated, scores
from jaxdiff.nets.word_text import Vocabulary
from jaxdiff.studies.generation import in_chunks
from jaxdiff.studies.text_to_motion import texts
from jaxdiff.studies.text_to_motion.preparation import (
    Prepared,
    everything,
    joints_of,
    normalised,
)
from jaxdiff.typing import Array, Config, Key, Params

Generate = Callable[[Params, Key, Any], Array]


def protocol(
    config: Config,
    prepared: Prepared,
    generate: Generate,
    params: Params,
    embed: Generate,
    evaluator: Params,
    read: Callable[[Sequence[str]], np.ndarray] | None = None,
    size: int = 64,
    controls: bool = True,
) -> dict[str, dict[str, float]]:
    """Mean and 95 % interval of every figure, by row.

    Args:
      config: sizes of the protocol in `evaluation`.
      prepared: test clips, the normalisers of model and evaluator, and the evaluator's words.
      generate: the model's `generate`, made to run.
      params: its parameters.
      embed: the evaluator's `generate`, made to run.
      evaluator: its parameters.
      read: from captions to what the model reads; by default as the config says.
      size: motions generated in one batch.
      controls: measure `real` and the controls too, which do not depend on the model.
    """
    test, how = prepared.sides["test"], config.evaluation
    if len(test) < BATCH:
        raise DataError(f"the protocol needs {BATCH} test clips or more; there are {len(test)}")
    with tempfile.TemporaryDirectory() as cache:  # a large table stays open without its name
        read = read or texts.reader(config, prepared.words)
        said = texts.table(read, test.captions, Path(cache))
    embedded = embedder(prepared, embed, evaluator)

    def drawn(key: Key, length: np.ndarray, caption: np.ndarray) -> np.ndarray:
        condition = {"text": np.asarray(said[caption]), "length": length}
        motion = in_chunks(generate, params, key, condition, size)
        return renormalised(motion, length, prepared.normaliser, prepared.plain)

    def moved(motion: np.ndarray, length: np.ndarray) -> np.ndarray:
        """Dynamics of motions in the evaluator's units."""
        clips = joints_of(prepared.plain.inverse(motion), length, prepared.layout)
        return dynamics.rows_of(clips, prepared.layout, prepared.rate)

    def repetition(seed: int) -> dict[str, dict[str, float]]:
        rng, key = np.random.default_rng([seed, 7]), jax.random.key(seed)
        batch, other = everything(test, 2 * seed), everything(test, 2 * seed + 1)
        motion, length, caption = (
            normalised(prepared.plain, batch),
            batch["length"],
            batch["caption"],
        )
        again = normalised(prepared.plain, other)
        _, reference = embedded(again, other["length"], other["caption"])
        shift = int(rng.integers(1, len(motion)))
        rolled = np.roll(motion, shift, axis=0), np.roll(length, shift)
        noise = np.where(motion == 0, 0, rng.normal(size=motion.shape)).astype(np.float32)
        motions = {
            "real": (motion, length),
            "generated": (drawn(jax.random.fold_in(key, 0), length, caption), length),
            "other clip": rolled,
            "frames shuffled": (shuffled(rng, motion, length), length),
            "frozen": (frozen(prepared.plain, motion, length), length),
            "noise": (noise, length),
        }
        if not controls:
            motions = {"generated": motions["generated"]}
        pairs, truth = min(how.pairs, len(test)), moved(motion, length)
        deviation, rows = dynamics.scale(truth), {}
        text, _ = embedded(motion, length, caption)
        chosen = rng.choice(len(test), min(how.texts, len(test)), replace=False).repeat(how.repeats)
        more = drawn(jax.random.fold_in(key, 1), length[chosen], caption[chosen])
        repeats = embedded(more, length[chosen], caption[chosen])[1].reshape(
            len(chosen) // how.repeats, how.repeats, -1
        )
        for name, (each, frames) in motions.items():
            found = embedded(each, frames, caption)[1]
            several = repeats if name == "generated" else None
            rows[name] = scores(text, found, reference, several, seed=seed, pairs=pairs)
            # The real row's motions are other crops of the same clips.
            seen = (again, other["length"]) if name == "real" else (each, frames)
            rows[name]["dynamics"] = dynamics.distance(moved(*seen), truth, deviation)
        return rows

    each = [repetition(seed) for seed in range(how.repetitions)]
    return {
        row: repeated(lambda seed, row=row: each[seed][row], range(how.repetitions))
        for row in each[0]
    }


def embedder(
    prepared: Prepared, embed: Generate, evaluator: Params
) -> Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Embeddings of captions and of motions, from `(motion, length, caption)` of test clips in the
    evaluator's units.

    Args:
      prepared: the test clips and the evaluator's words.
      embed: the evaluator's `generate`, made to run.
      evaluator: its parameters.
    """
    test = prepared.sides["test"]
    tables = texts.evaluator_texts(Vocabulary(prepared.evaluator_words), test.captions, test.tokens)

    def embedded(
        motion: np.ndarray, length: np.ndarray, caption: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        read = {name: table[caption] for name, table in tables.items()}
        batch = {"motion": motion, "length": length, **read}
        rows = in_chunks(embed, evaluator, jax.random.key(0), batch)
        return rows[:, 1], rows[:, 0]

    return embedded


JUDGED = {"r_precision_3": 1.0, "fid": -1.0, "dynamics": -1.0}
"""Figures that decide whether a control fails, and whether larger (1) or smaller (-1) is better."""
CONTROLS = ("other clip", "frames shuffled", "frozen", "noise")


def failing(
    rows: Mapping[str, Mapping[str, float]], row: str = "generated"
) -> dict[str, list[str]]:
    """The figures of `JUDGED` in which each control is worse than a row by more than both
    intervals.
    """
    found: dict[str, list[str]] = {}
    for control in CONTROLS:
        mine, theirs = rows[row], rows[control]
        found[control] = [
            name
            for name, sign in JUDGED.items()
            if sign * (mine[name] - theirs[name]) > mine[f"{name}_ci95"] + theirs[f"{name}_ci95"]
        ]
    return found


def renormalised(
    motion: np.ndarray, length: np.ndarray, own: Normaliser, other: Normaliser
) -> np.ndarray:
    """From the units of one network to those of another."""
    return normalised(other, {"motion": own.inverse(motion), "length": length})


def frozen(normaliser: Normaliser, motion: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Every motion standing still in its first pose: no velocity, no turn, both feet in contact."""
    features = np.repeat(normaliser.inverse(motion[:, :1]), motion.shape[1], axis=1)
    at = slices(joint_count(features))  # type: ignore[arg-type]
    for name in ("turn", "root_velocity", "velocities"):
        features[..., at[name]] = 0
    features[..., at["contacts"]] = 1
    return normalised(normaliser, {"motion": features, "length": length})


def shuffled(rng: np.random.Generator, motion: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Every motion with its valid frames in random order."""
    mixed = motion.copy()
    for row, frames in zip(mixed, length):
        row[:frames] = row[rng.permutation(frames)]
    return mixed
