"""What is particular to LLMA."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxdiff.losses import alignment as align
from jaxdiff.methods import linear_gaussian
from jaxdiff.methods.llma import Settings, latents, llma
from jaxdiff.nets.backend import override
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


def test_two_bodies_are_the_same_batched_and_one_beside_the_other():
    """Which is which depends on the backend."""
    settings = TINY._replace(size=TINY.size._replace(dropout=0.1))
    beside, parts = value(settings)
    with override("gpu"):
        batched, others = value(settings)
    np.testing.assert_allclose(beside, batched, rtol=1e-5)
    for name in parts:
        np.testing.assert_allclose(parts[name], others[name], rtol=1e-5)


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


def test_with_a_law_it_starts_from_ridge_regression_and_its_spread():
    """Fresh networks add nothing: the mean of many samples is the guess, their spread that of the law."""
    rng = np.random.default_rng(3)
    subject = np.repeat(np.arange(4, dtype=np.int32), 30)
    y = np.cumsum(rng.normal(size=(120, 60, 3)), axis=1).astype(np.float32) / 8
    x = (
        y @ rng.normal(size=(3, 5)) + 0.1 * np.cumsum(rng.normal(size=(120, 60, 5)), axis=1) / 8
    ).astype(np.float32)
    known = {
        "x": linear_gaussian.fit(x, y, subject, 4, 8),
        "y": linear_gaussian.fit(y, x, subject, 4, 8),
    }
    settings = TINY._replace(linear=True, steps=30)
    method = llma(settings)
    batch = {"x": x[:6], "y": y[:6], "subject": subject[:6]}
    params = {**method.init(jax.random.key(0), batch), "fixed": known}
    keys = jax.random.split(jax.random.key(2), 200)
    drawn = np.asarray(method.generate(params, keys, {"y": np.repeat(y[:1], 200, axis=0)}))
    np.testing.assert_allclose(drawn.mean(0), linear_gaussian.guess(known["x"], y[0]), atol=0.05)
    law = known["x"]
    stated = law["variance"].sum() + law["rest"] * (drawn[0].size - len(law["basis"]))
    np.testing.assert_allclose(drawn.var(0).sum(), stated, rtol=0.2)
    gradients = jax.grad(lambda p: method.loss(p, batch, KEYS, lambda z: z, {})[0])(params)
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(gradients["fixed"]))


def test_bfloat16_compute_gives_the_loss_of_float32_and_float32_gradients():
    half = llma(TINY._replace(dtype=jnp.bfloat16))
    params = half.init(jax.random.key(0), BATCH)
    (low, _), grads = jax.value_and_grad(
        lambda p: half.loss(p, BATCH, KEYS, lambda z: z, {}), has_aux=True
    )(params)
    full, _ = value(TINY, params=params)
    np.testing.assert_allclose(low, full, rtol=2e-2)
    assert all(g.dtype == jnp.float32 for g in jax.tree.leaves(grads))
