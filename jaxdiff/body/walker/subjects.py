"""Who walks: the traits of one person, and how able-bodied people and stroke survivors are drawn.

Fields with a leading axis of two hold (right, left). Angles are in degrees, lengths in leg lengths.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from jaxdiff.body.walker.model import REFERENCE_LEG


def _both(value: float) -> np.ndarray:
    values = np.full(2, value)
    values.setflags(write=False)
    return values


class Walker(NamedTuple):
    """Traits of one person; the defaults are the reference subject."""

    mass: float = 70.0
    leg_length: float = REFERENCE_LEG
    stride_factor: float = 1.0
    """Stride time relative to the norm at the same speed."""
    left_phase: float = 0.5
    """Stride phase of the left heel strike."""
    duty: np.ndarray = _both(0.0)
    """Stance longer than the norm by this fraction of a stride."""
    hip_flexion: np.ndarray = _both(0.0)
    hip_extension: np.ndarray = _both(0.0)
    knee_stance: np.ndarray = _both(0.0)
    knee_swing: np.ndarray = _both(0.0)
    ankle_push: np.ndarray = _both(0.0)
    ankle_dorsi: np.ndarray = _both(0.0)
    signature: np.ndarray = np.zeros((2, 3, 9))
    """Fourier terms (1 + 2 x 4) added to hip, knee and ankle in the leg's own phase."""
    load_dip: np.ndarray = _both(0.0)
    load_tilt: np.ndarray = _both(0.0)
    dip_factor: float = 1.0
    load_scale: np.ndarray = _both(1.0)
    pressure_end: np.ndarray = _both(0.18)
    """Where under the foot the centre of pressure leaves it, ahead of the ankle."""
    step_width: float = 0.13
    circumduction: np.ndarray = _both(0.005)
    hip_hike: np.ndarray = _both(0.0)
    lean: float = 0.0
    tilt: float = 0.0
    yaw_factor: float = 1.0
    list_factor: float = 1.0
    toe_out: float = 6.0
    hip_rotation: float = -3.0
    knee_rotation: float = 1.0
    knee_adduction: float = 1.0
    transverse_factor: float = 1.0
    arm_factor: np.ndarray = _both(1.0)
    severity: float = 0.0
    paretic: str = ""
    top_speed: float = np.inf
    """Fastest treadmill speed this person manages, m/s."""
    chosen_speed: float = 1.25
    """Self-selected speed, m/s."""


DEVIATIONS = {
    "hip_flexion": 4.5,
    "hip_extension": 4.0,
    "knee_stance": 4.0,
    "knee_swing": 5.5,
    "ankle_push": 5.0,
    "ankle_dorsi": 3.5,
}
"""Spread of the shape deviations between people, degrees."""
ASYMMETRY = 0.25
SIGNATURE = np.array([1.8, 2.0, 1.7])


def able_bodied(rng: np.random.Generator) -> Walker:
    """Draw an able-bodied adult."""
    normal = rng.standard_normal

    def factor(spread: float) -> float:
        return float(np.exp(spread * normal()))

    height = 1.71 + 0.07 * normal()
    deviations = {}
    for name, spread in DEVIATIONS.items():
        common, difference = spread * normal(), ASYMMETRY * spread * normal()
        deviations[name] = common + difference * np.array([1.0, -1.0])
    harmonic = np.tile(np.arange(1, 5), 2)
    terms = SIGNATURE[:, None] / harmonic * normal((3, 8))
    return Walker(
        mass=22.0 * height**2 * factor(0.10),
        leg_length=0.53 * height * factor(0.015),
        stride_factor=factor(0.045),
        duty=_both(0.007 * normal()),
        **deviations,
        signature=np.broadcast_to(np.pad(terms, ((0, 0), (1, 0))), (2, 3, 9)),
        dip_factor=factor(0.12),
        step_width=0.13 + 0.02 * normal(),
        lean=1.8 * normal(),
        tilt=4.5 * normal(),
        yaw_factor=factor(0.25),
        list_factor=factor(0.25),
        toe_out=6.0 + 3.0 * normal(),
        hip_rotation=-3.0 + 3.0 * normal(),
        knee_rotation=1.0 + 3.0 * normal(),
        knee_adduction=1.0 + 2.0 * normal(),
        transverse_factor=factor(0.2),
        arm_factor=_both(factor(0.2)),
        chosen_speed=float(1.25 + 0.12 * normal()),
    )


def impaired(walker: Walker, severity: float, paretic: str) -> Walker:
    """The same person after a stroke that weakened the leg and arm of the `paretic` side ("left" or
    "right").
    """
    weak = np.array([paretic == "right", paretic == "left"], dtype=float)
    other = 1.0 - weak
    sev = severity
    return walker._replace(
        severity=sev,
        paretic=paretic,
        stride_factor=walker.stride_factor * (1.0 + 0.12 * sev),
        left_phase=0.5 + 0.03 * sev * (1.0 if paretic == "right" else -1.0),
        duty=walker.duty + sev * (-0.025 * weak + 0.035 * other),
        hip_flexion=walker.hip_flexion + sev * (-6.0 * weak + 2.0 * other),
        hip_extension=walker.hip_extension + sev * 7.0 * weak,
        knee_swing=walker.knee_swing + sev * (-28.0 * weak + 1.0 * other),
        knee_stance=walker.knee_stance * (1.0 - 0.5 * sev * weak)
        + sev * (-3.0 * weak + 2.0 * other),
        ankle_push=walker.ankle_push + sev * 9.0 * weak,
        ankle_dorsi=walker.ankle_dorsi - sev * 5.0 * weak,
        circumduction=walker.circumduction + 0.05 * sev * weak,
        hip_hike=walker.hip_hike + 3.5 * sev * weak,
        step_width=walker.step_width + 0.03 * sev,
        dip_factor=walker.dip_factor * (1.0 - 0.4 * sev),
        load_scale=weak + other * (1.0 + 0.10 * sev),
        pressure_end=walker.pressure_end - 0.05 * sev * weak,
        arm_factor=walker.arm_factor * (1.0 - 0.7 * sev * weak),
    )


def stroke_survivor(rng: np.random.Generator) -> Walker:
    """Draw a stroke survivor: severity uniform in [0.25, 1], the left side paretic with probability
    11/19.
    """
    walker = able_bodied(rng)
    severity = rng.uniform(0.25, 1.0)
    height = 1.75 + 0.063 * rng.standard_normal()
    walker = walker._replace(
        mass=28.5 * height**2 * np.exp(0.12 * rng.standard_normal()),
        leg_length=0.53 * height * np.exp(0.015 * rng.standard_normal()),
        top_speed=float(1.6 - 0.7 * severity * rng.uniform(0.6, 1.0)),
    )
    walker = walker._replace(chosen_speed=round(float(walker.top_speed * rng.uniform(0.6, 0.8)), 2))
    return impaired(walker, severity, "left" if rng.uniform() < 11 / 19 else "right")
