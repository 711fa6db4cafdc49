"""What is particular to LLMA: the objective, the alignment of content, the two architectures."""

import re
from functools import cache
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdiff.baselines import linear_gaussian
from jaxdiff.diffusion import schedules
from jaxdiff.errors import ConfigError
from jaxdiff.losses import alignment as align
from jaxdiff.methods import llma as module
from jaxdiff.methods.cross_modal import CrossModal
from jaxdiff.methods.llma import Settings, batch_steps, llma, make_networks
from jaxdiff.nets.backend import override
from jaxdiff.nets.blocks.embeddings import sinusoid
from jaxdiff.nets.cross_modal import size
from jaxdiff.training.state import init_state
from jaxdiff.training.step import make_step

TINY = Settings(size("tiny"), alignment="llma", options=align.Settings(window=3), steps=5)
PAPER = TINY._replace(network="paper")
RNG = np.random.default_rng(0)
BATCH = {
    "x": RNG.normal(size=(6, 60, 5)).astype(np.float32),
    "y": RNG.normal(size=(6, 60, 3)).astype(np.float32),
}
KEYS = jax.random.split(jax.random.key(1), 6)
both = pytest.mark.parametrize("settings", [TINY, PAPER], ids=["preconditioned", "paper"])


@cache
def fresh(settings):
    """Parameters at random, drawn in one program and not operation by operation."""
    return jax.jit(llma(settings).init)(jax.random.key(0), BATCH)


def value(settings, weights=None, params=None):
    method = llma(settings)
    params = fresh(settings) if params is None else params
    return jax.jit(lambda p: method.loss(p, BATCH, KEYS, lambda z: z, weights or {}))(params)


@both
def test_total_is_the_sum_of_algorithm_1(settings):
    total, parts = value(settings._replace(alpha=0.7, gamma=2.0))
    np.testing.assert_allclose(
        total, parts["x"] + parts["y"] + 0.7 * parts["alignment"] + 2.0 * parts["energy"], rtol=1e-6
    )


def test_weights_switch_parts_off_as_other_settings_do():
    plain, parts = value(TINY._replace(alignment="none", gamma=0.0))
    gated, _ = value(TINY, {"alignment": jnp.float32(0), "energy": jnp.float32(0)})
    np.testing.assert_allclose(plain, gated, rtol=1e-6)
    assert "alignment" not in parts


@both
def test_batched_bodies_equal_bodies_one_after_the_other(settings):
    settings = settings._replace(size=settings.size._replace(dropout=0.1))
    one, parts = value(settings)
    with override("gpu"):
        batched, others = value(settings)
    np.testing.assert_allclose(one, batched, rtol=1e-5)
    for name in parts:
        np.testing.assert_allclose(parts[name], others[name], rtol=1e-4, err_msg=name)


def test_learned_weight_settles_where_it_balances():
    """With the loss L held fixed, s descends to log L, where the weighted loss is 1 + log L."""
    loss, s = 3.0, jnp.float32(0)
    for _ in range(400):
        s = s - 0.1 * jax.grad(lambda s: align.uncertainty_weighted(loss, s))(s)
    np.testing.assert_allclose(s, np.log(3.0), atol=1e-4)


@both
def test_both_directions_generate_and_follow_the_condition(settings):
    method = llma(settings)
    params, generate = fresh(settings), jax.jit(method.generate)
    drawn = generate(params, KEYS, {"x": BATCH["x"]})
    assert drawn.shape == (6, 60, 3)
    assert generate(params, KEYS, {"y": BATCH["y"]}).shape == (6, 60, 5)
    assert np.abs(drawn - generate(params, KEYS, {"x": BATCH["x"] + 1.0})).max() > 1e-3


def test_estimate_follows_the_noisy_signal_token_by_token():
    """A change of x_t in one token changes the estimate there as the exact denoiser's would, and
    little elsewhere.
    """
    networks = make_networks(TINY)
    params = fresh(TINY)
    m, t = networks.guess(params, "x", BATCH["y"][0], -1), jnp.float32(300.0)
    estimate = jax.jit(lambda x_t: networks.estimate(params, "x", x_t, t, BATCH["y"][0], m))
    moved = BATCH["x"][0].copy()
    moved[20:30] += 0.1
    change = estimate(moved) - estimate(BATCH["x"][0])
    alpha, sigma = schedules.at(networks.schedule, t)
    exact = 0.1 * alpha / (alpha**2 + sigma**2)
    np.testing.assert_allclose(change[20:30].mean(), exact, rtol=0.5)
    assert np.abs(change[20:30]).mean() > 3 * np.abs(change[:10]).mean()


