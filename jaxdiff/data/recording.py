"""A recording: signals that know their channel names, units and rate. Every file format reads into and writes from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from jaxdiff.errors import DataError, nearest


@dataclass(frozen=True)
class Recording:
    """`values` (T, C) with one name and one unit per channel, uniformly sampled at `rate` Hz from `start` seconds on.

    `meta` holds whatever else belongs to the recording as short texts (subject, task, side, source, ...).
    """

    values: np.ndarray
    channels: tuple[str, ...]
    units: tuple[str, ...]
    rate: float
    start: float = 0.0
    meta: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self):
        if self.values.ndim != 2 or self.values.shape[1] != len(self.channels) or len(self.units) != len(self.channels):
            raise DataError(
                f"a recording needs values (T, C) with C names and C units; got values {self.values.shape}, "
                f"{len(self.channels)} names, {len(self.units)} units"
            )
        if not self.rate > 0:
            raise DataError(f"a recording needs a positive rate in Hz; got {self.rate}")

    @property
    def time(self) -> np.ndarray:
        """Time stamps in seconds, (T,)."""
        return self.start + np.arange(len(self.values)) / self.rate

    def select(self, channels: Sequence[str]) -> Recording:
        """The named channels, in the order asked for."""
        for name in channels:
            if name not in self.channels:
                raise DataError(f"no channel {name!r} in this recording; {nearest(name, self.channels)}")
        index = [self.channels.index(name) for name in channels]
        return replace(
            self, values=self.values[:, index], channels=tuple(channels), units=tuple(self.units[i] for i in index)
        )
