"""A trained text-to-motion network as a model: sentences and constraints in, joint positions
out.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
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
from jaxdiff.methods.constraints import Constraint, constrain, error
from jaxdiff.methods.motion_scale import Scale
from jaxdiff.methods.text_to_motion import (
    Settings,
    denoiser,
    draw,
    text_to_motion,
    timeline,
    valid,
)
from jaxdiff.models.model import Model
from jaxdiff.models.prediction import Prediction
from jaxdiff.models.trained import Trained
from jaxdiff.nets.backend import unoptimised
from jaxdiff.nets.word_text import Vocabulary
from jaxdiff.studies.text_to_motion import (
    conditions,
    corpora,
    preparation,
    published,
    streaming,
    texts,
)
from jaxdiff.studies.text_to_motion.conditions import HERE, Placed
from jaxdiff.studies.text_to_motion.preparation import in_metres
from jaxdiff.training.step import make_generate
from jaxdiff.typing import Array, Config, Key

DURATION = 6.0
"""Seconds of a motion whose duration is not stated."""
SHORTEST = 4
"""Frames of the shortest motion."""
FEW = 8
"""Samples up to which compiling takes longer than generating."""


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
        found = [
            rigid.violation(each, self.layout, self.rate, c) for each, c in zip(joints, contacts)
        ]
        metadata: dict[str, Any] = {"text": text, "violation": mean_of(found)}
        if known is not None:
            metadata["constraint_error"] = 1000 * float(np.mean(error(jnp.asarray(joints), known)))
        if not raw:
            clean = [
                rigid.cleaned(each, self.layout, self.rate, c) for each, c in zip(joints, contacts)
            ]
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


class TextToMotionModel(CaptionedModel):
    """Motions for a sentence, for several in a row, and within constraints."""

    def generate(
        self,
        recording: Recording | None = None,
        *,
        samples: int = 1,
        seed: int = 0,
        steps: int = 0,
        text: str | Sequence[str] = "",
        seconds: float | Sequence[float] | None = None,
        keep: str | None = None,
        joints: str | Sequence[str] | None = None,
        path: Recording | np.ndarray | str | Path | None = None,
        rate: float = 0.0,
        raw: bool = False,
        features: bool = False,
    ) -> Prediction:
        """Motions for a sentence.

        Args:
            recording: Joint positions of which `keep` and `joints` say what the motion keeps.
            samples: Number of motions.
            seed: Seed of the motions.
            steps: Steps of the sampler; 0 for the model's own number.
            text: What happens, in a sentence; several sentences follow each other.
            seconds: Duration of the motions, or of each sentence; by default 6 s, or the longest
                the model has.
            keep: `all`, or ranges of seconds of the recording, such as `0:1,2.5:3`: a beginning,
                keyframes, an end.
            joints: Joints or parts of the body that are kept, such as `left_arm`; by default whole
                frames.
            path: Where the pelvis goes on the floor: a recording (or its file) with channels x and
                z, or points `[N, 2]`.
            rate: Frames per second of the result; 0 for the model's own.
            raw: Joints as the network gives them, of changing bone lengths and sliding feet.
            features: Motion features of HumanML3D `[T, 263]` of the motion in place of its joints.
        """
        if features and rate not in (0.0, self.rate):
            raise ConfigError(
                f"features are those of {self.rate:g} frames per second; leave out rate"
            )
        sentences = [text] if isinstance(text, str) else list(text)
        if seconds is None:
            seconds = min(DURATION, self.longest / self.rate)
        times = [seconds] if isinstance(seconds, int | float) else list(seconds)
        if len(times) not in (1, len(sentences)):
            raise ConfigError(
                f"{len(sentences)} texts need one duration or {len(sentences)}; got {len(times)}"
            )
        times = times * (len(sentences) // len(times))
        lengths = [self._frames(each, time, samples) for each, time in zip(sentences, times)]
        for each in sentences:
            self._warn_unknown(each)
        if isinstance(path, str | Path):
            path = formats.read_one(path)
        wanted = recording is not None or path is not None
        if (keep is not None or joints is not None) and recording is None:
            raise ConfigError("keep and joints name parts of a recording, and there is none")
        if len(sentences) == 1 and not wanted:
            once = samples <= FEW
            run = self._once(
                (lengths[0], steps, once),
                lambda: make_generate(self._method(steps, lengths[0]), once=once),
            )
            condition = self._condition(sentences[0], lengths[0], samples)
            motion = run(self.trained.params, jax.random.key(seed), condition)
            return self._prediction(np.asarray(motion), sentences[0], raw, rate, features=features)
        if wanted and self.layout is not LAYOUT_22:
            raise ConfigError(
                "constraints are given on the 22 joints of HumanML3D, which this model does not"
                " have"
            )
        known, placed = None, conditions.HERE
        if wanted:
            known, placed = conditions.constraint(
                sum(lengths), self.physical, recording, keep, joints, path, self.variant
            )
        read = np.asarray(self._reader()(sentences))
        run = self._once(
            (tuple(lengths), steps, wanted, samples <= FEW),
            lambda: self._constrained(lengths, steps, samples <= FEW),
        )
        keys = example_keys(np.uint32(seed), samples)
        motion = run(self.trained.params, keys, read, known)
        return self._prediction(
            np.asarray(motion), " then ".join(sentences), raw, rate, placed, known, features
        )

    def stream(
        self,
        texts: Iterable[str],
        *,
        seconds: float = 3.0,
        overlap: float = 0.5,
        seed: int = 0,
        steps: int = 0,
    ) -> Iterator[Recording]:
        """One motion that goes on as sentences come: a recording for each, which continues the
        last.

        Args:
            texts: Sentences; each is read when the motion of the one before has been taken.
            seconds: Duration of each.
            overlap: Seconds of the motion so far that a sentence begins from.
            seed: Seed of the motion.
            steps: Steps of the sampler; 0 for the model's own number.
        """
        yield from streaming.continued(self, texts, seconds, overlap, seed, steps)

    def part(
        self, text: str, frames: int, before: Recording | None, seed: int, steps: int
    ) -> np.ndarray:
        """Joints `(T, 22, 3)` of a motion that begins with the frames of `before`; one program with
        and without it.
        """
        if self.layout is not LAYOUT_22:
            raise ConfigError("a motion is continued on the 22 joints of HumanML3D")
        self._frames(text, frames / self.rate, 1)
        self._warn_unknown(text)
        keep = "all" if before is not None else None
        known, placed = conditions.constraint(
            frames, self.physical, before, keep, variant=self.variant
        )
        run = self._once(("part", frames, steps), lambda: self._constrained([frames], steps, True))
        read = np.asarray(self._reader()([text]))
        motion = run(self.trained.params, example_keys(np.uint32(seed), 1), read, known)
        made = self._prediction(
            np.asarray(motion), text, placed=placed, known=known if before is not None else None
        )
        return made.values[0].reshape(frames, -1, 3)

    def _constrained(
        self, lengths: list[int], steps: int, once: bool = False
    ) -> Callable[..., Array]:
        settings = self._settings(sum(lengths), steps)

        @functools.partial(jax.jit, compiler_options=unoptimised() if once else None)
        def run(params: Any, keys: Key, text: Array, known: Constraint | None) -> Array:
            if len(lengths) > 1:
                denoise = timeline(settings, params, text, lengths)
            else:
                many = jnp.repeat(text, keys.shape[0], axis=0)
                denoise = denoiser(settings, params, many)
            if known is not None:
                denoise = constrain(denoise, known, self.physical)
            return draw(settings, params, keys, denoise)

        return run

    def _settings(self, frames: int, steps: int) -> Settings:
        settings = preparation.model_settings(self.config, len(self.words), frames)
        return settings._replace(steps=steps or settings.steps)

    def _method(self, steps: int, frames: int = 0) -> Callable[..., Array]:
        return text_to_motion(self._settings(frames, steps)).generate

    def program(self, *, steps: int = 0) -> Program:
        """`draw(seed, text [B, 32], length [B]) -> joints [B, T, 3 J]`, zero beyond the length."""
        return self._captioned(self._method(steps), self.longest)
