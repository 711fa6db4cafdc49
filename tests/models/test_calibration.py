"""Intervals hold what they promise: exact order statistics, and conformal factors on held-out
subjects.
"""

import json

import numpy as np
import pytest

from jaxdiff.errors import DataError
from jaxdiff.models.calibration import Calibration, predictive_interval

SEEDS = range(10)


def covered(low, high, truth):
    return float(((low <= truth) & (truth <= high)).mean())


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("count", [2, 4, 16, 32, 99])
def test_perfect_gaussian_samples_cover_the_level(count, seed):
    rng = np.random.default_rng(seed)
    samples, truth = rng.normal(3, 2, (count, 40_000)), rng.normal(3, 2, 40_000)
    for level in (0.5, 0.9):
        low, high = predictive_interval(samples, level)
        assert covered(low, high, truth) == pytest.approx(level, abs=0.012)


@pytest.mark.parametrize("draw", ["exponential", "uniform"])
def test_order_statistics_cover_the_level_for_any_distribution(draw):
    rng = np.random.default_rng(0)
    samples, truth = (getattr(rng, draw)(size=shape) for shape in ((39, 40_000), 40_000))
    assert covered(*predictive_interval(samples, 0.9), truth) == pytest.approx(0.9, abs=0.006)


def posterior(rng, subjects, each, spread):
    """Subjects with a bias of their own; samples of the known posterior mean with a wrong
    `spread`.
    """
    code = np.repeat(np.arange(subjects), each)
    mean = rng.normal(size=(subjects * each, 5, 2))
    noise = rng.normal(size=mean.shape) + 0.5 * rng.normal(size=(subjects, 1, 1))[code]
    truth = mean + np.array([1.0, 10.0]) * noise
    return mean + spread * rng.normal(size=(16, *mean.shape)), truth, code


@pytest.mark.parametrize("seed", SEEDS)
def test_overconfident_samples_are_calibrated_for_new_subjects(seed):
    rng = np.random.default_rng(seed)
    spread = np.array([0.3, 30.0])  # too small and too large
    calibration = Calibration.fit(*posterior(rng, 100, 20, spread), ["a", "b"])
    samples, truth, _ = posterior(rng, 400, 20, spread)
    for level in (0.5, 0.8, 0.9, 0.95):
        low, high = calibration.interval(samples, level)
        for channel in range(2):
            share = covered(low[..., channel], high[..., channel], truth[..., channel])
            assert share == pytest.approx(level, abs=0.03)


def test_calibration_survives_json():
    rng = np.random.default_rng(0)
    fitted = Calibration.fit(*posterior(rng, 20, 5, 0.5), ["a", "b"])
    again = Calibration.from_json(json.loads(json.dumps(fitted.to_json())))
    np.testing.assert_allclose(again.scales, fitted.scales, atol=1e-6)
    assert (again.channels, again.levels, again.subjects) == (("a", "b"), fitted.levels, 20)


def test_few_subjects_use_the_one_who_needs_the_largest_factor():
    samples, truth, code = posterior(np.random.default_rng(1), 3, 50, 0.5)
    fitted = Calibration.fit(samples, truth, code, ["a", "b"], levels=[0.9])
    low, high = fitted.interval(samples, 0.9)
    inside = ((low <= truth) & (truth <= high))[..., 0].reshape(3, -1).mean(1)
    assert inside.min() >= 0.895


def test_identity_changes_nothing():
    samples = np.random.default_rng(0).normal(size=(32, 7, 2))
    calibration = Calibration.identity(["a", "b"])
    np.testing.assert_allclose(
        calibration.interval(samples, 0.9), predictive_interval(samples, 0.9)
    )


def test_scale_widens_about_the_median():
    samples = np.random.default_rng(0).normal(size=(39, 6))
    median = np.median(samples, axis=0)
    (a, b), (c, d) = (predictive_interval(samples, 0.9, scale) for scale in (1.0, 2.0))
    np.testing.assert_allclose(median - c, 2 * (median - a))
    np.testing.assert_allclose(d - median, 2 * (b - median))


def test_missing_truth_is_ignored():
    samples, truth, code = posterior(np.random.default_rng(2), 40, 5, 1.0)
    truth[::7] = np.nan
    assert np.isfinite(Calibration.fit(samples, truth, code, ["a", "b"]).scales).all()


def test_impossible_requests_are_refused():
    with pytest.raises(DataError, match="two or more samples"):
        predictive_interval(np.zeros((1, 3)), 0.9)
    with pytest.raises(DataError, match="between 0 and 1"):
        predictive_interval(np.zeros((4, 3)), 90)
    with pytest.raises(DataError, match="no calibration of channel 'c'"):
        Calibration.identity(["a", "b"]).scale(0.9, ["c"])
    with pytest.raises(DataError, match="one subject per example"):
        Calibration.fit(np.zeros((4, 3, 2)), np.zeros((3, 2)), np.zeros(2), ["a", "b"])
