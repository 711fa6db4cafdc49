"""A trained LLMA as a model: one modality of gait in, the other out.

Where the network was trained on strides, a recording is cut at heel strikes and the result covers the time from the first
strike to the last; where it was trained on pieces of time, the recording is brought to the network's rate and back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from jaxdiff.body.gait import normalise_strides, strikes_from_hip
from jaxdiff.data import normalise
from jaxdiff.data.recording import Recording
from jaxdiff.deployment.program import Program, example_keys
from jaxdiff.deployment.signal import Signal, fitted, long_enough
from jaxdiff.errors import ConfigError, DataError, nearest
from jaxdiff.methods.llma import llma
from jaxdiff.models.model import Model
from jaxdiff.models.prediction import Prediction
from jaxdiff.models.trained import Trained
from jaxdiff.studies.llma.preparation import method_settings
from jaxdiff.training.step import make_generate
from jaxdiff.typing import Array, Config

LOADED_FOOT = 0.05
"""Share of the largest vertical force above which a foot counts as being on the ground."""
HIPS, FORCES = ("hip_flexion", "hip_x"), ("grf_normal", "grf_vertical", "grf_z", "vertical")
OTHER = {"x": "y", "y": "x"}


class LlmaModel(Model):
    """The two modalities `x` and `y` of a run of LLMA, either of which may be given."""

    def __init__(self, trained: Trained):
        super().__init__(trained)
        metadata = trained.metadata
        self.config: Config = ConfigDict(metadata["config"])
        self.length, self.per_stride = int(metadata["length"]), metadata["samples_per_stride"]
        self.rate = float(metadata["rate"] or 0)
        self.scales = {
            letter: normalise.from_state(state) for letter, state in metadata["normaliser"].items()
        }
        self.modalities = {letter: str(name) for letter, name in metadata["modalities"].items()}
        self.inputs = tuple(self._signal(letter) for letter in "xy")
        self.outputs = self.inputs[::-1]

    def _signal(self, letter: str) -> Signal:
        scale, strides = (
            self.scales[letter],
            self.length // self.per_stride if self.per_stride else 0,
        )
        return Signal(
            self.modalities[letter],
            scale.channels,
            scale.units,
            self.rate,
            self.length,
            optional=True,
            strides=strides,
            phase="heel strike" if strides else "",
            example=np.asarray(self.trained.metadata["examples"][letter], np.float32),
        )

    def _method(self, steps: int) -> Any:
        settings = method_settings(self.config)
        return llma(settings._replace(steps=steps or settings.steps), window=self.length)

    def _letter(self, given: str, recording: Recording | None = None) -> str:
        """The modality that is given, by its name or by the channels of a recording."""
        names = {name: letter for letter, name in self.modalities.items()}
        if given:
            if given not in names:
                raise DataError(f"the model has no modality {given!r}; {nearest(given, names)}")
            return names[given]
        if recording is None:
            return "x"
        missing = {
            letter: [c for c in scale.channels if c not in recording.channels]
            for letter, scale in self.scales.items()
        }
        closest = min(missing, key=lambda m: len(missing[m]) / len(self.scales[m].channels))
        if missing[closest]:
            raise DataError(
                f"the recording has neither {' nor '.join(names)}; of {self.modalities[closest]} "
                f"({', '.join(self.scales[closest].channels)}) {', '.join(missing[closest])} is missing "
                f"(it has {', '.join(recording.channels)})"
            )
        return closest

    def generate(
        self,
        recording: Recording | None = None,
        *,
        samples: int = 32,
        seed: int = 0,
        steps: int = 0,
        given: str = "",
        strikes: Sequence[float] | None = None,
        fill_gaps: float = 0.0,
    ) -> Prediction:
        """The other modality of a recording.

        Args:
            recording: Angles, moments or forces of walking, as `inputs` lists them.
            samples: Number of samples.
            seed: Seed of the samples.
            steps: Steps of the sampler; 0 for the model's own number.
            given: Name of the given modality; by default the one whose channels the recording has.
            strikes: Times of heel strikes in s, where neither events, hip flexion nor a normal force tells them.
            fill_gaps: Bridge gaps of up to this many seconds.

        Returns:
            Samples on the recording's own clock.
        """
        if recording is None:
            raise ConfigError("a model of llma needs a recording")
        if samples < 1:
            raise ConfigError(f"samples must be 1 or more, not {samples}")
        letter = self._letter(given, recording)
        signal = self._signal(letter)
        source = fitted(recording, signal, fill_gaps)
        if self.per_stride:
            events = heel_strikes(recording, source, strikes)
            cycles = normalise_strides(source.values, events, self.per_stride + 1)[:, :-1]
            window = cycles.reshape(-1, cycles.shape[-1])
        else:
            events, window = np.zeros(0), source.resample(self.rate).values
        long_enough(len(window), signal)
        condition = self.scales[letter](_padded(window, self.length, self.per_stride or 0))
        run = self._once(("generate", steps), lambda: make_generate(self._method(steps).generate))
        rows = np.repeat(condition[None].astype(np.float32), samples, axis=0)
        drawn = np.asarray(run(self.trained.params, jax.random.key(seed), {letter: rows}))
        values = self.scales[OTHER[letter]].inverse(drawn[:, : len(window)])
        return self._prediction(values, OTHER[letter], recording, events)

    def _prediction(
        self, values: np.ndarray, letter: str, source: Recording, events: np.ndarray
    ) -> Prediction:
        """Samples `[S, T, C]` on the clock of the source."""
        scale = self.scales[letter]
        clock = replace(source, values=values[0], channels=scale.channels, units=scale.units)
        if not self.per_stride:
            made = [
                replace(clock, values=each, rate=self.rate).resample(source.rate) for each in values
            ]
            return Prediction(np.stack([m.values for m in made]), made[0], self.calibration)
        kept = np.arange(np.ceil(events[0]), np.floor(events[-1]) + 1)
        phase = np.interp(kept, events, np.arange(len(events)) * self.per_stride)
        place = np.clip(phase, 0, values.shape[1] - 1)
        left = np.minimum(place.astype(int), values.shape[1] - 2)
        weight = (place - left)[:, None]
        onto = values[:, left] * (1 - weight) + values[:, left + 1] * weight
        like = replace(clock, values=onto[0], start=source.start + kept[0] / source.rate)
        return Prediction(onto, like, self.calibration)

    def program(self, *, steps: int = 0, given: str = "") -> Program:
        """One modality `[B, T, C]` in, the other out; `given` is the modality that goes in."""
        letter = self._letter(given)
        source, target = self.scales[letter], self.scales[OTHER[letter]]
        method, params = self._method(steps), self.trained.params

        def draw(seed: Array, signal: Array) -> Array:
            keys = example_keys(seed, signal.shape[0])
            return target.inverse(method.generate(params, keys, {letter: source(signal)}))

        wanted = self._signal(letter)._replace(name="signal", optional=False)
        made = self._signal(OTHER[letter])._replace(optional=False)
        return Program(draw, (wanted,), made, self.study)


def heel_strikes(
    recording: Recording, source: Recording, strikes: Sequence[float] | None
) -> np.ndarray:
    """Heel strikes as fractional sample numbers: as given, from hip flexion, or from the normal force.

    Raises:
        DataError: If nothing tells them, or there are fewer than two.
    """
    forces = [c for c in recording.channels if c in FORCES]
    if strikes is not None:
        events = (np.sort(np.asarray(strikes, np.float64)) - source.start) * source.rate
        inside = events[(events >= 0) & (events <= len(source.values) - 1)]
    elif hips := [c for c in source.channels if c.startswith(HIPS)]:
        inside = strikes_from_hip(source.select(hips[:1]).values[:, 0], source.rate)
    elif forces:
        force = recording.select(forces[:1]).values[:, 0]
        loaded = force > LOADED_FOOT * np.nanmax(force)
        inside = np.flatnonzero(loaded[1:] & ~loaded[:-1]) + 1.0
    else:
        raise DataError(
            "heel strikes cannot be found: there is neither hip flexion nor a normal force; give their times in s "
            "(strikes=, --strikes)"
        )
    if len(inside) < 2:
        raise DataError(f"{len(inside)} heel strikes found; at least two full strides are needed")
    return inside


def _padded(window: np.ndarray, length: int, stride: int) -> np.ndarray:
    """`[T, C]` continued to one of few lengths, so that files of different lengths share compiled programs.

    Strides are continued by the last one, time by its mirror image; what is generated there is cut off.
    """
    size = length
    while size < len(window):
        size += max(length // 2, 1 << (size.bit_length() - 3))
    if stride:
        size += -size % stride
    more = size - len(window)
    if not more:
        return window
    if stride:
        last = window[-stride:]
        return np.concatenate([window, np.resize(last, (more, window.shape[1]))])
    return np.pad(window, ((0, more), (0, 0)), mode="reflect")
