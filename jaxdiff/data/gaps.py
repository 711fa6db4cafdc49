"""Gaps: runs of missing samples (NaN), where they are and what bridges them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from jaxdiff.errors import DataError


class Gap(NamedTuple):
    """A run of missing samples (NaN) in one channel; `start` and `stop` are the times of its first
    and last, in s.
    """

    channel: str
    start: float
    stop: float


def runs(missing: np.ndarray) -> list[tuple[int, int]]:
    """First index and end of every run of true values [T]."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], missing, [False]])))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2])]


def bridged(values: np.ndarray) -> np.ndarray:
    """Values [T, C] with every gap (NaN) bridged by a straight line; gaps at the ends hold the
    nearest value.
    """
    if (np.abs(values) > 1e30).any():
        raise DataError(
            "values beyond 1e30 cannot be filtered or interpolated; they are hardly measurements"
        )
    out, index = np.array(values), np.arange(len(values))
    for channel in out.T:
        missing = np.isnan(channel)
        if missing.all():
            channel[:] = 0
        elif missing.any():
            channel[missing] = np.interp(index[missing], index[~missing], channel[~missing])
    return out


def filled(values: np.ndarray, longest: float) -> np.ndarray:
    """Values [T, C] with gaps of up to `longest` samples bridged; longer ones and those at the ends
    stay.
    """
    out, straight = np.array(values), bridged(values)
    for channel, line in zip(out.T, straight.T):
        for a, b in runs(np.isnan(channel)):
            if a > 0 and b < len(channel) and b - a <= longest:
                channel[a:b] = line[a:b]
    return out
