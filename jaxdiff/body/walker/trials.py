"""One trial: strides at given speeds and slopes, with their variability, their forces and their
envelopes.

The stride coordinate x, not time, is the independent variable: 150 uniform samples a stride are the
data grid. Speed and slope are one value per stride, blended by a C² spline, so a transition is only
a different list. The belt moves at u, the body has the geometry of `u_e = u exp(eps/.57)` whose
strides are longer or shorter, and time follows from `dt = LAM(u_e, b)/u dx`, so that the foot still
sticks.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from jaxdiff.body.walker import timing, variability
from jaxdiff.body.walker.curves import low_pass, stride_spline
from jaxdiff.body.walker.dynamics import (
    MARGIN,
    Contact,
    Motion,
    distribute,
    joint_torques,
    newton_euler,
)
from jaxdiff.body.walker.emg import GAIN_SPREAD, RECORDED, envelopes
from jaxdiff.body.walker.model import FEET, GRAVITY, LEG, OUTWARD
from jaxdiff.body.walker.nodes import STRIDE, Nodes, over_stride
from jaxdiff.body.walker.subjects import Walker

SPARE = 1
"""Strides walked before and after those that are kept: for derivatives, delays and the left leg's
half stride.
"""
CORE = slice(MARGIN, -MARGIN)
KNEES = LEG[:, 3]


class Walk(NamedTuple):
    """Kinematics on the stride grid, `SPARE` strides longer at both ends than asked for; time in
    the last axis.
    """

    walker: Walker
    strides: int
    time: np.ndarray
    """Seconds from the first kept right heel strike."""
    speed: np.ndarray
    """u of the belt."""
    shape_speed: np.ndarray
    """u of the geometry: longer or shorter strides at the same belt speed."""
    incline: np.ndarray
    """Degrees."""
    rate: np.ndarray
    """Samples per sqrt(L/g)."""
    q: np.ndarray
    """Coordinates (29, T), radians and leg lengths."""

    @property
    def phase(self) -> np.ndarray:
        """Phase of the right stride."""
        return np.arange(len(self.time)) % STRIDE / STRIDE


def knee_floor(angle: np.ndarray) -> np.ndarray:
    """Smoothly keep knees from bending backwards by more than three degrees."""
    soft = np.deg2rad(1.5)
    least = np.deg2rad(-3.0)
    return least + soft * np.logaddexp(0.0, (angle - least) / soft)


def walk(
    walker: Walker, nodes: Nodes, speeds: np.ndarray, inclines: np.ndarray, rng: np.random.Generator
) -> Walk:
    """Walk one stride per entry of `speeds` (m/s) and `inclines` (degrees)."""
    second = np.sqrt(walker.leg_length / GRAVITY)
    strides = len(speeds)
    padded = strides + 2 * SPARE
    x = np.arange(padded * STRIDE) / STRIDE
    given = np.stack([speeds / np.sqrt(GRAVITY * walker.leg_length), inclines], axis=1)
    u, b = stride_spline(np.pad(given, ((SPARE, SPARE), (0, 0)), mode="edge"), x).T
    shape_u = u * np.exp(variability.stride_length(rng, padded, x) / timing.SPEED_EXPONENT)
    amplitudes = variability.amplitudes(rng, walker, padded, x, u)

    def grid(a: np.ndarray) -> np.ndarray:
        return a.reshape(padded, STRIDE, *a.shape[1:])

    q = over_stride(nodes.weights(grid(shape_u), grid(b)), nodes.curves)
    q += variability.deviations(grid(amplitudes), grid(u), grid(b))
    q = np.ascontiguousarray(q.reshape(len(x), -1).T)
    q[KNEES] = knee_floor(q[KNEES])

    per_stride = shape_u * timing.stride_time(walker, shape_u, b) / u
    elapsed = np.concatenate([[0.0], np.cumsum(0.5 * (per_stride[1:] + per_stride[:-1]))]) / STRIDE
    time = second * (elapsed - elapsed[SPARE * STRIDE])
    return Walk(walker, strides, time, u, shape_u, b, STRIDE / per_stride, q)


class Kinetics(NamedTuple):
    """Forces of a walk on its inner samples: `MARGIN` shorter at both ends."""

    motion: Motion
    contact: Contact
    torques: np.ndarray
    """Torque along every hinge (29, T) in units of m g L."""


def kinetics(walked: Walk) -> Kinetics:
    """Inverse dynamics of a walk, and the wrench of each foot."""
    walker = walked.walker
    slope = np.deg2rad(walked.incline[CORE])
    motion = newton_euler(walked.q, walked.rate, slope)
    u = walked.shape_speed[CORE]
    stance_end = timing.duty(walker, u)
    stance, _ = timing.stance_and_swing(timing.leg_phase(walker, walked.phase[CORE]), stance_end)
    load = timing.loading(walker, u, stance, stance_end)
    contact = distribute(
        motion, load / load.sum(0), timing.pressure_path(walker, stance), stance, slope
    )
    return Kinetics(motion, contact, joint_torques(motion, contact))


def kept(walked: Walk, side: int) -> slice:
    """The samples, of those that kinetics has, that make up whole strides of one leg."""
    start = SPARE * STRIDE - MARGIN + round(side * walked.walker.left_phase * STRIDE)
    return slice(start, start + walked.strides * STRIDE)


def angles(walked: Walk, kinetic: Kinetics, side: int) -> np.ndarray:
    """Hip, knee, ankle, foot to the belt, and pelvis (15, T) in degrees; a left leg reads like a
    right one.
    """
    e = -OUTWARD[side]
    x, y, z = kinetic.motion.pose.frame[FEET[side]]
    foot = np.arcsin(x[2]), e * np.arctan2(y[2], z[2]), e * np.arctan2(x[1], x[0])
    q = walked.q[:, CORE]
    return np.rad2deg(np.stack([*q[LEG[side]], *foot, e * q[3], -e * q[4], q[5]]))


def moments(walked: Walk, kinetic: Kinetics, side: int) -> np.ndarray:
    """Internal moments of hip, knee and ankle (9, T) in Nm/kg: against flexion, adduction and
    internal rotation.
    """
    return -kinetic.torques[LEG[side]] * GRAVITY * walked.walker.leg_length


def reaction(kinetic: Kinetics, side: int) -> np.ndarray:
    """Ground reaction on one foot (3, T) in N/kg: forward, medial, normal to the belt."""
    return GRAVITY * kinetic.contact.force[side] * np.array([1.0, -OUTWARD[side], 1.0])[:, None]


def emg(walked: Walk, kinetic: Kinetics, side: int, rng: np.random.Generator) -> np.ndarray:
    """Envelopes of one leg (8, T), not yet normalised."""
    hip, hip_abduction, _, knee, _, _, ankle, _, _ = moments(walked, kinetic, side)
    phase = timing.leg_phase(walked.walker, walked.phase[CORE])[side]
    x = np.arange(len(walked.time))[CORE] / STRIDE
    gains = variability.autoregressive(
        rng, walked.strides + 2 * SPARE, variability.SHAPE_MEMORY, GAIN_SPREAD, len(RECORDED)
    )
    log_gain = stride_spline(gains, x - side * walked.walker.left_phase).T
    return envelopes(
        np.stack([hip, knee, ankle, hip_abduction]), phase, walked.time[CORE], log_gain
    )


SAGITTAL = LEG[:, [0, 3, 6]].ravel()
"""Hip, knee and ankle flexion, right then left."""


def resample(walked: Walk, start: float, samples: int, rate: float, synthesis: float) -> np.ndarray:
    """The sagittal angles (samples, 6) in degrees at `rate` Hz from `start` seconds on.

    Drawn at `synthesis` Hz and decimated behind a low-pass at 0.4 of the new rate, so that nothing
    folds back.
    """
    factor = round(synthesis / rate)
    reach = 15 * factor
    taps = low_pass(0.4 / factor, reach)
    time = start + (np.arange((samples - 1) * factor + len(taps)) - reach) / synthesis
    fine = np.stack([np.interp(time, walked.time, walked.q[k]) for k in SAGITTAL])
    windows = np.lib.stride_tricks.sliding_window_view(fine, len(taps), axis=1)[:, ::factor]
    return np.rad2deg(windows @ taps).T


def stride_seconds(walker: Walker, speed: float) -> float:
    """Duration of a stride on the level at `speed` m/s."""
    u = speed / np.sqrt(GRAVITY * walker.leg_length)
    return float(timing.stride_time(walker, u, 0.0) * np.sqrt(walker.leg_length / GRAVITY))
