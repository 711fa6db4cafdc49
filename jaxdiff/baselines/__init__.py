"""Predictors that every model is compared with: the training mean, ridge regressions, kernels,
nearest neighbours.

    predict = BASELINES["ridge"](x, y, subjects)     # x [N, ...], y [N, ...], subjects [N]
    predict(new_x)                                   # [n, ...]

Each is a `Fit`: `fit(x, y, subjects) -> predict`. Whatever is free (strength, scaling, width,
reach) is chosen on the training rows alone, by leaving out one subject at a time.
"""

from jaxdiff.baselines.kernel import kernel_ridge, mean_of_kernels
from jaxdiff.baselines.local import local_ridge
from jaxdiff.baselines.protocol import (
    Fit,
    Predict,
    mean_of,
    nearest_neighbours,
    scalings,
    training_mean,
)
from jaxdiff.baselines.ridge import ridge

BASELINES: dict[str, Fit] = {
    "training_mean": training_mean,
    "ridge": ridge,
    "nearest_neighbours": nearest_neighbours,
    "kernel_ridge": kernel_ridge,
    "mean_of_kernels": mean_of_kernels,
    "local_ridge": local_ridge,
}
"""The baselines by name. `local_ridge` needs x and y to be sequences of the same length."""

__all__ = [
    "BASELINES",
    "Fit",
    "Predict",
    "kernel_ridge",
    "local_ridge",
    "mean_of",
    "mean_of_kernels",
    "nearest_neighbours",
    "ridge",
    "scalings",
    "training_mean",
]