def test_silent_networks_are_the_exact_denoiser_of_independent_channels():
    """Without a linear map the law is the Gaussian of each channel about the mean curve."""
    settings = TINY._replace(linear=True)
    networks, params = make_networks(settings), fresh(settings)
    law, x_t, t = params["fixed"]["x"], BATCH["x"][0], jnp.float32(300.0)
    alpha, sigma = schedules.at(networks.schedule, t)
    m = networks.guess(params, "x", BATCH["y"][0], -1)
    gain = alpha * law["rest"] / (alpha**2 * law["rest"] + sigma**2)
    np.testing.assert_allclose(
        networks.estimate(params, "x", x_t, t, BATCH["y"][0], m),
        law["centre"] + gain * (x_t - alpha * law["centre"]),
        atol=1e-5,
    )


def test_groups_share_one_step_and_cover_the_levels_evenly():
    settings = TINY._replace(groups=4)
    params, schedule = fresh(TINY), schedules.linear()
    t = batch_steps(settings, params, schedule, jax.random.key(3), 12)
    np.testing.assert_array_equal(t.reshape(3, 4), np.tile(t[:4], (3, 1)))
    assert len(set(np.asarray(t).tolist())) == 4
    uniform = batch_steps(PAPER._replace(groups=4), params, schedule, jax.random.key(3), 12)
    np.testing.assert_allclose(np.diff(np.sort(uniform[:4])), 250, atol=1)


def paired_toy(count, seed, content_amplitude=1.0, carriers=(1.0, 0.0), noise=0.05):
    """Only content tells the partner: one hidden vector per sequence, seen through two maps, on
    equal carriers.
    """
    rng = np.random.default_rng(seed)
    content = rng.normal(size=(count, 1, 3))
    carrier = np.sin(np.linspace(0, 4 * np.pi, 60))[:, None]
    to_x, to_y = (np.random.default_rng(n).normal(size=(3, d)) for n, d in ((8, 5), (9, 4)))
    seen_x, seen_y = (content_amplitude * np.tanh(content @ to) for to in (to_x, to_y))
    x = seen_x + carriers[0] * carrier + noise * rng.normal(size=(count, 60, 5))
    y = seen_y * (1 + 0.5 * carrier) + carriers[1] * carrier
    y = y + noise * rng.normal(size=(count, 60, 4))
    return {"x": x.astype(np.float32), "y": y.astype(np.float32)}


def content_after_training(word, steps=120, settings=TINY, **toy):
    """Paired and mispaired contrast of clean signals of new sequences, after training with this
    alignment.
    """
    settings = settings._replace(alignment=word, size=settings.size._replace(width=32, heads=2))
    method, optimizer = llma(settings), optax.adam(3e-3)
    data = [paired_toy(32, seed, **toy) for seed in range(8)]
    state = init_state(method, optimizer, jax.random.key(0), data[0])
    step = make_step(method, optimizer, devices=jax.devices()[:1])
    for number in range(steps):
        state, _ = step(state, data[number % len(data)])
    networks, fresh = make_networks(settings), paired_toy(64, 99, **toy)
    z = [networks.latents(state.params, own, fresh[own], 100.0) for own in "xy"]
    found = align.content(*z, align.Settings(window=3, negatives="position"))
    return found


def test_alignment_learns_content_where_only_content_tells():
    """Chance is log 64 = 4.2; true pairs are found among 64 new sequences at the same position,
    false ones are not.

    Measured with version 1's alignment on gait: 1.085 for true and 1.086 for false pairs (300
    steps).
    """
    paired, mispaired = content_after_training("llma", steps=50)
    assert paired < 2.5
    assert mispaired > paired + 2.0


