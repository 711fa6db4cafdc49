"""A trained LLMA as a model: one modality of gait in, the other out.

Where the network was trained on strides, a recording is cut at foot strikes and the result covers
the time from the first strike to the last; where it was trained on pieces of time, the recording is
brought to the network's rate and back.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from jaxdiff.body.gait import normalise_strides
from jaxdiff.data import channels, normalise
from jaxdiff.data.recording import Recording
from jaxdiff.data.strides import strikes as found_strikes
from jaxdiff.deployment.program import Program, example_keys
from jaxdiff.deployment.signal import Signal, fitted, long_enough
from jaxdiff.errors import ConfigError, DataError, DataWarning, nearest
from jaxdiff.methods.cross_modal import OTHER
from jaxdiff.methods.llma import llma
from jaxdiff.models.calibration import Calibration
from jaxdiff.models.model import Model
from jaxdiff.models.prediction import Prediction
from jaxdiff.models.trained import Trained
from jaxdiff.studies.llma.legs import both
from jaxdiff.studies.llma.preparation import CALIBRATION, method_settings
from jaxdiff.training.step import make_generate
from jaxdiff.typing import Array, Config


class LlmaModel(Model):
    """The two modalities `x` and `y` of a run of LLMA, either of which may be given."""

    def __init__(self, trained: Trained):
        trained = _with_calibrations(trained)
        super().__init__(trained)
        metadata = trained.metadata
        self.calibrations = {
            letter: Calibration.from_json(kept)
            for letter, kept in metadata.get("calibrations", {}).items()
        }
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
        centre, deviation = scale.spread()
        return Signal(
            self.modalities[letter],
            scale.channels,
            scale.units,
            self.rate,
            self.length,
            optional=True,
            strides=strides,
            phase="foot strike" if strides else "",
            example=np.asarray(self.trained.metadata["examples"][letter], np.float32),
            centre=centre,
            deviation=deviation,
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
        fitting = [
            letter
            for letter, scale in self.scales.items()
            if channels.sides(recording, scale.channels, scale.units)
        ]
        if len(fitting) > 1:  # names alone do not tell angles from moments: units and values may
            fitting = [letter for letter in fitting if self._plausible(letter, recording)]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            named = " and ".join(names)
            raise DataError(
                f"the recording fits {named}; name the one it is (given=, --given), or state its"
                " units"
            )
        return min(self.scales, key=lambda m: self._absent(m, recording))

    def _plausible(self, letter: str, recording: Recording) -> bool:
        scale = self.scales[letter]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DataWarning)
                channels.match(recording, scale.channels, scale.units)
        except DataError:
            return False
        return True

    def _absent(self, letter: str, recording: Recording) -> float:
        """Share of a modality's channels that a recording does not have."""
        scale = self.scales[letter]
        pairs = list(zip(scale.channels, scale.units))
        return sum(not channels.sides(recording, [c], [u]) for c, u in pairs) / len(pairs)

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
        side: str = "",
        mass: float | None = None,
    ) -> Prediction:
        """The other modality of a recording.

        Args:
            recording: Angles, moments or forces of walking, as `inputs` lists them.
            samples: Number of samples.
            seed: Seed of the samples.
            steps: Steps of the sampler; 0 for the model's own number.
            given: Name of the given modality; by default the one whose channels the recording has.
            strikes: Times of foot strikes in s; default: from events, vertical force, hip flexion
                or foot positions.
            fill_gaps: Bridge gaps of up to this many seconds.
            side: The leg to use where the recording has both, `right` (the default) or `left`; or
                `both`: the model is used for each, and the result covers the time that both have in
                common.
            mass: Body mass in kg, for inputs that are not per body mass; default: that in the
                metadata.

        Returns:
            Samples on the recording's own clock. Recordings of other laboratories are mapped to the
            model's names, signs and units, and what is written is mapped back. A recording of fewer
            strides than the model's window is continued by its last stride, which says less than
            further strides would.
        """
        if recording is None:
            raise ConfigError("a model of llma needs a recording")
        if samples < 1:
            raise ConfigError(f"samples must be 1 or more, not {samples}")
        if side == "both":
            if strikes is not None:
                raise ConfigError(
                    "strikes are those of one leg; for both, give events or no strikes"
                )
            options: dict[str, Any] = {"given": given, "fill_gaps": fill_gaps, "mass": mass}
            return both(
                lambda leg: self.generate(
                    recording, samples=samples, seed=seed, steps=steps, side=leg, **options
                )
            )
        letter = self._letter(given, recording)
        signal = self._signal(letter)
        matched = fitted(recording, signal, fill_gaps, side=side, mass=mass)
        source = matched.recording
        if self.per_stride:
            events = heel_strikes(recording, source, strikes, matched.side)
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
        clock = replace(recording, meta={**recording.meta, **matched.metadata})
        made = self._prediction(values, OTHER[letter], clock, events)
        return replace(made, inverse=matched.inverse, metadata=matched.metadata)

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
            return Prediction(
                np.stack([m.values for m in made]), made[0], self.calibrations.get(letter)
            )
        kept = np.arange(np.ceil(events[0]), np.floor(events[-1]) + 1)
        phase = np.interp(kept, events, np.arange(len(events)) * self.per_stride)
        place = np.clip(phase, 0, values.shape[1] - 1)
        left = np.minimum(place.astype(int), values.shape[1] - 2)
        weight = (place - left)[:, None]
        onto = values[:, left] * (1 - weight) + values[:, left + 1] * weight
        like = replace(clock, values=onto[0], start=source.start + kept[0] / source.rate)
        return Prediction(onto, like, self.calibrations.get(letter))

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
        kept = self.calibrations.get(OTHER[letter])
        return Program(draw, (wanted,), made, self.study, calibration=kept)


def _with_calibrations(trained: Trained) -> Trained:
    """The conformal factors of each modality, kept beside the checkpoints of a run, become part of
    the metadata.
    """
    kept = trained.path / CALIBRATION if trained.path and trained.path.is_dir() else None
    if kept is None or not kept.exists():
        return trained
    factors = json.loads(kept.read_text(encoding="utf-8"))
    return replace(trained, metadata={**trained.metadata, "calibrations": factors})


def heel_strikes(
    recording: Recording, source: Recording, strikes: Sequence[float] | None, side: str = ""
) -> np.ndarray:
    """Heel strikes as fractional sample numbers: as given, or from whatever in the recording tells
    them.

    Raises:
        DataError: If nothing tells them, or there are fewer than two.
    """
    own = side if side in ("right", "left") else ""
    try:
        times = found_strikes(source, own, strikes).times
    except DataError:
        if strikes is not None:
            raise
        times = found_strikes(recording, own).times
    return np.clip((times - source.start) * source.rate, 0, len(source) - 1)


def _padded(window: np.ndarray, length: int, stride: int) -> np.ndarray:
    """`[T, C]` continued to one of few lengths, so that files of different lengths share compiled
    programs.

    Strides are continued by the last one, time by its mirror image; what is generated there is cut
    off.
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
