"""What the metrics in tables mean: full name, one line of explanation, and which direction is
better.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Metric(NamedTuple):
    """Explanation of a metric."""

    name: str
    meaning: str
    better: str = "lower is better"


METRICS = {
    "mse": Metric("mean squared error", "one sample against the measurement, normalised units"),
    "mse_mean": Metric(
        "mean squared error of the mean", "mean of the samples against the measurement"
    ),
    "rmse": Metric("root-mean-square error", "in the unit of the channel"),
    "mae": Metric("mean absolute error", "in the unit of the channel"),
    "r2": Metric(
        "coefficient of determination",
        "1 is perfect, 0 is as good as the mean of the measurement",
        "higher is better",
    ),
    "r2_mean": Metric(
        "coefficient of determination of the mean",
        "1 is perfect, 0 is as good as the mean curve of the training people",
        "higher is better",
    ),
    "pearson": Metric(
        "Pearson correlation", "similarity of shape, whatever the offset", "higher is better"
    ),
    "crps": Metric(
        "continuous ranked probability score",
        "error of the whole predictive distribution; equals the absolute error for a point"
        " prediction",
    ),
    "coverage_90": Metric(
        "coverage of the 90 % interval",
        "fraction of measurements inside the interval",
        "0.9 is correct; less means too narrow",
    ),
    "spread_skill": Metric(
        "spread–skill ratio",
        "spread of the samples relative to the error of their mean",
        "1 is correct; less means overconfident",
    ),
    "fid": Metric(
        "Fréchet distance", "distance between the distributions of generated and real examples"
    ),
    "pred": Metric(
        "predictive score",
        "error on real data of a network trained on generated data",
    ),
    "frechet": Metric("Fréchet distance", "between distributions of whole cycles or windows"),
    "correlational": Metric(
        "correlational score", "difference between the channel correlations of two sets"
    ),
    "cycle_mae": Metric(
        "mean absolute error of the mean cycle", "of time-normalised, averaged gait cycles"
    ),
    "cycle_mae_each": Metric(
        "mean absolute error per cycle", "of time-normalised gait cycles, one by one"
    ),
    "cycle_pearson": Metric("Pearson correlation of the mean cycle", "", "higher is better"),
    "strides": Metric("strides", "number of gait cycles found", ""),
    "stride_time": Metric("stride time", "mean duration of a gait cycle", ""),
    "stride_time_sd": Metric("standard deviation of stride time", "", ""),
    "cadence": Metric("cadence", "steps per minute", ""),
    "range": Metric("range of motion", "of the mean cycle", ""),
    "skating": Metric("foot skating", "fraction of frames in which a planted foot slides"),
    "floating": Metric("floating", "fraction of frames in which both feet are above the ground"),
    "penetration": Metric("ground penetration", "fraction of frames with a joint below the ground"),
    "clipping": Metric("clipping", "fraction of frames with interpenetrating body parts"),
    "jerk": Metric("jerk", "mean rate of change of acceleration of the joints", "near real motion"),
    "mpjpe": Metric("mean per-joint position error", "distance between estimated and true joints"),
    "pa_mpjpe": Metric(
        "mean per-joint position error after alignment",
        "as MPJPE, after the best rotation, translation and scale",
    ),
    "r@1": Metric(
        "R-precision, top 1",
        "how often the caption of a motion is its nearest among 32",
        "higher is better",
    ),
    "r@2": Metric("R-precision, top 2", "caption among the two nearest of 32", "higher is better"),
    "r@3": Metric(
        "R-precision, top 3", "caption among the three nearest of 32", "higher is better"
    ),
    "mm-dist": Metric("multimodal distance", "distance between embeddings of caption and motion"),
    "diversity": Metric(
        "diversity", "mean distance between random pairs of motions", "near real motion"
    ),
    "multimodality": Metric(
        "multimodality", "mean distance between motions of the same caption", ""
    ),
}


def explain(column: str) -> Metric | None:
    """The explanation of a table column, None if it is not a metric.

    Args:
      column: name of a column, possibly with a channel (`mae/knee`) or a unit (`MPJPE [mm]`).

    Returns:
      The metric.

    Examples:
      >>> explain("coverage_90").name
      'coverage of the 90 % interval'
      >>> explain("MPJPE [mm]").name
      'mean per-joint position error'
    """
    word = re.sub(r"\s*\[.*\]$", "", column).split("/")[0].strip().lower()
    return METRICS.get(word) or METRICS.get(word.replace("-", "_").replace(" ", "_"))
