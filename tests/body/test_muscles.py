"""Static optimisation: the activations are feasible and optimal."""

import numpy as np

from jaxdiff.body.muscles import (
    ANTAGONISTS,
    ARMS,
    EFFORT,
    MUSCLES,
    SLACK,
    activations,
    co_contraction,
    solve,
)


def moments(frames: int = 500) -> np.ndarray:
    """Moments in the range of walking."""
    spread = np.array([0.5, 0.4, 0.8, 0.5])[:, None]
    return (
        spread * np.random.default_rng(0).standard_normal((4, frames))
        + np.array([0.1, 0.1, 0.5, 0.4])[:, None]
    )


def test_optimal_and_feasible():
    """Karush-Kuhn-Tucker: with the multipliers that explain the slack, effort is balanced on active
    muscles only.
    """
    wanted = moments()
    a = activations(wanted)
    assert a.min() >= 0.0
    multipliers = (wanted - ARMS @ a) / SLACK
    pull = ARMS.T @ multipliers
    np.testing.assert_allclose(a, np.maximum(pull, 0.0) / EFFORT[:, None], atol=1e-6)


def test_least_effort_against_scipy():
    from scipy.optimize import minimize

    wanted = moments(3)
    got = activations(wanted)
    for frame in range(3):

        def price(a, m=wanted[:, frame]):
            return 0.5 * (EFFORT * a**2).sum() + 0.5 * ((ARMS @ a - m) ** 2).sum() / SLACK

        best = minimize(
            price, np.full(9, 0.1), bounds=[(0, None)] * 9, options={"maxiter": 2000, "ftol": 1e-14}
        )
        assert price(got[:, frame]) <= best.fun + 1e-9


def test_walking_moments_are_reproduced():
    wanted = np.array([[0.5, -0.5, 0.2], [0.4, 0.1, -0.3], [-0.15, 1.2, 0.6], [0.8, 0.6, 0.7]])
    produced = ARMS @ activations(wanted)
    np.testing.assert_allclose(produced, wanted, atol=0.03)


def test_co_contraction_adds_the_antagonist():
    alone = np.zeros((9, 1))
    alone[MUSCLES.index("tibialis_anterior")] = 1.0
    total = co_contraction(alone)
    helped = [m for m, other in ANTAGONISTS.items() if other == "tibialis_anterior"]
    for muscle in helped:
        assert total[MUSCLES.index(muscle), 0] == 0.12 + 0.015
    assert total[MUSCLES.index("gluteus_medius"), 0] == 0.015


def test_solve_small_systems():
    rng = np.random.default_rng(0)
    root = rng.standard_normal((4, 4, 20))
    system = np.einsum("ikt,jkt->ijt", root, root) + np.eye(4)[:, :, None]
    right = rng.standard_normal((4, 20))
    np.testing.assert_allclose(
        np.einsum("ijt,jt->it", system, solve(system, right)), right, atol=1e-9
    )
