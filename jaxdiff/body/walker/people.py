"""Drawing people and tasks: wide enough that real people lie inside.

Able-bodied adults of all ages; hemiparesis of graded severity; crouch, stiff knee, equinus and drop
foot; prosthetic ankles and knees; one-sided orthopaedic asymmetry. Spreads were tuned against the
norms of Bovi et al. 2011 and against transfer to real people (docs/results/walker), so those data
count as validation data.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from jaxdiff.body.walker.model import GRAVITY
from jaxdiff.body.walker.subjects import DEVIATIONS, SIGNATURE
from jaxdiff.body.walker.traits import IMUS, Traits, reference
from jaxdiff.body.walker.typical import SIGNATURE as TYPICAL_SIGNATURE
from jaxdiff.body.walker.typical import SIGNATURE_SLOPE, TYPICAL
from jaxdiff.errors import ConfigError

VERSION = 3
"""Grows with changes of the batched walker: what was kept of an earlier one is simulated again."""
ASYMMETRY = 0.25
CONDITIONS = ("hemiparesis", "crouch", "prosthesis", "foot", "asymmetry")
SHARES = (0.45, 0.15, 0.15, 0.10, 0.15)
"""Of the impaired people, how many have each condition."""
OFFSET_SPREAD = np.array(
    [4.0, 1.0, 1.5, 5.0, 1.5, 2.0]  # pelvis and trunk: tilt, list, yaw
    + 2 * [4.0, 2.0, 5.0, 3.0, 2.5, 5.0, 3.5, 3.0, 5.0, 2.0]
)
"""Spread in degrees of the constant offsets of angle channels between laboratories, models and
marker sets.
"""
SMOOTHING = 0.1325 / np.array([6.0, 8.0, 10.0, 12.0, 15.0, 20.0, 30.0])
"""Standard deviations in s of Gaussians that halve the power at the usual cut-off frequencies, 6 to
30 Hz.
"""
MOTION_SMOOTHING = 0.1325 / np.array([6.0, 8.0, 10.0, 12.0])
"""The same for motion, 6 to 12 Hz."""
SOFT_TISSUE = 0.1325 / 4.0
"""Standard deviation in s of the Gaussian below which soft tissue takes the moments that the rigid
body lacks: 4 Hz.
"""
EMG_STYLE = 0.4 / np.sqrt([1, 1, 1, 4, 1, 1, 4]) / np.sqrt(3)
"""Spread of the log gains of muscles over the stride between people."""
TILT_ERROR = 6.0
"""Spread of the zero of pelvic tilt between models: it moves pelvic tilt and both hip angles
together.
"""
ARTEFACT = np.array(
    [0.5, 0.4, 0.5, 0.8, 0.5, 0.8] + 2 * [1.2, 1.0, 2.0, 1.2, 1.5, 2.5, 1.2, 1.5, 2.0, 0.8]
)
"""Spread in degrees of the artefacts of angle channels, first harmonic; higher ones fall as their
number.
"""


class Tasks(NamedTuple):
    """K tasks of N people, each [N, K]."""

    speed: np.ndarray
    """m/s."""
    slope: np.ndarray
    """Degrees, uphill positive."""
    cadence: np.ndarray
    """Stride time relative to the person's own at that speed and slope."""
    wander: np.ndarray
    """Spread of the log speed between strides: 0 on a treadmill, a few percent over ground."""


