"""The denoising loss, its masks and its weights over noise levels."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdiff.errors import ConfigError
from jaxdiff.losses.denoising import alpha_bar_weight, denoising, min_snr_weight


def test_padding_changes_neither_value_nor_gradient():
    x_hat, x = jax.random.normal(jax.random.key(0), (2, 12, 3))
    mask = jnp.arange(12) < 7
    value, gradient = jax.value_and_grad(denoising)(x_hat, x, mask)
    np.testing.assert_allclose(value, denoising(x_hat[:7], x[:7]), rtol=1e-6)
    assert (gradient[7:] == 0).all() and denoising(x_hat, x, mask & False) == 0


def test_channel_weights_multiply_and_are_not_normalised():
    x = jnp.zeros((4, 3))
    np.testing.assert_allclose(
        denoising(x + 1.0, x, channel_weights=jnp.array([1.0, 2.0, 1.0])), 4 / 3, rtol=1e-6
    )


@pytest.mark.parametrize("gamma", [1.0, 5.0])
def test_min_snr_weights_agree_across_predictions(gamma):
    angle = np.linspace(0.05, 1.5, 9)
    alpha, sigma = jnp.cos(angle), jnp.sin(angle)
    snr = (alpha / sigma) ** 2
    x0 = min_snr_weight(alpha, sigma, gamma)
    np.testing.assert_allclose(x0, np.minimum(snr, gamma), rtol=1e-5)
    # An x0 error e is an eps error e alpha/sigma and a v error e / sigma: all must weigh the same.
    np.testing.assert_allclose(min_snr_weight(alpha, sigma, gamma, "eps") * snr, x0, rtol=1e-5)
    np.testing.assert_allclose(min_snr_weight(alpha, sigma, gamma, "v") / sigma**2, x0, rtol=1e-4)


def test_weights_are_finite_at_both_ends():
    ends = jnp.array([0.0, 1.0]), jnp.array([1.0, 0.0])
    np.testing.assert_allclose(min_snr_weight(*ends), [0, 5])
    np.testing.assert_allclose(min_snr_weight(*ends, prediction="eps"), [1, 0])
    np.testing.assert_allclose(min_snr_weight(*ends, prediction="v"), [0, 0])
    np.testing.assert_allclose(alpha_bar_weight(ends[0]), [0, 1])


def test_alpha_bar_weight_tames_recovered_signals():
    """x0 recovered from a noise error e is off by e sigma/alpha; weighted by alpha² the loss never
    exceeds e².
    """
    alpha = jnp.linspace(0.001, 1, 50)
    recovered = jnp.sqrt(1 - alpha**2) / alpha
    assert (alpha_bar_weight(alpha) * recovered**2).max() <= 1


def test_unknown_prediction_is_named():
    with pytest.raises(ConfigError, match="eps"):
        min_snr_weight(jnp.ones(1), jnp.ones(1), prediction="epsilon")
