"""When things happen: stride time and length, stance and swing, and how much load each foot carries
when.

Speed is `u = v / sqrt(gL)` (the root of the Froude number), slope `b` in degrees, uphill positive.
Everything here accepts arrays of speeds and slopes that broadcast with the phases.
"""

from __future__ import annotations

import numpy as np

from jaxdiff.body.walker.curves import smoothstep
from jaxdiff.body.walker.subjects import Walker

SPEED_EXPONENT = 0.57
"""Stride length grows as u to this power."""


def stride_time(walker: Walker, u: np.ndarray | float, b: np.ndarray | float) -> np.ndarray:
    """Time from right heel strike to right heel strike, in sqrt(L/g)."""
    step_frequency = (
        0.5605
        * (u / 0.4) ** (1.0 - SPEED_EXPONENT)
        * (1.0 - 0.003 * b + 0.003 * np.maximum(-b, 0.0))
    )
    return walker.stride_factor * 2.0 / step_frequency


def template_speed(walker: Walker, u: np.ndarray | float) -> np.ndarray | float:
    """The speed at which the norm takes this walker's strides: long strides have the shapes of fast
    walking.
    """
    return u * walker.stride_factor ** (1.0 / SPEED_EXPONENT)


def per_leg(values: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Two values (right, left) shaped to broadcast with (2, …) of `like`."""
    return values.reshape(2, *(1,) * (np.ndim(like) - 1))


def leg_phase(walker: Walker, phase: np.ndarray) -> np.ndarray:
    """Each leg's own phase (2, …), counted from its heel strike."""
    return np.stack([phase, phase - walker.left_phase]) % 1.0


def duty(walker: Walker, u: np.ndarray | float) -> np.ndarray:
    """Stance as a fraction of the stride, (2, …)."""
    norm = 0.62 * (np.asarray(template_speed(walker, u)) / 0.4) ** -0.075
    return norm + per_leg(walker.duty, norm[None])


def stance_and_swing(phase: np.ndarray, stance_end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fraction of stance (above one in swing) and of swing (below zero in stance) at the legs' own
    phases.
    """
    return phase / stance_end, (phase - stance_end) / (1.0 - stance_end)


def loading(
    walker: Walker, u: np.ndarray | float, stance: np.ndarray, stance_end: np.ndarray
) -> np.ndarray:
    """Shape (2, …) of the normal force under each foot, unscaled.

    `q(s) = S(s/dl) S((1-s)/ds') [1 - c1 cos 4πs + c2 sin 2πs]`: the leading foot loads faster than
    the trailing one unloads, which gives the single hump of the total force in double support.
    """
    u = template_speed(walker, u)
    double_support = (stance_end[0] + stance_end[1] - 1.0) / 2.0 / stance_end
    rise = double_support * np.clip(0.75 + 0.9 * (0.4 - u), 0.7, 1.0)
    dip = 0.17 * walker.dip_factor * (u / 0.4) ** 1.5 + per_leg(walker.load_dip, stance)
    tilt = -0.02 + per_leg(walker.load_tilt, stance)
    hump = 1.0 - dip * np.cos(4.0 * np.pi * stance) + tilt * np.sin(2.0 * np.pi * stance)
    ramps = smoothstep(stance / rise) * smoothstep((1.0 - stance) / double_support[::-1])
    return per_leg(walker.load_scale, stance) * ramps * hump


def pressure_path(walker: Walker, stance: np.ndarray) -> np.ndarray:
    """Where the centre of pressure should be along each foot, ahead of the ankle, (2, …)."""
    start = -0.045
    s = np.clip(stance, 0.0, 1.0)
    return start + (per_leg(walker.pressure_end, stance) - start) * (s + 0.08 * np.sin(np.pi * s))
