"""A trained text-to-motion network as a model: a sentence in, joint positions out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from jaxdiff.body.humanml3d import joints_from_features
from jaxdiff.data import formats, normalise
from jaxdiff.data.recording import Recording
from jaxdiff.deployment.program import Program, example_keys
from jaxdiff.deployment.signal import Signal
from jaxdiff.errors import ConfigError
from jaxdiff.methods.text_to_motion import text_to_motion, valid
from jaxdiff.models.model import Model
from jaxdiff.models.prediction import Prediction
from jaxdiff.models.trained import Trained
from jaxdiff.nets.word_text import Vocabulary
from jaxdiff.studies.text_to_motion import preparation, texts
from jaxdiff.studies.text_to_motion.preparation import in_metres
from jaxdiff.training.step import make_generate
from jaxdiff.typing import Array, Config, Key

SHORTEST = 4
"""Frames of the shortest motion."""


class CaptionedModel(Model):
    """What models of a sentence share: reading it, checking the duration, joints in metres."""

    def __init__(self, trained: Trained):
        super().__init__(trained)
        metadata = trained.metadata
        self.config: Config = ConfigDict(metadata["config"])
        self.rate, self.words = float(metadata["rate"]), list(metadata["words"])
        self.scale = normalise.from_state(metadata["normaliser"])
        self.layout = preparation.layout_of(self.scale)
        self.longest = int(self.config.data.length)
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
            return Signal("text", shape=(77, 512))
        ids = Vocabulary(self.words).batch(["a person walks"], texts.LENGTH)[0]
        return Signal("text", shape=ids.shape, example=ids)

    def _frames(self, text: str, seconds: float, samples: int) -> int:
        if not text.strip() or samples < 1:
            raise ConfigError("generation needs a text that is not empty, and one sample or more")
        if not SHORTEST <= seconds * self.rate <= self.longest:
            raise ConfigError(
                f"the model generates {SHORTEST / self.rate:g} s to {self.longest / self.rate:g} s, not {seconds:g} s"
            )
        return round(seconds * self.rate)

    def _condition(self, text: str, frames: int, samples: int) -> dict[str, np.ndarray]:
        read = np.asarray(texts.reader(self.config, self.words)([text]))
        return {
            "text": read.repeat(samples, axis=0),
            "length": np.full(samples, frames, np.int32),
        }

    def _prediction(self, motion: np.ndarray, text: str) -> Prediction:
        """Normalised features `[S, T, D]` as joints in metres."""
        to_joints = self._once("joints", lambda: jax.jit(jax.vmap(joints_from_features)))
        joints = in_metres(np.asarray(to_joints(self.scale.inverse(motion))), self.layout)
        like = formats.joints_recording(joints[0], self.layout.skeleton, self.rate, "m")
        return Prediction(
            joints.reshape(*joints.shape[:2], -1), like, pointwise=False, metadata={"text": text}
        )

    def _captioned(
        self, generate: Callable[..., Array], frames: int, more: tuple[Signal, ...] = ()
    ) -> Program:
        """The program of a method that turns text into features, up to joints in metres."""
        scale, layout, params = self.scale, self.layout, self.trained.params
        names = ("text", "length", *(each.name for each in more))

        def one(key: Key, *inputs: Array) -> Array:
            """One example: the network, which depends on static sizes, then sees none that is open."""
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


class TextToMotionModel(CaptionedModel):
    """Motions for a sentence."""

    def generate(
        self,
        recording: Recording | None = None,
        *,
        samples: int = 1,
        seed: int = 0,
        steps: int = 0,
        text: str = "",
        seconds: float = 6.0,
    ) -> Prediction:
        """Motions for a sentence.

        Args:
            recording: Must be None.
            samples: Number of motions.
            seed: Seed of the motions.
            steps: Steps of the sampler; 0 for the model's own number.
            text: What happens, in a sentence.
            seconds: Duration of the motions.
        """
        if recording is not None:
            raise ConfigError("a model of text to motion takes a text, not a recording")
        frames = self._frames(text, seconds, samples)
        run = self._once((frames, steps), lambda: make_generate(self._method(steps, frames)))
        condition = self._condition(text, frames, samples)
        motion = run(self.trained.params, jax.random.key(seed), condition)
        return self._prediction(np.asarray(motion), text)

    def _method(self, steps: int, frames: int = 0) -> Callable[..., Array]:
        settings = preparation.model_settings(self.config, len(self.words), frames)
        return text_to_motion(settings._replace(steps=steps or settings.steps)).generate

    def program(self, *, steps: int = 0) -> Program:
        """`draw(seed, text [B, 32], length [B]) -> joints [B, T, 3 J]`, zero beyond the length."""
        return self._captioned(self._method(steps), self.longest)
