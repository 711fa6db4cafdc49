"""Distances between distributions: golden values, closed forms, and bounds."""

import numpy as np
import oracles
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdiff.errors import DataError
from jaxdiff.metrics.distribution import (
    correlational_score,
    diversity,
    frechet,
    frechet_gaussians,
    multimodality,
    pair_distance,
)

RNG = np.random.default_rng(0)


def moments(x):
    return x.mean(0), np.cov(x, rowvar=False)


@pytest.mark.parametrize("case", oracles.meta("metrics")["frechet"])
def test_golden_frechet(case):
    values = oracles.under(oracles.arrays("metrics"), f"frechet/{case}")
    a, b = values["a"].astype(np.float64), values["b"].astype(np.float64)
    np.testing.assert_allclose(frechet(a, b), values["value_eig"], rtol=1e-6)
    np.testing.assert_allclose(
        frechet_gaussians(*moments(a), *moments(b)), values["value_eig"], rtol=1e-6
    )
    np.testing.assert_allclose(frechet(a, b), values["value_sqrtm"], rtol=1e-6)


def test_golden_motion_frechet():
    g = oracles.arrays("motion_metrics")
    text, motion, few = (
        g["match/text_embeddings"],
        g["match/motion_embeddings"],
        g["frechet/few_samples"],
    )
    for name, x in (("text", text), ("motion", motion), ("few", few)):
        np.testing.assert_allclose(g[f"frechet/mu_{name}"], x.mean(0), atol=1e-5)
        np.testing.assert_allclose(g[f"frechet/cov_{name}"], np.cov(x, rowvar=False), atol=1e-5)
    for key, a, b in (
        ("text_motion", text, motion),
        ("text_text", text, text),
        ("motion_few", motion, few),
    ):
        np.testing.assert_allclose(frechet(a, b), g[f"frechet/{key}"], atol=1e-3)
        np.testing.assert_allclose(
            frechet_gaussians(*moments(a), *moments(b)), g[f"frechet/{key}"], atol=1e-3
        )


def test_golden_diversity_and_multimodality():
    g = oracles.arrays("metrics")
    for name in ("diversity", "multimodality"):
        value = pair_distance(g[f"{name}/act"], g[f"{name}/first"], g[f"{name}/second"])
        np.testing.assert_allclose(value, g[f"{name}/value"], rtol=1e-5)
    g = oracles.arrays("motion_metrics")
    value = pair_distance(
        g["match/motion_embeddings"], g["diversity/first_indices"], g["diversity/second_indices"]
    )
    np.testing.assert_allclose(value, g["diversity/value"], rtol=1e-5)
    m = oracles.under(g, "multimodality")
    value = pair_distance(m["activations"], m["first_indices"], m["second_indices"])
    np.testing.assert_allclose(value, m["value"], rtol=1e-5)


def test_frechet_is_zero_on_itself_symmetric_and_the_shift_squared():
    a, b = RNG.normal(size=(50, 12)), 2 * RNG.normal(size=(40, 12))
    assert frechet(a, a) < 1e-10
    np.testing.assert_allclose(frechet(a, b), frechet(b, a), rtol=1e-9)
    np.testing.assert_allclose(frechet(a, a + 0.5), 12 * 0.25, rtol=1e-9)
    np.testing.assert_allclose(
        frechet(a, 3 * a), np.square(2 * a.mean(0)).sum() + 4 * a.var(0, ddof=1).sum(), rtol=1e-9
    )


def test_frechet_of_long_trajectories_needs_no_large_matrix():
    a, b = RNG.normal(size=(20, 300, 15)), RNG.normal(size=(25, 300, 15))
    np.testing.assert_allclose(
        frechet(a, b), frechet(a.reshape(20, -1)[:, ::-1], b.reshape(25, -1)[:, ::-1]), rtol=1e-9
    )


@given(st.integers(2, 30), st.integers(1, 40), st.floats(0.01, 3), st.integers(0, 1000))
def test_frechet_of_paired_sets_is_at_most_their_summed_squared_error(n, d, noise, seed):
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(n, d)) * rng.uniform(0.1, 3, d)
    b = a + noise * rng.normal(size=(n, d))
    gap = np.square(a.mean(0) - b.mean(0)).sum()
    spread = np.square((a - a.mean(0)) - (b - b.mean(0))).sum() / (n - 1)
    assert frechet(a, b) <= (gap + spread) * (1 + 1e-9) + 1e-9  # = d·MSE up to the n - 1


def test_correlational_score_of_known_correlations():
    x = RNG.normal(size=(40, 50, 1))
    real = np.concatenate([x, x], -1)
    fake = np.concatenate([x, -x], -1)
    np.testing.assert_allclose(correlational_score(real, fake), 0.2, rtol=1e-9)
    assert correlational_score(real, 3 * real + 1) < 1e-12


def test_diversity_grows_with_scale_and_is_seeded():
    act = RNG.normal(size=(400, 8))
    np.testing.assert_allclose(diversity(2 * act), 2 * diversity(act), rtol=1e-12)
    assert diversity(act, seed=1) != diversity(act, seed=2)
    assert multimodality(np.repeat(act[:30, None], 12, 1)) == 0


def test_mistakes_are_named():
    with pytest.raises(DataError, match="equal features"):
        frechet(np.zeros((3, 4)), np.zeros((3, 5)))
    with pytest.raises(DataError, match="at least 2 samples"):
        frechet(np.zeros((1, 4)), np.zeros((3, 4)))
    with pytest.raises(DataError, match="NaN"):
        frechet(np.full((3, 4), np.nan), np.zeros((3, 4)))
    with pytest.raises(DataError, match="300 pairs"):
        diversity(np.zeros((20, 3)))
    with pytest.raises(DataError, match="texts, repeats"):
        multimodality(np.zeros((20, 3)))
