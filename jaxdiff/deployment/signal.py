"""What a program or a model takes and gives, and the only place where recordings are checked
against it.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from jaxdiff.data.channels import Matched, match
from jaxdiff.data.recording import Recording
from jaxdiff.data.units import canonical, factor, quantity
from jaxdiff.deployment import window
from jaxdiff.errors import DataError, DataWarning, counted, nearest


class Signal(NamedTuple):
    """One input or output, without its batch axis.

    Attributes:
        name: What it is called in Python, on the command line and in an exported artefact.
        channels: Channel names; empty for single values and texts.
        units: One unit per channel, or the unit of a single value.
        rate: Samples per second; 0 where time is counted in strides or there is none.
        length: Samples in the window the network was trained on; 0 for single values.
        optional: Whether it may be left out.
        strides: Strides in a window of `length` samples; 0 where the window is a piece of time.
        phase: The event at which a window of strides begins, such as `"foot strike"`.
        shape: Shape of the array; None stands for `(length, len(channels))`.
        example: An array of its type that broadcasts to its shape.
        centre: Mean of each channel in training; empty where it is not known.
        deviation: Deviation of each channel about it.
        partial: Whether any of the channels are enough.
    """

    name: str
    channels: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    rate: float = 0.0
    length: int = 0
    optional: bool = False
    strides: int = 0
    phase: str = ""
    shape: tuple[int, ...] | None = None
    example: np.ndarray = np.zeros((), np.float32)
    centre: tuple[float, ...] = ()
    deviation: tuple[float, ...] = ()
    partial: bool = False

    @property
    def array_shape(self) -> tuple[int, ...]:
        """Shape of one example of the array."""
        if self.shape is not None:
            return self.shape
        return (self.length, len(self.channels)) if self.length else ()

    def described(self) -> dict[str, Any]:
        """The signal as JSON values; what does not apply to it is left out."""
        kinds = ["position" if (q := quantity(u)) == "length" else q for u in self.units]
        parts = {
            "name": self.name,
            "shape": list(self.array_shape),
            "dtype": str(self.example.dtype),
            "channels": list(self.channels),
            "units": list(self.units),
            "rate": self.rate,
            "strides": self.strides,
            "phase": self.phase,
            "centre": [float(f"{x:.6g}") for x in self.centre],
            "deviation": [float(f"{x:.6g}") for x in self.deviation],
            "quantities": kinds if self.deviation else [],
        }
        needed = ("name", "shape", "channels")
        return {name: value for name, value in parts.items() if value or name in needed}

    def unusual(self, values: np.ndarray) -> list[str]:
        """Sentences about values [..., C] far outside those of training, with the wrong units that
        would explain them.
        """
        return window.warnings(self.described(), values)

    def __str__(self) -> str:
        parts = [self.name]
        if self.channels:
            pairs = [f"{c} [{u}]" for c, u in zip(self.channels, self.units)]
            parts.append(
                ", ".join(pairs if len(pairs) <= 8 else [*pairs[:4], f"... {len(pairs)} channels"])
            )
        elif self.units:
            parts.append(f"[{self.units[0]}]")
        if self.strides:
            parts.append(
                f"{self.strides} stride{'s' * (self.strides > 1)} from {self.phase or 'an event'},"
                f" {self.length} samples"
            )
        elif self.rate and self.length:
            parts.append(f"{self.length / self.rate:g} s at {self.rate:g} Hz")
        if self.optional:
            parts.append("optional")
        return "; ".join(parts)


def fitted(
    recording: Recording,
    signal: Signal,
    longest_gap: float = 0.0,
    *,
    side: str = "",
    mass: float | None = None,
    rename: Mapping[str, str] | None = None,
) -> Matched:
    """The channels of a signal from a recording, in the signal's names, signs, units and order,
    without gaps.

    Args:
        recording: Any recording that has the signals of the body, under the names of any known
            convention.
        signal: What the model takes.
        longest_gap: Gaps of up to this many seconds are bridged by a straight line.
        side: The leg to use, where the signal is of one leg.
        mass: Body mass in kg, where a unit is per body mass; default: that in the metadata.
        rename: `{recording's name: signal's name}` for channels that no convention knows.

    Returns:
        The match: a recording with exactly the signal's channels and units at its own rate, and the
            way back. Values far
        outside those of training give a warning that names channel and amount.

    Raises:
        DataError: If a channel is missing, a unit is implausible or cannot be converted, or a gap
            remains.
    """
    found = match(recording, signal.channels, signal.units, side=side, mass=mass, rename=rename)
    chosen = found.recording
    if longest_gap:
        chosen = chosen.fill_gaps(longest_gap)
    if gaps := chosen.gaps():
        first = gaps[0]
        raise DataError(
            f"{counted(len(gaps), 'gap')}, the first in {first.channel} from {first.start:g} to {first.stop:g}"
            " s; bridge them (fill_gaps=SECONDS, --fill-gaps SECONDS) or crop the recording"
        )
    for unusual in signal.unusual(chosen.values):
        warnings.warn(unusual, DataWarning, stacklevel=3)
    return replace(found, recording=chosen)


def columns(
    signal: Signal, channels: Sequence[str], units: Sequence[str]
) -> tuple[list[int], np.ndarray]:
    """Where a signal's channels are among others, and the factors into its units.

    Args:
        signal: What the model takes.
        channels: Channel names that are there.
        units: Their units; an empty one is taken to be the signal's.

    Returns:
        Column numbers and factors, one per channel of the signal.

    Raises:
        DataError: If a channel is missing or a unit is of another kind.
    """
    for name in signal.channels:
        if name not in channels:
            raise DataError(
                f"the input has no channel {name!r}; {nearest(name, channels)}. The model takes "
                f"{', '.join(signal.channels)}"
            )
    place = [list(channels).index(name) for name in signal.channels]
    factors = [
        factor(units[i], wanted) if units[i] and canonical(units[i]) != canonical(wanted) else 1.0
        for i, wanted in zip(place, signal.units)
    ]
    return place, np.array(factors)


def long_enough(samples: int, signal: Signal) -> None:
    """Raise a `DataError` if there are fewer samples than the signal's window has."""
    if samples < signal.length:
        per = signal.length // signal.strides if signal.strides else 0
        have, need = (
            (f"{samples // per} strides", f"{signal.strides} strides")
            if per
            else (
                f"{samples} samples",
                f"{signal.length} samples ({signal.length / signal.rate:g} s)",
            )
        )
        raise DataError(f"the recording is too short: it has {have}, the model needs {need}")


def at_rate(recording: Recording, signal: Signal, resample: bool) -> Recording:
    """The recording at the signal's rate; another one is an error unless `resample` is set."""
    if not signal.rate or abs(recording.rate - signal.rate) <= 1e-6 * signal.rate:
        return recording
    if not resample:
        raise DataError(
            f"the recording has {recording.rate:g} Hz, the model {signal.rate:g} Hz; resample it,"
            " or allow it (resample=True, --resample)"
        )
    return recording.resample(signal.rate)
