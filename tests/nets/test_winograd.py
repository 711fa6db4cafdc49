"""Winograd's convolution is the convolution: values and gradients, any length, and where a network
would use it.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdiff.nets.blocks import winograd
from jaxdiff.nets.blocks.convolution import conv1d


def direct(x, kernel, padding):
    layout = ("NWC", "WIO", "NWC")
    return jax.lax.conv_general_dilated(
        x, kernel, (1,), [(padding, padding)], dimension_numbers=layout
    )


def random(*shape):
    return jnp.asarray(np.random.default_rng(shape).standard_normal(shape, np.float32))


@pytest.mark.parametrize(
    "taps, padding, frames", [(5, 2, 16), (5, 2, 13), (5, 0, 9), (3, 1, 11), (3, 0, 3)]
)
def test_it_is_the_convolution(taps, padding, frames):
    x, kernel = random(2, frames, 3), random(taps, 3, 4)
    want = direct(x, kernel, padding)
    np.testing.assert_allclose(
        jax.jit(winograd.convolve, static_argnums=2)(x, kernel, padding),
        want,
        atol=1e-5 * np.abs(want).max(),
    )


def test_its_gradient_is_the_convolutions():
    x, kernel = random(2, 18, 3), random(5, 3, 4)
    loss = lambda run: lambda x, kernel: jnp.sin(run(x, kernel, 2)).sum()  # noqa: E731
    for ours, want in zip(
        jax.jit(jax.grad(loss(winograd.convolve), (0, 1)))(x, kernel),
        jax.jit(jax.grad(loss(direct), (0, 1)))(x, kernel),
    ):
        np.testing.assert_allclose(ours, want, atol=1e-5 * np.abs(want).max())


def test_transforms_are_exact_for_polynomials():
    """Toom and Cook: interpolation undoes evaluation, so integers are convolved without error but
    for rounding.
    """
    outputs, weights, inputs = winograd.transforms(5)
    x, w = np.arange(8.0), np.array([3.0, -1, 4, 1, -5])
    want = np.correlate(x, w, "valid")
    np.testing.assert_allclose(outputs @ ((weights @ w) * (inputs @ x)), want, atol=1e-12)


def test_a_network_uses_it_where_channels_and_frames_are_many():
    many, few = jnp.zeros((64, 64)), jnp.zeros((63, 64))
    kernel = jnp.zeros((5, 64, 64))
    assert winograd.pays(many, kernel) and not winograd.pays(few, kernel)
    assert not winograd.pays(many, jnp.zeros((3, 64, 64))) and not winograd.pays(
        many.astype(jnp.bfloat16), kernel
    )
    x, kernel = random(2, 40, 64), random(5, 64, 64)
    want = direct(x, kernel, 2)
    np.testing.assert_allclose(conv1d(x, kernel, padding=2), want, atol=1e-5 * np.abs(want).max())
