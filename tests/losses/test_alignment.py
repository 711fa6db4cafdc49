"""Alignment losses: the golden values, what makes them zero, and what makes them rise."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest

from jaxdiff.errors import ConfigError, DataError
from jaxdiff.losses import alignment
from jaxdiff.losses.alignment import ALIGNMENTS, Settings
from jaxdiff.losses.energy import energy, energy_power, relative_energy

CASES = {case["name"]: case for case in oracles.meta("losses")["cases"]}


def loss_of(case):
    kind = case["kind"]
    if kind == "nt_xent":
        return lambda a, b: alignment.nt_xent(a, b, case["tau"])
    if kind == "info_nce":
        return lambda a, b: alignment.info_nce(a, b, case["tau"], case["symmetric"])
    if kind == "barlow":
        return lambda a, b: alignment.barlow(a, b, case["lam"], case["bn_eps"])
    if kind == "vicreg":
        return lambda a, b: alignment.vicreg(
            a, b, (case["inv"], case["var"], case["cov"]), case["eps"]
        )
    if kind == "llma_contrast":
        return lambda a, b: alignment.llma_contrast(a, b, case["C"], case["tau"], case["symmetric"])
    return {
        "llma_cov": alignment.llma_cov,
        "energy": lambda x, x_hat: jax.vmap(energy)(x_hat, x).mean(),
    }[kind]


@pytest.mark.parametrize("name", CASES)
def test_golden_values_and_gradients(name):
    arrays, case = oracles.arrays("losses"), CASES[name]
    inputs = [arrays[key] for key in case["inputs"]]
    slopes = jax.value_and_grad(loss_of(case), argnums=tuple(range(len(inputs))))
    value, gradients = jax.jit(slopes)(*inputs)
    np.testing.assert_allclose(value, arrays[f"{name}/value"], rtol=2e-5)
    for key, gradient in zip(case["inputs"], gradients):
        expected = arrays[f"{name}/grad_{key}"]
        np.testing.assert_allclose(gradient, expected, rtol=0, atol=2e-5 * np.abs(expected).max())


def test_golden_vicreg_parts():
    arrays = oracles.arrays("losses")
    for name, case in CASES.items():
        if case["kind"] == "vicreg":
            parts = alignment.vicreg_parts(*(arrays[key] for key in case["inputs"]), case["eps"])
            for part, value in parts._asdict().items():
                np.testing.assert_allclose(value, arrays[f"{name}/{part}"], rtol=2e-5)


def latents(seed, shape=(6, 20, 8)):
    return jax.random.normal(jax.random.key(seed), shape)


def test_contrast_rises_when_windows_or_sequences_are_permuted():
    x = latents(0)
    y = x + 0.3 * latents(1)
    paired = alignment.llma_contrast(x, y, 5)
    assert paired < alignment.llma_contrast(x, jnp.roll(y, 5, axis=1), 5) - 1
    assert paired < alignment.llma_contrast(x, jnp.roll(y, 1, axis=0), 5) - 1


def test_contrast_ignores_length_of_latents_and_steps_beyond_the_last_window():
    x, y = latents(0), latents(1)
    loss = alignment.llma_contrast(x, y, 6)
    np.testing.assert_allclose(loss, alignment.llma_contrast(3 * x, 0.1 * y, 6), rtol=1e-5)
    np.testing.assert_allclose(
        loss, alignment.llma_contrast(x, y.at[:, 18:].set(9.0), 6), rtol=1e-6
    )


def test_contrast_of_unrelated_latents_is_near_chance():
    x, y = latents(0, (16, 20, 64)), latents(1, (16, 20, 64))
    assert abs(alignment.llma_contrast(x, y, 5, tau=1.0) - np.log(64)) < 0.1


def test_balanced_negatives_make_position_worth_log_2_and_leave_chance_where_it_was():
    """Latents that know their position only: one-hot positions, the same for all sequences."""
    position = jnp.tile(jnp.eye(8)[None].repeat(5, 1), (16, 1, 1))
    unknown = jnp.ones((16, 40, 8))
    chance = np.log(16 * 8)
    for negatives, gain in (("all", np.log(8)), ("balanced", np.log(2)), ("position", None)):
        options = Settings(window=5, tau=0.01, negatives=negatives)
        content = jax.jit(partial(alignment.content, settings=options))
        found = content(position, position)
        np.testing.assert_allclose(found.paired, found.mispaired, rtol=1e-5)
        if gain is None:
            np.testing.assert_allclose(found.paired, np.log(16), rtol=1e-5)
            continue
        np.testing.assert_allclose(content(unknown, unknown).paired, chance, rtol=1e-4)
        np.testing.assert_allclose(found.paired, chance - gain, atol=0.02)


def test_content_is_told_by_the_difference_of_paired_and_mispaired():
    x = latents(0)
    found = alignment.content(x, x + 0.1 * latents(1), Settings(window=5))
    assert found.mispaired > found.paired + 2


def test_relative_energy_has_no_unit_and_is_bounded_for_noise():
    x = jnp.sin(jnp.linspace(0, 6, 50))[:, None] * jnp.ones(3)
    power = energy_power(x)
    np.testing.assert_allclose(relative_energy(x, x, power), 0, atol=1e-6)
    np.testing.assert_allclose(relative_energy(0 * x, x, power), 1, rtol=1e-5)
    noisy = x + 0.05 * latents(0, (50, 3))
    for factor in (1e-3, 1.0, 1e3):
        scaled = relative_energy(factor * noisy, factor * x, factor**4 * power)
        np.testing.assert_allclose(scaled, relative_energy(noisy, x, power), rtol=1e-4)
    assert 0.1 < relative_energy(x + latents(0, (50, 3)), x, power) < 2


def test_covariance_is_zero_on_equal_latents_blind_to_means_and_positive_otherwise():
    x, y = latents(0), latents(1)
    for window in (None, 5):
        assert alignment.llma_cov(x, x, window) == 0
        np.testing.assert_allclose(alignment.llma_cov(x, x + 2.0, window), 0, atol=1e-10)
        assert alignment.llma_cov(x, y, window) > 0.01


def test_zero_latents_have_finite_gradients():
    zero = jnp.zeros((4, 10, 3))
    for word in ALIGNMENTS:
        gradient = jax.jit(jax.grad(alignment.alignment(word, Settings(window=5))))(zero, zero)
        assert jnp.isfinite(gradient).all(), word


def test_llma_is_the_sum_of_its_parts_and_every_word_gives_a_scalar():
    x, y, s = latents(0), latents(1), Settings(window=5)
    values = jax.jit(lambda x, y: {word: f(x, y, s) for word, f in ALIGNMENTS.items()})(x, y)
    np.testing.assert_allclose(values["llma"], values["contrast"] + values["covariance"], rtol=1e-6)
    assert all(value.shape == () and jnp.isfinite(value) for value in values.values())
    assert values["none"] == 0 and values["mse"] > 0


@pytest.mark.parametrize("word", ["barlow", "vicreg", "simclr", "mse"])
def test_pulling_latents_together_lowers_the_loss(word):
    x, y = latents(0, (32, 10, 8)), latents(1, (32, 10, 8))
    assert ALIGNMENTS[word](x, 0.8 * x + 0.2 * y) < ALIGNMENTS[word](x, y)


def test_paper_variants_follow_the_printed_formulas():
    z1, z2 = (np.asarray(latents(seed, (7, 5)), np.float64) for seed in (0, 1))
    c = z1.T @ z2 / 7
    expected = ((np.diag(c) - 1) ** 2).sum() + 0.0051 * (c**2 - np.diag(np.diag(c**2))).sum()
    np.testing.assert_allclose(alignment.barlow(z1, z2, variant="paper"), expected, rtol=1e-5)
    parts = alignment.vicreg_parts(z1, z2, variant="paper")
    np.testing.assert_allclose(parts.invariance, ((z1 - z2) ** 2).sum(), rtol=1e-5)
    hinge = sum((np.maximum(0, 1 - np.sqrt(z.var(0, ddof=1) + 1e-4)) ** 2).sum() for z in (z1, z2))
    np.testing.assert_allclose(parts.variance, hinge, rtol=1e-5)
    second = [z.T @ z / 7 for z in (z1, z2)]
    np.testing.assert_allclose(
        parts.covariance, sum((m[~np.eye(5, dtype=bool)] ** 2).sum() for m in second), rtol=1e-5
    )


def test_half_precision_latents_are_compared_in_float32():
    x, y = latents(0).astype(jnp.bfloat16), latents(1).astype(jnp.bfloat16)
    assert alignment.alignment("llma", Settings(window=5))(x, y).dtype == jnp.float32


def test_learned_weight_has_its_optimum_at_the_log_of_the_loss():
    gradient = jax.grad(alignment.uncertainty_weighted, argnums=1)
    np.testing.assert_allclose(gradient(3.0, jnp.log(3.0)), 0, atol=1e-6)
    assert gradient(3.0, -5.0) < 0 < gradient(3.0, 5.0)


def test_mistakes_are_named():
    with pytest.raises(ConfigError, match="covariance"):
        alignment.alignment("covarance")
    with pytest.raises(ConfigError, match="official"):
        alignment.alignment("barlow", Settings(variant="offical"))
    with pytest.raises(DataError, match="30 steps do not fit latents of 20"):
        alignment.alignment("llma")(latents(0), latents(1))
