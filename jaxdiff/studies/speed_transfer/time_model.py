"""The residual diffusion of the paper as a model: six sagittal angles at one walking speed in, at
another out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import jax.numpy as jnp
import numpy as np

from jaxdiff.data.recording import Recording
from jaxdiff.deployment.program import Program, example_keys
from jaxdiff.deployment.signal import Signal, at_rate, fitted
from jaxdiff.errors import ConfigError, DataError
from jaxdiff.methods.speed_transfer import speed_terms, speed_transfer
from jaxdiff.models.model import Model
from jaxdiff.models.prediction import Prediction
from jaxdiff.models.trained import Trained
from jaxdiff.studies.speed_transfer.data import Gaits
from jaxdiff.studies.speed_transfer.recorded import check_speed
from jaxdiff.studies.speed_transfer.transfer import Transfer, from_about
from jaxdiff.typing import Array


class SpeedTransferModel(Model):
    """The gait of a person at another speed than the recorded one."""

    def __init__(self, trained: Trained):
        super().__init__(trained)
        metadata = trained.metadata
        self.transfer = from_about(trained.params, metadata, trained.path or "the file")
        self.rate, self.seconds = float(metadata["rate"]), float(metadata["seconds"])
        scales = self.transfer.normaliser
        self.frames = round(self.seconds * self.rate)
        centre, deviation = scales.spread()
        gait = Signal(
            "gait",
            scales.channels,
            scales.units,
            self.rate,
            self.frames,
            centre=centre,
            deviation=deviation,
        )
        self.inputs = gait, _speed("source_speed", 1.0), _speed("target_speed", 1.4)
        self.outputs = (gait,)

    def _with_steps(self, steps: int) -> Transfer:
        settings = self.transfer.settings
        return self.transfer._replace(settings=settings._replace(steps=steps or settings.steps))

    def generate(
        self,
        recording: Recording | None = None,
        *,
        samples: int = 32,
        seed: int = 0,
        steps: int = 0,
        source_speed: float | None = None,
        target_speed: float | None = None,
        channels: Sequence[str] | None = None,
        resample: bool = False,
        fill_gaps: float = 0.0,
    ) -> Prediction:
        """The gait at another speed, with the recording's own channel names, units and rate.

        Args:
            recording: Steady walking with hip, knee and ankle angles of both legs.
            samples: Number of samples.
            seed: Seed of the samples.
            steps: Steps of the sampler; 0 for the model's own number.
            source_speed: Speed of the recording in m/s.
            target_speed: Speed to generate in m/s.
            channels: Names of hip, knee and ankle of the right leg, then of the left, in the
                recording; default: found by the table of names (`jaxdiff.data.aliases`).
            resample: Accept a recording at another rate than the model's.
            fill_gaps: Bridge gaps of up to this many seconds.
        """
        if recording is None or source_speed is None or target_speed is None:
            raise ConfigError(
                "a model of speed transfer needs a recording, source_speed and target_speed"
            )
        for speed in (source_speed, target_speed):
            check_speed(float(speed))
        if samples < 1:
            raise ConfigError(f"samples must be 1 or more, not {samples}")
        signal, names = self.inputs[0], tuple(channels or self.inputs[0].channels)
        if len(names) != len(signal.channels):
            raise ConfigError(
                f"the model has {len(signal.channels)} channels ({', '.join(signal.channels)}); got"
                f" {len(names)} names"
            )
        renamed = {old: new for old, new in zip(names, signal.channels) if old != new}
        matched = fitted(recording, signal, fill_gaps, rename=renamed)
        given = at_rate(matched.recording, signal, resample)
        if len(given.values) < self.frames:
            raise DataError(
                f"the recording lasts {len(given.values) / self.rate:g} s; the model needs"
                f" {self.seconds:g} s of steady walking"
            )
        gaits = Gaits(
            given.values[None, : self.frames].astype(np.float32),
            np.array(["person"]),
            np.array([source_speed]),
            np.array([""]),
            self.rate,
            signal.channels,
            signal.units,
        )
        transfer = self._with_steps(steps)
        made = transfer(gaits, np.zeros(samples, int), np.full(samples, float(target_speed)), seed)
        meta = {
            name: text for name, text in recording.meta.items() if name not in ("task", "trial")
        }
        meta |= {**matched.metadata, "speed": f"{target_speed:g} m/s"}
        like = replace(given, meta=meta, events=())
        each = [
            matched.inverse(replace(like, values=values).resample(recording.rate))
            for values in made
        ]
        values = np.stack([one.values for one in each])
        return Prediction(
            values, each[0], self.calibration, metadata={"target_speed": target_speed}
        )

    def program(self, *, steps: int = 0) -> Program:
        """`draw(seed, gait [B, T, 6], source_speed [B], target_speed [B])`."""
        model = self._with_steps(steps)
        params, scales = model.params, model.normaliser
        method = speed_transfer(model.settings)

        def draw(seed: Array, gait: Array, source_speed: Array, target_speed: Array) -> Array:
            condition = {
                "source": scales(gait),
                "speeds": jnp.stack(speed_terms(source_speed, target_speed), -1),
            }
            keys = example_keys(seed, gait.shape[0])
            return scales.inverse(method.generate(params, keys, condition))

        gait = self.inputs[0]._replace(example=scales.offset)
        return Program(draw, (gait, *self.inputs[1:]), gait, self.study)


def _speed(name: str, value: float) -> Signal:
    return Signal(name, (), ("m/s",), shape=(), example=np.array(value, np.float32))
