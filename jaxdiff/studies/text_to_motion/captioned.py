"""What models of a sentence share: reading it, checking the duration, joints in metres."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from jaxdiff.body import humanml3d, rigid
from jaxdiff.body.humanml3d import LAYOUT_22, Variant, joints_from_features, slices
from jaxdiff.data import formats, normalise
from jaxdiff.data.recording import Recording
from jaxdiff.deployment.program import Program, example_keys
from jaxdiff.deployment.signal import Signal
from jaxdiff.errors import ConfigError
from jaxdiff.methods.constraints import Constraint, error
from jaxdiff.methods.motion_scale import Scale
from jaxdiff.methods.text_to_motion import valid
from jaxdiff.models.model import Model
from jaxdiff.models.prediction import Prediction
from jaxdiff.models.trained import Trained
from jaxdiff.nets.backend import unoptimised
from jaxdiff.nets.word_text import Vocabulary
from jaxdiff.studies.text_to_motion import corpora, preparation, published, texts
from jaxdiff.studies.text_to_motion.conditions import HERE, Placed
from jaxdiff.studies.text_to_motion.preparation import in_metres
from jaxdiff.typing import Array, Config, Key

SHORTEST = 4
"""Frames of the shortest motion."""


class CaptionedModel(Model):
    """A trained network of motion features that reads a sentence."""

    def __init__(self, trained: Trained):
        super().__init__(trained)
        metadata = trained.metadata
        self.config: Config = ConfigDict(metadata["config"])
        self.rate, self.words = float(metadata["rate"]), list(metadata["words"])
        self.scale = normalise.from_state(metadata["normaliser"])
        self.layout = preparation.layout_of(self.scale)
        self.longest = int(self.config.data.length)
        self.physical = Scale(self.scale.offset, self.scale.scale, self.rate)
        self.variant: Variant = metadata.get("variant") or corpora.variant_of(self.config.data.name)
        names = self.layout.skeleton.names
        channels = tuple(f"{name}_{axis}" for name in names for axis in "xyz")
        self.inputs = (
            self._text(),
            Signal("seconds", (), ("s",), shape=(), example=np.array(6.0, np.float32)),
        )
        self.outputs = (
            Signal("joints", channels, ("m",) * len(channels), self.rate, self.longest),
        )

    def _text(self) -> Signal:
        if self.config.model.text != "words":
            clip = self.trained.metadata.get("clip", {})
            pooled = self.trained.metadata.get("pooled")
            shape = (1, pooled) if pooled else (clip.get("length", 77), clip.get("width", 512))
            return Signal("text", shape=shape)
        ids = Vocabulary(self.words).batch(["a person walks"], texts.LENGTH)[0]
        return Signal("text", shape=ids.shape, example=ids)

    def _reader(self) -> Callable[[Sequence[str]], np.ndarray]:
        """From captions to what the network reads."""
        if "clip" in self.trained.params:
            make = lambda: published.reader(self.trained.metadata, self.trained.params)  # noqa: E731
        else:
            make = lambda: texts.reader(self.config, self.words)  # noqa: E731
        return self._once("reader", make)

    def _frames(self, text: str, seconds: float, samples: int) -> int:
        if not text.strip() or samples < 1:
            raise ConfigError("generation needs a text that is not empty, and one sample or more")
        if not SHORTEST <= seconds * self.rate <= self.longest:
            raise ConfigError(
                f"the model generates {SHORTEST / self.rate:g} s to {self.longest / self.rate:g} s,"
                f" not {seconds:g} s"
            )
        return round(seconds * self.rate)

    def _condition(self, text: str, frames: int, samples: int) -> dict[str, np.ndarray]:
        read = np.asarray(self._reader()([text]))
        return {
            "text": read.repeat(samples, axis=0),
            "length": np.full(samples, frames, np.int32),
        }

    def _warn_unknown(self, text: str) -> None:
        """Warn of words that no training caption had, and name the nearest actions that some
        had.
        """
        if self.config.model.text == "words":
            actions = list(self.trained.metadata.get("actions", ()))
            if message := texts.unknown_words(self.words, actions, text):
                warnings.warn(message, stacklevel=3)

    def _prediction(
        self,
        motion: np.ndarray,
        text: str,
        raw: bool = False,
        rate: float = 0.0,
        placed: Placed = HERE,
        known: Constraint | None = None,
        features: bool = False,
    ) -> Prediction:
        """Normalised features `[S, T, D]` as joints in metres, of constant bones and planted feet
        unless `raw`.
        """
        to_joints = self._once(
            "joints",
            lambda: jax.jit(jax.vmap(joints_from_features), compiler_options=unoptimised()),
        )
        values = np.asarray(self.scale.inverse(motion))
        joints = in_metres(np.asarray(to_joints(values)), self.layout)
        contacts = values[..., slices(joints.shape[-2])["contacts"]]
        clean = [
            rigid.cleaned(each, self.layout, self.rate, c) for each, c in zip(joints, contacts)
        ]
        found = [
            rigid.violation(each, self.layout, self.rate, c, written)
            for each, c, written in zip(joints, contacts, clean)
        ]
        metadata: dict[str, Any] = {"text": text, "violation": mean_of(found)}
        if known is not None:
            metadata["constraint_error"] = 1000 * float(np.mean(error(jnp.asarray(joints), known)))
        if not raw:
            if known is not None:
                goal = np.asarray(known.target), np.asarray(known.weight)
                clean = [rigid.reaching(each, *goal, self.layout) for each in clean]
                each_joints = jnp.asarray(np.stack([each.joints for each in clean]))
                metadata["constraint_error_written"] = 1000 * float(
                    np.mean(error(each_joints, known))
                )
            rate = rate or self.rate
            joints = np.stack([each.resample(rate).joints for each in clean])
        elif rate:
            raise ConfigError("raw joints have the model's own rate; leave out rate or raw")
        if features:
            return self._as_features(joints, metadata)
        joints = placed.back(joints)
        like = formats.joints_recording(joints[0], self.layout.skeleton, rate or self.rate, "m")
        return Prediction(
            joints.reshape(*joints.shape[:2], -1), like, pointwise=False, metadata=metadata
        )

    def _as_features(self, joints: np.ndarray, metadata: Mapping[str, Any]) -> Prediction:
        """Joints `[S, T, J, 3]` in metres as motion features of the model's variant, one row for
        each frame.
        """
        if self.layout is not LAYOUT_22:
            raise ConfigError(
                "features are written on the 22 joints of HumanML3D; leave out features"
            )
        rows = np.stack([corpora.lengthened_features(each, self.variant) for each in joints])
        channels = humanml3d.names(self.layout)
        like = Recording(rows[0], channels, ("",) * len(channels), self.rate)
        return Prediction(rows, like, pointwise=False, metadata=metadata)

    def _captioned(
        self, generate: Callable[..., Array], frames: int, more: tuple[Signal, ...] = ()
    ) -> Program:
        """The program of a method that turns text into features, up to joints in metres."""
        scale, layout, params = self.scale, self.layout, self.trained.params
        names = ("text", "length", *(each.name for each in more))

        def one(key: Key, *inputs: Array) -> Array:
            """One example: the network, which depends on static sizes, then sees none that is
            open.
            """
            condition = {name: value[None] for name, value in zip(names, inputs)}
            return generate(params, key[None], condition)[0]

        def draw(seed: Array, text: Array, length: Array, *others: Array) -> Array:
            keys = example_keys(seed, length.shape[0])
            motion = scale.inverse(jax.vmap(one)(keys, text, length, *others))
            joints = in_metres(jax.vmap(joints_from_features)(motion), layout)
            whole = joints.reshape(*joints.shape[:2], -1)
            return jnp.where(valid(length, frames)[..., None], whole, 0)

        notes: Mapping[str, Any] = {"words": self.words}
        if self.config.model.text != "words":
            notes = {"text": "features of CLIP ViT-B/32, 77 tokens after the final LayerNorm"}
        example = np.array(frames // 4 * 4, np.int32)
        length = Signal("length", (), ("frames",), shape=(), example=example)
        made = self.outputs[0]._replace(length=frames)
        return Program(draw, (self._text(), length, *more), made, self.study, notes)


def mean_of(rows: list[dict[str, float]]) -> dict[str, float]:
    """The mean of every figure."""
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
