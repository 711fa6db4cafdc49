"""A program on a stream: the newest samples of the other modality from a window that slides, at a
fixed cost.

Where the model was trained on pieces of time, the window is the newest `length / rate` seconds.
Where it was trained on strides, it is the newest strides, their duration found in the hip's
autocorrelation, and turned in a circle so that it begins at a foot strike: walking being nearly
periodic, the newest sample then meets the sample a few strides before it. As noise belongs to a
place in the window, it keeps its place in the stride, and what comes out does not flicker. For the
same reason the circle can be read beyond the newest sample: what is expected `ahead` seconds from
now is one stride before that time.
"""

from __future__ import annotations

import re
import time
import warnings
from collections import deque
from collections.abc import Sequence

import jax
import numpy as np

from jaxdiff.body.gait import stride_duration, strikes_from_hip
from jaxdiff.deployment.program import Program
from jaxdiff.deployment.signal import columns
from jaxdiff.errors import ConfigError, DataError, DataWarning

LONGEST_STRIDE = 2.0
"""Seconds; slower walking is not followed."""
HIPS = re.compile(r"hip_(flexion|x)(?!.*_l$)")
"""Hip flexion of the leg whose strikes begin the window: the right one where there are two."""


class Stream:
    """Generates while samples arrive.

    `push` one sample at a time; `newest(n)` returns `[samples, n, D]` of the output, or None while
    there are too few. `seconds` holds the duration of each call of `newest` that returned
    something.

    Args:
        program: A program of one signal into another.
        channels: Channel names of the stream.
        units: Their units; an empty one is taken to be the program's.
        rate: Samples per second of the stream.
        samples: Samples of each generation.
        seed: Seed of the samples.
        ahead: Seconds beyond the newest sample to return, less than a stride; for programs of
            strides only.

    Examples:
        >>> from jaxdiff.deployment.program import Program
        >>> from jaxdiff.deployment.signal import Signal
        >>> angle = Signal("signal", ("hip_flexion",), ("deg",), rate=100.0, length=50)
        >>> stream = Stream(Program(lambda seed, x: 2 * x, (angle,), angle, "none"), ("hip_flexion",), ("deg",), 100.0)
        >>> for degrees in range(60):
        ...     stream.push([degrees])
        >>> stream.newest(2)[0, :, 0].tolist()
        [116.0, 118.0]
    """

    def __init__(
        self,
        program: Program,
        channels: Sequence[str],
        units: Sequence[str],
        rate: float,
        samples: int = 8,
        seed: int = 0,
        ahead: float = 0.0,
    ):
        wanted = program.inputs[0]
        if len(program.inputs) > 1:
            raise ConfigError(
                f"a stream maps one signal to another; a model of {program.study} takes "
                f"{', '.join(each.name for each in program.inputs)}; fix all but the first "
                "(--source-speed, --target-speed)"
            )
        if samples < 1 or not 0 < rate < np.inf:
            raise ConfigError(
                f"a stream needs one sample or more and a positive rate; got {samples} and"
                f" {rate:g} Hz"
            )
        self._columns, self._factors = columns(wanted, channels, units)
        hips = [i for i, name in enumerate(wanted.channels) if HIPS.match(name)]
        if wanted.strides and not hips:
            raise DataError(
                "the model was trained on strides, which are found in hip flexion of the right leg;"
                " the stream has none"
            )
        if ahead < 0 or (ahead and not wanted.strides):
            raise ConfigError(
                "a model of strides can return what is expected up to a stride ahead; got"
                f" {ahead:g} s for a model of {'strides' if wanted.strides else 'pieces of time'}"
            )
        self._hip = hips[0] if hips else 0
        longest = (
            (wanted.strides + 1) * LONGEST_STRIDE if wanted.strides else wanted.length / wanted.rate
        )
        self._rows: deque[np.ndarray] = deque(maxlen=int(np.ceil(longest * rate)) + 1)
        self._signal, self._rate, self._samples, self._seed = wanted, rate, samples, np.uint32(seed)
        self._ahead = ahead * rate
        self._draw = jax.jit(program.draw)
        self.seconds: list[float] = []
        self._told: set[str] = set()
        self._drawn(np.broadcast_to(wanted.example, wanted.array_shape))  # compiles

    def push(self, row: np.ndarray) -> None:
        """One sample of all channels of the stream; what is missing (NaN) keeps its last value."""
        values = np.asarray(row, np.float64)[self._columns] * self._factors
        if self._rows:
            values = np.where(np.isnan(values), self._rows[-1], values)
        elif np.isnan(values).any():
            return
        self._rows.append(values)

    @property
    def full(self) -> bool:
        """Whether enough samples have arrived to generate."""
        return self._window() is not None

    def newest(self, count: int) -> np.ndarray | None:
        """The newest `count` samples, at the rate of the stream, `ahead` seconds later."""
        begin = time.perf_counter()
        found = self._window()
        if found is None:
            return None
        window, turn, spacing = found
        length, strides = self._signal.length, self._signal.strides
        if count > length * spacing:
            return None
        self._look(window)
        drawn = np.roll(self._drawn(np.roll(window, -turn, axis=0)), turn, axis=1)
        wanted = length - 1 + (self._ahead - np.arange(count)[::-1]) / spacing
        if strides:  # the window is a circle, so that its first sample follows its last
            drawn, wanted = np.concatenate([drawn, drawn[:, :1]], axis=1), wanted % length
        made = np.stack([_at(each, wanted) for each in drawn])
        self.seconds.append(time.perf_counter() - begin)
        if not np.isfinite(made).all():
            raise DataError(
                "the model returned values that are not finite; check the units and ranges of the"
                " stream"
            )
        return made

    def _window(self) -> tuple[np.ndarray, int, float] | None:
        """The newest window, the place of its foot strike, and its spacing in rows; None while
        there are too few rows.
        """
        rows = np.array(self._rows)
        length, strides = self._signal.length, self._signal.strides
        if len(rows) < 4:
            return None
        hip = rows[:, self._hip]
        if strides:
            spacing = strides * stride_duration(hip, self._rate) * self._rate / length
        else:
            spacing = self._rate / self._signal.rate
        if not (length - 1) * spacing <= len(rows) - 1:  # also where no stride was found
            return None
        places = len(rows) - 1 - np.arange(length)[::-1] * spacing
        if not strides:
            return _at(rows, places), 0, spacing
        strikes = strikes_from_hip(hip, self._rate)
        strikes = strikes[strikes >= places[0]]
        if not len(strikes):
            return None
        return _at(rows, places), int(np.round((strikes[0] - places[0]) / spacing)), spacing

    def _look(self, window: np.ndarray) -> None:
        """Warn, once per input and channel, of values far outside those of training."""
        for text in self._signal.unusual(window):
            key = text.partition(" (")[0]
            if key not in self._told:
                self._told.add(key)
                warnings.warn(text, DataWarning, stacklevel=3)

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
