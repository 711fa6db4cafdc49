"""A trained text-to-motion network as a model: sentences and constraints in, joint positions
out.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdiff.body.humanml3d import LAYOUT_22
from jaxdiff.data import formats
from jaxdiff.data.recording import Recording
from jaxdiff.deployment.program import Program, example_keys
from jaxdiff.errors import ConfigError
from jaxdiff.methods.constraints import Constraint, constrain
from jaxdiff.methods.text_to_motion import Settings, denoiser, draw, text_to_motion, timeline
from jaxdiff.models.prediction import Prediction
from jaxdiff.nets.backend import unoptimised
from jaxdiff.studies.text_to_motion import conditions, preparation, streaming
from jaxdiff.studies.text_to_motion.captioned import CaptionedModel
from jaxdiff.training.step import make_generate
from jaxdiff.typing import Array, Key

DURATION = 6.0
"""Seconds of a motion whose duration is not stated."""
FEW = 8
"""Samples up to which compiling takes longer than generating."""


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
