"""The gait method on data whose answer is known."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdiff.diffusion.circle import circle, rotation
from jaxdiff.diffusion.sampling import sample
from jaxdiff.errors import ConfigError
from jaxdiff.methods.gait import Settings, gait, parts_of
from jaxdiff.methods.gait_fit import fit_law
from jaxdiff.metrics.uncertainty import coverage, crps
from jaxdiff.models.calibration import predictive_interval
from jaxdiff.nets.gait_denoiser import GaitDenoiser, Size
from jaxdiff.studies.gait import subsets
from jaxdiff.studies.gait.imputation import Imputer
from jaxdiff.studies.gait.strides import Bank, Conditioned
from jaxdiff.training.state import init_state
from jaxdiff.training.step import make_step
from jaxdiff.training.update import StepSettings
from tests.studies.gait import toys

TINY = Settings(Size(16, 32, 2, 1, 2), aligned=("angles", "moments"), every=1, steps=4)
ANGLES = ("angles/*",)


def law_of(seed, blocks=False):
    strides = toys.gaussian(np.random.default_rng([seed, 1]), 3000, blocks)
    return strides, fit_law(strides.values, toys.layout(), floor=0.01, shrinkage=1e-4)


@functools.cache
def trained(blocks=False, steps=1200):
    """A network trained for a few seconds on Gaussian strides; without any step, a fresh one."""
    strides, law = law_of(0, blocks)
    method = gait(TINY, parts_of(law.layout))
    rng = np.random.default_rng(3)
    masks = [subsets.masks(law.layout, ANGLES)]
    masks += [subsets.drawn(law.layout, rng) for _ in range(30)]
    source = Conditioned(strides, law, Bank(law, masks))

    def batch():
        return source(rng.integers(0, len(source), 64), rng.random((64, 4)))

    optimizer = optax.adam(optax.cosine_decay_schedule(5e-3, max(steps, 1)))
    state = init_state(method, optimizer, jax.random.key(0), batch())
    step = make_step(method, optimizer, StepSettings(0.98), devices=jax.devices()[:1])
    for _ in range(steps):
        state, _ = step(state, batch())
    return law, jax.device_get(state.ema)


def exact(values):
    """Mean and deviation of the moments given the angles, for the law of `toys.gaussian`."""
    maps = np.random.default_rng(0)
    a, m = (toys.curves(maps, count, 4).reshape(-1, 4) for count in (3, 2))
    gain = np.linalg.solve(a.T @ a / 0.05**2 + np.eye(4), a.T / 0.05**2)
    z = values["angles"].reshape(len(values["angles"]), -1) / toys.DEGREES @ gain.T
    left = np.linalg.inv(a.T @ a / 0.05**2 + np.eye(4))
    covariance = m @ (0.64 * left + 0.36 * np.eye(4)) @ m.T + 0.05**2 * np.eye(len(m))
    shape = values["moments"].shape
    return (0.8 * z @ m.T).reshape(shape), np.sqrt(np.diag(covariance)).reshape(shape[1:])


@pytest.mark.parametrize("network", [*range(10), "trained"])
def test_gaussian_strides_are_generated_as_well_as_they_can_be(network):
    """CRPS within 2 % of the exact posterior's, intervals that cover: ten seeds, and a trained
    network.
    """
    law, params = trained() if network == "trained" else (law_of(network)[1], None)
    seed = 0 if network == "trained" else network
    fresh = toys.gaussian(np.random.default_rng([seed, 2]), 300)
    given = subsets.masks(law.layout, ANGLES)
    if params is None:
        rng = np.random.default_rng(7)
        posterior = law.condition(given)
        mean = posterior.condition(fresh.values)["mean"]
        a = posterior.unwhiten(rng.normal(size=(64, *mean.shape)), mean)
        residual = law.residual(rng, a.shape[:2], ("moments",))
        drawn = law.decode(a, ("moments",), residual)["moments"]
    else:
        drawn = trained_samples(law, params, fresh.values, given)
    truth = fresh.values["moments"]
    mean, deviation = exact(fresh.values)
    rng = np.random.default_rng(5)
    best = crps(mean + deviation * rng.normal(size=(64, *mean.shape)), truth)
    assert crps(drawn, truth) == pytest.approx(best, rel=0.02)
    low, high = predictive_interval(drawn, 0.9)
    assert float(((low <= truth) & (truth <= high)).mean()) == pytest.approx(0.9, abs=0.03)


def trained_samples(law, params, values, given, steps=0, count=64):
    """Samples [S, N, T, C] of the moments, each stride with its own noise."""
    posterior = law.condition(given)
    rows = posterior.condition(values)
    method = gait(TINY, parts_of(law.layout))
    n = len(rows["mean"])
    rows_of = {name: np.repeat(value, count, axis=0) for name, value in rows.items()}
    keys = jax.random.split(jax.random.key(4), n * count)
    u = jax.jit(lambda k, c: method.generate(params, k, c, steps))(keys, rows_of)
    a = rows_of["mean"] + np.asarray(u) @ posterior.root.astype(np.float32)
    a = a.reshape(n, count, -1).swapaxes(0, 1)
    residual = law.residual(np.random.default_rng(6), a.shape[:2], ("moments",))
    return law.decode(a, ("moments",), residual)["moments"]


def test_one_step_is_as_good_as_a_hundred_on_gaussian_data():
    law, params = trained()
    fresh = toys.gaussian(np.random.default_rng(9), 200)
    given = subsets.masks(law.layout, ANGLES)
    scores = [
        crps(trained_samples(law, params, fresh.values, given, steps, 32), fresh.values["moments"])
        for steps in (1, 2, 100)
    ]
    np.testing.assert_allclose(scores, scores[-1], rtol=0.02)


def test_given_samples_come_back_unchanged():
    law, params = trained()
    fresh = toys.gaussian(np.random.default_rng(2), 3)
    given = subsets.masks(law.layout, ANGLES)
    given["angles"][5:, 1] = False
    drawn = Imputer(law, {"params": params["params"]}, TINY).draw(fresh.values, given, 4)
    kept = np.broadcast_to(fresh.values["angles"], drawn["angles"].shape)
    np.testing.assert_array_equal(drawn["angles"][..., given["angles"]], kept[..., given["angles"]])
    assert not np.allclose(drawn["angles"][..., 5:, 1], kept[..., 5:, 1])


def test_the_order_of_modalities_changes_nothing():
    law, params = trained()
    order = ["moments", "scalars", "angles"]
    turned = law.permuted(order)
    fresh = toys.gaussian(np.random.default_rng(2), 4)
    given = subsets.masks(law.layout, ("angles/hip*", "scalars/mass"))
    outputs = []
    for each in (law, turned):
        rows = each.condition(given).condition(fresh.values)
        network = GaitDenoiser(parts_of(each.layout), TINY.size)
        places = np.concatenate(
            [np.arange(len(rows["mean"][0]))[law.slices[p.name]] for p in each.layout]
        )
        noisy = np.random.default_rng(1).normal(size=rows["mean"].shape).astype(np.float32)
        apply = jax.vmap(
            lambda x, row, network=network: network.apply(
                {"params": params["params"]}, x, jnp.asarray(0.7), row
            )
        )
        output = jax.jit(apply)(noisy[:, places], rows)
        outputs.append(np.asarray(output)[:, np.argsort(places)])
    np.testing.assert_allclose(outputs[0], outputs[1], atol=1e-4)


def test_withholding_a_channel_leaves_a_disconnected_block_alone():
    law, params = trained(blocks=True)
    fresh = toys.gaussian(np.random.default_rng(2), 200, blocks=True)
    found = [
        trained_samples(law, params, fresh.values, subsets.masks(law.layout, given), count=64)
        for given in (ANGLES, ())
    ]
    scale = law.scale["moments"]
    apart = (found[0].mean(0) - found[1].mean(0)) / scale
    assert np.sqrt(np.square(apart).mean()) < 0.12
    spread = found[0].std(0).mean((0, 1)) / found[1].std(0).mean((0, 1))
    np.testing.assert_allclose(spread, 1, atol=0.06)


def test_rotation_keeps_standard_normal_data_in_any_number_of_steps():
    noise = jax.random.normal(jax.random.key(0), (1000,))
    for steps in (1, 3, 10):
        x = sample(None, lambda x, theta: jnp.cos(theta) * x, circle(steps), rotation(2), noise)
        np.testing.assert_allclose(x, noise, atol=1e-5)


def test_rotation_converges_with_its_order():
    """Gaussian data of deviation 0.5: the exact flow scales the noise by 0.5."""
    noise = jax.random.normal(jax.random.key(0), (1000,))

    def denoise(x, theta):
        alpha, sigma = jnp.cos(theta), jnp.sin(theta)
        return alpha * 0.25 / (sigma**2 + alpha**2 * 0.25) * x

    def error(order, steps):
        x = sample(None, denoise, circle(steps), rotation(order), noise)
        return float(jnp.abs(x - 0.5 * noise).mean())

    assert error(1, 20) / error(1, 40) == pytest.approx(2, abs=0.3)
    assert error(2, 20) / error(2, 40) == pytest.approx(4, abs=1.0)


def test_impossible_samplers_are_refused():
    with pytest.raises(ConfigError, match="one step or more"):
        circle(0)
    with pytest.raises(ConfigError, match="order 1 or 2"):
        rotation(3)


def test_calibrated_without_training():
    law = law_of(0)[1]
    fresh = toys.gaussian(np.random.default_rng(8), 400)
    params = trained(steps=0)[1]
    drawn = trained_samples(law, params, fresh.values, subsets.masks(law.layout, ANGLES), count=39)
    assert coverage(drawn, fresh.values["moments"])["coverage_90"] == pytest.approx(0.9, abs=0.03)
