"""Gait-cycle plots: mean curves with bands over the stride, with events and physical units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from jaxdiff.errors import DataError
from jaxdiff.report.charts import Band, chart
from jaxdiff.report.markup import Html, join


class Curves(NamedTuple):
    """Cycles of several channels, and optionally an interval around their centre."""

    centre: np.ndarray
    """Mean or median curve [points, C]."""
    low: np.ndarray | None = None
    """Lower bound [points, C]."""
    high: np.ndarray | None = None
    """Upper bound [points, C]."""

    @classmethod
    def of_cycles(cls, cycles: np.ndarray, level: float = 0.9) -> Curves:
        """Median and central interval of cycles [n, points, C]."""
        low, high = np.quantile(cycles, ((1 - level) / 2, (1 + level) / 2), axis=0)
        return cls(np.median(cycles, axis=0), low, high)


def gait_charts(
    curves: Mapping[str, Curves],
    channels: Sequence[str],
    units: Sequence[str],
    toe_off: float | None = None,
) -> Html:
    """One chart per channel over the gait cycle.

    Args:
      curves: curves by name ("measured", "predicted"), at most four, all of the same shape.
      channels: names of the channels [C].
      units: their units [C].
      toe_off: fraction of the cycle at which the foot leaves the ground, if known; the cycle starts
        at foot strike.

    Returns:
      The charts.

    Raises:
      DataError: if the shapes do not match.
    """
    shapes = {np.shape(each.centre) for each in curves.values()}
    if len(shapes) != 1 or len(next(iter(shapes))) != 2 or len(channels) != next(iter(shapes))[1]:
        raise DataError(
            f"gait charts need curves [points, {len(channels)}] of one shape; got {sorted(shapes)}"
        )
    events = [(0.0, "foot strike")]
    if toe_off is not None:
        events.append((100 * toe_off, "foot off"))
    percent = np.linspace(0, 100, next(iter(shapes))[0])
    drawn = []
    for c, (name, unit) in enumerate(zip(channels, units)):
        lines = {key: [_points(percent, each.centre[:, c])] for key, each in curves.items()}
        bands = {
            key: Band(list(zip(percent.tolist(), each.low[:, c], each.high[:, c])))
            for key, each in curves.items()
            if each.low is not None and each.high is not None
        }
        title = f"{name.replace('_', ' ')} [{unit}]"
        drawn.append(chart(title, lines, "gait cycle [%]", y=unit, bands=bands, events=events))
    return join(*drawn)


def _points(x: np.ndarray, y: np.ndarray) -> list[tuple[float, float]]:
    return list(zip(x.tolist(), np.asarray(y, np.float64).tolist()))
