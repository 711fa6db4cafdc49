"""How strides differ: slow random deviations of stride length and of the shape of the gait.

A deviation of a trait (more knee flexion in swing, a narrower step, ...) moves the gait along its
contact- and Newton-consistent image, known once for the reference subject and added linearly.
Amplitudes are first-order autoregressive from stride to stride and blended by a cubic B-spline, so
that forces stay smooth.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from jaxdiff.body.walker.completion import HARMONICS, complete
from jaxdiff.body.walker.curves import stride_spline
from jaxdiff.body.walker.model import ARM, COORDINATES, LEG
from jaxdiff.body.walker.nodes import BASIS, Nodes, over_stride
from jaxdiff.body.walker.prescription import prescribe
from jaxdiff.body.walker.projection import project, respond
from jaxdiff.body.walker.subjects import Walker

LEG_MODES = {
    "hip_flexion": 2.8,
    "hip_extension": 2.3,
    "knee_stance": 3.2,
    "knee_swing": 4.2,
    "ankle_push": 3.4,
    "ankle_dorsi": 2.6,
    "load_dip": 0.045,
    "load_tilt": 0.045,
}
"""Spread between strides of traits that each leg varies on its own."""
BODY_MODES = {
    "step_width": 0.015,
    "lean": 1.4,
    "yaw_factor": 0.15,
    "list_factor": 0.15,
    "toe_out": 1.2,
    "hip_rotation": 1.2,
    "knee_rotation": 0.8,
    "knee_adduction": 0.4,
}
SIDEWAYS = ("pelvis_ty", "pelvis_yaw", "pelvis_roll", "lumbar_yaw", "lumbar_roll")
MODES = 2 * len(LEG_MODES) + len(BODY_MODES)
"""Right leg, left leg, whole body."""
SPEEDS, SLOPES = (0.20, 0.35, 0.50), (-10.0, 0.0, 10.0)

STRIDE_LENGTH_SPREAD, STRIDE_LENGTH_MEMORY, SHAPE_MEMORY = 0.018, 0.5, 0.3
SPLINE_GAIN = 1.35
"""The B-spline averages neighbouring strides and would shrink their spread."""


def _mirror(coefficients: np.ndarray) -> np.ndarray:
    """The same gait with left and right exchanged, half a stride later."""
    half = (-1.0) ** np.concatenate([[0], np.tile(np.arange(1, HARMONICS + 1), 2)])
    swapped = coefficients.copy()
    swapped[:, [*LEG[0], *LEG[1], *ARM]] = coefficients[:, [*LEG[1], *LEG[0], *ARM[::-1]]]
    swapped[:, [COORDINATES.index(name) for name in SIDEWAYS]] *= -1.0
    return swapped * half[:, None]


@cache
def modes() -> Nodes:
    """Change of the 29 coordinates per standard deviation of every mode, at its own nodes: curves
    (150, 9, modes x 29).

    Computed once per process (a few seconds), on the reference subject.
    """
    reference = Walker()
    right = np.array([1.0, 0.0])
    varied = [
        reference._replace(**{k: getattr(reference, k) + sd * right}) for k, sd in LEG_MODES.items()
    ]
    varied += [
        reference._replace(**{k: getattr(reference, k) + sd}) for k, sd in BODY_MODES.items()
    ]
    images = []
    for u in SPEEDS:
        for b in SLOPES:
            base = prescribe(reference, u, b)
            changed = [prescribe(walker, u, b) for walker in varied]
            solved = project(base)
            neutral = complete(base, solved)
            steps = respond(base, solved, changed)
            image = [complete(p, solved + step) - neutral for p, step in zip(changed, steps)]
            n = len(LEG_MODES)
            images.append(image[:n] + [_mirror(c) for c in image[:n]] + image[n:])
    curves = np.einsum("pk,nmkc->pnmc", BASIS, np.array(images))
    return Nodes(np.array(SPEEDS), np.array(SLOPES), curves.reshape(len(BASIS), len(images), -1))


def autoregressive(
    rng: np.random.Generator, strides: int, memory: float, spread: float, width: int
) -> np.ndarray:
    """A stationary first-order autoregressive sequence per column, (strides, width)."""
    noise = rng.standard_normal((strides, width))
    values = np.empty_like(noise)
    values[0] = noise[0]
    for i in range(1, strides):
        values[i] = memory * values[i - 1] + np.sqrt(1.0 - memory**2) * noise[i]
    return spread * values


def stride_length(rng: np.random.Generator, strides: int, x: np.ndarray) -> np.ndarray:
    """Log deviation of the stride length along x."""
    values = autoregressive(rng, strides, STRIDE_LENGTH_MEMORY, STRIDE_LENGTH_SPREAD, 1)
    return SPLINE_GAIN * stride_spline(values[:, 0], x)


def amplitudes(
    rng: np.random.Generator, walker: Walker, strides: int, x: np.ndarray, u: np.ndarray
) -> np.ndarray:
    """Amplitude of every mode along x, in standard deviations (T, MODES); slow and impaired walking
    varies more.
    """
    values = autoregressive(rng, strides, SHAPE_MEMORY, 1.0, MODES)
    n = len(LEG_MODES)
    a = stride_spline(values, x)
    a[:, n : 2 * n] = stride_spline(values[:, n : 2 * n], x - 0.5)
    unsteady = (1.0 + 0.9 * np.clip(0.33 - u, 0.0, 0.3) / 0.33) * (1.0 + 0.4 * walker.severity)
    return a * SPLINE_GAIN * np.minimum(unsteady, 1.9)[:, None]


def deviations(a: np.ndarray, u: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Change of the coordinates (strides, 150, 29) for amplitudes (strides, 150, MODES); outside
    the nodes, as at the nearest speed and slope."""
    images = modes()
    weights = images.weights(np.clip(u, SPEEDS[0], SPEEDS[-1]), np.clip(b, SLOPES[0], SLOPES[-1]))
    mixed = (weights[..., :, None] * a[..., None, :]).reshape(*u.shape, -1)
    curves = images.curves.reshape(len(BASIS), mixed.shape[-1], len(COORDINATES))
    return over_stride(mixed, curves)
