"""Curves, footsteps and poses: interpolation that does not overshoot, feet that stand, legs that
reach.
"""

import numpy as np
import pytest

from jaxdiff.body.actions.pose import REACH, SHANK, STANDING, THIGH, joints_from_pose, standing
from jaxdiff.body.actions.steps import Rhythm, Step, path, steps_along, walk_feet
from jaxdiff.body.actions.tracks import drift, ease, hermite, keys, pulses, smooth
from jaxdiff.body.skeleton import HUMANML3D

T = np.arange(0, 101) / 20
J = {name: j for j, name in enumerate(HUMANML3D.names)}


def test_keys_pass_through_their_keys_and_never_overshoot():
    times, values = [0.5, 1.0, 2.0, 2.5, 4.0], [0.0, 3.0, 3.0, -1.0, 2.0]
    curve = keys(T, *zip(times, values))
    np.testing.assert_allclose(curve[[10, 20, 40, 50, 80]], values, atol=1e-12)
    assert (curve[20:41] == 3).all() and (curve[:10] == 0).all() and (curve[80:] == 2).all()
    for begin, end in [(10, 20), (40, 50), (50, 80)]:
        steps = np.diff(curve[begin : end + 1])
        assert (steps >= 0).all() or (steps <= 0).all()
    vector = keys(T, *zip(times, np.stack([values, values], axis=-1)))
    np.testing.assert_allclose(vector, np.stack([curve, curve], axis=-1))


def test_a_cubic_with_ballistic_slopes_is_the_parabola():
    flight = hermite(T, [1.0, 2.0], [0.0, 0.0], [4.905, -4.905])
    u = np.clip(T - 1, 0, 1)
    np.testing.assert_allclose(flight, 4.905 * u * (1 - u), atol=1e-12)


def test_brush_strokes():
    assert ease(-1) == 0 and ease(0.5) == 0.5 and ease(2) == 1
    np.testing.assert_allclose(smooth(np.full((20, 3), 2.0), 2.0), 2.0)
    np.testing.assert_allclose(
        smooth(np.arange(50.0), 1.5)[10:40], np.arange(50.0)[10:40], atol=1e-12
    )
    pulse = pulses(T, [1.0, 3.0], 0.5, 0.3, 0.5)
    assert pulse[[20, 60]].max() == 0 and pulse[[30, 36, 70, 76]].min() == pytest.approx(1)
    wander = drift(np.random.default_rng(0), np.arange(20000) / 20, np.array([1.0, 2.0]))
    np.testing.assert_allclose(wander.std(0), [1, 2], rtol=0.1)


def test_feet_stand_still_between_steps_and_arrive_where_planned():
    places = np.array([[0.1, 0.0], [-0.1, 0.0]])
    steps = [
        Step(0, 1.0, 1.5, np.array([0.1, 0.6]), 0.3),
        Step(1, 2.0, 2.5, np.array([-0.1, 0.6]), 0.0, push=0.9),
    ]
    feet, soles = walk_feet(T, places, np.zeros(2), steps)
    left, right = feet[:, 0], feet[:, 1]
    assert (left[:21] == [0.1, 0, 0]).all() and (right[:41] == [-0.1, 0, 0]).all()
    np.testing.assert_allclose(
        left[30:], np.broadcast_to([0.1, 0, 0.6], left[30:].shape), atol=1e-12
    )
    assert left[20:31, 1].max() == pytest.approx(0.12) and soles[-1, 0, 0] == pytest.approx(0.3)
    assert 0.6 < soles[40, 1, 1] < 0.95 and abs(soles[-1, 1, 1]) < 1e-9


def test_paths_integrate_speed_and_turning():
    straight = path(5.0, 1.2)
    np.testing.assert_allclose(straight.at(2.0)[0], [0, 2.4], atol=1e-6)
    ring = path(6.0, 1.0, 0.0, np.pi / 3)
    np.testing.assert_allclose(ring.at(6.0)[0], [0, 0], atol=0.05)
    assert ring.at(3.0)[0][0] == pytest.approx(6 / np.pi, abs=0.05), "left is +x"
    assert path(5.0, 0.0, 0.5).at(2.0)[0][0] == pytest.approx(1.0, abs=1e-6)


def test_steps_alternate_and_end_with_the_move():
    steps = steps_along(path(5.0, 1.0), Rhythm(0.5), [(0.5, 3.5)], first=1)
    assert [step.foot for step in steps] == [1, 0] * (len(steps) // 2) + [1] * (len(steps) % 2)
    assert steps[0].lift == 0.5 and steps[-1].land == pytest.approx(3.5)
    gaps = np.diff([step.land for step in steps])
    np.testing.assert_allclose(gaps, gaps[0])
    stride = [b.place[1] - a.place[1] for a, b in zip(steps, steps[2:])]
    np.testing.assert_allclose(stride, 2 * gaps[0], rtol=1e-6)


def test_standing_is_upright_symmetric_and_on_the_floor():
    joints = joints_from_pose(standing(5))
    assert joints[..., 1].min() == 0 and joints[0, 0, 1] == pytest.approx(STANDING, abs=1e-3)
    for side in ("left", "right"):
        leg = joints[0, J[f"{side}_hip"]] - joints[0, J[f"{side}_ankle"]]
        assert np.linalg.norm(leg) <= REACH + 1e-9
    flip = joints[0, J["left_wrist"]] * [-1, 1, 1]
    np.testing.assert_allclose(flip, joints[0, J["right_wrist"]], atol=1e-9)


@pytest.mark.parametrize("apart", [0.2, 0.5, 0.9])
def test_the_pelvis_sinks_so_that_standing_feet_stay_where_they_are(apart):
    pose = standing(20)
    pose.feet[:, 0, 2] += apart / 2
    pose.feet[:, 1, 2] -= apart / 2
    joints = joints_from_pose(pose)
    np.testing.assert_array_equal(joints[:, [10, 11]], pose.feet)
    assert joints[0, 0, 1] < STANDING
    np.testing.assert_allclose(np.linalg.norm(joints[:, 4] - joints[:, 1], axis=-1), THIGH)
    np.testing.assert_allclose(np.linalg.norm(joints[:, 7] - joints[:, 4], axis=-1), SHANK)


def test_arms_go_where_their_angles_say():
    pose = standing(2)
    pose.arms[:] = 0
    pose.arms[:, 0] = np.radians([90, 0, 0, 0])
    pose.arms[:, 1] = np.radians([0, 90, 90, 90])
    joints = joints_from_pose(pose)[0]
    front = joints[J["left_elbow"]] - joints[J["left_shoulder"]]
    np.testing.assert_allclose(front / np.linalg.norm(front), [0, 0, 1], atol=1e-9)
    upper = joints[J["right_elbow"]] - joints[J["right_shoulder"]]
    np.testing.assert_allclose(upper / np.linalg.norm(upper), [-1, 0, 0], atol=1e-9)
    fore = joints[J["right_wrist"]] - joints[J["right_elbow"]]
    np.testing.assert_allclose(fore / np.linalg.norm(fore), [0, 1, 0], atol=1e-9)
