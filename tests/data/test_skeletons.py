"""BVH of any skeleton mapped onto the 22 joints: by name, by structure, in any unit, with constant
bone lengths.
"""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from jaxdiff.body.skeleton import HUMANML3D, bone_lengths
from jaxdiff.data import formats
from jaxdiff.data.formats import joints_recording
from jaxdiff.data.skeletons import to_body
from jaxdiff.errors import DataError

SHARED = Path(os.environ.get("JAXDIFF_SHARED", "shared")) / "data" / "bvh_samples"
JOINTS = ("hip", "knee", "ankle", "foot", "collar", "shoulder", "elbow", "wrist")
# hip, knee, ankle, foot, collar, shoulder, elbow, wrist of the left side, then neck and head
FAMILIES = {
    "mixamo": (
        "mixamorig:LeftUpLeg mixamorig:LeftLeg mixamorig:LeftFoot mixamorig:LeftToeBase "
        "mixamorig:LeftShoulder mixamorig:LeftArm mixamorig:LeftForeArm mixamorig:LeftHand "
        "mixamorig:Neck mixamorig:Head"
    ),
    "lafan1": (
        "LeftUpLeg LeftLeg LeftFoot LeftToe LeftShoulder LeftArm LeftForeArm LeftHand Neck Head"
    ),
    "100style": (
        "LeftHip LeftKnee LeftAnkle LeftToe LeftCollar LeftShoulder LeftElbow LeftWrist Neck Head"
    ),
    "soma": (
        "LeftLeg LeftShin LeftFoot LeftToeBase LeftShoulder LeftArm LeftForeArm LeftHand Neck1 Head"
    ),
    "bandai": (
        "UpperLeg_L LowerLeg_L Foot_L Toes_L Shoulder_L UpperArm_L LowerArm_L Hand_L Neck Head"
    ),
    "daz": "lThigh lShin lFoot lToe lCollar lShldr lForeArm lHand neck head",
    "unreal": "thigh_l calf_l foot_l ball_l clavicle_l upperarm_l lowerarm_l hand_l neck_01 head",
    "unknown": "A1 A2 A3 A4 A5 A6 A7 A8 A9 A10",
}


def motion(frames=20):
    """The 22 joints of a bent, turning figure, in metres."""
    random = np.random.default_rng(0)
    rest = np.zeros((22, 3))
    for j, parent in enumerate(HUMANML3D.parents[1:], 1):
        rest[j] = rest[parent] + HUMANML3D.offsets[j]
    time = np.linspace(0, 1, frames)[:, None]
    out = np.repeat(rest[None], frames, axis=0)
    for side in ("left", "right"):
        out[:, HUMANML3D.index(f"{side}_knee"), 2] += 0.05 + 0.02 * time[:, 0]
        out[:, HUMANML3D.index(f"{side}_wrist"), 2] += 0.1 * time[:, 0]
    out[..., 2] += 0.8 * time + 0.001 * random.normal()
    out[..., 1] += 0.95
    return out


def mirrored(name):
    for left, right in (("Left", "Right"), ("_L", "_R"), ("_l", "_r")):
        if left in name:
            return name.replace(left, right)
    return "r" + name[1:] if name[0] == "l" else "B" + name[1:]


