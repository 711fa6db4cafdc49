"""The gait model as a user calls it: a recording of any signals of walking in, all others out."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from jaxdiff.data import channels
from jaxdiff.data import units as unit_table
from jaxdiff.data.recording import Event, Recording
from jaxdiff.deployment.program import Program
from jaxdiff.deployment.signal import Signal
from jaxdiff.errors import ConfigError, DataError, DataWarning, nearest
from jaxdiff.models.calibration import Calibration
from jaxdiff.models.model import Model
from jaxdiff.models.prediction import Prediction
from jaxdiff.models.trained import Trained
from jaxdiff.studies.gait import evaluation, subsets, trust
from jaxdiff.studies.gait.imputation import Imputer
from jaxdiff.studies.gait.program import program
from jaxdiff.studies.gait.recordings import Given, back, events_of, on_clock, read_strides

RATE = 100.0
"""Hz of generated gait without a recording."""
GROUPS = {
    "angles": ("angles", "deg"),
    "moments": ("moments", "N m/kg"),
    "forces": ("grf", "N/kg"),
    "cop": ("grf", "m"),
    "emg": ("emg", "1"),
    "imu": ("imu", ""),
}
"""What `outputs` may name -> modality and unit of its channels."""
FIRST = ("moments", "forces")
"""Outputs unless others are named or these are given already."""


class GaitModel(Model):
    """Any subset of angles, moments, ground reactions, EMG and IMU signals in; the rest out."""

    def __init__(self, trained: Trained):
        super().__init__(trained)
        self.imputer = Imputer.of(trained.params, trained.metadata)
        self.layout = self.imputer.law.layout
        kept = trained.metadata.get("calibrations", {})
        self.calibrations = {name: Calibration.from_json(values) for name, values in kept.items()}
        self.subsets = {**subsets.TYPICAL, **trained.metadata.get("subsets", {})}
        law = self.imputer.law
        self.inputs = self.outputs = tuple(
            Signal(
                part.name,
                part.channels,
                part.units,
                length=part.steps if part.steps > 1 else 0,
                optional=True,
                strides=int(part.steps > 1),
                phase="foot strike" if part.steps > 1 else "",
                centre=tuple((law.mean[part.name] * law.scale[part.name]).mean(0).tolist()),
                deviation=tuple(law.scale[part.name].tolist()),
                partial=True,
            )
            for part in self.layout
        )

    def generate(
        self,
        recording: Recording | None = None,
        *,
        samples: int = 32,
        seed: int = 0,
        steps: int = 0,
        outputs: Sequence[str] = (),
        mass: float = math.nan,
        stature: float = math.nan,
        speed: float = math.nan,
        slope: float = math.nan,
        strikes: Sequence[float] | None = None,
        side: str = "",
        rename: Mapping[str, str] | None = None,
        strides: int = 4,
    ) -> Prediction:
        """Generate the signals that a recording lacks.

        Args:
            recording: Walking of one stride or more, with any of the model's channels under any
                laboratory's names; gaps are filled. None: gait from the scalars alone.
            samples: Number of samples.
            seed: Seed of the samples.
            steps: Steps of the sampler; 0 for the model's own number.
            outputs: Any of angles, moments, forces, cop, emg, imu; default: moments and forces, or
                angles where those are given.
            mass: Body mass in kg; default: the metadata, or the mean vertical force of both feet.
            stature: Body height in m, if known.
            speed: Walking speed in m/s, if known.
            slope: Slope in degrees, uphill positive, if known.
            strikes: Times of foot strikes in s; default: from events, vertical force, hip flexion
                or feet.
            side: The leg the strikes belong to; default: the right one if its strikes are found.
            rename: `{recording's name: model's name}` for channels that are not recognised.
            strides: Number of strides to generate without a recording.

        Returns:
            Samples on the recording's clock, from its first foot strike to its last, in its
            conventions.

        Raises:
            DataError: If nothing in the recording is known to the model.
            ConfigError: If an output is unknown.
        """
        if samples < 1:
            raise ConfigError(f"samples must be 1 or more, not {samples}")
        scalars = {"mass": mass, "stature": stature, "speed": speed, "slope": slope}
        if recording is None:
            return self._free(samples, seed, steps, outputs, scalars, strides)
        given = read_strides(
            recording, self.layout, times=strikes, side=side, scalars=scalars, rename=rename
        )
        for signal in self.inputs:
            if signal.strides and signal.name in given.values:
                mask = given.masks[signal.name] > 0
                for text in signal.unusual(np.where(mask, given.values[signal.name], np.nan)):
                    warnings.warn(text, DataWarning, stacklevel=2)
        columns = self._columns(outputs, given)
        wanted = sorted({name for name, _ in columns} | {"events"})
        drawn = self._draw(given, samples, seed, steps, wanted)
        clock = recording.time
        clock = clock[(clock >= given.times[0] - 1e-9) & (clock <= given.times[-1] + 1e-9)]
        timed = {
            name: on_clock(drawn[name], given.times, clock)
            for name in {name for name, _ in columns}
        }
        values = np.stack([timed[name][..., i] for name, i in columns], axis=-1)
        names, own_units = self._names(columns)
        values, shown, units = back(values, names, own_units, given)
        notes = trust.warnings(recording, self.trained.metadata)
        meta = {k: v for k, v in recording.meta.items() if k != "side"}
        if notes:
            meta["intervals"] = "; ".join(notes)
        like = replace(
            recording,
            values=values[0],
            channels=shown,
            units=units,
            start=float(clock[0]),
            meta=meta,
            events=self._events(recording, given, drawn),
        )
        return Prediction(
            values.astype(np.float32),
            like,
            self._calibration(given.masks, columns, shown),
            metadata={**given.notes, "warnings": notes},
        )

    def _events(
        self, recording: Recording, given: Given, drawn: Mapping[str, np.ndarray]
    ) -> tuple[Event, ...]:
        """Foot strikes and foot offs: the recording's own, completed by the generated ones."""
        names = next((p.channels for p in self.layout if p.name == "events"), ())
        if not names:
            return recording.events
        made = events_of(np.median(drawn["events"], axis=0)[:, 0], names, given.times, given.side)
        inside = [
            e for e in recording.events if given.times[0] <= e.time + 1e-6 <= given.times[-1] + 2e-6
        ]
        known = {(event.label, event.side) for event in inside}
        made = [event for event in made if (event.label, event.side) not in known]
        return tuple(sorted([*inside, *made]))

    def _free(
        self,
        samples: int,
        seed: int,
        steps: int,
        outputs: Sequence[str],
        scalars: Mapping[str, float],
        count: int,
    ) -> Prediction:
        """Gait from scalars alone: each sample is a person who walks `count` like strides."""
        values, masks = {}, {}
        for part in self.layout:
            x = np.full((1, part.steps, len(part.channels)), np.nan)
            if part.name == "scalars":
                x[0, 0] = [scalars.get(channel, np.nan) for channel in part.channels]
            masks[part.name] = np.isfinite(x)
            values[part.name] = np.nan_to_num(x).astype(np.float32)
        given = Given(values, masks, np.array([0.0, 1.0]), "right", _no_inverse())
        columns = self._columns(outputs or ("angles", "moments", "forces"), given)
        wanted = sorted({name for name, _ in columns} | {"scalars", "events"})
        drawn = self._draw(given, samples, seed, steps, wanted)
        place = next(p for p in self.layout if p.name == "scalars").channels.index("stride_time")
        duration = float(np.median(drawn["scalars"][:, 0, 0, place]))
        times = duration * np.arange(count + 1)
        clock = np.arange(0, times[-1], 1 / RATE)
        made = np.concatenate([drawn[name][..., [i]] for name, i in columns], axis=-1)
        made = on_clock(np.repeat(made, count, axis=1), times, clock)
        names, own_units = self._names(columns)
        given = replace(given, times=times)
        like = Recording(made[0], names, own_units, RATE)
        like = replace(like, events=self._events(like, given, drawn))
        calibration = self._calibration(masks, columns, names)
        return Prediction(made.astype(np.float32), like, calibration)

    def _draw(
        self, given: Given, samples: int, seed: int, steps: int, names: Sequence[str]
    ) -> dict[str, np.ndarray]:
        """Samples [S, N, steps, C] per modality; strides with the same gaps are drawn together."""
        count = len(given)
        flat = np.concatenate([given.masks[p.name].reshape(count, -1) for p in self.layout], axis=1)
        _, kind = np.unique(flat, axis=0, return_inverse=True)
        found: dict[str, np.ndarray] = {}
        for number in np.unique(kind):
            rows = np.flatnonzero(kind.ravel() == number)
            values = {name: x[rows] for name, x in given.values.items()}
            masks = {name: x[rows[0]] for name, x in given.masks.items()}
            drawn = self.imputer.draw(values, masks, samples, seed, steps, names)
            for name, x in drawn.items():
                found.setdefault(name, np.zeros((samples, count, *x.shape[2:]), np.float32))
                found[name][:, rows] = x
        return found

    def _columns(self, outputs: Sequence[str], given: Given) -> list[tuple[str, int]]:
        """Modality and number of every channel to return: of the named groups, those not given
        throughout.
        """
        if isinstance(outputs, str):
            outputs = (outputs,)
        for name in outputs:
            if name not in GROUPS:
                raise ConfigError(f"the gait model has no output {name!r}; {nearest(name, GROUPS)}")

        def open_channels(group: str) -> list[tuple[str, int]]:
            modality, unit = GROUPS[group]
            part = next((p for p in self.layout if p.name == modality), None)
            if part is None:
                return []
            return [
                (modality, i)
                for i, own in enumerate(part.units)
                if (not unit or unit_table.canonical(own) == unit)
                and not given.masks[modality][..., i].all()
            ]

        if outputs:
            found = [column for group in outputs for column in open_channels(group)]
            if not found:
                raise DataError(
                    f"the recording has all of {', '.join(outputs)}; nothing to generate"
                )
            return found
        found = [column for group in FIRST for column in open_channels(group)]
        if not found:
            found = open_channels("angles") or open_channels("emg") or open_channels("imu")
        if not found:
            raise DataError("the recording has every signal of the model; nothing to generate")
        return found

    def _names(self, columns: Sequence[tuple[str, int]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        parts = {part.name: part for part in self.layout}
        return (
            tuple(parts[name].channels[i] for name, i in columns),
            tuple(parts[name].units[i] for name, i in columns),
        )

    def _calibration(
        self,
        masks: Mapping[str, np.ndarray],
        columns: Sequence[tuple[str, int]],
        shown: Sequence[str],
    ) -> Calibration | None:
        """Factors of the typical subset most like what is given, under the names that are shown."""
        if not self.calibrations:
            return None
        mean = {name: x.mean(0) > 0.5 for name, x in masks.items()}
        known = {name: self.subsets[name] for name in self.calibrations}
        subset = evaluation.nearest_subset(self.layout, mean, known)
        kept = self.calibrations[subset]
        parts = {part.name: part for part in self.layout}
        place = {name: column for column, name in enumerate(kept.channels)}
        scales = np.ones((len(kept.levels), len(columns)))
        for column, (name, i) in enumerate(columns):
            channel = place.get(f"{name}/{parts[name].channels[i]}")
            scales[:, column] = (
                kept.scales.max(axis=1, initial=1.0) if channel is None else kept.scales[:, channel]
            )
        return Calibration(tuple(shown), kept.levels, scales, kept.subjects)

    def program(
        self,
        *,
        steps: int = 0,
        given: str = "angles",
        outputs: Sequence[str] = (),
        mass: float = math.nan,
        stature: float = math.nan,
        speed: float = math.nan,
        slope: float = math.nan,
    ) -> Program:
        """One stride of fixed channels in, the others out.

        Args:
            steps: Steps of the sampler; 0 for the model's own number.
            given: A modality, a typical subset such as `"sagittal angles"`, or channels joined by
                commas.
            outputs: As for `generate`.
            mass: Body mass in kg, stature in m, speed in m/s, slope in degrees: constants of the
                program, if known.
            stature: See `mass`.
            speed: See `mass`.
            slope: See `mass`.
        """
        masks = self._masks(given)
        scalars = {"mass": mass, "stature": stature, "speed": speed, "slope": slope}
        known = Given({}, masks, np.zeros(2), "right", _no_inverse())
        columns = self._columns(outputs, known)
        names, _ = self._names(columns)
        calibration = self._calibration({n: x[None] for n, x in masks.items()}, columns, names)
        return program(self.imputer, masks, columns, scalars, steps, calibration)

    def given(self, source: Recording | Sequence[str]) -> dict[str, Any]:
        """The known ones of a source's channels: of a recording under any laboratory's names."""
        waves = [part for part in self.layout if part.steps > 1]
        known = [pair for part in waves for pair in zip(part.channels, part.units)]
        if isinstance(source, Recording):
            found = [name for name, unit in known if channels.sides(source, [name], [unit])]
        else:
            found = [name for name, _ in known if name in source]
        return {"given": ",".join(found)} if found else {}

    def _masks(self, given: str) -> dict[str, np.ndarray]:
        """Masks [steps, C] per modality of what `program` takes."""
        waves = [part for part in self.layout if part.steps > 1]
        modalities = {part.name: (f"{part.name}/*",) for part in waves}
        named = {**self.subsets, **modalities}
        known = {channel for part in waves for channel in part.channels}
        words = [word.strip() for word in given.split(",")]
        patterns = named.get(given, tuple(f"*/{word}" for word in words))
        for word in () if given in named else words:
            if word not in known:
                raise DataError(
                    f"the gait model has no signal {word!r};"
                    f" {nearest(word, known | set(named), 0.7)}"
                )
        return subsets.masks(self.layout, patterns)

    def adapt(self, data: Any, *, seed: int = 0) -> GaitModel:
        """A model whose law and intervals are adapted to a laboratory's people.

        Args:
            data: The recipe of their recordings, or `Strides`; see `studies.gait.adaptation`.
            seed: Seed of the samples by which candidates are compared.
        """
        from jaxdiff.studies.gait.adaptation import adapted

        return GaitModel(adapted(self.trained, data, seed))


def _no_inverse() -> Any:
    from jaxdiff.data.channels import Inverse

    return Inverse()
