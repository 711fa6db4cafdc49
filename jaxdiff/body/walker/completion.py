"""From the sagittal projection to all 29 coordinates, as Fourier coefficients of 12 harmonics.

The prescribed angles are set, hip and knee are solved so that the ankles reach the planar ankles
and their lateral tracks, the ankle angles follow from the foot's orientation
`Rz(-e toe-out) Ry(-pitch)`, and the pelvis sways so that the lateral zero-moment point stays over
the feet.
"""

from __future__ import annotations

import numpy as np

from jaxdiff.body.walker.curves import fourier_fit
from jaxdiff.body.walker.dynamics import MARGIN, cross, newton_euler
from jaxdiff.body.walker.model import ARM, COORDINATES, FEET, LEG, OUTWARD, forward
from jaxdiff.body.walker.prescription import PELVIS_HEIGHT, PHASES, Prescription
from jaxdiff.body.walker.sagittal import Planar, planar

HARMONICS = 12
SWAY_INERTIA = 1.05
DAMPING = 0.03


def reach(q: np.ndarray, p: Prescription, flat: Planar) -> np.ndarray:
    """Bend hips and knees until the ankles are where they belong, then set the ankle angles."""
    q = q.copy()
    e = -OUTWARD
    for _ in range(3):
        pose = forward(q)
        for leg, foot in enumerate(FEET):
            q[LEG[leg, 1]] += e[leg] * (p.track[leg] - pose.joint[foot, 1]) / PELVIS_HEIGHT
    for _ in range(2):
        pose = forward(q)
        for leg, foot in enumerate(FEET):
            ankle = pose.joint[foot]
            error = np.stack([flat.ankles.x[leg], p.track[leg], flat.ankles.z[leg]]) - ankle
            hinges = LEG[leg, [0, 1, 3]]
            arms = (
                ankle - pose.joint[foot - 2],
                ankle - pose.joint[foot - 2],
                ankle - pose.joint[foot - 1],
            )
            jacobian = np.stack([cross(pose.hinge[hinge], arm) for hinge, arm in zip(hinges, arms)])
            gram = np.einsum("icn,jcn->nij", jacobian, jacobian) + DAMPING**2 * np.eye(3)
            step = np.linalg.solve(gram, np.einsum("icn,cn->ni", jacobian, error)[..., None])
            q[hinges] += step[..., 0].T
    pose = forward(q)
    for leg, foot in enumerate(FEET):
        turn, pitch = -e[leg] * p.toe_out, flat.pitch[leg]
        c, s, one = np.cos(pitch), np.sin(pitch), np.ones_like(pitch)
        x = np.cos(turn) * c, np.sin(turn) * c, s
        y = -np.sin(turn) * one, np.cos(turn) * one, 0.0 * one
        z = -np.cos(turn) * s, -np.sin(turn) * s, c
        m = np.einsum("jin,kin->jkn", pose.frame[foot - 1], np.array([x, y, z]))
        q[LEG[leg, 6]] = -np.arctan2(m[0, 2], m[2, 2])
        q[LEG[leg, 7]] = e[leg] * np.arcsin(-m[1, 2])
        q[LEG[leg, 8]] = e[leg] * np.arctan2(m[1, 0], m[1, 1])
    return q


def complete(p: Prescription, unknowns: np.ndarray) -> np.ndarray:
    """The gait's coefficients (25, 29) by phase of the right stride."""
    flat = planar(p, unknowns, jacobian=False)
    q = np.zeros((len(COORDINATES), PHASES))
    q[0], q[1], q[2] = flat.root.x, p.sway, flat.root.z
    q[3], q[4], q[5] = p.yaw, -p.obliquity, p.tilt
    q[6:9] = p.trunk_yaw - p.yaw, p.obliquity, flat.trunk - p.tilt
    for leg in range(2):
        q[LEG[leg, [0, 2, 3, 4, 5]]] = (
            flat.hip[leg],
            p.hip_rotation[leg],
            flat.knee[leg],
            p.knee_adduction[leg],
            p.knee_rotation[leg],
        )
    q[ARM] = p.shoulder
    wave = np.arange(HARMONICS + 1)
    gain = 1.0 / (1.0 + SWAY_INERTIA * (2.0 * np.pi * wave / p.period) ** 2)
    aim = (p.share * p.middle[:, None]).sum(0)
    q = reach(q, p, flat)
    for _ in range(2):
        motion = newton_euler(
            np.pad(q, ((0, 0), (MARGIN, MARGIN)), mode="wrap"), PHASES / p.period, p.slope
        )
        spectrum = np.fft.rfft(aim - motion.zmp[1])
        spectrum[: HARMONICS + 1] *= gain
        spectrum[HARMONICS + 1 :] = 0.0
        q[1] += np.fft.irfft(spectrum, PHASES)
        q = reach(q, p, flat)
    return fourier_fit(q.T, HARMONICS)