def draw_people(
    rng: np.random.Generator, n: int, impaired: float = 0.3, spread: float = 1.0
) -> Traits:
    """Draw the traits of n people.

    Args:
        rng: Source of randomness.
        n: Number of people.
        impaired: Share of people with an impairment, in [0, 1].
        spread: Multiplies the differences in shape between people.

    Returns:
        Traits of n people.

    Raises:
        ConfigError: If n is not positive, or the share is outside [0, 1].
    """
    if n < 1 or not 0.0 <= impaired <= 1.0:
        raise ConfigError(f"draw one person or more, impaired in [0, 1]; got {n}, {impaired:g}")
    normal = rng.standard_normal

    def factor(sd: float, *shape: int) -> np.ndarray:
        return np.exp(sd * normal((n, *shape)))

    def pair(sd: float, asymmetry: float = ASYMMETRY) -> np.ndarray:
        """A deviation [n, 2] with a common part and half a difference between the legs."""
        return sd * (normal((n, 1)) + asymmetry * normal((n, 1)) * np.array([1.0, -1.0]))

    male = rng.random(n) < 0.5
    stature = np.where(male, 1.77, 1.645) + 0.068 * normal(n)
    age = rng.beta(1.3, 1.5, n)  # 0: young, 1: old
    old = np.clip((age - 0.55) / 0.45, 0.0, 1.0)
    harmonic = np.tile(np.arange(1, 5), 2)
    terms = spread * SIGNATURE[:, None] / harmonic
    signature = terms * (0.9 * normal((n, 1, 3, 8)) + 0.35 * normal((n, 2, 3, 8)))
    signature_slope = 2.5 * terms * normal((n, 1, 3, 8))
    constant = ((0, 0), (0, 0), (0, 0), (1, 0))
    shape = {name: spread * pair(sd) + TYPICAL.get(name, 0.0) for name, sd in DEVIATIONS.items()}
    chosen = np.clip(1.28 - 0.2 * old + 0.15 * normal(n), 0.7, 1.8)
    traits = reference(n)._replace(
        mass=24.0 * factor(0.15) * stature**2,
        stature=stature,
        leg_length=0.53 * stature * factor(0.018),
        thigh_shift=0.012 * normal(n),
        foot_scale=factor(0.05),
        pelvis_scale=np.where(male, 0.97, 1.03) * factor(0.07),
        leg_mass=factor(0.08),
        stride_factor=factor(0.055) * (1.0 - 0.04 * old),
        left_phase=0.5 + 0.006 * normal(n),
        duty=TYPICAL["duty"] + pair(0.009, 0.6) + 0.012 * (old - 0.2)[:, None],
        duty_slope=TYPICAL["duty_slope"] + 0.03 * normal(n),
        signature=TYPICAL_SIGNATURE + np.pad(signature, constant),
        signature_slope=SIGNATURE_SLOPE + np.pad(signature_slope, constant),
        **shape,
        crouch=np.abs(pair(1.5)) + 2.0 * old[:, None],
        knee_floor=2.0 - 9.0 * (rng.random((n, 1)) < 0.12) * rng.random((n, 1)) * np.ones(2),
        load_dip=TYPICAL["load_dip"] + pair(0.04),
        load_tilt=TYPICAL["load_tilt"] + pair(0.05),
        load_rise=TYPICAL["load_rise"] * np.exp(pair(0.15)),
        dip_factor=factor(0.2) * (1.0 - 0.15 * old),
        load_scale=1.0 + 0.02 * normal((n, 1)) * np.array([1.0, -1.0]),
        pressure_start=TYPICAL["pressure_start"] + pair(0.012),
        pressure_end=TYPICAL["pressure_end"] + pair(0.012),
        pressure_bow=TYPICAL["pressure_bow"] + pair(0.08),
        trunk_ahead=TYPICAL["trunk_ahead"] + 0.015 * normal(n),
        step_width=np.clip(0.13 + 0.045 * normal(n) + 0.015 * old, 0.02, 0.3),
        circumduction=np.abs(0.005 + pair(0.006)),
        lean=TYPICAL["lean"] + 1.6 * normal(n) + 1.5 * old,
        trunk_list=0.8 * normal(n),
        trunk_sway=1.0 + 1.3 * normal(n),
        tilt=TYPICAL["tilt"] + 3.5 * normal(n),
        yaw_factor=factor(0.4),
        list_factor=factor(0.35),
        toe_out=6.0 + pair(5.0, 0.5),
        hip_rotation=-3.0 + pair(4.0, 0.4),
        knee_rotation=1.0 + pair(4.0, 0.4),
        knee_adduction=1.0 + pair(2.5, 0.4),
        transverse_factor=factor(0.35),
        arm_factor=factor(0.35, 1) * factor(0.12, 2),
        cocontraction=np.clip(0.12 * factor(0.5) * (1.0 + 0.5 * old), 0.02, 0.5),
        emg_noise=np.array([0.2, 0.25]) * factor(0.3, 2),
        emg_floor=0.02 * factor(0.6),
        unsteadiness=factor(0.3) * (1.0 + 0.3 * old),
        chosen_speed=chosen,
        top_speed=np.clip(chosen * (1.65 + 0.15 * normal(n)), 1.0, 2.4),
        **_instruments(rng, n),
    )
    (own,) = rng.spawn(1)  # leaves the numbers of `rng` to the other traits and to what comes next
    traits = traits._replace(
        plate_tilt=0.006 * own.standard_normal((n, 2, 2)),
        angle_smoothing=own.choice(MOTION_SMOOTHING, n),
        soft_tissue=SOFT_TISSUE * np.exp(0.2 * own.standard_normal(n)),
        load_fall=np.broadcast_to(TYPICAL["load_fall"], (n, 2)).copy(),
        load_end=np.broadcast_to(TYPICAL["load_end"], (n, 2)).copy(),
        emg_style=EMG_STYLE * own.standard_normal((n, 8, 7)),
    )
    return _impaired(rng, traits, rng.random(n) < impaired)


