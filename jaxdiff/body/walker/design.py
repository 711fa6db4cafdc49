"""What the gait of every person and task should look like, before its motion is solved for: a batch
at a time.

The equations are those of `prescription` for single walkers, on the grid of phases of `grid`:
timing and loads of `stance`, joint angles of `shapes`, the lateral sway, the fore-aft force of the
virtual pivot. The batch [M] comes first and the phases of the right stride [P] last; a middle axis
of two holds (right, left).
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxdiff.body.walker.curves import fourier
from jaxdiff.body.walker.grid import (
    DEGREE,
    PHASE,
    PHASES,
    oscillation,
    second_derivative,
    shifted,
    wave,
)
from jaxdiff.body.walker.model import HALF_PELVIS, OUTWARD
from jaxdiff.body.walker.prescription import PELVIS_HEIGHT, PENDULUM_HEIGHT, PIVOT_HEIGHT
from jaxdiff.body.walker.shapes import leg_templates
from jaxdiff.body.walker.stance import (
    duty,
    leg_phase,
    loading,
    pressure_path,
    stride_time,
    template_speed,
)
from jaxdiff.body.walker.traits import Traits
from jaxdiff.typing import Array


class Design(NamedTuple):
    """What one gait should be; arrays [M, ...] over the phases of the right stride."""

    slope: Array
    """Radians [M]."""
    period: Array
    step: Array
    """Stride length over the belt [M]."""
    stance_end: Array
    phase: Array
    stance: Array
    swing: Array
    target: Array
    """Coefficients [M, 2, 4, 19] of hip, knee, ankle and foot pitch in radians and the phase of the
    RIGHT stride.
    """
    yaw: Array
    obliquity: Array
    tilt: Array
    """Constant pelvic tilt [M]."""
    trunk_yaw: Array
    trunk_roll: Array
    lean: Array
    shoulder: Array
    hip_rotation: Array
    knee_rotation: Array
    knee_adduction: Array
    toe_out: Array
    share: Array
    total: Array
    pressure: Array
    drive: Array
    """[M, 3, P]: `drive[0] + drive[1] x_R + drive[2] x_L` is the fore-aft force."""
    sway: Array
    track: Array
    middle: Array
    upright: Array


def design(t: Traits, factor: Array, u: Array, b: Array) -> Design:
    """Timing, templates, loads and paths of the gaits of M people at speed u [M] and slope b [M] in
    degrees.

    Args:
        t: Traits of M people.
        factor: Stride time relative to the norm [M], of the person and the task together.
        u: Speed `v / sqrt(gL)` [M].
        b: Slope in degrees [M].

    Returns:
        The design.
    """
    slope = DEGREE * b
    period = stride_time(factor, u, b)
    template = template_speed(factor, u)
    step = u * period
    own = leg_phase(t, PHASE)
    stance_end = duty(t, template)
    stance, swing = (
        own / stance_end[..., None],
        (own - stance_end[..., None]) / (1.0 - stance_end[..., None]),
    )
    aloft = jnp.sin(jnp.pi * jnp.clip(swing, 0.0, 1.0))

    load = loading(t, template[:, None], stance, stance_end[..., None])
    load = load * (jnp.cos(slope) / load.sum(1).mean(-1))[:, None, None]
    both = load.sum(1)
    pressure = pressure_path(t, stance) - step[:, None, None] * own
    push = -(load * pressure).sum(1) / PIVOT_HEIGHT - jnp.sin(slope)[:, None]
    forcing = jnp.concatenate([push[:, None], -load / PIVOT_HEIGHT], axis=1)
    pivot = oscillation(period, both / PIVOT_HEIGHT, forcing)
    drive = second_derivative(pivot) / jnp.square(period)[:, None, None]
    drive = drive.at[:, 0].add(jnp.sin(slope)[:, None])

    middle = OUTWARD * t.step_width[:, None] / 2
    track = middle[..., None] + OUTWARD[:, None] * t.circumduction[..., None] * aloft**2
    pull = -(load * middle[..., None]).sum(1) / PENDULUM_HEIGHT
    sway = oscillation(period, both / PENDULUM_HEIGHT, pull[:, None])[:, 0]
    hip = (HALF_PELVIS * t.pelvis_scale)[:, None, None] * OUTWARD[:, None]
    upright = jnp.cos(jnp.arctan(jnp.abs(sway[:, None] + hip - track) / PELVIS_HEIGHT))

    speed = template[:, None]
    yaw = t.yaw_factor[:, None] * (3 + 8 * speed) * wave(PHASE)
    hike = t.hip_hike[..., None] * aloft**3
    obliquity = t.list_factor[:, None] * (2 + 6 * speed) * wave(PHASE, 0.15)
    obliquity = obliquity + hike[:, 0] - hike[:, 1]
    up, down = jnp.maximum(b, 0.0), jnp.maximum(-b, 0.0)
    crouch = t.crouch.mean(-1)
    lean = b + 0.35 * up - 0.4 * down + 2 + t.lean + 0.25 * crouch
    arms = (5 + 50 * speed) * wave(PHASE)
    k = (t.transverse_factor * (0.7 + 0.75 * template))[:, None, None]
    turn = jnp.stack([-yaw, yaw], axis=1)
    target = DEGREE * leg_templates(t, template, b, stance_end)
    spectrum = fourier(PHASE, 8)
    fit = np.concatenate([[1.0], np.full(16, 2.0)]) / PHASES
    return Design(
        slope=slope,
        period=period,
        step=step,
        stance_end=stance_end,
        phase=own,
        stance=stance,
        swing=swing,
        target=jnp.stack([target[:, 0], shifted(target[:, 1], t.left_phase)], axis=1),
        yaw=DEGREE * yaw,
        obliquity=DEGREE * obliquity,
        tilt=DEGREE * (b + 3 + 0.2 * up + t.tilt),
        trunk_yaw=DEGREE * -(2 + 3 * speed) * wave(PHASE),
        trunk_roll=DEGREE * (t.trunk_sway[:, None] * wave(PHASE, 0.3) - t.trunk_list[:, None]),
        lean=DEGREE * lean,
        shoulder=DEGREE * (3 + t.arm_factor[..., None] * jnp.stack([-arms, arms], axis=1)),
        hip_rotation=DEGREE * (t.hip_rotation[..., None] + 2 * k * wave(own, 0.15) + 0.8 * turn),
        knee_rotation=DEGREE
        * (t.knee_rotation[..., None] + 3.5 * k * wave(own, 0.12) + 1.5 * k * wave(own, 0.7, 2)),
        knee_adduction=DEGREE
        * (t.knee_adduction[..., None] + 1.2 * k * wave(own, 0.72) + 0.6 * k * wave(own, 0.15, 2)),
        toe_out=DEGREE * t.toe_out,
        share=load / both[:, None],
        total=(both @ (spectrum * fit)) @ spectrum.T,
        pressure=pressure,
        drive=drive,
        sway=sway,
        track=track,
        middle=middle,
        upright=upright,
    )
