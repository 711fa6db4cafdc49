"""BVH: any channels and rotation order, exact round trips, kinematics against an independent reader
and real motion.
"""

import os
from itertools import permutations, product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdiff.body import rotations as rot
from jaxdiff.body.skeleton import HUMANML3D, KIT, Skeleton, forward_kinematics
from jaxdiff.data.formats import (
    bvh_from_rotations,
    joints_recording,
    read,
    read_bvh,
    write,
    write_bvh,
    write_joints_bvh,
)
from jaxdiff.errors import FileError

SHARED = Path(os.environ.get("JAXDIFF_SHARED") or Path(__file__).parents[4] / "shared") / "data"

ARM = """HIERARCHY
ROOT Hips
{{
    OFFSET 1.0 2.0 3.0
    CHANNELS 6 {root}
    JOINT Upper Arm
    {{
        OFFSET 0 10 0
        CHANNELS {arm}
        JOINT Hand
        {{
            OFFSET 5 0.5 0
            CHANNELS {hand}
            End Site
            {{
                OFFSET 0 1 0
            }}
        }}
    }}
    JOINT Tail {{
        OFFSET 0 -1 0.25
        CHANNELS 0
        End Site {{ OFFSET 0 0 -1
        }}
    }}
}}
MOTION
Frames: 4
Frame Time: 0.01
"""


def arm(
    folder,
    root="ZYX",
    arm="YXZ",
    hand_position="Xposition Yposition Zposition ",
    hand="XZY",
    seed=0,
):
    """A file with a name of two words, a joint without channels, positions on the hand."""

    def turn(order):
        return " ".join(f"{axis}rotation" for axis in order)

    count = len(hand_position.split()) + len(hand)
    header = ARM.format(
        root=f"Xposition Yposition Zposition {turn(root)}",
        arm=f"{len(arm)} {turn(arm)}",
        hand=f"{count} {hand_position}{turn(hand)}",
    )
    numbers = np.random.default_rng(seed).uniform(-150, 150, (4, 6 + len(arm) + count))
    path = folder / "arm.bvh"
    path.write_text(header + "\n".join(" ".join(map(repr, row.tolist())) for row in numbers) + "\n")
    return path


def by_matrices(path):
    """Joint positions of `arm` in file units, spelt out with one 4 x 4 matrix a channel."""
    bvh = read_bvh(path)
    result = np.zeros((len(bvh.motion), len(bvh.names), 3))
    for t, frame in enumerate(bvh.motion):
        numbers, world = iter(frame), []
        for j, channels in enumerate(bvh.channels):
            place, turn = bvh.offsets[j].copy(), np.eye(4)
            for channel in channels:
                value, axis = next(numbers), "XYZ".index(channel[0])
                if "position" in channel:
                    place[axis] = value
                else:
                    a, b = (axis + 1) % 3, (axis + 2) % 3
                    step = np.eye(4)
                    step[a, a] = step[b, b] = np.cos(np.radians(value))
                    step[b, a] = np.sin(np.radians(value))
                    step[a, b] = -step[b, a]
                    turn = turn @ step
            turn[:3, 3] = 0
            local = np.eye(4)
            local[:3, 3] = place
            world.append((world[bvh.parents[j]] if j else np.eye(4)) @ local @ turn)
        result[t] = [matrix[:3, 3] for matrix in world]
    return result


@pytest.mark.parametrize(
    "order", ["".join(p) for p in permutations("XYZ")] + ["ZXZ", "XY", "Z", ""]
)
def test_kinematics_of_any_rotation_order_and_channel_set(tmp_path, order):
    path = arm(tmp_path, arm=order, hand=order[::-1], hand_position="Yposition ")
    bvh = read_bvh(path)
    assert bvh.names == ("Hips", "Upper Arm", "Hand", "Tail") and bvh.parents == (-1, 0, 1, 0)
    assert bvh.rate == 100 and bvh.skeleton.offsets[1, 1] == pytest.approx(0.1)
    assert np.allclose(bvh.joints(), 0.01 * by_matrices(path), atol=1e-12)


@pytest.mark.parametrize("positions", ["", "Xposition Yposition Zposition "])
def test_bvhio_agrees(tmp_path, positions):
    bvhio = pytest.importorskip("bvhio")
    path = arm(tmp_path, hand_position=positions)
    text = path.read_text().replace(
        "Upper Arm", "UpperArm"
    )  # bvhio takes one word, and braces on lines of their own
    path.write_text(text.replace(" {", "\n{").replace("{ OFFSET", "{\nOFFSET"))
    bvh = read_bvh(path)
    other, joints = bvhio.readAsHierarchy(str(path)), bvh.joints()
    for t in range(len(bvh.motion)):
        other.loadPose(t)
        places = {
            joint.Name: np.array(joint.PositionWorld) * 0.01 for joint, _, _ in other.layout()
        }
        for j, name in enumerate(bvh.names):
            assert np.allclose(
                joints[t, j], places[name], atol=1e-5
            )  # bvhio computes in single precision


