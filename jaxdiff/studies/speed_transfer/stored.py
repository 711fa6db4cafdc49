"""A predictor in the parameters and metadata of a trained network: the law is kept in factors, as
float32.
"""

from __future__ import annotations

import numpy as np

from jaxdiff.methods import stride_transfer as method
from jaxdiff.models.trained import Trained
from jaxdiff.nets.speed_set import Size
from jaxdiff.studies.speed_transfer.hierarchy import Law
from jaxdiff.studies.speed_transfer.predictor import Predictor


def from_metadata(trained: Trained) -> Predictor:
    """The predictor of a trained network."""
    metadata = trained.metadata
    settings = dict(metadata["settings_of_method"])
    settings["size"] = Size(**settings["size"])
    arrays = {
        name: np.asarray(value, np.float64) for name, value in trained.params["fixed"].items()
    }
    network = {"params": trained.params["params"]}
    trust = float(metadata.get("trust", 1.0))
    return Predictor(unpacked(arrays), network, method.Settings(**settings), trust)


def packed(law: Law) -> dict[str, np.ndarray]:
    """A law as float32 arrays: covariances as deviations and factors of the correlations."""
    kept = {
        "mean": law.mean,
        "speeds": np.asarray(law.speeds),
        "logarithmic": law.logarithmic,
    }
    matrices = {
        "person": law.person.reshape(law.mean.size, -1),
        "recording": law.recording,
        "stride": law.stride,
    }
    for name, matrix in matrices.items():
        deviation = np.sqrt(np.maximum(np.diag(matrix), 1e-12))
        values, vectors = np.linalg.eigh(matrix / np.outer(deviation, deviation))
        kept[f"{name}_factor"] = vectors * np.sqrt(np.maximum(values, 0))
        kept[f"{name}_deviation"] = deviation
    return {name: np.asarray(value, np.float32) for name, value in kept.items()}


def unpacked(arrays: dict[str, np.ndarray]) -> Law:
    """The law of `packed` arrays."""
    found = {}
    for name in ("person", "recording", "stride"):
        factor, deviation = arrays[f"{name}_factor"], arrays[f"{name}_deviation"]
        found[name] = factor @ factor.T * np.outer(deviation, deviation)
    mean, (low, high) = arrays["mean"], arrays["speeds"].tolist()
    person = found["person"].reshape(*mean.shape, *mean.shape)
    # files from before the stride time had a law of its own lack the mask
    logarithmic = arrays.get("logarithmic", np.zeros(mean.shape[1])).astype(bool)
    return Law(mean, person, found["recording"], found["stride"], (low, high), logarithmic)