def test_knowing_noise_level_and_position_only_gains_log_2_at_most():
    """An encoder without content cannot lower the contrast, unless every sequence has a step of its
    own as in version 1.
    """
    rows, windows = 32, 10
    settings = TINY._replace(options=align.Settings(window=1, tau=0.02))
    params, schedule = fresh(TINY), schedules.linear()
    chance = np.log(rows * windows)

    def contrast(t):
        level = jnp.broadcast_to(sinusoid(t, 32)[:, None], (rows, windows, 32))
        position = jnp.broadcast_to(jnp.eye(windows), (rows, windows, windows))
        z = jnp.concatenate([level, 4 * position], -1)
        return align.content(z, z, settings.options)

    for seed in range(3):
        found = contrast(batch_steps(settings, params, schedule, jax.random.key(seed), rows))
        np.testing.assert_allclose(found.paired, found.mispaired, rtol=1e-5)
        assert found.paired > chance - np.log(2) - 0.01
    own_steps = jax.random.randint(jax.random.key(0), (rows,), 0, 1000).astype(jnp.float32)
    assert contrast(own_steps).paired < chance - np.log(2) - 2


FAINT = {"content_amplitude": 0.3, "carriers": (1.0, 1.0), "noise": 0.3}


@pytest.mark.slow
@pytest.mark.parametrize("first_version", [True, False])
def test_a_step_per_sequence_takes_the_place_of_faint_content(monkeypatch, first_version):
    """Version 1's network and contrast; true / false pairs: 3.94 / 4.24 as it was, 3.52 / 4.66 with
    one step (chance 4.16).
    """

    def per_sequence(settings, params, schedule, key, rows):
        return module.steps_at(settings, params, schedule, jax.random.uniform(key, (rows,)))

    if first_version:
        monkeypatch.setattr(module, "batch_steps", per_sequence)
    settings = PAPER._replace(options=align.Settings(window=3, negatives="all"))
    paired, mispaired = content_after_training("contrast", settings=settings, **FAINT)
    learned = mispaired - paired
    assert learned < 0.5 if first_version else learned > 0.8


@pytest.mark.slow
@pytest.mark.parametrize("word", ["contrast", "simclr", "barlow", "vicreg", "covariance"])
def test_other_alignments_learn_content_too(word):
    """Covariance alignment compares second moments only, and cannot tell one sequence from
    another.
    """
    paired, mispaired = content_after_training(word)
    assert (mispaired > paired + 0.5) == (word != "covariance")


@pytest.mark.slow
def test_without_alignment_true_pairs_are_not_found():
    """The control: their contrast stays above chance, though that of false pairs may happen to be
    higher still.
    """
    paired, _ = content_after_training("none", carriers=(1.0, 1.0))
    assert paired > np.log(64)


def test_latents_are_those_the_loss_aligns():
    networks, params = make_networks(TINY), fresh(TINY)
    z = networks.latents(params, "x", BATCH["x"])
    assert z.shape == (6, 6, 16)
    np.testing.assert_allclose(align.llma_cov(z, z), 0.0, atol=1e-9)
    assert align.llma_contrast(z, z, 3) < align.llma_contrast(z, z[::-1], 3)


def test_with_a_law_it_starts_from_ridge_regression_and_its_spread():
    """Fresh networks add nothing: the mean of many samples is the guess, their spread that of the
    law.
    """
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
    params = {**jax.jit(method.init)(jax.random.key(0), batch), "fixed": known}
    keys = jax.random.split(jax.random.key(2), 200)
    condition = {"y": np.repeat(y[:1], 200, axis=0)}
    drawn = np.asarray(jax.jit(method.generate)(params, keys, condition))
    np.testing.assert_allclose(drawn.mean(0), linear_gaussian.guess(known["x"], y[0]), atol=0.05)
    law = known["x"]
    stated = law["variance"].sum() + law["rest"] * (drawn[0].size - len(law["basis"]))
    np.testing.assert_allclose(drawn.var(0).sum(), stated, rtol=0.2)
    gradients = jax.jit(jax.grad(lambda p: method.loss(p, batch, KEYS, lambda z: z, {})[0]))(params)
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(gradients["fixed"]))


