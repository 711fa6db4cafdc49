"""From a config to batches: who is trained on, normalisers of model and evaluator, captions as the
networks read them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from jaxdiff.body.humanml3d import (
    LAYOUT_21,
    LAYOUT_22,
    Layout,
    Variant,
    joint_count,
    joints_from_features,
)
from jaxdiff.data import normalise, pipeline, splits
from jaxdiff.data.normalise import Normaliser
from jaxdiff.data.text import TextMotion, captioned
from jaxdiff.data.trials import Trials
from jaxdiff.errors import ConfigError, DataError
from jaxdiff.methods import evaluator, text_to_motion
from jaxdiff.nets.word_text import Vocabulary
from jaxdiff.studies.text_to_motion import corpora, texts
from jaxdiff.studies.text_to_motion.corpora import MOTION
from jaxdiff.typing import Config

LAYOUTS: dict[int, Layout] = {22: LAYOUT_22, 21: LAYOUT_21}


@dataclass(frozen=True)
class Captioned:
    """A source of normalised motions, zero beyond their length, with every caption as `tables` say
    of it.
    """

    clips: TextMotion
    normaliser: Normaliser
    tables: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.clips)

    in_units: ClassVar[tuple[str, ...]] = ("motion",)
    """The modalities of the clips that are normalised."""

    def __call__(self, index: np.ndarray, u: np.ndarray) -> dict[str, np.ndarray]:
        clips = self.clips(index, u)
        for name in set(self.in_units) & set(clips):
            seen = {"motion": clips[name], "length": clips["length"]}
            clips[name] = normalised(self.normaliser, seen)
        return self.given(clips, self.tables)

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """All frames of the clips, normalised, and the tables of the captions."""
        frames = {
            name: self.normaliser(a).astype(np.float32) if name in self.in_units else a
            for name, a in self.clips.arrays.items()
        }
        return {**frames, **{f"{name} of captions": a for name, a in self.tables.items()}}

    def plan(self, index: np.ndarray, u: np.ndarray) -> dict[str, np.ndarray]:
        """The plan of the clips."""
        return self.clips.plan(index, u)

    def gather(self, arrays: Mapping[str, Any], plan: Mapping[str, Any]) -> dict[str, Any]:
        """What a model is given of the clips of a plan."""
        tables = {name: arrays[f"{name} of captions"] for name in self.tables}
        return self.given(self.clips.gather(arrays, plan), tables)

    def given(self, clips: Mapping[str, Any], tables: Mapping[str, Any]) -> dict[str, Any]:
        """What a model is given of normalised clips."""
        texts = {n: a.take(clips["caption"], axis=0, mode="clip") for n, a in tables.items()}
        return {"motion": clips["motion"], "length": clips["length"], **texts}


@dataclass(frozen=True)
class Prepared:
    """A data set ready for training: clips by side, two normalisers, and the words of two
    vocabularies.
    """

    sides: Mapping[str, TextMotion]
    normaliser: Normaliser
    """Of the model: root motion and contacts are louder."""
    plain: Normaliser
    """Of the evaluator."""
    words: tuple[str, ...]
    evaluator_words: tuple[str, ...]
    rate: float
    actions: tuple[str, ...] = ()
    """Tasks of the training clips."""
    variant: Variant = "fixed"

    @property
    def layout(self) -> Layout:
        return layout_of(self.normaliser)


def prepare(config: Config, trials: Trials | None = None) -> Prepared:
    """The data set of a config, or `trials` in its place; whatever is fitted is fitted to the
    training clips.
    """
    trials = corpora.load_trials(config) if trials is None else trials
    split = split_of(trials)
    data = config.data
    sides = {
        name: captioned(part, MOTION, data.shortest, data.longest, data.length, crop=True)
        for name, part in zip(("train", "validation", "test"), split[:3])
    }
    train = sides["train"]
    return Prepared(
        sides,
        normalise.fit_motion(train.trials, MOTION, config.model.bias),
        normalise.fit_motion(train.trials, MOTION, 1.0),
        tuple(Vocabulary.build(train.captions).words),
        tuple(texts.evaluator_words(train.captions, train.tokens).words),
        float(train.trials.column("rate")[0]),
        tuple(np.unique(train.trials.column("task")).tolist())[:400],
        corpora.variant_of(data.name),
    )


def split_of(trials: Trials, seed: int = 0) -> splits.Split:
    """The split the data came with; without one, a tenth of the people (or clips) each for
    validation and test.
    """
    if {"train", "val", "test"} <= set(np.unique(trials.column("split")).tolist()):
        return splits.as_published(trials)
    people, tenth = len(trials.subjects), max(1, len(trials.subjects) // 10)
    if people < 3:
        raise DataError(
            f"text to motion needs clips of three or more subjects to split; these are of {people}"
        )
    return splits.by_counts(trials, people - 2 * tenth, tenth, tenth, seed)


def normalised(normaliser: Normaliser, batch: Mapping[str, Any]) -> np.ndarray:
    """The motions of a batch in the units of a network, zero where they have ended."""
    valid = np.arange(batch["motion"].shape[1]) < np.asarray(batch["length"])[:, None]
    return np.where(valid[..., None], normaliser(batch["motion"]), np.float32(0)).astype(np.float32)


def everything(source: TextMotion, seed: int) -> dict[str, np.ndarray]:
    """All clips of a side, cropped and captioned as `seed` says."""
    u = np.random.default_rng([seed, 3]).random((len(source), pipeline.UNIFORMS))
    return source(np.arange(len(source)), u)


def model_source(config: Config, prepared: Prepared, cache: Path) -> Captioned:
    """What the model is trained on."""
    train = prepared.sides["train"]
    read = texts.reader(config, prepared.words)
    return Captioned(train, prepared.normaliser, {"text": texts.table(read, train.captions, cache)})


def evaluator_source(prepared: Prepared, side: str) -> Captioned:
    """What the evaluator is trained, or validated, on."""
    clips = prepared.sides[side]
    tables = texts.evaluator_texts(
        Vocabulary(prepared.evaluator_words), clips.captions, clips.tokens
    )
    return Captioned(clips, prepared.plain, tables)


def batches(source: Captioned, batch_size: int, seed: int) -> pipeline.Batches:
    """Endless training batches, this host's share."""
    return pipeline.Batches(
        source, batch_size, seed, host=jax.process_index(), hosts=jax.process_count()
    )


