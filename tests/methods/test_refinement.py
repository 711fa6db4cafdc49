"""Refinement by inversion: what it leaves alone, and that it carries one distribution of motions
into another.
"""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxdiff.body import rotations
from jaxdiff.body.actions import simulate_clip
from jaxdiff.body.humanml3d import LAYOUT_22
from jaxdiff.diffusion import schedules
from jaxdiff.errors import ConfigError, DataError
from jaxdiff.methods.refinement import follow, refine, refine_joints

SCHEDULE = schedules.linear(1000, 1e-4, 0.02)
FRAMES, JITTER = 24, 0.2
DISTANCE = np.abs(np.arange(FRAMES)[:, None] - np.arange(FRAMES))
SMOOTH = np.exp(-np.square(DISTANCE / 6.0))
ROUGH = SMOOTH + JITTER**2 * np.eye(FRAMES)


def gaussian(covariance):
    """The exact denoiser of motions drawn from N(0, covariance)."""
    values, vectors = (jnp.asarray(a, jnp.float32) for a in np.linalg.eigh(covariance))

    def denoise(x_t, t):
        alpha, sigma = schedules.at(SCHEDULE, t)
        share = alpha * values / (alpha**2 * values + sigma**2)
        return jnp.einsum("ij,j,kj,...kc->...ic", vectors, share, vectors, x_t)

    return denoise


def motions():
    rng = np.random.default_rng(0)
    clean = np.linalg.cholesky(SMOOTH + 1e-6 * np.eye(FRAMES)) @ rng.normal(size=(16, FRAMES, 2))
    return clean.astype(np.float32), (clean + JITTER * rng.normal(size=clean.shape)).astype(
        np.float32
    )


def test_without_strength_the_motion_comes_back_as_it_was():
    _, noisy = motions()
    np.testing.assert_array_equal(
        refine(noisy, gaussian(ROUGH), gaussian(SMOOTH), SCHEDULE, 0.0), noisy
    )
    change = [
        np.abs(refine(noisy, gaussian(ROUGH), gaussian(SMOOTH), SCHEDULE, s) - noisy).mean()
        for s in (0.02, 0.1, 0.3)
    ]
    assert 0 < change[0] < change[1] < change[2]


def test_the_way_up_and_the_same_way_back_cancel_as_the_steps_get_small():
    _, noisy = motions()
    denoise = gaussian(ROUGH)
    error = [
        np.abs(refine(noisy, denoise, denoise, SCHEDULE, 0.3, steps) - noisy).max()
        for steps in (20, 80, 320)
    ]
    assert error[2] < error[1] / 2 < error[0] / 4 and error[2] < 0.05


def test_what_the_network_does_not_reproduce_grows_from_the_cleanest_level_and_not_from_a_floor_as_noisy():
    _, noisy = motions()

    def off(x_t, t):
        return gaussian(ROUGH)(x_t, t) + 0.4

    error = {
        floor: np.abs(refine(noisy, off, off, SCHEDULE, 0.3, 20, floor) - noisy).max()
        for floor in (0, 0.15)
    }
    assert error[0.15] < 0.1 * error[0]
    np.testing.assert_array_equal(refine(noisy, off, off, SCHEDULE, 0.3, 20, 0.3), noisy)


def test_jittery_motion_comes_back_smoother_and_closer_to_the_truth():
    clean, noisy = motions()
    refined = refine(noisy, gaussian(ROUGH), gaussian(SMOOTH), SCHEDULE, 0.5, 100)
    rms = lambda a: float(np.sqrt(np.square(a).mean()))  # noqa: E731
    assert rms(refined - clean) < 0.6 * rms(noisy - clean)
    assert rms(np.diff(refined - clean, 2, axis=1)) < 0.3 * rms(np.diff(noisy - clean, 2, axis=1))


@pytest.mark.parametrize("variant", ["legacy", "fixed"])
def test_joints_that_nothing_refines_return_to_their_place(variant):
    joints = simulate_clip("walk", 3).joints[:30]
    moved = rotations.rotate(rotations.about("y", np.float32(1.1)), joints) + np.array(
        [2.0, 0.3, -5.0], np.float32
    )
    back = refine_joints(moved, lambda features: features, variant=variant)
    np.testing.assert_allclose(back, moved, atol=2e-4)
    lifted = (
        refine_joints(moved, lambda f: f.at[:, 3].add(0.1), LAYOUT_22, variant)[:, 0] - moved[:, 0]
    )
    np.testing.assert_allclose(lifted, np.broadcast_to([0, 0.1, 0], lifted.shape), atol=2e-4)


def test_what_cannot_be_refined_is_said():
    with pytest.raises(ConfigError, match="strength"):
        refine(jnp.zeros((4, 2)), gaussian(SMOOTH), gaussian(SMOOTH), SCHEDULE, 1.5)
    with pytest.raises(DataError, match="22, 3"):
        refine_joints(np.zeros((10, 21, 3), np.float32), lambda features: features)


def test_joints_follow_accelerations_as_far_as_they_are_trusted():
    rng = np.random.default_rng(0)
    joints, wanted = (rng.normal(size=(30, 2, 3)).astype(np.float32) for _ in range(2))
    np.testing.assert_allclose(follow(joints, wanted, 20.0, 0.0), joints, atol=1e-6)
    change, error = [], []
    for trust in (0.001, 0.01, 10.0):
        followed = follow(joints, wanted, 20.0, trust)
        change.append(np.abs(followed - joints).mean())
        error.append(np.abs(np.diff(followed, 2, axis=0) * 400 - wanted[1:-1]).mean())
    assert change[0] < change[1] < change[2] and error[0] > error[1] > error[2] and error[2] < 0.02
    own = np.zeros_like(joints)
    own[1:-1] = np.diff(joints, 2, axis=0) * 400
    np.testing.assert_allclose(follow(joints, own, 20.0, 0.05), joints, atol=1e-5)
    with pytest.raises(DataError, match="accelerations"):
        follow(joints, wanted[1:], 20.0, 0.1)
    with pytest.raises(ConfigError, match="trust"):
        follow(joints, wanted, 20.0, -1.0)
