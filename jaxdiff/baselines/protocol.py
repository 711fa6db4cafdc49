"""The protocol of a baseline, and what all of them share.

A baseline is `fit(x, y, subjects) -> predict`, with inputs x [N, ...], targets y [N, ...] and the
subject of every row [N]; `predict(x) -> y` restores the shape of the targets. Plain NumPy in
float64.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from jaxdiff.errors import DataError

Predict = Callable[[ArrayLike], np.ndarray]
Fit = Callable[[ArrayLike, ArrayLike, ArrayLike], Predict]


def check(
    x: ArrayLike, y: ArrayLike, subjects: ArrayLike, least_subjects: int = 1
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The three arrays as float64, float64 and as given.

    Args:
        x: Inputs [N, ...].
        y: Targets [N, ...].
        subjects: Subject of each row [N].
        least_subjects: How many different subjects are needed.

    Raises:
        DataError: If the lengths differ, values are not finite, or there are too few subjects.
    """
    x, y, subjects = np.asarray(x, np.float64), np.asarray(y, np.float64), np.asarray(subjects)
    if not len(x) == len(y) == len(subjects) or len(x) < 2:
        raise DataError(
            "a baseline needs two rows or more, and as many x as y and subjects; "
            f"got {len(x)}, {len(y)}, {len(subjects)}"
        )
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise DataError("baselines cannot be fitted to NaN or infinity")
    if len(np.unique(subjects)) < least_subjects:
        raise DataError(
            "the strength is chosen by leaving out training subjects: two or more are needed"
        )
    return x, y, subjects


def scalings(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Units for the samples of x [N, L, d]: the deviation of each time step [L, d], and of each
    channel [d].

    A step at which the training subjects hardly differ (force in swing) may differ for the next
    one. Its unit is a tenth of its channel's deviation at least, since otherwise small values would
    become large features.
    """
    channel = np.maximum(x.reshape(-1, x.shape[-1]).std(0), 1e-8)
    return np.maximum(x.std(0), 0.1 * channel), channel


def training_mean(x: ArrayLike, y: ArrayLike, subjects: ArrayLike) -> Predict:
    """Predict the mean of the training targets.

    Args:
        x: Inputs [N, ...]; only their number matters.
        y: Targets [N, ...].
        subjects: Subject of each row [N].

    Returns:
        A predictor [n, ...] -> [n, ...].
    """
    mean = check(x, y, subjects)[1].mean(0)
    return lambda x: np.broadcast_to(mean, (len(np.asarray(x)), *mean.shape)).copy()


def nearest_neighbours(x: ArrayLike, y: ArrayLike, subjects: ArrayLike, k: int = 5) -> Predict:
    """Predict the mean target of the k nearest training inputs, with channels scaled to unit
    variance.

    Args:
        x: Inputs [N, ..., d].
        y: Targets [N, ...].
        subjects: Subject of each row [N].
        k: Number of neighbours.

    Returns:
        A predictor [n, ..., d] -> [n, ...].
    """
    x, y, _ = check(x, y, subjects)
    _, scale = scalings(x)
    known = (x / scale).reshape(len(x), -1)
    k = min(k, len(x))

    def predict(x: ArrayLike) -> np.ndarray:
        distance = squared_distances(
            (np.asarray(x, np.float64) / scale).reshape(-1, known.shape[1]), known
        )
        return y[np.argpartition(distance, k - 1, axis=1)[:, :k]].mean(1)

    return predict


def squared_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Squared Euclidean distances [n, m] between the rows of a [n, D] and b [m, D]."""
    return np.maximum(np.square(a).sum(1)[:, None] - 2.0 * a @ b.T + np.square(b).sum(1), 0.0)


def mean_of(fits: Sequence[Fit]) -> Fit:
    """The baseline whose prediction is the mean of the predictions of several.

    Args:
        fits: Baselines that accept the same inputs.

    Returns:
        A baseline.
    """

    def fit(x: ArrayLike, y: ArrayLike, subjects: ArrayLike) -> Predict:
        predictors = [each(x, y, subjects) for each in fits]
        return lambda x: np.mean([predict(x) for predict in predictors], axis=0)

    return fit