def model_settings(config: Config, words: int, frames: int = 0) -> text_to_motion.Settings:
    """The method's settings; `words` is the size of the vocabulary, `frames` the length of what is
    generated.
    """
    model = config.model
    return text_to_motion.Settings(
        size=model.size,
        vocabulary=len(Vocabulary([""] * words)) if model.text == "words" else 0,
        text_width=model.text_width,
        text_layers=model.text_layers,
        text_ff=model.text_ff,
        text_heads=model.get("text_heads", 4),
        fields=_fields(model.get("fields", {})),
        linear_attention=model.linear_attention,
        dropout=model.dropout,
        drop_text=model.drop_text,
        frames=frames or config.data.length,
        steps=config.sampling.steps,
        scale=config.sampling.scale,
        sampler=config.sampling.get("sampler", "sde"),
        network=model.get("network", "unet"),
        schedule=config.sampling.get("schedule", "linear"),
        noise_levels=config.sampling.get("noise_levels", 1000),
        masked=config.sampling.get("masked", True),
        dtype=jnp.bfloat16 if model.bfloat16 else jnp.float32,
    )


def _fields(fields: Any) -> tuple[tuple[str, Any], ...]:
    """Explicit sizes of a U-Net in hashable form."""
    plain = dict(fields.items())
    return tuple(
        (name, tuple(value) if isinstance(value, list | tuple) else value)
        for name, value in sorted(plain.items())
    )


def evaluator_settings(config: Config, words: int) -> evaluator.Settings:
    """The settings of the evaluator for a vocabulary of this size."""
    sizes = config.evaluator
    return evaluator.Settings(
        vocabulary=len(Vocabulary([""] * words)),
        speech=len(texts.SPEECH),
        word_width=sizes.word_width,
        movement=sizes.movement,
        motion_hidden=sizes.motion_hidden,
        text_hidden=sizes.text_hidden,
        embedding=sizes.embedding,
        margin=sizes.margin,
        disorder=sizes.get("disorder", 0.0),
    )


def about(method: str, config: Config, prepared: Prepared) -> dict[str, Any]:
    """What someone who has only the checkpoint must know."""
    own = prepared.normaliser if method == "text_to_motion" else prepared.plain
    return {
        "method": method,
        "config": config.to_dict(),
        "normaliser": own.state(),
        "words": list(prepared.words if method == "text_to_motion" else prepared.evaluator_words),
        "rate": prepared.rate,
        "actions": list(prepared.actions),
        "variant": prepared.variant,
    }


def layout_of(normaliser: Normaliser) -> Layout:
    """The skeleton whose features these are."""
    joints = joint_count(normaliser.offset)  # type: ignore[arg-type]
    if joints not in LAYOUTS:
        raise DataError(
            f"motion features of {joints} joints: only those of HumanML3D (22) and KIT-ML (21) are"
            " known"
        )
    return LAYOUTS[joints]


def same_variant(first: str, one: Variant, second: str, other: Variant) -> None:
    """Refuse to mix motion features of the reference (`legacy`) with the corrected ones (`fixed`).

    The two give other rotations and headings for the same motion, so a network of one misreads the
    other.
    """
    if one != other:
        raise ConfigError(
            f"{first} has motion features of the variant {one!r}, {second} of {other!r}: recompute"
            " one of them from joint positions (jaxdiff.body.humanml3d.features_from_joints), or"
            " choose data and models of one variant"
        )


def joints_of(features: np.ndarray, length: np.ndarray, layout: Layout) -> list[np.ndarray]:
    """Joints `(T, J, 3)` in metres of motion features `(N, T, F)` in the units of the data, each
    motion of its own length.
    """
    every = in_metres(np.asarray(_to_joints(features)), layout)
    return [joints[:n] for joints, n in zip(every, length)]


_to_joints = jax.jit(jax.vmap(joints_from_features))


def in_metres(joints: Any, layout: Layout) -> Any:
    """Joint positions in metres; those of KIT-ML are in millimetres."""
    return joints * 0.001 if layout is LAYOUT_21 else joints
