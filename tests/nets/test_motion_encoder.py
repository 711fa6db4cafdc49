"""The motion encoder: what it may see, and the latent of a VAE on request."""

import jax
import jax.numpy as jnp
import numpy as np
from parameters import drawn

from jaxdiff.nets.motion_encoder import MUSCLES, MotionEncoder

MOTION = jax.random.normal(jax.random.key(0), (24, 11))


def built(**options):
    net = MotionEncoder(width=16, blocks=1, groups=4, **options)
    return net, drawn(net.init, MOTION, jnp.int32(0))


def test_frames_beyond_the_mask_do_not_exist_and_distant_ones_are_not_felt():
    net, params = built()
    apply = jax.jit(net.apply)
    short = apply(params, MOTION[:15], 3)
    masked = apply(params, MOTION, 3, jnp.arange(24) < 15)
    for a, b in zip(short, masked):
        np.testing.assert_allclose(a, b[:15], atol=1e-5)
    touched = apply(params, MOTION.at[20].add(5.0), 3).latent - apply(params, MOTION, 3).latent
    felt = np.abs(touched).max(-1) > 1e-6
    assert felt[20 - net.reach :].all() and not felt[: 20 - net.reach].any()


def test_activations_lie_between_zero_and_one_and_know_the_noise_level():
    net, params = built()
    apply = jax.jit(net.apply)
    clean, noisy = apply(params, 30 * MOTION, 0), apply(params, 30 * MOTION, 900)
    assert (
        clean.activations.shape == (24, MUSCLES)
        and 0 <= clean.activations.min() < clean.activations.max() <= 1
    )
    assert np.abs(clean.latent - noisy.latent).max() > 1e-3
    assert not clean.divergence.any()


def test_with_a_spread_the_latent_is_drawn_about_its_mean_and_kept_near_the_standard_normal():
    net, params = built(spread=True)
    mean = jax.jit(net.apply)(params, MOTION, 0)
    draw = jax.jit(jax.vmap(lambda key: net.apply(params, MOTION, 0, rngs={"latent": key}).latent))
    draws = draw(jax.random.split(jax.random.key(0), 100))
    assert (mean.divergence >= 0).all() and (mean.divergence > 0).any()
    average = draws.mean(0)
    assert (
        jnp.sqrt(jnp.square(average - mean.latent).mean()) < 0.3 < jnp.std(draws[0] - mean.latent)
    )
