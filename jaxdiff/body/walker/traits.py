"""Traits of many people as arrays, from which their gait is designed.

The first axis counts people; a second axis of two holds (right, left). Angles are in degrees,
lengths in leg lengths, speeds in m/s. `people` draws them; the defaults here are the reference
subject.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jaxdiff.body.walker.model import GRAVITY, REFERENCE_LEG
from jaxdiff.body.walker.subjects import Walker

IMUS = ("pelvis", "thigh_r", "shank_r", "foot_r", "thigh_l", "shank_l", "foot_l")
OFFSETS = 26
"""Number of angle channels, each with a constant offset."""


class Traits(NamedTuple):
    """Traits of N people: arrays [N], [N, 2] for (right, left), or as noted."""

    mass: np.ndarray
    """kg."""
    stature: np.ndarray
    """m."""
    leg_length: np.ndarray
    """m."""
    thigh_shift: np.ndarray
    """The thigh is longer and the shank shorter than in the reference body by this many leg
    lengths.
    """
    foot_scale: np.ndarray
    """Length of the foot relative to the reference body."""
    pelvis_scale: np.ndarray
    """Distance of the hips relative to the reference body."""
    leg_mass: np.ndarray
    """Mass of the legs relative to the reference body; the trunk makes up the difference."""
    stride_factor: np.ndarray
    """Stride time relative to the norm at the same speed."""
    left_phase: np.ndarray
    """Phase of the left foot strike in the right stride."""
    duty: np.ndarray
    """Stance phase longer than the norm by this fraction of a stride [N, 2]."""
    duty_slope: np.ndarray
    """Change of the stance phase with speed beyond the norm's, per unit of `v / sqrt(gL)` [N]."""
    hip_flexion: np.ndarray
    hip_extension: np.ndarray
    knee_stance: np.ndarray
    knee_swing: np.ndarray
    ankle_push: np.ndarray
    ankle_dorsi: np.ndarray
    """Shape deviations [N, 2], added to key points of the angle templates."""
    crouch: np.ndarray
    """Knee flexion added in stance [N, 2], with the hip and ankle flexion that belongs to it."""
    knee_floor: np.ndarray
    """Least knee flexion [N, 2]; negative values are hyperextension."""
    drop_foot: np.ndarray
    """Dorsiflexion that is missing in swing and at foot strike [N, 2]."""
    equinus: np.ndarray
    """Plantarflexion contracture [N, 2]: the foot lands flat or on the toes."""
    prosthesis: np.ndarray
    """0 for a muscular ankle, 1 for a passive one without push-off [N, 2]."""
    signature: np.ndarray
    """Fourier terms (1 + 2 x 4) [N, 2, 3, 9] added to hip, knee and ankle in the leg's own phase.
    """
    signature_slope: np.ndarray
    """How these terms change with speed [N, 2, 3, 9]: per unit of `v / sqrt(gL)`, 0 at 0.4, within
    `shapes.SIGNATURE_RANGE`."""
    load_dip: np.ndarray
    load_tilt: np.ndarray
    """Mid-stance dip and early-late tilt of the normal force [N, 2], added to the norm."""
    dip_factor: np.ndarray
    load_scale: np.ndarray
    """Share of the weight that a leg takes [N, 2]."""
    load_rise: np.ndarray
    """Time in which a foot takes the load, relative to the norm [N, 2]."""
    load_fall: np.ndarray
    """Time in which a foot gives up the load, relative to the double support [N, 2]."""
    load_end: np.ndarray
    """How a foot gives up its load [N, 2]: 0 along a quintic, 1 along a cubic, which carries more
    at the end of stance.
    """
    pressure_start: np.ndarray
    pressure_end: np.ndarray
    """Where the centre of pressure enters and leaves the foot, ahead of the ankle [N, 2]."""
    pressure_bow: np.ndarray
    """How far the centre of pressure runs ahead of uniform motion in mid-stance, relative to its
    path [N, 2].
    """
    soft_tissue: np.ndarray
    """Standard deviation of the smoothing of the centres of pressure against what the motion
    demands [N], s: faster moments are left to soft tissue, a residual at the pelvis.
    """
    trunk_ahead: np.ndarray
    """Mass centre of trunk and arms ahead of the lumbar joint in the axes of the trunk [N]."""
    step_width: np.ndarray
    circumduction: np.ndarray
    hip_hike: np.ndarray
    lean: np.ndarray
    """Forward lean of the trunk."""
    trunk_list: np.ndarray
    """Constant sideways lean of the trunk, right side up."""
    trunk_sway: np.ndarray
    """Lean of the trunk over the stance leg, amplitude."""
    tilt: np.ndarray
    yaw_factor: np.ndarray
    list_factor: np.ndarray
    toe_out: np.ndarray
    hip_rotation: np.ndarray
    knee_rotation: np.ndarray
    knee_adduction: np.ndarray
    """Constant rotations [N, 2]."""
    transverse_factor: np.ndarray
    arm_factor: np.ndarray
    severity: np.ndarray
    """Severity of hemiparesis in [0, 1]; it also scales the variability."""
    paretic: np.ndarray
    """1 where the right side is impaired, -1 left, 0 neither."""
    cocontraction: np.ndarray
    """Activation of a muscle per activation of its antagonist [N]."""
    emg_noise: np.ndarray
    """Irregularity of envelopes: gain of strides, and within a stride [N, 2], log units."""
    emg_style: np.ndarray
    """Which parts of the stride a person uses each muscle more in: log gain of the eight envelopes
    as Fourier terms (1 + 2 x 3) [N, 8, 7] in the leg's own phase.
    """
    emg_floor: np.ndarray
    """Resting activity and noise of the electrodes [N]."""
    unsteadiness: np.ndarray
    """Stride-to-stride variability relative to the norm."""
    top_speed: np.ndarray
    """Fastest manageable treadmill speed, m/s."""
    chosen_speed: np.ndarray
    """Self-selected speed, m/s."""
    angle_offset: np.ndarray
    """Constant offsets of the marker set and model [N, 26] added to reported angles, in the order
    of the channels.
    """
    angle_artefact: np.ndarray
    """Fourier terms (2 x 3) [N, 26, 6] of skin motion and axis errors, in degrees, added to
    reported angles.
    """
    angle_noise: np.ndarray
    """Irregularity of reported angles in degrees: repeated in every stride of a task, and new in
    each [N, 2].
    """
    plate_shift: np.ndarray
    """Error of the force plates' position relative to the cameras, forward and left [N, 2], m."""
    plate_tilt: np.ndarray
    """Share of the normal force that the plate of each foot reports as forward and lateral force
    [N, 2, 2].
    """
    smoothing: np.ndarray
    """Standard deviation of the laboratory's smoothing of forces [N], s."""
    angle_smoothing: np.ndarray
    """Standard deviation of the laboratory's smoothing of motion [N], s: of reported angles, and of
    the inertial forces and angular velocities in joint moments and powers.
    """
    impact: np.ndarray
    """Height of the transient after foot strike [N, 2], in body weights at speed 0.4."""
    roughness: np.ndarray
    """Force that the rigid body does not explain (soft tissue, errors), relative to the normal
    force: repeated in every stride, and new in each [N, 2]."""
    imu_turn: np.ndarray
    """Mounting error [N, 7, 3] of each sensor as a rotation vector in degrees."""
    imu_place: np.ndarray
    """Position of each sensor [N, 7, 3] relative to the middle of its segment, in leg lengths."""
    imu_bias: np.ndarray
    """Constant error [N, 7, 6]: m/s² and rad/s."""
    imu_noise: np.ndarray
    """Noise of accelerometers and gyroscopes [N, 2]: m/s² and rad/s per sample."""


