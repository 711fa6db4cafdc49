"""Trajectory and keyframe errors: golden values and the meaning of strict."""

import numpy as np
import oracles
import pytest

from jaxdiff.metrics.trajectory import (
    keyframe_errors,
    keyframe_errors_per_motion,
    trajectory_diversity,
)


@pytest.fixture(scope="module")
def golden():
    return oracles.under(oracles.arrays("motion_metrics"), "trajectory")


def test_golden_gmd(golden):
    for strict, name in ((True, "gmd_strict"), (False, "gmd_mean")):
        values = list(keyframe_errors(golden["keyframe_error"], strict=strict).values())
        np.testing.assert_allclose(values, golden[name], atol=1e-5)


def test_golden_omnicontrol(golden):
    rows = keyframe_errors_per_motion(golden["keyframe_error"], golden["mask"])
    np.testing.assert_allclose(rows, golden["omnicontrol_strict"], atol=1e-5)


def test_golden_diversity(golden):
    np.testing.assert_allclose(
        trajectory_diversity(golden["points"], golden["lengths"]), golden["diversity"], atol=1e-5
    )


def test_one_bad_keyframe_fails_a_strict_motion_only():
    error = np.array([[0.0, 0.0, 0.3], [0.1, 0.1, 0.1]])
    assert keyframe_errors(error)["trajectory_fail_20cm"] == 0.5
    assert keyframe_errors(error, strict=False)["trajectory_fail_20cm"] == 0


def test_masked_keyframes_do_not_count():
    error, mask = np.array([[0.1, 9.0], [0.1, 9.0]]), np.array([[1, 0], [0, 0]])
    assert keyframe_errors(error, mask)["trajectory_fail_50cm"] == 0
    np.testing.assert_allclose(
        keyframe_errors_per_motion(error, mask), [[0, 0, 0, 0, 0.1], [0, 0, 0, 0, 0]], atol=1e-12
    )


def test_equal_repeats_have_no_diversity_and_padding_does_not_count():
    path = np.cumsum(np.random.default_rng(0).normal(size=(2, 1, 30, 2)), 2)
    repeats = np.repeat(path, 4, axis=1)
    repeats[:, :, 20:] += np.random.default_rng(1).normal(size=(2, 4, 10, 2))
    assert trajectory_diversity(repeats, [20, 20]) < 1e-12 < trajectory_diversity(repeats, [30, 30])
