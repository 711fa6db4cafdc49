"""Simulated muscle activations: bounded, symmetric, independent of place, and active when the
movement needs them.
"""

import numpy as np
import pytest

from jaxdiff.body import rotations
from jaxdiff.body.actions import ACTIONS, MUSCLES, activations, simulate_clip
from jaxdiff.body.actions.emg import FALL, RISE, STRENGTH, _activate
from jaxdiff.body.actions.pose import joints_from_pose, standing
from jaxdiff.body.skeleton import HUMANML3D, mirror
from jaxdiff.errors import DataError

M = {name: i for i, name in enumerate(MUSCLES)}
MIRRORED = [
    M[n.replace("left", "?").replace("right", "left").replace("?", "right")] for n in MUSCLES
]


def of(pose):
    return activations(joints_from_pose(pose), 20.0)


def test_the_order_is_that_of_muscles_in_action():
    parts = [(name.split("_")[0], name.split("_")[1]) for name in MUSCLES]
    sides = ["right", "left"] * 3 + ["left", "right"]
    assert parts == list(
        zip(sides, ["quadriceps"] * 2 + ["hamstrings"] * 2 + ["gluteus"] * 2 + ["biceps"] * 2)
    )


@pytest.mark.parametrize("action", ACTIONS)
def test_activations_are_bounded_and_deterministic(action):
    clip = simulate_clip(action, 0)
    drive = activations(clip.joints, clip.fps)
    assert drive.shape == (len(clip.joints), 8) and drive.dtype == np.float32
    assert np.isfinite(drive).all() and drive.min() >= 0 and drive.max() < 1
    np.testing.assert_array_equal(drive, activations(clip.joints, clip.fps))


@pytest.mark.parametrize("action", ["walk", "kick", "throw"])
def test_mirrored_movement_takes_the_other_sides_muscles(action):
    clip = simulate_clip(action, 1)
    drive = activations(clip.joints, clip.fps)
    other = activations(mirror(clip.joints, HUMANML3D), clip.fps)
    np.testing.assert_allclose(other, drive[:, MIRRORED], atol=1e-5)


def test_place_and_heading_do_not_matter():
    clip = simulate_clip("lunge", 2)
    turn = rotations.about("y", np.array(1.1))
    moved = rotations.rotate(turn, clip.joints.astype(np.float64)) + [5.0, 0, -3.0]
    np.testing.assert_allclose(activations(moved, 20.0), activations(clip.joints, 20.0), atol=1e-4)


def test_quiet_standing_takes_little_and_is_steady():
    drive = of(standing(40))
    np.testing.assert_allclose(drive, np.broadcast_to(drive[0], drive.shape), atol=1e-6)
    assert drive.max() < 0.25


def test_a_deeper_knee_bend_takes_more_of_both_quadriceps():
    levels = []
    for drop in (0.0, 0.15, 0.3):
        pose = standing(30)
        pose.root[:, 1] -= drop
        levels.append(of(pose)[15, [M["right_quadriceps"], M["left_quadriceps"]]])
    assert (np.diff(levels, axis=0) > 0.05).all()


def test_bowing_takes_gluteus_and_hamstrings():
    pose = standing(30)
    pose.pelvis[:, 1], pose.trunk[:, 1] = 0.5, 0.5
    change = of(pose)[15] - of(standing(30))[15]
    for name in ("right_gluteus", "left_gluteus", "right_hamstrings", "left_hamstrings"):
        assert change[M[name]] > 0.1


def test_a_forearm_held_level_takes_its_biceps_as_the_lever_says():
    pose = standing(30)
    pose.arms[:] = 0
    pose.arms[:, 1, 3] = np.pi / 2
    level = of(pose)[15]
    moment = 0.022 * 9.81 * 0.682 * 0.25
    drive = 0.01 * np.logaddexp(0, moment / 0.01)
    assert level[M["right_biceps"]] == pytest.approx(
        1 - np.exp(-drive / STRENGTH["biceps"]), abs=1e-4
    )
    assert level[M["left_biceps"]] == pytest.approx(
        1 - np.exp(-0.01 * np.log(2) / STRENGTH["biceps"]), abs=1e-4
    )


def test_the_leg_that_stands_works_and_legs_in_flight_rest():
    pose = standing(30)
    pose.root[:, 0] += 0.09
    pose.feet[:, 1] += [0, 0.3, -0.2]
    drive = of(pose)[15]
    assert drive[M["left_quadriceps"]] > drive[M["right_quadriceps"]]
    clip = next(
        c for c in (simulate_clip("jump", s) for s in range(20)) if c.attributes["height"] == "high"
    )
    drive = activations(clip.joints, clip.fps)
    height = clip.joints[:, 10:12, 1].min(1)
    quadriceps = drive[:, M["right_quadriceps"]]
    apex = height.argmax()
    assert quadriceps[apex] < 0.15 < 0.4 < quadriceps[:apex].max()


def test_activation_rises_faster_than_it_falls():
    step = np.repeat([0.0, 1.0, 0.0], 20)[:, None]
    level = _activate(step, 0.01)[:, 0]
    assert level[20] == pytest.approx(1 - np.exp(-0.01 / RISE)) and level[40] == pytest.approx(
        np.exp(-0.01 / FALL), abs=2e-3
    )


def test_other_skeletons_and_single_frames_are_refused():
    with pytest.raises(DataError, match="22, 3"):
        activations(np.zeros((10, 21, 3)), 20.0)
    with pytest.raises(DataError, match="T >= 3"):
        activations(np.zeros((2, 22, 3)), 20.0)