def _instruments(rng: np.random.Generator, n: int) -> dict[str, np.ndarray]:
    """Offsets of the motion analysis model, and errors of the wearable sensors."""
    normal = rng.standard_normal
    common, own = normal((n, 16)), normal((n, 26))
    shared = np.concatenate([common[:, :6], common[:, 6:], common[:, 6:]], axis=1)
    offset = OFFSET_SPREAD * (0.85 * shared + 0.5 * own)
    offset[:, 3] -= TYPICAL["lean"]  # laboratories measure an upright trunk as upright
    offset[:, [0, 6, 16]] += TILT_ERROR * normal((n, 1))
    harmonic = np.tile(np.arange(1, 4), 2)
    return {
        "angle_offset": offset,
        "angle_artefact": ARTEFACT[:, None] / harmonic * normal((n, 26, 6)),
        "angle_noise": np.array([0.6, 0.25]) * np.exp(0.4 * normal((n, 2))),
        "plate_shift": np.array([0.006, 0.004]) * normal((n, 2)),
        "smoothing": rng.choice(SMOOTHING, n),
        "impact": np.abs(0.12 + 0.1 * normal((n, 1)) + 0.04 * normal((n, 2))),
        "roughness": np.array([0.02, 0.02]) * np.exp(0.4 * normal((n, 2))),
        "imu_turn": np.array([8.0, 8.0, 12.0]) * normal((n, len(IMUS), 3)),
        "imu_place": np.array([0.01, 0.01, 0.04]) * normal((n, len(IMUS), 3)),
        "imu_bias": np.repeat([0.1, 0.015], 3) * normal((n, len(IMUS), 6)),
        "imu_noise": np.array([0.08, 0.01]) * np.exp(0.5 * normal((n, 2))),
    }


