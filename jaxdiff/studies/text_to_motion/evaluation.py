"""The published protocol on real motions, on generated ones, and on controls that must fail.

Every repetition draws a caption and a crop of each test clip, generates a motion of that length for the caption, brings
it from the model's units to the evaluator's, and scores all rows against the same real motions:

    real             the motions the captions were written for; its FID is that of another crop of the test set
    generated        ours
    other clip       real motions of other captions: chance in R-precision (k/32), no distance in FID
    frames shuffled  the right motion, its frames in random order
    noise            what sampling starts from, in the evaluator's units
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxdiff.data.normalise import Normaliser
from jaxdiff.errors import DataError
from jaxdiff.metrics.text_motion import BATCH, repeated, scores
from jaxdiff.nets.word_text import Vocabulary
from jaxdiff.studies.generation import in_chunks
from jaxdiff.studies.text_to_motion import texts
from jaxdiff.studies.text_to_motion.preparation import Prepared, everything, normalised
from jaxdiff.typing import Array, Config, Key, Params

Generate = Callable[[Params, Key, Any], Array]


def protocol(
    config: Config,
    prepared: Prepared,
    generate: Generate,
    params: Params,
    embed: Generate,
    evaluator: Params,
) -> dict[str, dict[str, float]]:
    """Mean and 95 % interval of every figure, by row; `generate` and `embed` are the two methods' own, made to run."""
    test, how = prepared.sides["test"], config.evaluation
    if len(test) < BATCH:
        raise DataError(f"the protocol needs {BATCH} test clips or more; there are {len(test)}")
    with tempfile.TemporaryDirectory() as cache:  # a large table stays open without its name
        said = texts.table(texts.reader(config, prepared.words), test.captions, Path(cache))
    tables = texts.evaluator_texts(Vocabulary(prepared.evaluator_words), test.captions, test.tokens)

    def told(caption: np.ndarray) -> dict[str, np.ndarray]:
        return {name: table[caption] for name, table in tables.items()}

    def embedded(
        motion: np.ndarray, length: np.ndarray, caption: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        rows = in_chunks(
            embed,
            evaluator,
            jax.random.key(0),
            {"motion": motion, "length": length, **told(caption)},
        )
        return rows[:, 1], rows[:, 0]

    def drawn(key: Key, length: np.ndarray, caption: np.ndarray) -> np.ndarray:
        condition = {"text": np.asarray(said[caption]), "length": length}
        motion = in_chunks(generate, params, key, condition)
        return renormalised(motion, length, prepared.normaliser, prepared.plain)

    def repetition(seed: int) -> dict[str, dict[str, float]]:
        rng, key = np.random.default_rng([seed, 7]), jax.random.key(seed)
        batch, other = everything(test, 2 * seed), everything(test, 2 * seed + 1)
        motion, length, caption = (
            normalised(prepared.plain, batch),
            batch["length"],
            batch["caption"],
        )
        _, reference = embedded(
            normalised(prepared.plain, other), other["length"], other["caption"]
        )

        text, real = embedded(motion, length, caption)
        made = embedded(drawn(jax.random.fold_in(key, 0), length, caption), length, caption)[1]
        noise = np.where(motion == 0, 0, rng.normal(size=motion.shape)).astype(np.float32)
        motions = {
            "real": real,
            "generated": made,
            "other clip": np.roll(real, int(rng.integers(1, len(real))), axis=0),
            "frames shuffled": embedded(shuffled(rng, motion, length), length, caption)[1],
            "noise": embedded(noise, length, caption)[1],
        }
        pairs = min(how.pairs, len(test))
        rows = {
            name: scores(text, each, reference, seed=seed, pairs=pairs)
            for name, each in motions.items()
        }

        chosen = rng.choice(len(test), min(how.texts, len(test)), replace=False).repeat(how.repeats)
        again = drawn(jax.random.fold_in(key, 1), length[chosen], caption[chosen])
        repeats = embedded(again, length[chosen], caption[chosen])[1].reshape(
            -1, how.repeats, real.shape[-1]
        )
        rows["generated"] = scores(text, made, reference, repeats, seed=seed, pairs=pairs)
        return rows

    each = [repetition(seed) for seed in range(how.repetitions)]
    return {
        row: repeated(lambda seed, row=row: each[seed][row], range(how.repetitions))
        for row in each[0]
    }


def renormalised(
    motion: np.ndarray, length: np.ndarray, own: Normaliser, other: Normaliser
) -> np.ndarray:
    """From the units of one network to those of another."""
    return normalised(other, {"motion": own.inverse(motion), "length": length})


def shuffled(rng: np.random.Generator, motion: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Every motion with its valid frames in random order."""
    mixed = motion.copy()
    for row, frames in zip(mixed, length):
        row[:frames] = row[rng.permutation(frames)]
    return mixed