def test_reading_then_writing_returns_the_same_numbers(tmp_path):
    first = read_bvh(arm(tmp_path))
    write_bvh(tmp_path / "b.bvh", first)
    second = read_bvh(tmp_path / "b.bvh")
    assert (first.names, first.parents, first.channels) == (
        second.names,
        second.parents,
        second.channels,
    )
    assert np.array_equal(first.motion, second.motion) and np.array_equal(
        first.offsets, second.offsets
    )
    assert first.frame_time == second.frame_time
    assert all(np.array_equal(first.ends[j], second.ends[j]) for j in (2, 3))


def random_turns(shape, seed):
    q = np.random.default_rng(seed).normal(size=(*shape, 4))
    return q / np.linalg.norm(q, axis=-1, keepdims=True)


@given(seed=st.integers(0, 1000), order=st.sampled_from(["".join(p) for p in permutations("XYZ")]))
def test_motion_written_from_rotations_is_that_motion(tmp_path_factory, seed, order):
    path = tmp_path_factory.getbasetemp() / "turns.bvh"
    turns, root = random_turns((3, 22), seed), np.random.default_rng(seed).normal(size=(3, 3))
    write_bvh(path, bvh_from_rotations(HUMANML3D, turns, root, 20.0, order))
    found = read_bvh(path)
    back = [found.names.index(name) for name in HUMANML3D.names]
    expected = forward_kinematics(HUMANML3D, turns, root)
    assert found.rate == 20
    assert np.allclose(found.joints()[:, back], expected, atol=1e-6)
    same = np.abs((found.pose()[0][:, back] * turns).sum(-1))
    assert np.allclose(same, 1, atol=1e-6)


@pytest.mark.parametrize("skeleton", [HUMANML3D, KIT], ids=["humanml3d", "kit"])
def test_rotations_fitted_to_rigid_motion_reproduce_it(tmp_path, skeleton):
    random = np.random.default_rng(0)
    turns = rot.quaternion_from_axis_angle(random.normal(size=(6, len(skeleton.names), 3)))
    joints = forward_kinematics(skeleton, turns, random.normal(size=(6, 3)))
    write_joints_bvh(tmp_path / "a.bvh", joints, skeleton, 20.0)
    found = read_bvh(tmp_path / "a.bvh")
    back = [found.names.index(name) for name in skeleton.names]
    assert np.allclose(found.joints()[:, back], joints, atol=1e-6)


def test_a_resting_skeleton_is_written_without_rotations(tmp_path):
    rest = HUMANML3D.offsets.astype(np.float64).copy()
    for j, parent in enumerate(HUMANML3D.parents[1:], 1):
        rest[j] += rest[parent]
    write_joints_bvh(tmp_path / "a.bvh", np.stack([rest, rest + 1]), HUMANML3D, 20.0)
    assert np.abs(read_bvh(tmp_path / "a.bvh").motion[:, 3:]).max() < 1e-4


def test_straight_and_folded_limbs_turn_without_accident(tmp_path):
    limb = Skeleton(("a", "b", "c"), (-1, 0, 1), np.array([[0, 0, 0], [0, 1.0, 0], [0, 1.0, 0]]))
    joints = np.array(
        [[[0, 0, 0], [0, s, 0], [0, s + r, 0]] for s, r in product((1, -1), (1, -1))], np.float64
    )
    write_joints_bvh(tmp_path / "a.bvh", joints, limb, 10.0)
    assert np.allclose(read_bvh(tmp_path / "a.bvh").joints(), joints, atol=1e-9)


@given(seed=st.integers(0, 1000))
def test_bones_without_length_or_direction_do_no_harm(tmp_path_factory, seed):
    random, path = np.random.default_rng(seed), tmp_path_factory.getbasetemp() / "points.bvh"
    grid = np.round(random.uniform(-1, 1, (4, 6, 3)))  # many joints coincide, many bones oppose
    flat = Skeleton(tuple("abcdef"), (-1, 0, 1, 1, 2, 2), np.round(random.uniform(-1, 1, (6, 3))))
    write_joints_bvh(path, grid, flat, 10.0)
    found = read_bvh(path)
    assert np.isfinite(found.joints()).all()
    assert np.allclose(found.joints()[:, 0], grid[:, 0])


