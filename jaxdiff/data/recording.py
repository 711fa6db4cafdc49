"""A recording: signals that know their channel names, units and rate; what every file format reads and writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from jaxdiff.data import units as unit_table
from jaxdiff.data.resampling import bridged, resampled, smoothed
from jaxdiff.errors import DataError, nearest


class StampError(DataError):
    """A time stamp that does not fit; `sample` counts from 0."""

    def __init__(self, sample: int, what: str):
        super().__init__(f"sample {sample + 1}: {what}")
        self.sample, self.what = sample, what


class Gap(NamedTuple):
    """A run of missing samples (NaN) in one channel; `start` and `stop` are the times of its first and last, in s."""

    channel: str
    start: float
    stop: float


@dataclass(frozen=True)
class Recording:
    """`values` (T, C) with one name and one unit per channel, uniformly sampled at `rate` Hz from `start` seconds on.

    Missing samples are NaN. `meta` holds whatever else belongs to the recording as short texts (subject, task, side,
    source, ...). Every method returns a new recording.
    """

    values: np.ndarray
    channels: tuple[str, ...]
    units: tuple[str, ...]
    rate: float
    start: float = 0.0
    meta: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self):
        if (
            self.values.ndim != 2
            or self.values.shape[1] != len(self.channels)
            or len(self.units) != len(self.channels)
        ):
            raise DataError(
                f"a recording needs values (T, C) with C names and C units; got values {self.values.shape}, "
                f"{len(self.channels)} names, {len(self.units)} units"
            )
        if not 0 < self.rate < np.inf:
            raise DataError(f"a recording needs a positive rate in Hz; got {self.rate}")
        if len(set(self.channels)) < len(self.channels):
            twice = next(name for i, name in enumerate(self.channels) if name in self.channels[:i])
            raise DataError(f"the channel {twice!r} appears twice; names must be unique")

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
        """Samples with their time stamps (T,) in seconds.

        Uniform stamps (up to the rounding they were printed with) give the rate. Irregular ones are an error, unless
        the `rate` the recording shall have is given: then the samples are interpolated.
        """
        time, channels, units = np.asarray(time, np.float64), tuple(channels), tuple(units)
        absent = np.flatnonzero(~(np.abs(time) < 1e9))
        if len(absent):
            raise StampError(int(absent[0]), f"{time[absent[0]]} s is no usable time stamp")
        back = np.flatnonzero(np.diff(time) < 1e-9)
        if len(back):
            i = int(back[0]) + 1
            raise StampError(i, f"time does not increase: {time[i - 1]} s, then {time[i]} s")
        if len(time) < 2:
            if rate is None or not len(time):
                raise DataError(
                    f"{len(time)} sample(s) do not tell a rate; at least two are needed"
                )
            return cls(values, channels, units, float(rate), float(time[0]), dict(meta or {}))
        found = _uniform_rate(time)
        if found is None and rate is None:
            step = np.diff(time)
            usual = np.median(step)
            i = int(np.argmax(np.abs(step - usual))) + 1
            what = (
                f"time is not uniform: a step of {step[i - 1]:.6g} s among steps of {usual:.6g} s"
            )
            raise StampError(i, what + "; give the rate to resample to")
        if found is None:
            mean_rate = (len(time) - 1) / (time[-1] - time[0])
            even = time[0] + np.arange(len(time)) / mean_rate
            values = np.stack(
                [np.interp(even, time, channel) for channel in values.T], axis=1
            ).astype(values.dtype)
            found = mean_rate
        recording = cls(values, channels, units, float(found), float(time[0]), dict(meta or {}))
        return recording if rate is None else recording.resample(rate)

    @property
    def time(self) -> np.ndarray:
        """Time stamps in seconds, (T,)."""
        return self.start + np.arange(len(self.values)) / self.rate

    def select(self, channels: Sequence[str]) -> Recording:
        """The named channels, in the order asked for."""
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

    def join(self, other: Recording) -> Recording:
        """The channels of both; they must cover the same samples."""
        if (len(other.values), other.rate) != (len(self.values), self.rate):
            raise DataError(
                f"recordings of {len(self.values)} samples at {self.rate:g} Hz and {len(other.values)} samples at "
                f"{other.rate:g} Hz do not join; crop or resample one of them"
            )
        return replace(
            self,
            values=np.concatenate([self.values, other.values], axis=1),
            channels=self.channels + other.channels,
            units=self.units + other.units,
            meta={**other.meta, **self.meta},
        )

    def crop(self, start: float, stop: float) -> Recording:
        """The samples with start <= time < stop, in seconds."""
        inside = np.flatnonzero(
            (self.time >= start - 1e-6 / self.rate) & (self.time < stop - 1e-6 / self.rate)
        )
        if not len(inside):
            raise DataError(
                f"no samples between {start} and {stop} s; there are some from {self.start} s on"
            )
        return replace(
            self, values=self.values[inside[0] : inside[-1] + 1], start=float(self.time[inside[0]])
        )

    def convert(self, to: Mapping[str, str], mass: float | None = None) -> Recording:
        """Channels in the units named as keys, in the units named as values: `convert({"deg": "rad", "N": "BW"}, 70)`.

        `mass` (kg) is needed between N and BW, and between N m and N m/kg.
        """
        to = {unit_table.canonical(old): new for old, new in to.items()}
        units = [to.get(unit_table.canonical(unit), unit) for unit in self.units]
        factors = [unit_table.factor(old, new, mass) for old, new in zip(self.units, units)]
        return replace(
            self, values=self.values * np.asarray(factors, self.values.dtype), units=tuple(units)
        )

    def resample(self, rate: float) -> Recording:
        """The recording at another rate, with an anti-alias filter on the way down. Gaps stay gaps."""
        if rate == self.rate:
            return self
        if not 0 < rate <= 100 * self.rate:
            raise DataError(
                f"cannot resample {self.rate:g} Hz to {rate:g} Hz: not positive, or more than 100 times as fast"
            )
        return replace(self, values=resampled(self.values, self.rate, rate), rate=float(rate))

    def low_pass(self, cutoff: float) -> Recording:
        """Zero-phase low-pass filter at `cutoff` Hz; gaps are bridged for the filter and stay gaps."""
        if not 0 < cutoff < self.rate / 2:
            raise DataError(
                f"a low-pass at {cutoff:g} Hz needs a rate above {2 * cutoff:g} Hz; it is {self.rate:g} Hz"
            )
        smooth = smoothed(bridged(self.values), 2 * cutoff / self.rate)
        smooth[np.isnan(self.values)] = np.nan
        return replace(self, values=smooth)

    def envelope(self, cutoff: float = 6.0, high_pass: float = 20.0) -> Recording:
        """Linear envelope of raw EMG: high-pass, rectify, low-pass."""
        drift = self.low_pass(high_pass).values
        return replace(self, values=np.abs(self.values - drift)).low_pass(cutoff)

    def gaps(self) -> tuple[Gap, ...]:
        """Every run of missing samples, channel by channel."""
        time, found = self.time, []
        for name, missing in zip(self.channels, np.isnan(self.values).T):
            edges = np.flatnonzero(np.diff(np.concatenate([[False], missing, [False]])))
            found += [
                Gap(name, float(time[a]), float(time[b - 1]))
                for a, b in zip(edges[::2], edges[1::2])
            ]
        return tuple(found)

    def fill_gaps(self, longest: float) -> Recording:
        """Gaps of up to `longest` seconds bridged by a straight line; longer ones and those at the ends stay."""
        values, straight = np.array(self.values), bridged(self.values)
        for channel, line in zip(values.T, straight.T):
            edges = np.flatnonzero(np.diff(np.concatenate([[False], np.isnan(channel), [False]])))
            for a, b in zip(edges[::2], edges[1::2]):
                if a > 0 and b < len(channel) and (b - a) / self.rate <= longest + 1e-9:
                    channel[a:b] = line[a:b]
        return replace(self, values=values)


def _uniform_rate(time: np.ndarray) -> float | None:
    """The rate of uniform time stamps, as the roundest number that explains them; None if they are not uniform."""
    index, step = np.arange(len(time)), (time[-1] - time[0]) / (len(time) - 1)
    decimals = next((d for d in range(10) if np.array_equal(np.round(time, d), time)), None)
    rounding = 0.0 if decimals is None else 10.0**-decimals
    residual = np.abs(time - time[0] - index * step).max()
    if residual > min(max(0.05 * step, rounding), 0.25 * step):
        return None
    # Stamps printed with few decimals leave room for a round rate; exact ones do not.
    tolerance = min(rounding, 3 * residual) + 1e-10 * step + 4 * np.spacing(np.abs(time).max())
    for digits in range(-1, 10):
        rate = round(1 / step, digits)
        if rate > 0 and np.abs(time - time[0] - index / rate).max() <= tolerance:
            return rate
    return float(1 / step)
