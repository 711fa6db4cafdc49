"""How far a motion of any skeleton deviates from mechanics, compared with real motion at a similar
speed.

A motion is mapped onto the 22 joints of the library (`data.skeletons`), brought to 20 Hz, on which
all figures depend, and set on the ground by its lowest foot; bones are judged in the file's own
skeleton. Reference values are those of motion capture at the same pace (`PACES`), written by
`benchmarks/mechanics.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources

import numpy as np
from einops import rearrange

from jaxdiff.body.humanml3d import LAYOUT_22, joints_from_features, names
from jaxdiff.body.rigid import violation
from jaxdiff.body.skeleton import HUMANML3D, bone_lengths
from jaxdiff.data.formats.bvh_joints import joints_recording
from jaxdiff.data.recording import Recording
from jaxdiff.data.skeletons import to_body
from jaxdiff.errors import DataError
from jaxdiff.metrics import physical
from jaxdiff.metrics.mechanics import mechanics

RATE = 20.0
LONGEST = 200
"""Frames that are analysed; of longer motions those in the middle."""
PACES = {"in place": 0.25, "walking": 1.8, "running": np.inf}
"""Largest mean horizontal speed of the pelvis in m/s."""
METRICS = {
    "root_force": "BW",
    "root_moment": "BW m",
    "torque_excess": "1",
    "foot_slide": "m/s",
    "floating": "m",
    "penetration": "m",
    "jerk": "m/s³",
    "bone_stretch": "%",
}
MEANINGS = {
    "root_force": "mean force on the pelvis that no push of the feet explains, in body weights",
    "root_moment": "mean moment on the pelvis that no push of the feet explains",
    "torque_excess": "share of joint torques beyond those of athletes",
    "foot_slide": "mean horizontal speed of feet in contact",
    "floating": "mean height of the lowest joint above 5 cm",
    "penetration": "mean depth of the lowest joint below the ground",
    "jerk": "mean third derivative of joint positions",
    "bone_stretch": "deviation of bone lengths over time, as a share of their mean",
}


def card(recording: Recording) -> tuple[str, dict[str, float]]:
    """The pace of a motion and its metrics, named and in the units of `METRICS`.

    Args:
        recording: Joint positions of any human skeleton with its tree in the metadata (BVH, `.npy`,
            `.npz`), or features of HumanML3D; 0.3 s or more.

    Raises:
        DataError: If it is no skeleton, or too short.
        MissingExtra: If MuJoCo is not installed.
    """
    if recording.channels == names(LAYOUT_22):
        joints = np.asarray(joints_from_features(recording.values))
        recording = joints_recording(joints, HUMANML3D, recording.rate)
    if "parents" not in recording.meta:
        raise DataError(
            "a mechanics card needs the joint positions of a whole figure: a .bvh, a .npy of"
            " HumanML3D or KIT-ML, or a .npz of a pose estimator; this recording has"
            f" {', '.join(recording.channels[:4])} ..."
        )
    tree = tuple(int(parent) for parent in recording.meta["parents"].split())
    body = to_body(recording)
    if abs(body.rate - RATE) > 1e-6:
        body = body.resample(RATE)
    joints = rearrange(body.values, "t (j c) -> t j c", c=3)
    if len(joints) < 6:
        raise DataError(
            f"a mechanics card needs 0.3 s of motion or more, not {len(body) / RATE:g} s"
        )
    skipped = max(0, len(joints) - LONGEST) // 2
    joints = joints[skipped : skipped + LONGEST]
    found = mechanics([joints])
    found |= physical.physical([joints], form="distance")
    found["foot_slide"] = violation(joints, LAYOUT_22, RATE)["foot_slide"]
    own = rearrange(recording.values, "t (j c) -> t j c", c=3)
    lengths = bone_lengths(own, tree)[:, 1:]
    lengths = lengths[:, lengths.mean(0) > 1e-6 * lengths.max()]
    found["bone_stretch"] = 100 * float((lengths.std(0) / lengths.mean(0)).mean())
    speed = np.linalg.norm(np.diff(joints[:, 0][:, [0, 2]], axis=0), axis=-1).mean() * RATE
    return pace(speed), {name: float(found[name]) for name in METRICS}


def pace(speed: float) -> str:
    """The name in `PACES` of a mean horizontal speed in m/s."""
    return next(name for name, limit in PACES.items() if speed <= limit)


def reference() -> Mapping[str, Mapping[str, list[float]]]:
    """Of captured motion, per pace and metric: 5 % quantile, median, 95 % quantile; `clips` holds
    their number.
    """
    text = resources.files("jaxdiff.models").joinpath("mechanics_reference.json")
    return json.loads(text.read_text(encoding="utf-8"))