def test_generated_motion_opens_in_bvhio(tmp_path):
    bvhio = pytest.importorskip("bvhio")
    random = np.random.default_rng(0)
    turns = rot.quaternion_from_axis_angle(0.5 * random.normal(size=(4, 22, 3)))
    joints = forward_kinematics(HUMANML3D, turns, random.normal(size=(4, 3)))
    write_joints_bvh(tmp_path / "a.bvh", joints, HUMANML3D, 20.0)
    other = bvhio.readAsHierarchy(str(tmp_path / "a.bvh"))
    for t in range(4):
        other.loadPose(t)
        places = {
            joint.Name: np.array(joint.PositionWorld) * 0.01 for joint, _, _ in other.layout()
        }
        assert np.allclose([places[name] for name in HUMANML3D.names], joints[t], atol=1e-5)


def test_recordings_of_joints_come_back(tmp_path):
    turns = rot.quaternion_from_axis_angle(0.3 * np.random.default_rng(0).normal(size=(5, 22, 3)))
    before = joints_recording(
        forward_kinematics(HUMANML3D, turns, np.zeros((5, 3))), HUMANML3D, 20.0
    )
    write(tmp_path / "a.bvh", before)
    after = read(tmp_path / "a.bvh")
    assert after.rate == 20 and set(after.units) == {"m"}
    assert np.allclose(after.select(before.channels).values, before.values, atol=1e-6)
    with pytest.raises(FileError, match="joint positions"):
        write(tmp_path / "b.bvh", before.select(before.channels[:4]))


def test_resampling_meets_the_frames_and_keeps_bone_lengths(tmp_path):
    bvh = read_bvh(arm(tmp_path, hand_position=""))
    joints = bvh.joints(250.0)
    assert len(joints) == 8
    assert np.allclose(joints[::5], bvh.joints()[::2], atol=1e-12)
    length = np.linalg.norm(joints[:, 2] - joints[:, 1], axis=-1)
    assert np.allclose(length, np.linalg.norm(bvh.skeleton.offsets[2]), atol=1e-12)


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("HIERARCHY\n", "", "line 1: a BVH file starts with HIERARCHY"),
        ("ROOT Hips", "JOINT Hips", "line 2: .*out of place"),
        ("OFFSET 0 10 0", "OFFSET 0 10", "line 8: 2 values"),
        ("OFFSET 0 10 0", "OFFSET 0 nan 0", "line 8: nan"),
        ("CHANNELS 3 Yrotation", "CHANNELS 4 Yrotation", "line 9: 4 channels"),
        ("CHANNELS 3 Yrotation", "CHANNELS 3 Wrotation", "line 9: 3 channels"),
        ("JOINT Hand", "JOINT Hips", "line 10: .*used twice"),
        ("Frames: 4", "Frames: 100000000", "announces 100000000 frames, the file has 4"),
        ("Frames: 4", "Frames: many", "'many'"),
        ("Frame Time: 0.01", "Frame Time: 0", "frame time of 0"),
        ("Frame Time: 0.01", "", "'Frame Time: ...' is expected"),
        ("MOTION", "", "is not expected here"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, old, new, match):
    path = arm(tmp_path)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(FileError, match=match):
        read_bvh(path)


def test_missing_numbers_are_refused(tmp_path):
    path = arm(tmp_path)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:-1], "nan " + lines[-1].split(" ", 1)[1]]))
    with pytest.raises(FileError, match=f"line {len(lines)}: nan in column 'Hips Xposition'"):
        read_bvh(path)


@pytest.mark.skipif(
    not (SHARED / "bvh_samples").is_dir(), reason=f"no BVH samples under {SHARED} (JAXDIFF_SHARED)"
)
@pytest.mark.parametrize(
    "name", ["walk_normal_013", "run_normal_001", "raise-up-left-hand_normal_013"]
)
def test_real_motion_agrees_with_its_published_joint_positions(tmp_path, name):
    path = SHARED / "bvh_samples" / f"dataset-2_{name}.bvh"
    with np.load(SHARED / "bandai_namco_2.npz", allow_pickle=False) as pack:
        clip = pack["source_files"].tolist().index(path.name)
        first, last = pack["offsets"][clip : clip + 2]
        expected, fps = pack["positions"][first:last], float(pack["fps"])
        skeleton = Skeleton(
            tuple(pack["joint_names"].tolist()),
            tuple(pack["parents"].tolist()),
            pack["bone_offsets"],
        )
    bvh = read_bvh(path)
    assert bvh.rate == 30 and bvh.names[1:] == skeleton.names
    joints = bvh.joints(fps)[:, 1:]
    joints = joints - joints[0, 0] * [1, 0, 1]
    assert joints.shape == expected.shape
    assert np.abs(joints - expected).max() < 0.5 / 2048 + 1e-5  # the pack is rounded to 1/2048 m
    write_joints_bvh(tmp_path / "fit.bvh", expected, skeleton, fps)
    fitted = read_bvh(tmp_path / "fit.bvh")
    back = [fitted.names.index(joint) for joint in skeleton.names]
    assert (
        np.linalg.norm(fitted.joints()[:, back] - expected, axis=-1).max() < 0.002
    )  # bones of the pack vary by 0.75 mm
