"""The sagittal projection: its Jacobian, its minimum, and its response to small changes."""

import numpy as np
import pytest

from jaxdiff.body.walker.prescription import prescribe
from jaxdiff.body.walker.projection import (
    UNKNOWNS,
    cost,
    fields,
    linearise,
    project,
    residuals,
    respond,
)
from jaxdiff.body.walker.subjects import Walker, able_bodied, impaired

ODD = impaired(able_bodied(np.random.default_rng(3)), 0.7, "left")


@pytest.mark.parametrize("u, b", [(0.35, 10.0), (0.2, -5.0)])
def test_jacobian_is_the_derivative(u, b):
    p = prescribe(ODD, u, b)
    rng = np.random.default_rng(0)
    unknowns = project(p)
    along = rng.standard_normal(UNKNOWNS) * 1e-6
    ahead, _ = residuals(p, unknowns + along, jacobian=False)
    behind, _ = residuals(p, unknowns - along, jacobian=False)
    _, slope = residuals(p, unknowns)
    np.testing.assert_allclose(slope @ along, (ahead - behind) / 2, atol=1e-7)


def test_minimum_is_a_minimum():
    p = prescribe(ODD, 0.3, 0.0)
    solved = project(p, iterations=50)
    normal, gradient, _ = linearise(p, solved)
    expected_fall = 0.5 * gradient @ np.linalg.solve(normal, gradient)
    assert expected_fall < 5e-3 * cost(p, solved)


@pytest.mark.parametrize("u, b", [(0.09, 0.0), (0.22, 10.0), (0.46, -10.0), (0.63, 0.0)])
def test_extremes_converge_to_human_motion(u, b):
    """From the slowest to the fastest: the knee hardly passes straight, contact and forces are
    met.
    """
    p = prescribe(Walker(), u, b)
    solved = project(p)
    _, knee, _ = np.rad2deg(fields(p.left_phase).legs @ solved)
    assert knee.min() > -4.0 and knee.max() < 85.0
    start = np.concatenate([p.target[:, :3].ravel(), np.zeros(UNKNOWNS - 114)])
    start[130], start[147], start[-2:] = 0.985, p.lean, solved[-2:]
    assert cost(p, solved) < 0.2 * cost(p, start)


def test_symmetric_walker_has_symmetric_unknowns():
    solved = project(prescribe(Walker(), 0.4, 0.0))
    np.testing.assert_allclose(solved[:57], solved[57:114], atol=1e-8)


def test_response_replaces_a_new_projection():
    """After a small change of the walker the linear response is as good as solving again, and
    better than nothing.
    """
    p = prescribe(Walker(), 0.4, 0.0)
    solved = project(p)
    changed = prescribe(
        Walker(knee_swing=np.array([4.2, 0.0]), lean=1.4, load_dip=np.array([0.0, 0.045])), 0.4, 0.0
    )
    (step,) = respond(p, solved, [changed])
    again = cost(changed, project(changed))
    assert cost(changed, solved + step) < 1.005 * again < 0.98 * cost(changed, solved)


@pytest.mark.parametrize("b", [-10.0, 0.0, 7.5])
def test_targets_obey_newton(b):
    """The mean of the force targets is the weight along and across the belt, whatever the foot
    placement.
    """
    p = prescribe(ODD, 0.3, b)
    np.testing.assert_allclose(p.drive.mean(1), [np.sin(np.deg2rad(b)), 0.0, 0.0], atol=1e-9)
    assert p.total.mean() == pytest.approx(np.cos(np.deg2rad(b)))
    np.testing.assert_allclose(p.share.sum(0), 1.0)
    assert p.share.min() >= 0.0
