"""What is particular to LLMA."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxdiff.diffusion import schedules
from jaxdiff.losses import alignment as align
from jaxdiff.methods.llma import Settings, latents, llma, preconditioned
from jaxdiff.nets.cross_modal import size

TINY = Settings(size("tiny"), "llma", align.Settings(window=3), steps=5)
RNG = np.random.default_rng(0)
BATCH = {
    "x": RNG.normal(size=(6, 60, 5)).astype(np.float32),
    "y": RNG.normal(size=(6, 60, 3)).astype(np.float32),
}
KEYS = jax.random.split(jax.random.key(1), 6)


def value(settings, weights=None, params=None):
    method = llma(settings)
    params = method.init(jax.random.key(0), BATCH) if params is None else params
    return method.loss(params, BATCH, KEYS, lambda z: z, weights or {})


def test_the_total_is_the_sum_of_algorithm_1():
    total, parts = value(TINY._replace(alpha=0.7, gamma=2.0))
    np.testing.assert_allclose(
        total, parts["x"] + parts["y"] + 0.7 * parts["alignment"] + 2.0 * parts["energy"], rtol=1e-6
    )


def test_weights_switch_parts_off_as_other_settings_do():
    plain, parts = value(TINY._replace(alignment="none", gamma=0.0))
    gated, _ = value(TINY, {"alignment": jnp.float32(0), "energy": jnp.float32(0)})
    np.testing.assert_allclose(plain, gated, rtol=1e-6)
    assert "alignment" not in parts


def test_the_learned_weight_settles_where_it_balances_and_does_not_collapse():
    """With the loss L held fixed, s descends to log L, where the weighted loss is 1 + log L."""
    loss, s = 3.0, jnp.float32(0)
    for _ in range(400):
        s = s - 0.1 * jax.grad(lambda s: align.uncertainty_weighted(loss, s))(s)
    np.testing.assert_allclose(s, np.log(3.0), atol=1e-4)


def test_both_directions_generate_the_other_modality_in_its_shape():
    method = llma(TINY)
    params = method.init(jax.random.key(0), BATCH)
    assert method.generate(params, KEYS, {"x": BATCH["x"]}).shape == (6, 60, 3)
    assert method.generate(params, KEYS, {"y": BATCH["y"]}).shape == (6, 60, 5)


def test_what_is_generated_follows_the_condition():
    method = llma(TINY)
    params = method.init(jax.random.key(0), BATCH)
    a = method.generate(params, KEYS, {"x": BATCH["x"]})
    b = method.generate(params, KEYS, {"x": BATCH["x"] + 1.0})
    assert np.abs(a - b).max() > 1e-3


def test_latents_are_those_the_loss_aligns():
    """Contrast of the latents at t: what `latents` returns, put through the loss, aligned beats permuted."""
    params = llma(TINY).init(jax.random.key(0), BATCH)
    z = latents(TINY, params, "x", BATCH["x"])
    assert z.shape == (6, 6, 16)
    np.testing.assert_allclose(align.llma_cov(z, z), 0.0, atol=1e-9)
    assert align.llma_contrast(z, z, 3) < align.llma_contrast(z, z[::-1], 3)


def test_the_skip_path_is_the_best_linear_denoiser_and_the_network_adds_what_is_left():
    """With no output, data N(0, d²) are estimated by their posterior mean; clean signals come back as they are."""
    schedule = schedules.linear(1000)
    x0 = 0.4 * jax.random.normal(jax.random.key(0), (4000, 3, 1))
    x_t = schedules.corrupt(schedule, x0, jax.random.normal(jax.random.key(1), x0.shape), jnp.full(4000, 300))
    t = jnp.full(4000, 300)
    estimate = preconditioned(TINY, schedule, jnp.zeros_like(x_t), x_t, t)
    slope = jnp.sum(x_t * x0) / jnp.sum(x_t**2)
    np.testing.assert_allclose(estimate, slope * x_t, atol=0.03)
    np.testing.assert_allclose(preconditioned(TINY._replace(data_sd=None), schedule, x0, x_t, t), x0)
    nearly_clean = preconditioned(TINY, schedule, jnp.ones_like(x0), x0, jnp.zeros(4000, jnp.int32))
    np.testing.assert_allclose(nearly_clean, x0, atol=0.02)


def test_bfloat16_compute_gives_the_loss_of_float32_and_float32_gradients():
    half = llma(TINY._replace(dtype=jnp.bfloat16))
    params = half.init(jax.random.key(0), BATCH)
    (low, _), grads = jax.value_and_grad(lambda p: half.loss(p, BATCH, KEYS, lambda z: z, {}), has_aux=True)(params)
    full, _ = value(TINY, params=params)
    np.testing.assert_allclose(low, full, rtol=2e-2)
    assert all(g.dtype == jnp.float32 for g in jax.tree.leaves(grads))
