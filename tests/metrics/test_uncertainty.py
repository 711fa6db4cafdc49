"""Error bars: closed forms of the CRPS, exact coverage, calibrated spread."""

import math

import numpy as np
import pytest

from jaxdiff.errors import DataError
from jaxdiff.metrics.uncertainty import coverage, crps, spread_skill

RNG = np.random.default_rng(0)


def test_crps_of_a_gaussian():
    """σ (z (2Φ(z) - 1) + 2φ(z) - 1/√π) for an observation z deviations from the mean."""
    for z in (0.0, 1.3):
        phi, cdf = (
            math.exp(-(z**2) / 2) / math.sqrt(2 * math.pi),
            0.5 * (1 + math.erf(z / math.sqrt(2))),
        )
        expected = 2.0 * (z * (2 * cdf - 1) + 2 * phi - 1 / math.sqrt(math.pi))
        np.testing.assert_allclose(
            crps(2.0 * RNG.normal(size=(400, 2000)), np.full(2000, 2.0 * z)), expected, rtol=5e-3
        )


def test_crps_equals_its_definition_and_is_fair():
    samples, truth = RNG.normal(size=(7, 3, 4)), RNG.normal(size=(3, 4))
    pairs = np.abs(samples[:, None] - samples[None]).sum((0, 1)) / (7 * 6)
    np.testing.assert_allclose(
        crps(samples, truth), (np.abs(samples - truth).mean(0) - pairs / 2).mean(), rtol=1e-12
    )
    few, many = (crps(RNG.normal(size=(s, 40000)), RNG.normal(size=40000)) for s in (2, 50))
    np.testing.assert_allclose(few, many, rtol=0.03)


def test_crps_of_agreeing_samples_is_the_absolute_error():
    np.testing.assert_allclose(crps(np.ones((5, 3)), np.array([1.0, 3.0, 0.0])), 1.0)


def test_coverage_of_exchangeable_samples_is_exact_in_expectation():
    scores = coverage(RNG.normal(size=(19, 60000)), RNG.normal(size=60000), levels=(0.5, 0.9))
    np.testing.assert_allclose(
        [scores["coverage_50"], scores["coverage_90"]], [0.5, 0.9], atol=0.01
    )


def test_intervals_nest_and_hold_what_they_span():
    samples = RNG.normal(size=(100, 10))
    scores = coverage(samples, samples.mean(0))
    assert (
        scores["coverage_50"] == 1 and scores["width_50"] < scores["width_80"] < scores["width_95"]
    )
    assert coverage(samples, np.full(10, 99.0))["coverage_95"] == 0


def test_spread_matches_skill_when_calibrated_and_halves_when_overconfident():
    centre = RNG.normal(size=20000)
    truth, samples = centre + RNG.normal(size=20000), centre + RNG.normal(size=(8, 20000))
    np.testing.assert_allclose(spread_skill(samples, truth)["spread_skill"], 1, atol=0.02)
    assert spread_skill(centre + 0.5 * RNG.normal(size=(8, 20000)), truth)["spread_skill"] < 0.6


def test_mistakes_are_named():
    with pytest.raises(DataError, match="two or more samples"):
        crps(np.zeros((1, 3)), np.zeros(3))
    with pytest.raises(DataError, match="truth's shape"):
        crps(np.zeros((4, 3)), np.zeros(2))


def test_crps_of_antithetic_samples_is_that_of_independent_ones():
    truth, noise = RNG.normal(size=20000), RNG.normal(size=(2, 4, 20000))
    independent = crps(noise.reshape(8, -1), truth)
    opposite = np.stack([noise[0], -noise[0]], 1).reshape(8, -1)
    assert crps(opposite, truth, antithetic=True) == pytest.approx(independent, rel=0.02)
    assert crps(opposite, truth) < 0.95 * independent
    with pytest.raises(DataError, match="even number"):
        crps(opposite[:3], truth, antithetic=True)
