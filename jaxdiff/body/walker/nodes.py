"""A walker's gaits on a grid of speeds and slopes, and everything between the nodes.

Each node is projected and completed once (about 60 ms); a trial interpolates the Fourier
coefficients with a polynomial in speed and a natural cubic spline in slope. Samples lie 150 to a
stride, so the Fourier basis is evaluated once per node and interpolation works on curves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jaxdiff.body.walker.completion import HARMONICS, complete
from jaxdiff.body.walker.curves import fourier, lagrange, natural_spline
from jaxdiff.body.walker.prescription import prescribe
from jaxdiff.body.walker.projection import project
from jaxdiff.body.walker.subjects import Walker

STRIDE = 150
"""Samples of one right stride."""
BASIS = fourier(np.arange(STRIDE) / STRIDE, HARMONICS)

SLOPE_TASK = (0.22, 0.30, 0.38, 0.46), (-10.0, -5.0, 0.0, 5.0, 10.0)
SPEED_TASK = (0.15, 0.27, 0.39, 0.51, 0.63), (0.0,)
STROKE_TASK = (0.09, 0.20, 0.31, 0.42), (0.0,)


class Nodes(NamedTuple):
    """Curves (150, speeds x slopes, …) of something over the stride, known at the nodes."""

    speeds: np.ndarray
    slopes: np.ndarray
    curves: np.ndarray

    def weights(self, u: np.ndarray, b: np.ndarray) -> np.ndarray:
        """How much each node counts at speeds u and slopes b, (…, speeds x slopes)."""
        by_speed, by_slope = lagrange(self.speeds, u), natural_spline(self.slopes, b)
        return (by_speed[..., :, None] * by_slope[..., None, :]).reshape(*np.shape(u), -1)


def over_stride(weights: np.ndarray, curves: np.ndarray) -> np.ndarray:
    """Mix curves (150, n, C) with weights (strides, 150, n) into (strides, 150, C)."""
    return np.moveaxis(np.moveaxis(weights, 1, 0) @ curves, 0, 1)


def gait_nodes(walker: Walker, speeds: Sequence[float], slopes: Sequence[float]) -> Nodes:
    """Solve the walker's gait at every node; the curves are the 29 coordinates."""
    coefficients = []
    for u in speeds:
        for b in slopes:
            prescription = prescribe(walker, u, b)
            coefficients.append(complete(prescription, project(prescription)))
    curves = np.moveaxis(BASIS @ np.stack(coefficients), 0, 1)
    return Nodes(np.asarray(speeds), np.asarray(slopes), np.ascontiguousarray(curves))
