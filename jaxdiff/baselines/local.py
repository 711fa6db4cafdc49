"""Ridge regression local in time: each step of the output from the input steps around it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from jaxdiff.baselines.protocol import Predict, check
from jaxdiff.baselines.ridge import STRENGTHS, fit_linear, units
from jaxdiff.errors import DataError

REACHES = (2, 5, 10)
"""Steps seen before and after the predicted one, in units of a fiftieth of the sequence."""


def local_ridge(
    x: ArrayLike,
    y: ArrayLike,
    subjects: ArrayLike,
    reaches: Sequence[int] = REACHES,
    strengths: ArrayLike = STRENGTHS,
    inputs: int = 12,
) -> Predict:
    """One ridge regression per output step, from inputs in a window around it; the reach is chosen
    over all steps.

    Args:
        x: Inputs [N, L, d].
        y: Targets [N, L, e], aligned in time with the inputs.
        subjects: Subject of each row [N]; two different ones or more.
        reaches: Window half-widths tried, in fiftieths of the sequence.
        strengths: Ridge strengths tried, for each step by itself.
        inputs: A window is read at this number of evenly spaced steps at most.

    Returns:
        A predictor [n, L, d] -> [n, L, e].

    Raises:
        DataError: If x and y are not sequences of the same length.
    """
    x, y, subjects = check(x, y, subjects, least_subjects=2)
    if x.ndim != 3 or y.ndim != 3 or x.shape[1] != y.shape[1]:
        raise DataError(
            "local ridge needs sequences x [N, L, d] and y [N, L, e] of the same length; "
            f"got {x.shape} and {y.shape}"
        )
    length = x.shape[1]
    scale = units(x, "step")
    best = None
    for reach in reaches:
        half = max(1, round(reach * length / 50))
        windows = [_window(t, half, length, inputs) for t in range(length)]
        models = [
            fit_linear(x[:, w], y[:, t], subjects, scale[w], strengths)
            for t, w in enumerate(windows)
        ]
        error = sum(model.error for model in models)
        if best is None or error < best[0]:
            best = error, windows, models
    assert best is not None
    _, windows, models = best

    def predict(x: ArrayLike) -> np.ndarray:
        x = np.asarray(x, np.float64)
        return np.stack([model(x[:, w]) for w, model in zip(windows, models)], axis=1)

    return predict


def _window(step: int, half: int, length: int, inputs: int) -> np.ndarray:
    low, high = max(0, step - half), min(length - 1, step + half)
    return np.unique(np.linspace(low, high, min(inputs, high - low + 1)).round().astype(int))
