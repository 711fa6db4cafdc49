"""Muscles in Action as motion features with activations, for the pre-training of the motion
encoder.

Joints of the 25-joint body of OpenPose, in the camera's axes of a video at 10 Hz, become the 22
joints of HumanML3D at 20 Hz, upright, on one figure; EMG in arbitrary units becomes activations
between 0 and 1 by each muscle's 99th percentile.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from scipy.interpolate import CubicSpline

from jaxdiff.body import actions, humanml3d
from jaxdiff.body.humanml3d import LAYOUT_22, Variant
from jaxdiff.body.skeleton import HUMANML3D, hang
from jaxdiff.data.builders.example import example
from jaxdiff.data.trials import Trials, gather
from jaxdiff.errors import DataError
from jaxdiff.studies.text_to_motion.corpora import CHANNELS, JOINTS, MOTION, lengthened_features

EMG, FPS = "emg", 20.0
OPENPOSE = {
    "pelvis": {8: 1.0},
    "spine1": {8: 0.8, 1: 0.2},
    "spine2": {8: 0.55, 1: 0.45},
    "spine3": {8: 0.4, 1: 0.6},
    "neck": {1: 1.0},
    "head": {17: 0.5, 18: 0.5},
    "left_hip": {12: 1.0},
    "left_knee": {13: 1.0},
    "left_ankle": {14: 1.0},
    "left_foot": {19: 0.5, 20: 0.5},
    "right_hip": {9: 1.0},
    "right_knee": {10: 1.0},
    "right_ankle": {11: 1.0},
    "right_foot": {22: 0.5, 23: 0.5},
    "left_collar": {1: 0.6, 5: 0.4},
    "left_shoulder": {5: 1.0},
    "left_elbow": {6: 1.0},
    "left_wrist": {7: 1.0},
    "right_collar": {1: 0.6, 2: 0.4},
    "right_shoulder": {2: 1.0},
    "right_elbow": {3: 1.0},
    "right_wrist": {4: 1.0},
}
"""HumanML3D's joints as weighted joints of OpenPose; the spine lies on the line from the pelvis to
the neck.
"""
UPRIGHT = np.array([1.0, -1.0, -1.0])
"""The camera looks along +z with y down."""


def with_features(trials: Trials, variant: Variant = "fixed") -> Trials:
    """The trials of the data set `mia` with `motion`, `joints` and `emg` as the motion encoder is
    trained on.

    Args:
      trials: joints `(T, 75)` in m and EMG `(T, 8)`, 10 Hz.
      variant: feature variant of the model that will use the encoder.
    """
    emg = trials.frames(EMG)
    largest = np.quantile(emg, 0.99, axis=0)
    if not (largest > 0).all():
        raise DataError("a muscle of this data set is silent; its EMG has no scale")
    theirs = trials.channels[EMG]
    missing = [muscle for muscle in actions.MUSCLES if muscle not in theirs]
    if missing:
        raise DataError(f"no muscle {missing[0]!r} among {', '.join(theirs)}")
    order = [theirs.index(muscle) for muscle in actions.MUSCLES]
    rest = hang(HUMANML3D.parents, HUMANML3D.offsets, np.zeros(3, np.float32))
    offsets = np.asarray(humanml3d.target_offsets(rest.astype(np.float32), LAYOUT_22))

    def one(i: int) -> dict:
        rows = slice(int(trials.start[i]), int(trials.start[i] + trials.length[i]))
        rate = float(trials.column("rate")[i])
        joints = as_humanml3d(trials.modality(JOINTS)[rows].reshape(-1, 25, 3))
        frames = len(joints)
        when = np.arange(int((frames - 1) / rate * FPS) + 1) / FPS
        spline = CubicSpline(np.arange(frames) / rate, joints, axis=0)
        moved = spline(when).astype(np.float32)
        muscles = np.stack(
            [np.interp(when, np.arange(frames) / rate, c) for c in trials.modality(EMG)[rows].T], -1
        )
        figure = humanml3d.uniform_skeleton(
            jnp.asarray(moved), jnp.asarray(offsets), LAYOUT_22, "fixed"
        )
        upright = humanml3d.canonical(np.asarray(figure), LAYOUT_22)[0].astype(np.float32)
        signals = {
            MOTION: lengthened_features(upright, variant),
            JOINTS: upright.reshape(-1, 66),
            EMG: np.clip(muscles / largest, 0, 1)[:, order].astype(np.float32),
        }
        subject, task = (str(trials.column(n)[i]) for n in ("subject", "task"))
        made = example(
            str(trials.column("trial")[i]),
            signals,
            FPS,
            subject=subject,
            task=task,
            captions=[task],
        )
        features = humanml3d.names(LAYOUT_22)
        channels = {MOTION: features, JOINTS: CHANNELS, EMG: tuple(actions.MUSCLES)}
        units = {MOTION: "1", JOINTS: "m", EMG: "1"}
        return made | {
            "channels": channels,
            "units": {name: (units[name],) * len(of) for name, of in channels.items()},
        }

    return gather(one(i) for i in range(len(trials)))


def as_humanml3d(joints: np.ndarray) -> np.ndarray:
    """OpenPose's 25 joints `(T, 25, 3)` in camera axes as HumanML3D's 22, y up."""
    if joints.ndim != 3 or joints.shape[1:] != (25, 3):
        raise DataError(f"Muscles in Action has joints (T, 25, 3); got {joints.shape}")
    weights = np.zeros((len(HUMANML3D.names), 25))
    for row, name in enumerate(HUMANML3D.names):
        for joint, weight in OPENPOSE[name].items():
            weights[row, joint] = weight
    return np.einsum("ij,tjk->tik", weights, joints * UPRIGHT)
