"""Pointwise errors: closed forms, units, and the golden correlation."""

import numpy as np
import oracles
import pytest

from jaxdiff.errors import DataError
from jaxdiff.metrics.pointwise import explained, pearson, pointwise

RNG = np.random.default_rng(0)
TRUTH = RNG.normal(size=(6, 20, 2)) * [10.0, 0.5]


def test_golden_pearson():
    g = oracles.under(oracles.arrays("metrics"), "pearson")
    np.testing.assert_allclose([pearson(x, y) for x, y in zip(g["x"], g["y"])], g["r"], atol=5e-6)


def test_a_perfect_prediction_and_the_mean_curve():
    perfect = pointwise(TRUTH, TRUTH)
    assert (
        perfect["mse"] == perfect["mae"] == 0
        and perfect["r2"] == 1
        and perfect["pearson"] > 1 - 1e-12
    )
    mean = pointwise(np.broadcast_to(TRUTH.mean(0), TRUTH.shape), TRUTH, channels=("hip", "knee"))
    assert abs(mean["r2"]) < 1e-12 and abs(mean["r2/hip"]) < 1e-12


def test_channels_are_in_their_units_and_the_pool_is_normalised():
    scores = pointwise(
        TRUTH + [3.0, 0.2],
        TRUTH,
        channels=("hip", "knee"),
        units=("deg", "Nm/kg"),
        scale=[10.0, 0.5],
    )
    np.testing.assert_allclose(scores["mae/hip [deg]"], 3)
    np.testing.assert_allclose(scores["mae/knee [Nm/kg]"], 0.2)
    np.testing.assert_allclose(scores["mse/hip [(deg)²]"], 9)
    np.testing.assert_allclose(scores["mae"], (0.3 + 0.4) / 2)
    np.testing.assert_allclose(scores["mse"], (0.09 + 0.16) / 2)
    np.testing.assert_allclose(scores["pearson"], 1)


def test_explained_is_relative_to_the_baseline_given():
    y = RNG.normal(size=(5, 4))
    np.testing.assert_allclose(explained(y / 2, y, np.zeros(4)), 0.75)
    assert np.isnan(explained(y, y, y)) and np.isnan(pearson(np.ones(4), y[0]))


def test_mistakes_are_named():
    with pytest.raises(DataError, match=r"\(N, T, C\)"):
        pointwise(TRUTH[:2], TRUTH)
    with pytest.raises(DataError, match="2 channels"):
        pointwise(TRUTH, TRUTH, channels=("hip",))
