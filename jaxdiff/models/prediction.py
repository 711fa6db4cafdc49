"""What a model returns: samples, their median and mean, and intervals, as recordings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from jaxdiff.data import formats
from jaxdiff.data.recording import Recording
from jaxdiff.errors import DataError
from jaxdiff.models.calibration import Calibration, predictive_interval


@dataclass(frozen=True, eq=False)
class Prediction:
    """Samples of one generated recording.

    Attributes:
        values: Samples `[S, T, C]`.
        like: A recording with the channels, units, rate, start, events and metadata of the samples.
        calibration: Widens intervals to the coverage measured on held-out subjects; None leaves
            them as they are.
        pointwise: Whether medians and intervals of single values mean something. They do for
            signals that follow the input; not for motions of a text, of which `median` is the first
            sample.
        metadata: Further facts about how the samples were made.
        inverse: Maps recordings to the names, signs and units of the input's laboratory
            (`channels.Inverse`); None keeps the model's. `values` and `like` are the model's in
            either case.

    Examples:
        >>> like = Recording(np.zeros((3, 1)), ("knee",), ("deg",), 100.0)
        >>> made = Prediction(np.arange(99.0)[:, None, None] + np.zeros((3, 1)), like)
        >>> low, high = made.interval(0.9)
        >>> float(low["knee"][0]), float(made.median["knee"][0]), float(high["knee"][0])
        (4.0, 49.0, 94.0)
    """

    values: np.ndarray
    like: Recording
    calibration: Calibration | None = None
    pointwise: bool = True
    metadata: Mapping[str, Any] = field(default_factory=dict)
    inverse: Callable[[Recording], Recording] | None = None

    def __post_init__(self):
        if not np.isfinite(self.values).all():
            names = np.array(self.like.channels)[~np.isfinite(self.values).all(axis=(0, 1))]
            raise DataError(
                f"the model returned values that are not finite in {', '.join(names[:4])}; nothing"
                " is written. Check that the input's units and ranges are those the model was"
                " trained on"
            )

    def __len__(self) -> int:
        return len(self.values)

    @cached_property
    def samples(self) -> list[Recording]:
        """Every sample as a recording."""
        return [self._recording(values) for values in self.values]

    @property
    def median(self) -> Recording:
        """The median of the samples at every time, in every channel."""
        return self._recording(np.median(self.values, axis=0) if self.pointwise else self.values[0])

    @property
    def mean(self) -> Recording:
        """The mean of the samples."""
        return self._recording(self.values.mean(axis=0) if self.pointwise else self.values[0])

    def interval(self, p: float = 0.9) -> tuple[Recording, Recording]:
        """Lower and upper bounds that hold the true signal with probability `p` at every time.

        Args:
            p: Probability between 0 and 1.

        Returns:
            Two recordings: low, high.
        """
        if not self.pointwise:
            raise DataError(
                "motions of a text have no interval; `samples` are the alternatives the model"
                " offers"
            )
        if self.calibration is None:
            low, high = predictive_interval(self.values, p)
        else:
            low, high = self.calibration.interval(self.values, p, self.like.channels)
        low, high = self._recording(low), self._recording(high)
        values = np.minimum(low.values, high.values), np.maximum(low.values, high.values)
        return replace(low, values=values[0]), replace(high, values=values[1])  # signs may change

    def summary(self, interval: float = 0.9) -> Recording:
        """Median and, with several samples, interval bounds as one recording: `NAME`, `NAME_p05`,
        `NAME_p95`.

        Args:
            interval: Probability of the interval; 0 for the median alone.

        Returns:
            The recording, in the names and units of the input.
        """
        middle = self.median
        if len(self) == 1 or not interval or not self.pointwise:
            return middle
        low, high = self.interval(interval)
        below, above = (f"_p{round(50 * (1 + side * interval)):02d}" for side in (-1, 1))
        parts = {"": middle, below: low, above: high}
        return replace(
            middle,
            values=np.concatenate([part.values for part in parts.values()], axis=1),
            channels=tuple(name + suffix for suffix in parts for name in middle.channels),
            units=middle.units * 3,
        )

    def write(self, path: str | Path, interval: float = 0.9) -> Path:
        """Write median and interval to a file whose extension names the format.

        Args:
            path: File to write.
            interval: Probability of the interval; 0 for the median alone.

        Returns:
            The path.
        """
        path = Path(path)
        formats.write(path, self.summary(interval))
        return path

    def __repr__(self) -> str:
        names = ", ".join(self.like.channels[:4]) + (", ..." if len(self.like.channels) > 4 else "")
        return (
            f"Prediction({len(self)} samples of {self.values.shape[1]} frames at {self.like.rate:g}"
            f" Hz: {names})"
        )

    def _recording(self, values: np.ndarray) -> Recording:
        found = replace(self.like, values=values)
        return self.inverse(found) if self.inverse else found
