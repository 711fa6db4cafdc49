"""Electromyographic envelopes of eight muscles of a leg, from the joint moments they have to
produce.

Activations of least effort, co-contraction, phase-locked drive around heel strike and swing, an
electromechanical delay of 60 ms (muscles are excited before they pull), a gain that drifts from
stride to stride, and smoothing.
"""

from __future__ import annotations

import numpy as np

from jaxdiff.body.muscles import MUSCLES, activations, co_contraction

RECORDED = MUSCLES[:8]
"""All but the iliopsoas, which no surface electrode reaches."""
DELAY = 0.060
GAIN_SPREAD = 0.12
DRIVE = {
    "tibialis_anterior": ((0.67, 0.05, 0.16), (0.82, 0.09, 0.10), (0.97, 0.05, 0.14)),
    "vastus": ((0.98, 0.035, 0.05),),
    "hamstrings": ((0.95, 0.05, 0.05),),
    "gluteus_maximus": ((0.98, 0.04, 0.03),),
}
"""Gaussians (centre, width, height) in the leg's phase."""


def excitations(moments: np.ndarray, phase: np.ndarray) -> np.ndarray:
    """Excitations (9, T) for moments (4, T) in Nm/kg at the leg's phases."""
    total = co_contraction(activations(moments))
    for muscle, bumps in DRIVE.items():
        for centre, width, height in bumps:
            away = (phase - centre + 0.5) % 1.0 - 0.5
            total[MUSCLES.index(muscle)] += height * np.exp(-0.5 * (away / width) ** 2)
    return total


def envelopes(
    moments: np.ndarray, phase: np.ndarray, time: np.ndarray, log_gain: np.ndarray
) -> np.ndarray:
    """Envelopes (8, T); `time` in seconds, `log_gain` (8, T) the drift of each electrode."""
    excited = excitations(moments, phase)[: len(RECORDED)]
    early = np.stack([np.interp(time + DELAY, time, muscle) for muscle in excited]) * np.exp(
        log_gain
    )
    window = np.hanning(11)[1:-1] / np.hanning(11).sum()
    return np.stack(
        [np.convolve(np.pad(muscle, 4, mode="edge"), window, mode="valid") for muscle in early]
    )
