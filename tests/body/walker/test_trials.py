"""Walking stride after stride: variability, transitions, time, stick figures."""

import numpy as np
import pytest

from jaxdiff.body.walker import (
    JOINT_CENTRES,
    Walker,
    gait_nodes,
    joint_centres,
    kinetics,
    trials,
    walk,
)
from jaxdiff.body.walker.completion import complete
from jaxdiff.body.walker.model import COORDINATES, LEG
from jaxdiff.body.walker.nodes import BASIS, SLOPE_TASK
from jaxdiff.body.walker.prescription import prescribe
from jaxdiff.body.walker.projection import project
from jaxdiff.body.walker.variability import MODES, modes

LEVEL = 1.2


@pytest.fixture(scope="module")
def nodes():
    return gait_nodes(Walker(), *SLOPE_TASK)


@pytest.fixture(scope="module")
def steady(nodes):
    walked = walk(Walker(), nodes, np.full(60, LEVEL), np.zeros(60), np.random.default_rng(0))
    return walked, kinetics(walked)


def test_nodes_interpolate(nodes):
    """Half way between nodes the curves are within a few tenths of a degree of a gait solved
    there.
    """
    u, b = 0.34, 7.5
    weights = nodes.weights(np.array(u), np.array(b))
    q = weights @ nodes.curves
    exact = BASIS @ complete(p := prescribe(Walker(), u, b), project(p))
    assert np.rad2deg(np.sqrt(np.mean((q - exact)[:, LEG[0]] ** 2, axis=0))).max() < 0.5
    assert np.abs((q - exact)[:, :3]).max() < 2e-3


def test_spread_between_strides(steady):
    """People vary by one or two degrees from stride to stride and by two percent in stride time."""
    walked, kinetic = steady
    angles = trials.angles(walked, kinetic, 0)[:, trials.kept(walked, 0)].reshape(15, -1, 150)
    spread = angles.std(axis=1).mean(-1)
    for channel, expected in ((0, 1.3), (3, 1.8), (6, 1.6), (1, 0.8)):
        assert spread[channel] == pytest.approx(expected, rel=0.3)
    time = np.diff(walked.time[::150])
    assert time.std() / time.mean() == pytest.approx(0.02, rel=0.35)
    peak = (
        trials.reaction(kinetic, 0)[2][trials.kept(walked, 0)].reshape(-1, 150)[:, 8:40].max(-1)
        / 9.81
    )
    assert peak.std() == pytest.approx(0.035, rel=0.35)


def test_long_trial_carries_its_weight(steady):
    walked, kinetic = steady
    keep = trials.kept(walked, 0)
    step = 1.0 / walked.rate[trials.CORE][keep]
    mean = (kinetic.motion.total[:, keep] * step).sum(-1) / step.sum()
    assert mean[2] == pytest.approx(1.0, abs=1e-3)
    assert mean[0] == pytest.approx(0.0, abs=1e-3)


def test_transition_is_smooth(nodes):
    """Two strides from a slow decline to a fast incline: no spike, the foot still sticks, the load
    stays under it.
    """
    way = np.clip((np.arange(10) - 3) / 2, 0.0, 1.0)
    walked = walk(Walker(), nodes, 0.8 + 0.4 * way, -5 + 15 * way, np.random.default_rng(1))
    motion, contact, _ = kinetics(walked)
    assert motion.total[2].min() > 0.6 and motion.total[2].max() < 1.35
    assert contact.force[:, 2].min() >= 0.0
    assert np.all(np.diff(walked.time) > 0)
    assert walked.incline.min() == pytest.approx(-5) and walked.incline.max() == pytest.approx(10)


def test_knee_floor():
    angle = np.deg2rad(np.array([-25.0, -3.0, 0.0, 10.0, 60.0]))
    bent = np.rad2deg(trials.knee_floor(angle))
    assert bent.min() > -3.0 and np.all(np.diff(bent) > 0)
    np.testing.assert_allclose(bent[3:], [10.0, 60.0], atol=1e-3)


def test_modes_change_what_they_say():
    """A knee-swing deviation of the right leg bends that knee in swing, hardly the other one; the
    left's mirrors it.
    """
    curves = modes().curves.reshape(150, 9, MODES, len(COORDINATES))[:, 4]
    right, left = curves[:, 3], curves[:, 8 + 3]
    knees = [COORDINATES.index(f"knee_flexion_{side}") for side in "rl"]
    bend = np.rad2deg(right[:, knees])
    assert bend[90:125, 0].max() > 2.0
    assert np.sqrt(np.mean(bend[:, 1] ** 2)) < 0.5 * np.sqrt(np.mean(bend[:, 0] ** 2))
    np.testing.assert_allclose(np.roll(left[:, knees[1]], -75), right[:, knees[0]], atol=1e-9)


def test_stick_figure(steady):
    walked, _ = steady
    points = joint_centres(walked.q, walked.walker.leg_length)
    at = {name: points[:, i] for i, name in enumerate(JOINT_CENTRES)}
    assert points.shape == (len(walked.time), len(JOINT_CENTRES), 3)
    np.testing.assert_allclose(
        np.linalg.norm(at["knee_r"] - at["hip_r"], axis=1), 0.4623 * 0.917, atol=1e-9
    )
    assert at["head"][:, 2].min() > 1.5 and -0.03 < at["heel_l"][:, 2].min() < 0.02
    assert np.all(at["hip_l"][:, 1] > at["hip_r"][:, 1])


def test_decimation_keeps_the_curve(steady):
    """Twenty samples a second follow the walk within what lies above eight hertz."""
    walked, _ = steady
    coarse = trials.resample(walked, 2.0, 200, 20.0, 200.0)
    time = 2.0 + np.arange(200) / 20.0
    exact = np.rad2deg(
        np.stack([np.interp(time, walked.time, walked.q[k]) for k in trials.SAGITTAL], axis=1)
    )
    assert np.sqrt(np.mean((coarse - exact) ** 2)) < 0.4