def test_predictions_of_another_baseline_take_the_place_of_the_law_s():
    residual = 0.2 * RNG.normal(size=(40, 60, 5))
    target = RNG.normal(size=(40, 60, 5))
    law = linear_gaussian.around(target, residual, 8)
    settings = TINY._replace(linear=True, steps=30)
    method = llma(settings)
    params = jax.jit(method.init)(jax.random.key(0), BATCH)
    params = {**params, "fixed": {**params["fixed"], "x": law}}
    guess = np.broadcast_to(BATCH["x"][:1], (200, 60, 5))
    condition = {"y": np.repeat(BATCH["y"][:1], 200, axis=0), "guess": guess}
    keys = jax.random.split(jax.random.key(2), 200)
    drawn = np.asarray(jax.jit(method.generate)(params, keys, condition))
    np.testing.assert_allclose(drawn.mean(0), BATCH["x"][0], atol=0.1)
    np.testing.assert_allclose(drawn.std(0).mean(), 0.2, rtol=0.1)


def test_bfloat16_compute_gives_the_loss_of_float32_and_float32_gradients():
    half = llma(TINY._replace(dtype=jnp.bfloat16))
    params = jax.jit(half.init)(jax.random.key(0), BATCH)
    (low, _), grads = jax.jit(
        jax.value_and_grad(lambda p: half.loss(p, BATCH, KEYS, lambda z: z, {}), has_aux=True)
    )(params)
    full, _ = value(TINY, params=params)
    np.testing.assert_allclose(low, full, rtol=2e-2)
    assert all(g.dtype == jnp.float32 for g in jax.tree.leaves(grads))


def golden_parameters(golden):
    """The parameters of version 1: one subtree per layer, where layers now share one tree with an
    axis of its own.
    """
    tree = {}
    for name in golden.files:
        if name.startswith("params"):
            *path, leaf = re.findall(r"'([^']+)'", name)
            part = tree
            for key in path:
                part = part.setdefault(key, {})
            part[leaf] = golden[name]
    bodies = tree["bodies"]["params"]
    for stack in (bodies["encoder"], bodies["decoder"]):
        layers = [stack.pop(name) for name in sorted(n for n in stack if n.startswith("layers_"))]
        stack["layers"] = jax.tree.map(lambda *a: np.stack(a, axis=1), *layers)
    return tree


def test_golden_outputs_of_the_paper_s_architecture():
    """For given parameters the paper's network computes what it computed in version 1 (commit
    2f7c58d).
    """
    golden = np.load(Path(__file__).parents[1] / "golden" / "llma_paper_tiny.npz")
    rng = np.random.default_rng(7)
    shapes = {"x": (2, 60, 5), "y": (2, 60, 3)}
    batch, noisy = (
        {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
        for _ in range(2)
    )
    network = size("paper128")._replace(width=8, heads=2, layers=2, ff=16, dropout=0.0)
    networks, params = CrossModal(network, schedules.linear(), "paper"), golden_parameters(golden)
    keys, nothing = jax.random.split(jax.random.key(0), 2), {"x": jnp.zeros(2), "y": jnp.zeros(2)}
    conditions = {"x": batch["y"], "y": batch["x"]}
    both = jax.jit(networks.both)
    estimates, z = both(params, noisy, conditions, nothing, jnp.array([40.0, 700.0]), keys)
    for own in "xy":
        np.testing.assert_allclose(estimates[own], golden[own], atol=2e-5)
        np.testing.assert_allclose(z[own], golden[f"z_{own}"], atol=2e-5)
        drawn = jax.vmap(
            lambda x_t, c, own=own: networks.estimate(
                params, own, x_t, jnp.float32(300), c, jnp.zeros(())
            )
        )
        np.testing.assert_allclose(
            jax.jit(drawn)(noisy[own], conditions[own]), golden[f"generate_{own}"], atol=2e-5
        )
    np.testing.assert_allclose(
        networks.latents(params, "x", batch["x"]), golden["latents_x"], atol=2e-5
    )


def test_impossible_networks_are_refused():
    with pytest.raises(ConfigError, match="preconditioned"):
        make_networks(TINY._replace(network="precondtioned"))
    with pytest.raises(ConfigError, match="no linear start"):
        make_networks(PAPER._replace(linear=True))
    with pytest.raises(ConfigError, match="condition_noise"):
        value(PAPER._replace(condition_noise=1.0))
