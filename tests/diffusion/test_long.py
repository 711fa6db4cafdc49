import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdiff import grids, guidance, sample, schedules, solvers
from jaxdiff.diffusion.long import seam_ratio, stitch
from jaxdiff.errors import ConfigError, DataError

schedule = schedules.linear()


@given(st.integers(1, 12), st.integers(0, 11), st.integers(0, 40))
@settings(max_examples=8)
def test_a_framewise_denoiser_does_not_notice_the_windows(window, overlap, extra):
    overlap = min(overlap, window - 1)
    x = np.random.default_rng(0).standard_normal((2, window + extra, 3), np.float32)
    framewise = lambda x, t: x**2 - t  # noqa: E731
    np.testing.assert_allclose(
        jax.jit(stitch(framewise, window, overlap))(x, 0.5), framewise(x, 0.5), rtol=0, atol=1e-5
    )


def test_each_frame_is_a_blend_of_the_windows_it_is_in():
    """Windows of 4 that overlap by 2 on 8 frames start at 0, 2 and 4; this denoiser returns its
    first frame.
    """
    x = jnp.arange(8.0)[:, None]
    first = lambda x, t: jnp.broadcast_to(x[:1], x.shape)  # noqa: E731
    out = jax.jit(stitch(first, 4, 2))(x, 0.0)[:, 0]
    np.testing.assert_allclose(out, [0, 0, 2 / 3, 4 / 3, 8 / 3, 10 / 3, 4, 4], rtol=1e-6)


def walk_denoiser(x, alpha, sigma):
    """`E[x0 | x_t]` of stationary Gaussian motion with correlation `exp(-(lag / 6)²)`, on any
    number of frames.
    """
    frame = np.arange(x.shape[-2])
    covariance = jnp.asarray(np.exp(-(((frame[:, None] - frame) / 6) ** 2)), jnp.float32)
    gain = alpha * jnp.linalg.solve(
        alpha**2 * covariance + sigma**2 * jnp.eye(len(frame)), covariance
    )
    return gain.T @ x


def test_seams_agree_because_windows_are_denoised_together():
    window, length = 24, 120
    denoise = lambda x, t: walk_denoiser(x, *schedules.at(schedule, t))  # noqa: E731
    x = jax.random.normal(jax.random.key(0), (16, length, 2))
    ratio, grid = {}, grids.karras(schedule, 20)
    for overlap in (0, 12):
        stitched = stitch(denoise, window, overlap)
        run = jax.jit(lambda x, f=stitched: sample(None, f, grid, solvers.ddim(), x))
        out = run(x)
        ratio[overlap] = seam_ratio(out, window, overlap)
        assert 0.8 < jnp.std(out) < 1.2
    assert ratio[0] > 3 and 0.8 < ratio[12] < 1.25


def test_one_window_is_the_denoiser_itself():
    x = jax.random.normal(jax.random.key(1), (3, 24, 2))
    denoise = lambda x, t: walk_denoiser(x, 0.8, 0.6)  # noqa: E731
    whole, windows = jax.jit(lambda x: (denoise(x, 0.0), stitch(denoise, 24, 8)(x, 0.0)))(x)
    chex.assert_trees_all_close(windows, whole, atol=1e-6)


def test_conditions_and_imputation_pass_through():
    """A condition per example inside, known frames outside; under jit, without and with a batch."""
    condition = jnp.array([1.0, 2.0])[:, None, None]
    known, mask = jnp.full((30, 1), 7.0), jnp.arange(30)[:, None] < 3
    denoise = guidance.impute(stitch(lambda x, t: 0 * x + condition, 10, 3), known, mask)
    out = jax.jit(denoise)(jnp.zeros((2, 30, 1)), 0.0)
    np.testing.assert_allclose(out[:, 3:], jnp.broadcast_to(condition, (2, 27, 1)), rtol=1e-6)
    np.testing.assert_array_equal(out[:, :3], 7.0)


def test_seam_ratio_sees_a_jump():
    x = jnp.linspace(0, 1, 41)[:, None]
    np.testing.assert_allclose(seam_ratio(x, 10, 0), 1, rtol=1e-4)
    assert seam_ratio(x.at[20:].add(1.0), 10, 0) > 5


def test_impossible_windows_are_refused():
    x = jnp.zeros((8, 1))
    with pytest.raises(ConfigError, match="overlap"):
        stitch(lambda x, t: x, 4, 4)(x, 0.0)
    with pytest.raises(DataError, match="shorter"):
        stitch(lambda x, t: x, 9, 4)(x, 0.0)
    with pytest.raises(DataError, match="no seam"):
        seam_ratio(x, 8, 0)