def renamed(family):
    """The figure with the joint names of a family of skeletons."""
    *limbs, neck, head = FAMILIES[family].split()
    names = {}
    for joint, name in zip(JOINTS, limbs):
        names[f"left_{joint}"], names[f"right_{joint}"] = name, mirrored(name)
    names |= {"neck": neck, "head": head, "pelvis": "Hips"}
    own = tuple(names.get(name, name.title()) for name in HUMANML3D.names)
    return joints_recording(motion(), HUMANML3D._replace(names=own), 30.0)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_of_skeletons_is_mapped(family):
    found = to_body(renamed(family))
    assert found.channels[:3] == ("pelvis_x", "pelvis_y", "pelvis_z")
    kind = "structure" if family == "unknown" else "name"
    assert f"left_knee={FAMILIES[family].split()[1]} ({kind})" in found.meta["joint mapping"]
    expected, made = motion(), found.values.reshape(20, 22, 3)
    limbs = [HUMANML3D.index(f"{s}_{j}") for s in ("left", "right") for j in JOINTS[:4]]
    shift = (made - expected)[:, limbs]
    assert np.ptp(shift[..., [0, 2]]) < 0.01 and np.ptp(shift[..., 1]) < 0.02
    assert np.ptp(bone_lengths(made, HUMANML3D.parents), axis=0).max() < 1e-9
    assert abs(np.percentile(made[:, [10, 11], 1].min(1), 5)) < 1e-9


@pytest.mark.parametrize("scale", [1.0, 100.0, 0.1])
def test_the_unit_is_recognised_by_the_length_of_the_leg(scale):
    recording = renamed("lafan1")
    found = to_body(replace(recording, values=recording.values * scale))
    leg = bone_lengths(found.values.reshape(20, 22, 3), HUMANML3D.parents)[0, [4, 7]].sum()
    assert 0.75 < leg < 0.9
    assert ("scaled by" in found.meta["retargeting"]) == (scale != 1.0)


def test_a_figure_that_stands_along_z_is_turned():
    recording = renamed("mixamo")
    values = recording.values.reshape(20, 22, 3)[..., [0, 2, 1]] * [1, -1, 1]
    found = to_body(replace(recording, values=values.reshape(20, -1)))
    assert found.values.reshape(20, 22, 3)[:, HUMANML3D.index("head"), 1].min() > 1.2


def test_what_is_no_human_is_refused():
    chain = HUMANML3D._replace(
        names=tuple(f"j{i}" for i in range(22)), parents=tuple(range(-1, 21))
    )
    with pytest.raises(DataError, match="legs are not found .*neither by name nor by structure"):
        to_body(joints_recording(motion(), chain, 30.0))
    with pytest.raises(DataError, match="a skeleton is needed"):
        to_body(replace(renamed("daz"), meta={}))


def test_joints_of_the_library_are_returned_unchanged():
    recording = joints_recording(motion(), HUMANML3D, 20.0)
    assert to_body(recording) is recording


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the shared data")
@pytest.mark.parametrize(
    "name", ["cmu_07_01", "cmu_13_11", "dataset-2_walk_normal_013", "dataset-2_run_normal_001"]
)
def test_real_skeletons_by_name_and_by_structure(name):
    path = SHARED / f"{name}.bvh"
    found = formats.read_body(path)
    joints = found.values.reshape(len(found), 22, 3)
    assert 1.2 < (joints[:, 15, 1]).mean() < 1.7  # the head
    assert np.ptp(bone_lengths(joints, HUMANML3D.parents), axis=0).max() < 1e-9
    moved = float(found.meta["retargeting"].split("by up to ")[1].split(" mm")[0])
    assert moved < 10
    raw = formats.read(path)
    hidden = replace(raw, channels=tuple(f"j{i // 3}_{c[-1]}" for i, c in enumerate(raw.channels)))
    blind = to_body(hidden).values.reshape(len(found), 22, 3)
    limbs = [
        HUMANML3D.index(f"{s}_{j}") for s in ("left", "right") for j in ("hip", "knee", "ankle")
    ]
    difference = (blind - joints)[:, limbs]
    assert np.abs(difference - difference.mean((0, 1))).max() < 0.03


def test_motion_models_take_any_skeleton():
    from jaxdiff.studies.text_to_motion.corpora import joints_of

    joints = joints_of(renamed("mixamo"))
    assert joints.shape == (20, 22, 3) and abs(joints[:, [10, 11], 1].min()) < 0.01
    own = joints_recording(motion(), HUMANML3D, 20.0)
    np.testing.assert_allclose(joints_of(own), motion(), atol=1e-6)
