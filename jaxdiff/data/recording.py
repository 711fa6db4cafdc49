"""Recordings: multichannel signals with channel names, units, a rate, events and metadata.

Every file format is read into a `Recording` and written from one::

    walk = jaxdiff.read("walk.mot")
    knee = walk[2.0:8.0].select(["knee_angle_r"]).convert({"deg": "rad"})
    strides = walk.cycles("right")            # one recording per stride, from the events or from the signals
    walk.rename({"Fz": "grf_normal"}).write("walk.csv")
    frame = walk.to_pandas()
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from jaxdiff.data import conversion, timestamps
from jaxdiff.data import units as unit_table
from jaxdiff.data.gaps import Gap, bridged, filled, runs
from jaxdiff.data.resampling import resampled, smoothed
from jaxdiff.errors import DataError, nearest

if TYPE_CHECKING:
    import pandas

SIDES = ("right", "left")


class Event(NamedTuple):
    """Something that happened at one instant, such as a foot strike."""

    time: float
    """Seconds, on the time axis of the recording."""
    label: str
    """`foot_strike`, `foot_off`, or any other text."""
    side: str = ""
    """`right`, `left`, or empty."""


@dataclass(frozen=True, repr=False)
class Recording:
    """A uniformly sampled multichannel signal. Every method returns a new recording.

    Args:
        values: Samples [T, C]; missing ones are NaN.
        channels: One unique name per channel.
        units: One unit per channel; empty where it is unknown.
        rate: Samples per second.
        start: Time of the first sample in seconds.
        meta: Short texts that belong to the recording: subject, task, side, mass, source, ...
        events: Foot strikes and other instants, sorted by time.

    Raises:
        DataError: If shapes, names, units, rate or events do not fit together.

    Examples:
        >>> walk = Recording(np.arange(400.0).reshape(200, 2), ("hip", "knee"), ("deg", "deg"), 100.0)
        >>> walk[0.5:1.0].select(["knee"])
        Recording(50 samples of 1 channels at 100 Hz, 0.5 to 0.99 s: knee (deg))
    """

    values: np.ndarray
    channels: tuple[str, ...]
    units: tuple[str, ...]
    rate: float
    start: float = 0.0
    meta: Mapping[str, str] = field(default_factory=dict)
    events: tuple[Event, ...] = ()

    def __post_init__(self):
        if (
            self.values.ndim != 2
            or self.values.shape[1] != len(self.channels)
            or len(self.units) != len(self.channels)
        ):
            raise DataError(
                "a recording needs values (T, C) with C names and C units; got values"
                f" {self.values.shape}, {len(self.channels)} names, {len(self.units)} units"
            )
        if not 0 < self.rate < np.inf:
            raise DataError(f"a recording needs a positive rate in Hz; got {self.rate}")
        if len(set(self.channels)) < len(self.channels):
            twice = next(name for i, name in enumerate(self.channels) if name in self.channels[:i])
            raise DataError(f"the channel {twice!r} appears twice; names must be unique")
        events = tuple(sorted(Event(*event) for event in self.events))
        if wrong := [event for event in events if not np.isfinite(event.time)]:
            raise DataError(f"the event {wrong[0].label!r} has no finite time: {wrong[0].time}")
        object.__setattr__(self, "events", events)

    def __repr__(self) -> str:
        shown = [f"{n} ({u})" if u else n for n, u in zip(self.channels[:6], self.units)]
        more = f", and {len(self.channels) - 6} more" if len(self.channels) > 6 else ""
        end = self.start + max(len(self.values) - 1, 0) / self.rate
        events = f"; {len(self.events)} events" if self.events else ""
        return (
            f"Recording({len(self.values)} samples of {len(self.channels)} channels at"
            f" {self.rate:g} Hz, {self.start:g} to {end:g} s: {', '.join(shown)}{more}{events})"
        )

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, which: slice | str) -> Any:
        """`recording[1.0:3.5]` is the part between two times in seconds;
        `recording["knee_angle_r"]` its samples [T].
        """
        if isinstance(which, str):
            return self.select([which]).values[:, 0]
        if not isinstance(which, slice) or which.step is not None:
            raise DataError(
                "a recording is indexed by a channel name or by seconds, as in recording[1.0:3.5];"
                f" got {which!r}"
            )
        start = self.start if which.start is None else float(which.start)
        return self.crop(start, np.inf if which.stop is None else float(which.stop))

    @classmethod
    def from_times(
        cls,
        time: np.ndarray,
        values: np.ndarray,
        channels: Sequence[str],
        units: Sequence[str],
        rate: float | None = None,
        meta: Mapping[str, str] | None = None,
    ) -> Recording:
        """A recording from samples with time stamps.

        Uniform stamps (up to the rounding they were printed with) determine the rate. Irregular
        stamps are an error unless `rate` is given: the samples are then interpolated.

        Args:
            time: Time stamps [T] in seconds.
            values: Samples [T, C].
            channels: Channel names.
            units: Units.
            rate: Rate of the result in Hz; None keeps the rate of the stamps.
            meta: Metadata.

        Returns:
            The recording.

        Raises:
            StampError: If a stamp is missing, out of order or, without `rate`, not uniform.
        """
        time, values = np.asarray(time, np.float64), np.asarray(values)
        channels, units = tuple(channels), tuple(units)
        timestamps.check_order(time)
        if len(time) < 2:
            if rate is None or not len(time):
                raise DataError(
                    f"a rate cannot be determined from {len(time)} sample(s); at least two are"
                    " needed"
                )
            return cls(values, channels, units, float(rate), float(time[0]), dict(meta or {}))
        values, found = timestamps.evenly_sampled(time, values, irregular=rate is not None)
        recording = cls(values, channels, units, float(found), float(time[0]), dict(meta or {}))
        return recording if rate is None else recording.resample(rate)

    @property
    def time(self) -> np.ndarray:
        """Time stamps in seconds, (T,)."""
        return self.start + np.arange(len(self.values)) / self.rate

    def select(self, channels: Sequence[str]) -> Recording:
        """The named channels, in the given order.

        Args:
            channels: Their names.

        Returns:
            The recording with these channels alone.
        """
        for name in channels:
            if name not in self.channels:
                raise DataError(
                    f"no channel {name!r} in this recording; {nearest(name, self.channels)}"
                )
        index = [self.channels.index(name) for name in channels]
        return replace(
            self,
            values=self.values[:, index],
            channels=tuple(channels),
            units=tuple(self.units[i] for i in index),
        )

    def rename(self, names: Mapping[str, str]) -> Recording:
        """The recording with channels renamed, `{old: new}`.

        Args:
            names: New name by old name; others stay.

        Returns:
            The renamed recording.

        Raises:
            DataError: If a channel is absent or two channels would have the same name.
        """
        for old in names:
            if old not in self.channels:
                raise DataError(f"no channel {old!r} to rename; {nearest(old, self.channels)}")
        return replace(self, channels=tuple(names.get(name, name) for name in self.channels))

    def join(self, other: Recording) -> Recording:
        """The channels of both; they must cover the same samples.

        Args:
            other: A recording of the same samples.

        Returns:
            The recording with the channels of both.
        """
        if (len(other.values), other.rate) != (len(self.values), self.rate):
            raise DataError(
                f"recordings of {len(self.values)} samples at {self.rate:g} Hz and"
                f" {len(other.values)} samples at {other.rate:g} Hz do not join; crop or resample"
                " one of them"
            )
        return replace(
            self,
            values=np.concatenate([self.values, other.values], axis=1),
            channels=self.channels + other.channels,
            units=self.units + other.units,
            meta={**other.meta, **self.meta},
            events=tuple(dict.fromkeys((*self.events, *other.events))),
        )

    def crop(self, start: float, stop: float) -> Recording:
        """The samples and events with start <= time < stop, in seconds.

        Args:
            start: Seconds.
            stop: Seconds.

        Returns:
            The part, with its own start and events.
        """
        inside = np.flatnonzero(
            (self.time >= start - 1e-6 / self.rate) & (self.time < stop - 1e-6 / self.rate)
        )
        if not len(inside):
            raise DataError(
                f"no samples between {start} and {stop} s; the recording covers {self.start:g} to "
                f"{self.start + max(len(self.values) - 1, 0) / self.rate:g} s"
            )
        margin = 1e-6 / self.rate
        return replace(
            self,
            values=self.values[inside[0] : inside[-1] + 1],
            start=float(self.time[inside[0]]),
            events=tuple(e for e in self.events if start - margin <= e.time < stop - margin),
        )

    def convert(self, to: Mapping[str, str], mass: float | None = None) -> Recording:
        """The recording in other units, `{old unit: new unit}`.

        Args:
            to: New unit of every channel that has the old one, such as `{"deg": "rad", "N": "BW"}`.
            mass: Body mass in kg; needed between N and BW and between N m and N m/kg.

        Returns:
            The converted recording; channels in other units are unchanged.

        Raises:
            DataError: If the units measure different quantities or the mass is missing.
        """
        to = {unit_table.canonical(old): new for old, new in to.items()}
        units = [to.get(unit_table.canonical(unit), unit) for unit in self.units]
        factors = [unit_table.factor(old, new, mass) for old, new in zip(self.units, units)]
        return replace(
            self, values=self.values * np.asarray(factors, self.values.dtype), units=tuple(units)
        )

    def resample(self, rate: float) -> Recording:
        """The recording at another rate in Hz, with an anti-alias filter when the rate decreases.
        Gaps stay gaps.

        Args:
            rate: Hz.

        Returns:
            The recording at that rate.

        Raises:
            DataError: If the rate is not between 1/1000 and 100 times the present one.
        """
        if rate == self.rate:
            return self
        if not self.rate / 1000 <= rate <= 100 * self.rate:
            raise DataError(
                f"cannot resample from {self.rate:g} Hz to {rate:g} Hz; the new rate must be"
                " between 1/1000 and 100 times the old one"
            )
        return replace(self, values=resampled(self.values, self.rate, rate), rate=float(rate))

    def low_pass(self, cutoff: float) -> Recording:
        """Zero-phase low-pass filter at `cutoff` Hz; gaps are bridged for the filter and stay gaps.

        Args:
            cutoff: Hz, below half the rate.

        Returns:
            The filtered recording.
        """
        if not 0 < cutoff < self.rate / 2:
            raise DataError(
                f"a low-pass at {cutoff:g} Hz needs a rate above {2 * cutoff:g} Hz; it is"
                f" {self.rate:g} Hz"
            )
        smooth = smoothed(bridged(self.values), 2 * cutoff / self.rate)
        smooth[np.isnan(self.values)] = np.nan
        return replace(self, values=smooth)

    def envelope(self, cutoff: float = 6.0, high_pass: float = 20.0) -> Recording:
        """Linear envelope of raw EMG: high-pass, rectify, low-pass.

        Args:
            cutoff: Of the low-pass, Hz.
            high_pass: Of the high-pass, Hz.

        Returns:
            The envelopes, at the same rate.
        """
        drift = self.low_pass(high_pass).values
        return replace(self, values=np.abs(self.values - drift)).low_pass(cutoff)

    def gaps(self) -> tuple[Gap, ...]:
        """Every run of missing samples, channel by channel.

        Returns:
            Channel, first and last missing moment of each.
        """
        time = self.time
        return tuple(
            Gap(name, float(time[a]), float(time[b - 1]))
            for name, missing in zip(self.channels, np.isnan(self.values).T)
            for a, b in runs(missing)
        )

    def fill_gaps(self, longest: float) -> Recording:
        """Gaps of up to `longest` seconds bridged by a straight line; longer ones and those at the
        ends stay.

        Args:
            longest: Seconds.

        Returns:
            The recording with fewer gaps.
        """
        return replace(self, values=filled(self.values, (longest + 1e-9) * self.rate))

    def cycles(self, side: str = "") -> list[Recording]:
        """The strides of one leg, each from a foot strike up to the next.

        Args:
            side: `right` or `left`; empty: the right leg if its strikes are known, else the left
                one.

        Returns:
            One recording per stride. Strikes come from the events; without events they are detected
            in vertical force, hip flexion or foot positions (`jaxdiff.data.strides`).

        Raises:
            DataError: If fewer than two foot strikes are found.
        """
        from jaxdiff.data.strides import strikes

        times = strikes(self, side).times
        return [self.crop(a, b) for a, b in zip(times[:-1], times[1:])]

    def to_pandas(self) -> pandas.DataFrame:
        """A pandas DataFrame indexed by time; rate, units, metadata and events are in its `attrs`.

        Returns:
            A frame with the time as its index.

        Raises:
            MissingExtra: If pandas is not installed.
        """
        return conversion.to_pandas(self)

    @classmethod
    def from_pandas(
        cls,
        frame: pandas.DataFrame,
        units: Mapping[str, str] | None = None,
        rate: float | None = None,
    ) -> Recording:
        """A recording from a DataFrame whose index, or column `time`, holds seconds.

        Args:
            frame: Numeric columns, one per channel.
            units: Unit of each column; default: those in `frame.attrs`, else unknown.
            rate: Rate in Hz to resample to; needed where there is no time.

        Returns:
            The recording, with the metadata and events in `frame.attrs` if there are any.
        """
        return conversion.from_pandas(frame, units, rate)

    def plot(self, channels: Sequence[str] = (), axes: Any = None) -> Any:
        """Plots channels over time, one panel per unit, with events as vertical lines.

        Args:
            channels: Channels to draw; empty: all.
            axes: Matplotlib axes to draw into, one per unit; default: a new figure.

        Returns:
            The matplotlib figure.

        Raises:
            MissingExtra: If matplotlib is not installed.
        """
        return conversion.plot(self, channels, axes)

    def write(self, path: str | os.PathLike) -> None:
        """Writes the recording in the format that the extension of `path` names.

        Args:
            path: The file; its extension names the format.
        """
        from jaxdiff.data.formats import write

        write(path, self)
