"""Inverse dynamics of motions whose forces are known: standing, floating, falling, being lifted,
toppling.
"""

import sys

import numpy as np
import pytest

from jaxdiff.body.rotations import quaternion_from_axis_angle
from jaxdiff.body.skeleton import HUMANML3D, KIT, forward_kinematics
from jaxdiff.errors import DataError, MissingExtra
from jaxdiff.metrics import mannequin
from jaxdiff.metrics.mechanics import analyse, mechanics
from jaxdiff.metrics.physical import Scene

RNG = np.random.default_rng(0)


def posed(root, angles=None, tree=HUMANML3D):
    """Root positions (T, 3) and rotation vectors (T, J, 3) -> joints (T, J, 3)."""
    angles = np.zeros((len(root), len(tree.parents), 3)) if angles is None else angles
    return forward_kinematics(tree, quaternion_from_axis_angle(angles), root)


def standing(frames=10, height=0.0, tree=HUMANML3D):
    joints = posed(np.zeros((frames, 3)), tree=tree)
    return joints - [0, joints[..., 1].min() - height, 0]


def test_standing_is_carried_by_the_feet():
    table = mechanics([standing()])
    assert table["root_force"] < 1e-6 and table["root_moment"] < 1e-6 and table["energy_gap"] < 1e-6
    assert table["torque_excess"] == 0


def test_hovering_needs_one_body_weight_and_falling_none():
    np.testing.assert_allclose(mechanics([standing(height=0.3)])["root_force"], 1, rtol=1e-6)
    time = np.arange(12) / 20
    fall = (
        standing(12, height=0.5)
        + np.stack([0.7 * time, 2 * time - 0.5 * 9.81 * time**2, 0 * time], 1)[:, None]
    )
    table = mechanics([fall])
    assert (
        max(table["root_force"], table["root_moment"], table["torque"], table["energy_gap"]) < 1e-6
    )


def test_being_lifted_is_work_done_by_nobody():
    rising = standing(12, height=0.3) + (0.4 * np.arange(12) / 20)[:, None, None] * np.array(
        [0, 1, 0]
    )
    np.testing.assert_allclose(mechanics([rising])["energy_gap"], 9.81 * 0.4, rtol=1e-6)


def test_leaning_beyond_the_toes_topples():
    x = standing()
    tip = x[0, 10] * [0, 1, 1] + [0, 0, 0.06]
    c, s = np.cos(0.5), np.sin(0.5)
    leaning = (x - tip) @ np.array([[1, 0, 0], [0, c, -s], [0, s, c]]).T + tip
    assert leaning[0, 0, 2] > x[0, 0, 2] + 0.3  # the pelvis went forward
    table = mechanics(
        [leaning]
    )  # friction could hold the moment, at the price of a horizontal force that nothing needs
    assert table["root_moment"] > 0.1 and table["root_force"] > 0.1


def test_the_wrench_is_newton_s():
    """Force on the root = Σ m (a - g) of the bones' middles, whatever the joints do; bones in any
    order of the tree.
    """
    rate, frames = 200.0, 60
    time = np.arange(frames)[:, None, None] / rate
    angles = (
        0.6
        * np.sin(2 * np.pi * (1.1 * time + RNG.random((1, 22, 3))))
        * RNG.normal(size=(1, 22, 3))
    )
    joints = posed(0.3 * np.sin(4 * time[:, 0] + np.arange(3)), angles)
    body = mannequin.Mannequin(joints, mannequin.HUMANML3D, 70.0)
    np.testing.assert_allclose(body.masses.sum(), 70, rtol=1e-6)
    middles = joints.copy()
    middles[:, 1:] = (joints[:, 1:] + joints[:, list(HUMANML3D.parents[1:])]) / 2
    acceleration = np.diff(middles, n=2, axis=0) * rate**2 + [0, 9.81, 0]
    expected = (body.masses[:, None] * acceleration).sum(1)
    found = body.dynamics(rate).force[:, :3]
    np.testing.assert_allclose(found, expected, atol=0.01 * np.abs(expected).max())


def test_the_torque_of_a_hanging_leg():
    """A straight leg held out horizontally: hip torque = weight times lever, in the row of its own
    bone.
    """
    angles = np.zeros((8, 22, 3))
    angles[:, 1, 0] = -np.pi / 2
    joints = posed(np.tile([0.0, 2.0, 0.0], (8, 1)), angles)
    fig = mannequin.HUMANML3D
    masses = mannequin.Mannequin(joints, fig, 70.0).masses
    hip, knee, ankle, toe = joints[0, [1, 4, 7, 10], :]
    lever = [
        np.linalg.norm(((a + b) / 2 - hip)[[0, 2]])
        for a, b in ((hip, knee), (knee, ankle), (ankle, toe))
    ]
    expected = 9.81 * sum(m * l for m, l in zip(masses[[4, 7, 10]], lever)) / 70
    np.testing.assert_allclose(analyse(joints).torque[:, 4 - 1], expected, rtol=0.01)


def test_jitter_is_implausible_and_units_and_axes_do_not_matter():
    x = standing(16)
    noisy = x + RNG.normal(scale=0.01, size=x.shape)
    table = mechanics([noisy])
    assert table["root_force"] > 0.1 and table["energy_gap"] > 0.5
    turned = mechanics(
        [1000 * noisy @ np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]]).T],
        scene=Scene(up=2, metres=1e-3),
    )
    for name, value in table.items():
        np.testing.assert_allclose(turned[name], value, rtol=1e-6, err_msg=name)
    padded = np.concatenate([noisy, np.zeros((5, 22, 3))])
    assert mechanics([padded], lengths=[16]) == table


def test_kit_has_a_figure_too():
    table = mechanics([standing(tree=KIT)], mannequin.KIT, Scene(12.5, (20, 15)))
    assert table["root_force"] < 1e-6 and table["root_moment"] < 1e-6


def test_mistakes_are_named(monkeypatch):
    with pytest.raises(DataError, match="5 frames"):
        analyse(standing(4))
    monkeypatch.setitem(sys.modules, "mujoco", None)
    with pytest.raises(MissingExtra, match=r"jaxdiff\[physics\]"):
        analyse(standing())
