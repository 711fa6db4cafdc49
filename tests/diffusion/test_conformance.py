"""What every solver, every grid and every guidance transform must do: to be listed is to be tested.

Solvers come from `solvers.SOLVERS`, grids from `grids.GRIDS`, and guidance from `guidance.__all__`,
each with a setting below at which it must leave a denoiser alone. The skeletons of `docs/skeletons`
are tested as if they were listed.
"""

from functools import cache

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from diffusion import exact

from docs.skeletons.grid import log_snr
from docs.skeletons.guidance import dynamic_threshold
from docs.skeletons.solver import adams_bashforth
from jaxdiff import grids, guidance, sample, schedules, solvers
from jaxdiff.errors import DataError

SOLVERS = {**solvers.SOLVERS, "skeleton": adams_bashforth}
GRIDS = {**grids.GRIDS, "skeleton": log_snr}
GUIDANCE = (*guidance.__all__, "skeleton")
schedule = schedules.linear()
x_start = jax.random.normal(jax.random.key(7), (4, 5, 2))
key = jax.random.key(3)


def denoise(x_t, t):
    """Neither exact nor linear, and quick to compile."""
    return jnp.tanh(0.5 * x_t[..., ::-1] + t / 1000)


NEUTRAL = {
    "classifier_free": lambda f: guidance.classifier_free(f, lambda x, t: 0 * x, 1.0),
    "classifier_free_doubled": lambda f: guidance.classifier_free_doubled(
        lambda x, t: jnp.concatenate([f(x[: len(x) // 2], t), x[len(x) // 2 :]]), 1.0
    ),
    "clip": lambda f: guidance.clip(f, -1e6, 1e6),
    "constrain": lambda f: guidance.constrain(f, lambda x0: jnp.sum((x0 - 5) ** 2), 0.0),
    "impute": lambda f: guidance.impute(f, jnp.full((5, 2), jnp.nan), jnp.zeros((5, 2), bool)),
    "rescale": lambda f: guidance.rescale(f, f),
    "skeleton": lambda f: dynamic_threshold(f, 1e6),
    "within": lambda f: guidance.within(lambda x, t: 0 * x, f, -2.0, -1.0),
}

every_solver = pytest.mark.parametrize("name", SOLVERS)
every_grid = pytest.mark.parametrize("name", GRIDS)
every_guidance = pytest.mark.parametrize("name", GUIDANCE)


def run(name, grid, x=x_start, key=key, denoise=denoise, **options):
    return sample(key, denoise, grid, SOLVERS[name](), x, **options)


@cache
def compiled(name):
    """One compiled sampler for the tests of a solver that need no other denoiser."""
    return jax.jit(lambda key, grid, x: run(name, grid, x, key))


@every_solver
def test_a_constant_denoiser_returns_its_constant_from_every_grid(name):
    constant = jnp.linspace(-2, 2, 10).reshape(5, 2)
    sampler = jax.jit(
        lambda grid: run(name, grid, denoise=lambda x, t: jnp.broadcast_to(constant, x.shape))
    )
    for make in GRIDS.values():
        chex.assert_trees_all_equal(
            sampler(make(schedule, 6)), jnp.broadcast_to(constant, x_start.shape)
        )


@every_solver
def test_one_row_is_one_estimate(name):
    grid = grids.explicit(schedule, [500])
    np.testing.assert_allclose(run(name, grid), denoise(x_start, 500), rtol=0, atol=1e-6)


@cache
def drawn(name):
    """`(means, stds, weights) -> draws` of that mixture along the whole chain, from the quantiles
    of the normal.
    """
    x, grid = quantiles(4096), grids.leading(schedule, schedule.alpha.size)
    return jax.jit(
        lambda *mixture: run(name, grid, x, denoise=exact.mixture(schedule, *mixture))[:, 0]
    )


def quantiles(count):
    return jax.scipy.special.ndtri((jnp.arange(count) + 0.5) / count)[:, None]


@every_solver
def test_the_exact_denoiser_of_a_gaussian_gives_its_moments(name):
    mean, std = 0.7, 0.4
    out = np.asarray(drawn(name)(np.full((2, 1), mean), np.full((2, 1), std), np.array([0.5, 0.5])))
    assert abs(np.mean(out) - mean) < 4 * std / np.sqrt(out.size)
    assert abs(np.std(out) / std - 1) < 4 / np.sqrt(2 * out.size)


@every_solver
def test_the_exact_denoiser_of_a_mixture_gives_its_distribution(name):
    """Its first two moments, and, after Kolmogorov and Smirnov, all of it at the one in a thousand
    level.
    """
    means, stds, weights = np.array([-1.5, 1.0]), np.array([0.3, 0.5]), np.array([0.3, 0.7])
    out = np.sort(drawn(name)(means[:, None], stds[:, None], weights))
    mean = means @ weights
    centred = [weights @ stds**2 + weights @ (means - mean) ** 2, np.mean((out - mean) ** 4)]
    assert abs(np.mean(out) - mean) < 4 * np.sqrt(centred[0] / out.size)
    assert abs(np.var(out) - centred[0]) < 4 * np.sqrt((centred[1] - centred[0] ** 2) / out.size)
    cdf = jax.scipy.stats.norm.cdf(out[:, None], means, stds) @ weights
    assert np.max(np.abs(cdf - (np.arange(out.size) + 0.5) / out.size)) < 1.95 / np.sqrt(out.size)


@every_solver
def test_jit_equals_eager(name):
    grid = grids.karras(schedule, 12)
    with jax.disable_jit():
        eager = run(name, grid)
    np.testing.assert_allclose(compiled(name)(key, grid, x_start), eager, rtol=0, atol=1e-6)


@every_solver
def test_batch_vmap_and_loop_agree(name):
    """With one key per example: what is sampled beside it does not change an example."""
    grid, keys = grids.karras(schedule, 12), jax.random.split(key, len(x_start))
    batch = compiled(name)(keys, grid, x_start)
    keys, rows = keys[:, None], x_start[:, None]
    loop = jnp.concatenate([compiled(name)(k, grid, row) for k, row in zip(keys, rows)])
    mapped = jax.vmap(compiled(name), in_axes=(0, None, 0))(keys, grid, rows)[:, 0]
    np.testing.assert_allclose(batch, loop, rtol=0, atol=1e-6)
    np.testing.assert_allclose(mapped, loop, rtol=0, atol=1e-6)


@every_solver
def test_one_trace_per_shape(name):
    chex.clear_trace_counter()
    calls = []

    def counted(x, t):
        calls.append(x.shape)
        return denoise(x, t)

    @jax.jit
    @chex.assert_max_traces(n=2)
    def sampler(key, grid, x):
        return run(name, grid, x, key, counted)

    for seed, make in enumerate(GRIDS.values()):
        sampler(jax.random.key(seed), make(schedule, 8), x_start)
    per_trace = len(calls)
    sampler(key, grids.karras(schedule, 8), x_start[:2])
    sampler(key, grids.leading(schedule, 8), x_start[:2])
    assert (
        per_trace <= 2 and len(calls) == 2 * per_trace
    )  # as many calls as a step makes, once for each shape


@every_solver
def test_memory_does_not_grow_with_the_steps(name):
    def scratch(n):
        lowered = jax.jit(lambda key, grid, x: run(name, grid, x, key)).lower(
            key, grids.leading(schedule, n), x_start
        )
        return lowered.compile().memory_analysis().temp_size_in_bytes

    assert (
        scratch(1000) - scratch(10) < 990 * 32 < 990 * x_start.nbytes
    )  # a few scalars a step, no samples


@every_solver
def test_gradients_are_finite_down_to_the_clean_sample(name):
    grid = grids.karras(schedule, 4)
    for gradient in jax.jit(
        jax.grad(lambda x, g: jnp.sum(run(name, g, x) ** 2), (0, 1), allow_int=True)
    )(x_start, grid):
        chex.assert_tree_all_finite(gradient)


@every_solver
def test_the_path_ends_at_the_sample(name):
    grid = grids.karras(schedule, 12)
    path = run(name, grid, return_path=True)
    chex.assert_shape(path, (13, *x_start.shape))
    chex.assert_trees_all_equal(path[0], x_start)
    np.testing.assert_allclose(path[-1], compiled(name)(key, grid, x_start), rtol=0, atol=1e-6)


@every_solver
def test_noise_is_used_only_where_it_belongs(name):
    """A deterministic solver ignores it; a stochastic one follows it, but not into the clean
    sample.
    """
    grid, (a, b) = grids.karras(schedule, 5), jax.random.normal(key, (2, 5, *x_start.shape))
    sampler = jax.jit(lambda z: run(name, grid, key=None, noise=z))
    same_up_to_the_end = a.at[-1].set(b[-1])
    chex.assert_trees_all_equal(sampler(a), sampler(same_up_to_the_end))
    differs = bool(jnp.any(sampler(a) != sampler(b)))
    assert differs == SOLVERS[name]().stochastic


@every_solver
def test_half_precision_and_x64_keep_the_arithmetic_in_float32(name):
    grid = grids.karras(schedule, 12)
    half = run(
        name,
        grid,
        x_start.astype(jnp.bfloat16),
        denoise=lambda x, t: denoise(x, t).astype(jnp.bfloat16),
    )
    assert half.dtype == jnp.float32 and bool(jnp.all(jnp.isfinite(half)))
    with jax.enable_x64(True):
        wide = run(name, grids.karras(schedules.linear(), 12))
    assert wide.dtype == jnp.float32
    np.testing.assert_allclose(wide, compiled(name)(key, grid, x_start), rtol=0, atol=1e-6)


@every_solver
def test_known_values_are_imposed_exactly(name):
    known, mask = jnp.full((5, 2), 0.1234567), jnp.arange(10).reshape(5, 2) % 3 == 0
    out = run(name, grids.karras(schedule, 5), denoise=guidance.impute(denoise, known, mask))
    chex.assert_trees_all_equal(out[:, mask], jnp.broadcast_to(known, x_start.shape)[:, mask])
    assert not jnp.any(out[:, ~mask] == known[~mask])


@every_solver
def test_a_key_that_does_not_fit_is_refused(name):
    grid = grids.karras(schedule, 3)
    if SOLVERS[name]().stochastic:
        for bad in (None, jax.random.PRNGKey(0), jax.random.split(key, 3)):
            with pytest.raises(DataError, match="key"):
                run(name, grid, key=bad)
    with pytest.raises(DataError, match="noise for 3 steps"):
        run(name, grid, noise=jnp.zeros((2, *x_start.shape)))


@every_grid
def test_every_grid_leads_to_the_distribution(name):
    mean, std, grid = 0.7, 0.4, GRIDS[name](schedule, 120)
    denoise = exact.gaussian(schedule, mean, std)
    out = jax.jit(lambda x: run("dpm_solver_pp_2", grid, x, denoise=denoise))(quantiles(2000))
    assert abs(np.mean(out) - mean) < 0.02 * std and abs(np.std(out) / std - 1) < 0.02


@every_guidance
def test_neutral_guidance_changes_nothing(name):
    grid = grids.karras(schedule, 5)
    guided = run("sde_dpm_solver_pp_2", grid, denoise=NEUTRAL[name](denoise))
    np.testing.assert_allclose(guided, run("sde_dpm_solver_pp_2", grid), rtol=0, atol=2e-6)


@every_guidance
def test_guidance_composes_with_itself_and_all_others(name):
    composed = [other(NEUTRAL[name](denoise)) for other in NEUTRAL.values()]
    for found in jax.jit(lambda x, t: [f(x, t) for f in composed])(x_start, jnp.float32(300)):
        np.testing.assert_allclose(found, denoise(x_start, 300), rtol=0, atol=2e-6)


@every_guidance
def test_guidance_is_differentiable(name):
    squares = lambda x: jnp.sum(NEUTRAL[name](denoise)(x, jnp.float32(300)) ** 2)  # noqa: E731
    gradient = jax.jit(jax.grad(squares))(x_start)
    chex.assert_tree_all_finite(gradient)
