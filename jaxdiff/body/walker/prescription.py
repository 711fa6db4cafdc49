"""Everything about one gait (walker, speed, slope) that is known before its motion is solved for.

Templates in radians, timing, the load of each foot, the path of the centre of pressure, the lateral
sway, and the fore-aft force of the virtual pivot: with a pivot `hv` above the belt,
`X'' = Σ F_i (X - p_i)/hv - sin b` is solved for the periodic X, and `Fx = X'' + sin b`. It is
affine in the two unknown foot placements `x_i` inside `p_i`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from jaxdiff.body.walker import templates, timing
from jaxdiff.body.walker.curves import fourier, fourier_fit, spectral_derivative
from jaxdiff.body.walker.model import HALF_PELVIS, OUTWARD
from jaxdiff.body.walker.subjects import Walker

PHASES = templates.SAMPLES
PIVOT_HEIGHT = 1.12
PENDULUM_HEIGHT = 1.08
PELVIS_HEIGHT = 0.92
FIRST_DERIVATIVE, SECOND_DERIVATIVE = (spectral_derivative(PHASES, order) for order in (1, 2))
"""By phase, on the grid of `PHASES`."""


class Prescription(NamedTuple):
    """Arrays over the `PHASES` of the right stride; a leading axis of two holds (right, left)."""

    slope: float
    period: float
    stance_end: np.ndarray
    step: float
    """Stride length over the belt."""
    left_phase: float
    phase: np.ndarray
    stance: np.ndarray
    swing: np.ndarray
    target: np.ndarray
    """Fourier coefficients (2, 4, 19) of hip, knee, ankle and foot pitch."""
    yaw: np.ndarray
    obliquity: np.ndarray
    """Pelvic list: right side up."""
    tilt: np.ndarray
    trunk_yaw: np.ndarray
    lean: float
    shoulder: np.ndarray
    hip_rotation: np.ndarray
    knee_rotation: np.ndarray
    knee_adduction: np.ndarray
    toe_out: float
    share: np.ndarray
    total: np.ndarray
    """Target of the total normal force."""
    pressure: np.ndarray
    """Centre of pressure without the foot placement: `p_i - x_i`."""
    drive: np.ndarray
    """Target of the total fore-aft force: `drive[0] + drive[1] x_R + drive[2] x_L`."""
    sway: np.ndarray
    """First guess of the pelvis's lateral position."""
    track: np.ndarray
    """Lateral position of each ankle."""
    middle: np.ndarray
    """Lateral centre of pressure of each foot in stance."""
    upright: np.ndarray
    """Cosine of each leg's frontal inclination."""


def prescribe(walker: Walker, u: float, b: float) -> Prescription:
    """The gait's prescription at speed u and slope b (degrees)."""
    phase = np.arange(PHASES) / PHASES
    slope = np.deg2rad(b)
    period = float(timing.stride_time(walker, u, b))
    step = u * period
    own = timing.leg_phase(walker, phase)
    stance_end = timing.duty(walker, np.full(PHASES, u))
    stance, swing = timing.stance_and_swing(own, stance_end)

    load = timing.loading(walker, np.full(PHASES, u), stance, stance_end)
    load *= np.cos(slope) / load.sum(0).mean()
    both = load.sum(0)
    acceleration = SECOND_DERIVATIVE / period**2
    pressure = timing.pressure_path(walker, stance) - step * own
    forcing = np.stack(
        [-(load * pressure).sum(0) / PIVOT_HEIGHT - np.sin(slope), *(-load / PIVOT_HEIGHT)]
    )
    pivot = np.linalg.solve(acceleration - np.diag(both / PIVOT_HEIGHT), forcing.T)
    drive = (acceleration @ pivot).T
    drive[0] += np.sin(slope)

    middle = OUTWARD * walker.step_width / 2
    lift = np.sin(np.pi * np.clip(swing, 0.0, 1.0)) ** 2
    track = middle[:, None] + OUTWARD[:, None] * walker.circumduction[:, None] * lift
    sway = np.linalg.solve(
        acceleration - np.diag(both / PENDULUM_HEIGHT),
        -(load * middle[:, None]).sum(0) / PENDULUM_HEIGHT,
    )
    inclination = np.arctan(np.abs(sway + OUTWARD[:, None] * HALF_PELVIS - track) / PELVIS_HEIGHT)

    yaw, obliquity, tilt = templates.pelvis(walker, u, b, phase, swing)
    trunk_yaw, lean, shoulder = templates.upper_body(walker, u, b, phase)
    hip_rotation, knee_rotation, knee_adduction = templates.transverse(walker, u, own, yaw)
    return Prescription(
        slope=slope,
        period=period,
        stance_end=stance_end[:, 0],
        step=step,
        left_phase=walker.left_phase,
        phase=own,
        stance=stance,
        swing=swing,
        target=np.deg2rad(templates.leg_templates(walker, u, b)),
        yaw=np.deg2rad(yaw),
        obliquity=np.deg2rad(obliquity),
        tilt=np.deg2rad(tilt),
        trunk_yaw=np.deg2rad(trunk_yaw),
        lean=np.deg2rad(lean),
        shoulder=np.deg2rad(shoulder),
        hip_rotation=np.deg2rad(hip_rotation),
        knee_rotation=np.deg2rad(knee_rotation),
        knee_adduction=np.deg2rad(knee_adduction),
        toe_out=np.deg2rad(walker.toe_out),
        share=load / both,
        total=fourier(phase, 8) @ fourier_fit(both, 8),
        pressure=pressure,
        drive=drive,
        sway=sway,
        track=track,
        middle=middle,
        upright=np.cos(inclination),
    )
