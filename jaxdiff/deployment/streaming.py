"""A sampler on a stream: the newest samples of the other modality from a window that slides, at a fixed cost.

Where the model was trained on pieces of time, the window is the newest `length / rate` seconds. Where it was trained on
strides, it is the newest strides, their duration found in the hip's autocorrelation, and turned in a circle so that it begins
at a heel strike: walking being nearly periodic, the newest sample then meets the sample a few strides before it. As noise
belongs to a place in the window, it keeps its place in the stride, and what comes out does not flicker.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence

import jax
import numpy as np

from jaxdiff.body.gait import stride_duration, strikes_from_hip
from jaxdiff.data.units import factor
from jaxdiff.deployment.sampler import Sampler
from jaxdiff.errors import ConfigError, DataError, nearest

LONGEST_STRIDE = 2.0
"""Seconds; slower walking is not followed."""
HIPS = ("hip_flexion", "hip_x")


class Stream:
    """`push` samples as they come; `newest(n)` is `(samples, n, D)` of the other modality, or None while there are too few.

    `seconds` holds how long each call of `newest` took that made something.
    """

    def __init__(
        self,
        sampler: Sampler,
        channels: Sequence[str],
        units: Sequence[str],
        rate: float,
        samples: int = 8,
        seed: int = 0,
    ):
        wanted = sampler.given
        if len(sampler.inputs) > 1:
            raise ConfigError(
                f"a stream is of one signal into another; a sampler of {sampler.method} takes "
                f"{', '.join(each.name for each in sampler.inputs)}. Runs of llma can be streamed"
            )
        for name in wanted.channels:
            if name not in channels:
                raise DataError(f"the stream has no channel {name!r}; {nearest(name, channels)}")
        if samples < 1 or not 0 < rate < np.inf:
            raise ConfigError(
                f"a stream needs one sample or more and a positive rate; got {samples} and {rate:g} Hz"
            )
        self._columns = [list(channels).index(name) for name in wanted.channels]
        units = [units[i] for i in self._columns]
        self._factors = np.array(
            [factor(old, new) if old else 1.0 for old, new in zip(units, wanted.units)]
        )
        hips = [i for i, name in enumerate(wanted.channels) if name.startswith(HIPS)]
        if sampler.strides and not hips:
            raise DataError(
                "the model was trained on strides, which are found in hip flexion; the stream has none"
            )
        self._hip = hips[0] if hips else 0
        longest = (
            (sampler.strides + 1) * LONGEST_STRIDE
            if sampler.strides
            else sampler.length / sampler.rate
        )
        self._rows: deque[np.ndarray] = deque(maxlen=int(np.ceil(longest * rate)) + 1)
        self._sampler, self._rate, self._samples, self._seed = (
            sampler,
            rate,
            samples,
            np.uint32(seed),
        )
        self._draw = jax.jit(sampler.draw)
        self.seconds: list[float] = []
        self._drawn(np.broadcast_to(wanted.example, wanted.shape))  # compiles

    def push(self, row: np.ndarray) -> None:
        """One sample of all channels of the stream; what is missing (NaN) keeps its last value."""
        values = np.asarray(row, np.float64)[self._columns] * self._factors
        if self._rows:
            values = np.where(np.isnan(values), self._rows[-1], values)
        elif np.isnan(values).any():
            return
        self._rows.append(values)

    def newest(self, count: int) -> np.ndarray | None:
        """The newest `count` samples, at the rate of the stream."""
        begin = time.perf_counter()
        rows = np.array(self._rows)
        length, strides = self._sampler.length, self._sampler.strides
        if len(rows) < 4:
            return None
        hip = rows[:, self._hip]
        if strides:
            spacing = strides * stride_duration(hip, self._rate) * self._rate / length
        else:
            spacing = self._rate / self._sampler.rate
        if not (length - 1) * spacing <= len(rows) - 1 or count > length * spacing:
            return None
        places = len(rows) - 1 - np.arange(length)[::-1] * spacing
        window = _at(rows, places)
        turn = 0
        if strides:
            strikes = strikes_from_hip(hip, self._rate)
            strikes = strikes[strikes >= places[0]]
            if not len(strikes):
                return None
            turn = int(np.round((strikes[0] - places[0]) / spacing))
        drawn = np.roll(self._drawn(np.roll(window, -turn, axis=0)), turn, axis=1)
        wanted = (np.arange(len(rows) - count, len(rows)) - places[0]) / spacing
        made = np.stack([_at(each, wanted) for each in drawn])
        self.seconds.append(time.perf_counter() - begin)
        return made

    def _drawn(self, window: np.ndarray) -> np.ndarray:
        condition = np.broadcast_to(np.asarray(window, np.float32), (self._samples, *window.shape))
        return np.asarray(self._draw(self._seed, condition))


def latency(seconds: Sequence[float]) -> dict[str, float]:
    """Median, 99th percentile and worst of the times, in ms."""
    if not len(seconds):
        return {"p50": float("nan"), "p99": float("nan"), "worst": float("nan")}
    p50, p99, worst = 1e3 * np.quantile(seconds, (0.5, 0.99, 1.0))
    return {"p50": float(p50), "p99": float(p99), "worst": float(worst)}


def _at(rows: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Rows (T, C) at fractional row numbers, linearly between them."""
    left = np.clip(places.astype(int), 0, len(rows) - 2)
    weight = (places - left)[:, None]
    return rows[left] * (1 - weight) + rows[left + 1] * weight