def reference(n: int = 1) -> Traits:
    """The reference subject, n times."""
    one, zero, both = np.ones(n), np.zeros(n), np.zeros((n, 2))
    return Traits(
        mass=70.0 * one,
        stature=REFERENCE_LEG / 0.53 * one,
        leg_length=REFERENCE_LEG * one,
        thigh_shift=zero,
        foot_scale=one,
        pelvis_scale=one,
        leg_mass=one,
        stride_factor=one,
        left_phase=0.5 * one,
        duty=both,
        duty_slope=zero,
        hip_flexion=both,
        hip_extension=both,
        knee_stance=both,
        knee_swing=both,
        ankle_push=both,
        ankle_dorsi=both,
        crouch=both,
        knee_floor=both + 2.0,
        drop_foot=both,
        equinus=both,
        prosthesis=both,
        signature=np.zeros((n, 2, 3, 9)),
        signature_slope=np.zeros((n, 2, 3, 9)),
        load_dip=both,
        load_tilt=both,
        dip_factor=one,
        load_scale=both + 1.0,
        load_rise=both + 1.0,
        load_fall=both + 1.0,
        load_end=both,
        pressure_start=both - 0.045,
        pressure_end=both + 0.18,
        pressure_bow=both + 0.08,
        soft_tissue=zero,
        trunk_ahead=zero,
        step_width=0.13 * one,
        circumduction=both + 0.005,
        hip_hike=both,
        lean=zero,
        trunk_list=zero,
        trunk_sway=zero,
        tilt=zero,
        yaw_factor=one,
        list_factor=one,
        toe_out=both + 6.0,
        hip_rotation=both - 3.0,
        knee_rotation=both + 1.0,
        knee_adduction=both + 1.0,
        transverse_factor=one,
        arm_factor=both + 1.0,
        severity=zero,
        paretic=zero,
        cocontraction=0.12 * one,
        emg_noise=both + [0.12, 0.0],
        emg_style=np.zeros((n, 8, 7)),
        emg_floor=0.015 * one,
        unsteadiness=one,
        top_speed=np.full(n, np.inf),
        chosen_speed=1.25 * one,
        angle_offset=np.zeros((n, OFFSETS)),
        angle_artefact=np.zeros((n, OFFSETS, 6)),
        angle_noise=both,
        plate_shift=both,
        plate_tilt=np.zeros((n, 2, 2)),
        smoothing=zero,
        angle_smoothing=zero,
        impact=both,
        roughness=both,
        imu_turn=np.zeros((n, len(IMUS), 3)),
        imu_place=np.zeros((n, len(IMUS), 3)),
        imu_bias=np.zeros((n, len(IMUS), 6)),
        imu_noise=both,
    )


