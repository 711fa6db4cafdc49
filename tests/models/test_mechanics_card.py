"""The mechanics card: closed forms, any skeleton, and its command."""

import json

import numpy as np
import pytest

from jaxdiff import cli
from jaxdiff.body.actions import simulate_clip
from jaxdiff.body.humanml3d import LAYOUT_22, features_from_joints, names
from jaxdiff.body.skeleton import HUMANML3D, Skeleton
from jaxdiff.data import formats
from jaxdiff.data.recording import Recording
from jaxdiff.errors import DataError
from jaxdiff.models import mechanics_card

pytest.importorskip("mujoco")


@pytest.fixture(scope="module")
def walk():
    joints = np.asarray(simulate_clip("walk", 3).joints[:40], np.float64)
    return formats.joints_recording(joints, HUMANML3D, 20.0)


def test_simulated_walking_is_near_captured_walking_and_jitter_is_not(walk):
    pace, clean = mechanics_card.card(walk)
    real = mechanics_card.reference()[pace]
    assert pace == "walking" and clean["root_force"] < real["root_force"][2]
    assert clean["bone_stretch"] < 0.01 and set(clean) == set(mechanics_card.METRICS) == set(
        real
    ) - {"clips"}
    rng = np.random.default_rng(0)
    joints = walk.values.reshape(40, 22, 3) + 0.01 * rng.standard_normal((40, 22, 3))
    _, noisy = mechanics_card.card(formats.joints_recording(joints, HUMANML3D, 20.0))
    for name in ("root_force", "jerk", "bone_stretch", "foot_slide"):
        assert noisy[name] > 2 * max(clean[name], real[name][1]), name


def test_other_names_and_a_larger_scale_are_the_same_motion(walk):
    """In the names of Mixamo and in centimetres."""
    sides = {"left": "Left", "right": "Right"}
    words = {
        "hip": "UpLeg",
        "knee": "Leg",
        "ankle": "Foot",
        "foot": "ToeBase",
        "collar": "Shoulder",
    }
    words |= {"shoulder": "Arm", "elbow": "ForeArm", "wrist": "Hand"}

    def named(name):
        side, _, part = name.partition("_")
        return f"mixamorig:{sides[side]}{words[part]}" if side in sides else f"mixamorig:{name}"

    tree = Skeleton(tuple(map(named, HUMANML3D.names)), HUMANML3D.parents, HUMANML3D.offsets)
    joints = 100 * walk.values.reshape(40, 22, 3)
    other = formats.joints_recording(joints, tree, 20.0, "cm")
    _, mine = mechanics_card.card(walk)
    pace, theirs = mechanics_card.card(other)
    assert pace == "walking"
    assert theirs["root_force"] == pytest.approx(mine["root_force"], abs=0.01)
    assert theirs["jerk"] == pytest.approx(mine["jerk"], rel=0.1)


def test_features_are_the_motion_they_describe(walk):
    features = features_from_joints(walk.values.reshape(40, 22, 3), LAYOUT_22)
    columns = names(LAYOUT_22)
    recording = Recording(np.asarray(features), columns, ("",) * len(columns), 20.0)
    assert mechanics_card.card(recording)[1]["root_force"] == pytest.approx(
        mechanics_card.card(walk)[1]["root_force"], abs=0.01
    )


def test_what_is_no_motion_is_refused(walk):
    with pytest.raises(DataError, match="0.3 s of motion"):
        mechanics_card.card(walk.crop(0, 0.1))
    with pytest.raises(DataError, match="joint positions of a whole figure"):
        mechanics_card.card(Recording(np.zeros((9, 1)), ("knee",), ("deg",), 20.0))


def test_the_command_shows_captured_motion_beside_it(walk, tmp_path, capsys):
    formats.write(tmp_path / "walk.bvh", walk)
    code = cli.main(["score", str(tmp_path / "walk.bvh"), "--mechanics"])
    lines = capsys.readouterr().out.splitlines()
    assert code == 0 and lines[0].startswith("walk.bvh: walking; beside it")
    assert max(map(len, lines)) <= 80 and any(line.startswith("root_force    BW") for line in lines)
    code = cli.main(["score", str(tmp_path / "walk.bvh"), "--mechanics", "--json"])
    found = json.loads(capsys.readouterr().out)[str(tmp_path / "walk.bvh")]
    assert code == 0 and len(found["captured"]["jerk"]) == 3