def _impaired(rng: np.random.Generator, t: Traits, affected: np.ndarray) -> Traits:
    """The same people with the conditions of those that are affected."""
    n = len(affected)
    condition = rng.choice(len(CONDITIONS), size=n, p=SHARES)
    side = (rng.random(n) < 0.5).astype(int)
    weak = np.eye(2)[side]
    other = 1.0 - weak
    uniform = rng.random

    def which(name: str) -> np.ndarray:
        return (affected & (condition == CONDITIONS.index(name)))[:, None].astype(float)

    changed = {name: values.copy() for name, values in t._asdict().items()}

    def shift(name: str, amount: np.ndarray) -> None:
        changed[name] = changed[name] + (amount[:, 0] if changed[name].ndim == 1 else amount)

    # Hemiparesis: the pattern of `subjects.impaired`, with features that vary between people.
    sev = which("hemiparesis") * (0.1 + 0.9 * uniform((n, 1)))

    def vary() -> np.ndarray:
        return np.exp(0.35 * rng.standard_normal((n, 1)))

    shift("severity", sev)
    shift("paretic", np.where(sev > 0, 1.0 - 2.0 * side[:, None], 0.0))
    changed["stride_factor"] *= (1.0 + 0.12 * sev)[:, 0]
    shift("left_phase", 0.03 * sev * vary() * (1.0 - 2.0 * side[:, None]))
    shift("duty", sev * vary() * (-0.025 * weak + 0.035 * other))
    shift("hip_flexion", sev * vary() * (-6.0 * weak + 2.0 * other))
    shift("hip_extension", sev * vary() * 7.0 * weak)
    shift("knee_swing", sev * vary() * (-28.0 * weak + other))
    shift("knee_stance", sev * (rng.normal(-3.0, 5.0, (n, 1)) * weak + 2.0 * other))
    shift("ankle_push", sev * vary() * 9.0 * weak)
    shift("ankle_dorsi", -sev * vary() * 5.0 * weak)
    shift("drop_foot", sev * (uniform((n, 1)) < 0.4) * 12.0 * uniform((n, 1)) * weak)
    shift("equinus", sev * (uniform((n, 1)) < 0.25) * 10.0 * uniform((n, 1)) * weak)
    shift("knee_floor", -sev * (uniform((n, 1)) < 0.3) * 9.0 * weak)
    shift("circumduction", 0.05 * sev * vary() * weak)
    shift("hip_hike", 3.5 * sev * vary() * weak)
    shift("trunk_sway", 3.0 * sev * vary())
    shift("trunk_list", rng.normal(0.0, 2.0, (n, 1)) * sev)
    shift("step_width", 0.03 * sev * vary())
    shift("load_scale", sev * 0.10 * other)
    shift("pressure_end", -0.05 * sev * weak)
    changed["dip_factor"] *= (1.0 - 0.4 * sev)[:, 0]
    changed["arm_factor"] *= 1.0 - 0.7 * sev * weak
    limit = (1.7 - 0.9 * sev * (0.6 + 0.4 * uniform((n, 1))))[:, 0]

    # Crouch, stiff knee, equinus on both sides, unequally.
    amount = (
        which("crouch") * uniform((n, 1)) * np.clip(1 + 0.3 * rng.standard_normal((n, 2)), 0, 2)
    )
    shift("crouch", 24.0 * amount)
    shift("hip_extension", 4.0 * amount)
    shift("knee_swing", -18.0 * amount * uniform((n, 1)))
    shift("equinus", 8.0 * amount * (uniform((n, 1)) < 0.4))
    shift("ankle_push", 6.0 * amount)
    changed["dip_factor"] *= 1.0 - 0.4 * amount.mean(1)
    shift("trunk_sway", 4.0 * amount.mean(1, keepdims=True))
    limit = np.minimum(limit, 2.2 - 1.1 * amount.mean(1))

    # Prostheses below or above the knee.
    amount = which("prosthesis") * weak
    above = amount * (uniform((n, 1)) < 0.5)
    shift("prosthesis", amount * (0.6 + 0.4 * uniform((n, 1))))
    shift("ankle_dorsi", amount * rng.normal(0.0, 3.0, (n, 1)))
    shift("knee_stance", -14.0 * above)
    shift("knee_swing", rng.normal(0.0, 6.0, (n, 1)) * above)
    shift("hip_hike", 2.0 * above * uniform((n, 1)))
    shift("circumduction", 0.03 * above * uniform((n, 1)))
    loss = amount.sum(1, keepdims=True)
    shift("duty", amount * -0.02 + 0.02 * (loss - amount))
    shift("load_scale", 0.06 * (loss - amount) * uniform((n, 1)))
    shift("trunk_sway", 2.5 * loss * uniform((n, 1)))
    shift("step_width", 0.04 * loss * uniform((n, 1)))
    limit = np.minimum(limit, 2.2 - 0.6 * loss[:, 0])

    # Drop foot or equinus alone.
    amount = which("foot") * weak * uniform((n, 1))
    drop = uniform((n, 1)) < 0.6
    shift("drop_foot", 18.0 * amount * drop)
    shift("equinus", 14.0 * amount * ~drop)
    shift("ankle_push", 6.0 * amount)

    # Pain or stiffness of one side: shorter stance, less load, less range.
    amount = which("asymmetry") * uniform((n, 1))
    shift("duty", 0.035 * amount * (other - weak))
    shift("load_scale", 0.08 * amount * (other - weak))
    shift("hip_extension", 7.0 * amount * weak * uniform((n, 1)))
    shift("knee_stance", -9.0 * amount * weak * uniform((n, 1)))
    shift("knee_swing", -15.0 * amount * weak * uniform((n, 1)))
    shift("trunk_sway", 4.0 * amount * uniform((n, 1)))
    shift("trunk_list", rng.normal(0.0, 2.0, (n, 1)) * amount)
    shift("left_phase", 0.025 * amount * rng.standard_normal((n, 1)))

    top = np.minimum(changed["top_speed"], np.clip(limit, 0.35, 3.0))
    changed["top_speed"] = np.where(affected, top, changed["top_speed"])
    slower = np.minimum(changed["chosen_speed"], 0.75 * changed["top_speed"])
    changed["chosen_speed"] = np.where(affected, slower, changed["chosen_speed"])
    return Traits(**changed)


