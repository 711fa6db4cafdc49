"""From the normalised features that networks work in to metres, seconds and accelerations."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdiff.body.accelerations import Axes, accelerations
from jaxdiff.body.humanml3d import joints_from_features
from jaxdiff.errors import DataError
from jaxdiff.typing import Array


class Scale(NamedTuple):
    """Normaliser, rate and unit of motion features."""

    offset: np.ndarray
    scale: np.ndarray
    """Of the features, `(F,)`: `feature = normalised * scale + offset`."""
    rate: float
    """Frames per second."""
    acceleration: np.ndarray | float = 1.0
    """Deviation of accelerations in m/s² or 1/s², `(J, 3)` or one for all: `fit_acceleration`."""
    metres: float = 1.0
    """Per unit of the data."""

    def features(self, motion: Array) -> Array:
        """Normalised features to the units of the data."""
        return motion * self.scale + self.offset

    def joints(self, motion: Array) -> Array:
        """Normalised features `(T, F)` to joints `(T, J, 3)` in metres, in the axes of frame 0."""
        return joints_from_features(self.features(motion)) * self.metres

    def accelerations(self, motion: Array, axes: Axes = "heading") -> Array:
        """Normalised features `(T, F)` to accelerations `(T - 2, J, 3)` in units of their
        deviation.
        """
        return (
            accelerations(self.features(motion), self.rate, axes, self.metres) / self.acceleration
        )


def fit_acceleration(
    clips: Iterable[np.ndarray], rate: float, axes: Axes = "heading", metres: float = 1.0
) -> np.ndarray:
    """The root mean square `(J, 3)` of the accelerations of clips of features `(T, F)`, per joint
    and axis.
    """
    run = jax.jit(lambda clip: accelerations(clip, rate, axes, metres))
    squares = 0.0
    frames = 0
    for clip in clips:
        count = len(clip) - 2
        padded = np.pad(clip, ((0, -len(clip) % 64), (0, 0)), mode="edge")  # few lengths to compile
        found = np.asarray(run(jnp.asarray(padded, jnp.float32)), np.float64)[: max(count, 0)]
        squares, frames = squares + np.square(found).sum(0), frames + max(count, 0)
    if not frames:
        raise DataError(
            "the scale of accelerations is fitted to clips of three frames or more; got none"
        )
    return np.sqrt(squares / frames + 1e-6).astype(np.float32)
