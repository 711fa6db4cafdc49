import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from diffusion import exact

from jaxdiff import grids, guidance, sample, schedules, solvers

schedule = schedules.linear()
conditional, unconditional = exact.gaussian(schedule, 1.0, 0.5), exact.gaussian(schedule, -0.2, 1.5)
x = jax.random.normal(jax.random.key(0), (4, 6, 3))
t = jnp.float32(300)


@pytest.mark.parametrize("scale, expected", [(1.0, conditional), (0.0, unconditional)])
def test_scale_one_is_the_conditional_and_zero_the_unconditional(scale, expected):
    guided = guidance.classifier_free(conditional, unconditional, scale)
    np.testing.assert_allclose(guided(x, t), expected(x, t), rtol=0, atol=0 if scale else 5e-7)


def test_one_doubled_pass_is_two_passes():
    asked = []

    def both(xx, t):
        asked.append(xx.shape)
        first, second = jnp.split(xx, 2)
        return jnp.concatenate([conditional(first, t), unconditional(second, t)])

    two = guidance.classifier_free(conditional, unconditional, 2.5)(x, t)
    np.testing.assert_allclose(
        guidance.classifier_free_doubled(both, 2.5)(x, t), two, rtol=0, atol=1e-6
    )
    assert asked == [(8, 6, 3)]


@pytest.mark.parametrize("scale", [0.0, 1.0, 3.0])
def test_guidance_between_equal_gaussians_is_a_gaussian_beyond(scale):
    """From mean 0.2 towards 0.5, of one width: in closed form the Gaussian around
    `0.2 + scale (0.5 - 0.2)`.
    """
    low, high = exact.gaussian(schedule, 0.2, 0.4), exact.gaussian(schedule, 0.5, 0.4)
    beyond = exact.gaussian(schedule, 0.2 + scale * 0.3, 0.4)
    grid, solver = grids.karras(schedule, 20), solvers.dpm_solver_pp()
    guided = sample(None, guidance.classifier_free(high, low, scale), grid, solver, x)
    np.testing.assert_allclose(guided, sample(None, beyond, grid, solver, x), rtol=0, atol=5e-6)


def test_within_an_interval_only_the_needed_denoiser_runs():
    asked = []

    def watched(name, denoise):
        def watching(x, t):
            jax.debug.callback(lambda t: asked.append((name, int(t))), t)
            return denoise(x, t)

        return watching

    denoise = guidance.within(
        watched("guided", conditional), watched("plain", unconditional), 200, 600
    )
    jax.block_until_ready(sample(None, denoise, grids.leading(schedule, 5), solvers.ddim(), x))
    jax.effects_barrier()
    assert asked == [
        ("plain", 800),
        ("guided", 600),
        ("guided", 400),
        ("guided", 200),
        ("plain", 0),
    ]


def test_rescaled_estimates_have_the_spread_of_the_conditional():
    guided = guidance.classifier_free(conditional, unconditional, 6.0)
    full = guidance.rescale(guided, conditional, 1.0)(x, t)
    np.testing.assert_allclose(np.std(full, (1, 2)), np.std(conditional(x, t), (1, 2)), rtol=1e-5)
    half = guidance.rescale(guided, conditional, 0.5)(x, t)
    np.testing.assert_allclose(half, (full + guided(x, t)) / 2, rtol=0, atol=1e-5)
    flat = guidance.rescale(lambda x, t: 0 * x, conditional)(x, t)
    chex.assert_tree_all_finite(flat)


def test_rescaling_costs_no_second_pass():
    weights = jax.random.normal(jax.random.key(1), (64, 64))

    def network(x, t):
        return jnp.tanh(x @ weights) @ weights.T

    def flops(denoise):
        return jax.jit(denoise).lower(jnp.ones((8, 16, 64)), t).compile().cost_analysis()["flops"]

    guided = guidance.classifier_free(network, lambda x, t: 0 * x, 2.0)
    assert flops(guidance.rescale(guided, network)) < 1.2 * flops(guided)


def test_imputed_values_follow_their_own_noise_at_every_level():
    """On the ODE the known part of the path is `alpha known + sigma eps`, with the noise it started
    from.
    """
    known, mask = jnp.full((6, 3), 0.8), jnp.arange(18).reshape(6, 3) % 2 == 0
    grid = grids.karras(schedule, 10)
    path = sample(
        None, guidance.impute(conditional, known, mask), grid, solvers.ddim(), x, return_path=True
    )
    alpha, sigma = grid.alpha[:, None, None, None], grid.sigma[:, None, None, None]
    eps = (x - grid.alpha[0] * known) / grid.sigma[0]
    np.testing.assert_allclose(
        path[:, :, mask], (alpha * known + sigma * eps)[:, :, mask], rtol=0, atol=2e-5
    )


def test_imputation_has_the_last_word():
    known, mask = jnp.full((6, 3), 9.0), jnp.arange(18).reshape(6, 3) < 4
    denoise = guidance.impute(guidance.clip(conditional, -1, 1), known, mask)
    out = sample(jax.random.key(0), denoise, grids.karras(schedule, 5), solvers.ddpm(), x)
    assert np.all(out[:, mask] == 9.0) and np.all(np.abs(out[:, ~mask]) <= 1)


def test_constrain_descends_the_energy_of_each_example_by_itself():
    def energy(x0):
        return jnp.sum((x0 - 2.0) ** 2, axis=(1, 2)) / 2

    step = guidance.constrain(conditional, energy, 0.25)(x, t)
    np.testing.assert_allclose(
        step, conditional(x, t) - 0.25 * (conditional(x, t) - 2.0), rtol=0, atol=1e-6
    )
    alone = guidance.constrain(conditional, energy, 0.25)(x[:1], t)
    np.testing.assert_allclose(step[:1], alone, rtol=0, atol=1e-6)


def test_constrained_samples_have_less_energy():
    def energy(x0):
        return jnp.sum(jnp.diff(x0, axis=-2) ** 2)

    grid, solver = grids.karras(schedule, 20), solvers.dpm_solver_pp()
    free = sample(None, conditional, grid, solver, x)
    smooth = sample(None, guidance.constrain(conditional, energy, 0.1), grid, solver, x)
    assert energy(smooth) < 0.5 * energy(free)


def test_bounds_may_be_per_channel():
    low, high = jnp.array([-0.1, 0.0, -9.0]), jnp.array([0.1, 0.2, 9.0])
    out = guidance.clip(conditional, low, high)(x, t)
    assert np.all(out >= low) and np.all(out <= high)
    np.testing.assert_array_equal(out[..., 2], conditional(x, t)[..., 2])