def draw_tasks(
    rng: np.random.Generator,
    traits: Traits,
    k: int,
    speeds: tuple[float, float] = (0.3, 2.2),
    slopes: tuple[float, float] = (-8.5, 8.5),
    level: float = 0.5,
) -> Tasks:
    """Draw k tasks for every person.

    Args:
        rng: Source of randomness.
        traits: The people.
        k: Number of tasks.
        speeds: Slowest and fastest speed, m/s; limited by the top speed of each person.
        slopes: Steepest way down and up, degrees (8.5 degrees are 15 %).
        level: Share of the tasks on the level.

    Returns:
        Tasks [n, k].
    """
    n = len(traits.mass)
    lower = np.full(n, speeds[0])
    upper = np.clip(traits.top_speed, speeds[0] + 0.05, speeds[1])
    chosen = np.clip(traits.chosen_speed, lower, upper)
    uniform = lower[:, None] + (upper - lower)[:, None] * rng.random((n, k))
    around = chosen[:, None] * np.exp(0.15 * rng.standard_normal((n, k)))
    speed = np.where(rng.random((n, k)) < 0.6, uniform, around)
    speed = np.clip(speed, lower[:, None], upper[:, None])
    slowest = 0.08 * np.sqrt(GRAVITY * traits.leg_length)[:, None]
    slope = rng.uniform(*slopes, (n, k)) * (rng.random((n, k)) >= level)
    ground = rng.random((n, k)) < 0.4
    return Tasks(
        speed=np.maximum(speed, slowest),
        slope=slope,
        cadence=np.exp(0.04 * rng.standard_normal((n, k)) * (rng.random((n, k)) < 0.5)),
        wander=np.where(ground, 0.025, 0.004) * np.exp(0.3 * rng.standard_normal((n, k))),
    )


def constant_tasks(traits: Traits, speeds: np.ndarray, slopes: np.ndarray | float = 0.0) -> Tasks:
    """The same speeds [K] and slopes [K] for everyone, at their own cadence, on a treadmill."""
    n = len(traits.mass)
    speeds = np.atleast_1d(np.asarray(speeds, np.float64))
    shape = (n, len(speeds))
    return Tasks(
        speed=np.broadcast_to(speeds, shape).copy(),
        slope=np.broadcast_to(np.asarray(slopes, np.float64), shape).copy(),
        cadence=np.ones(shape),
        wander=np.zeros(shape),
    )
