"""From states to recordings: strides that follow each other without a seam, each a little
different.
"""

from __future__ import annotations

import numpy as np

from jaxdiff.studies.speed_transfer import examples, strides
from jaxdiff.studies.speed_transfer.hierarchy import Law
from jaxdiff.studies.speed_transfer.strides import SCALE, STRIDE_TIME, Gait

UNUSUAL = 5.0
"""Standard deviations of the stride time between people beyond which it is called unusual."""


def variability(law: Law, sources: list[Gait]) -> np.ndarray:
    """Square root [SIZE, SIZE] of the covariance of a person's strides about their mean.

    The population's covariance, every channel scaled by how much this person varies in the
    recordings.
    """
    ratios = np.mean([examples.stride_variability(law, g) for g in sources], axis=0)
    values, vectors = np.linalg.eigh(law.stride)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    return np.exp(examples.expand(ratios))[:, None] * root


def deviations(root: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Differences of `count` consecutive strides from their mean, [count, SIZE]."""
    return rng.standard_normal((count, len(root))) @ root.T


def played(mean: np.ndarray, differences: np.ndarray, phase: np.ndarray) -> np.ndarray:
    """Angles [T, C] of strides at rising phases [T]; stride k differs from the mean [SIZE] by
    `differences[k]`.

    Within a stride one difference fades into the next, `cos(πφ/2) d_k + sin(πφ/2) d_{k+1}`, which
    is continuous and keeps the variance of the strides at every phase.
    """
    whole = np.floor(phase).astype(int)
    within = np.pi / 2 * (phase - whole)[:, None]
    first, second = (differences[np.clip(whole + i, 0, len(differences) - 1)] for i in (0, 1))
    return strides.at_phases(mean + np.cos(within) * first + np.sin(within) * second, phase)


def stride_time(states: np.ndarray) -> np.ndarray:
    """Seconds of a stride, [...], from states [..., SIZE]."""
    return np.exp(states[..., STRIDE_TIME] * SCALE[STRIDE_TIME])


def unusual_time(law: Law, gait: Gait) -> str:
    """A sentence where the strides of a recording last much longer or shorter than people's at its
    speed, else nothing: the hip of a slow or hemiparetic walk may reverse twice per stride.
    """
    variance = law.covariance(gait.speed, gait.speed) + law.recording
    half = UNUSUAL * np.sqrt(variance[STRIDE_TIME, STRIDE_TIME])
    middle = law.at(gait.speed)[STRIDE_TIME]
    if not abs(gait.mean[STRIDE_TIME] - middle) > half:
        return ""
    own, low, high = (
        float(np.exp(value * SCALE[STRIDE_TIME]))
        for value in (gait.mean[STRIDE_TIME], middle - half, middle + half)
    )
    return (
        f"strides of {own:.2f} s at {gait.speed:g} m/s, where {low:.2f} to {high:.2f} s are usual:"
        " are the foot strikes right? `strikes` or events in the recording set them"
    )