def from_walkers(walkers: Sequence[Walker]) -> Traits:
    """The traits of single walkers, together."""
    traits = reference(len(walkers))
    paretic = {"": 0.0, "right": 1.0, "left": -1.0}
    changed = {}
    for name in Traits._fields:
        if name == "paretic":
            changed[name] = np.array([paretic[walker.paretic] for walker in walkers])
        elif name in Walker._fields:
            shape = getattr(traits, name).shape
            values = [np.asarray(getattr(walker, name), np.float64) for walker in walkers]
            values = [v[..., None] if v.ndim < len(shape) - 1 else v for v in values]
            changed[name] = np.stack([np.broadcast_to(v, shape[1:]) for v in values])
    changed["stature"] = changed["leg_length"] / 0.53
    return traits._replace(**changed)


def select(traits: Traits, which: np.ndarray) -> Traits:
    """The people of an index or boolean array."""
    return Traits(*(values[which] for values in traits))


def join(parts: Sequence[Traits]) -> Traits:
    """Several groups of people as one."""
    return Traits(*(np.concatenate(columns) for columns in zip(*parts)))


def dimensionless(traits: Traits, speed: np.ndarray) -> np.ndarray:
    """Speeds [N, ...] in m/s as `v / sqrt(gL)`."""
    scale = np.sqrt(GRAVITY * traits.leg_length)
    return speed / scale.reshape(-1, *(1,) * (np.ndim(speed) - 1))
