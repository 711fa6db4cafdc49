"""Speed transfer as a method: residuals, loss weights, samples and means of samples."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdiff.losses.identity import speed_ramps
from jaxdiff.methods import speed_transfer as st
from jaxdiff.nets.residual_denoiser import size

POINTS, FRAMES = 10, 60
RNG = np.random.default_rng(0)
KEYS = jax.random.split(jax.random.key(7), 4)


def settings(**changes):
    return st.Settings(size=size("tiny"), steps=4, **changes)


def batch(target=(1.4, 0.8, 1.0, 1.05), source=1.0):
    x, y = RNG.normal(size=(2, 4, FRAMES, 6)).astype(np.float32)
    return {
        "source": x,
        "base": x,
        "target": y,
        "speeds": st.speed_vector(np.full(4, source), np.array(target)),
        "subject": np.arange(4, dtype=np.int32),
    }


def silent(params):
    """The same network with an output of zero."""
    params = jax.tree.map(lambda a: a, params)
    params["params"]["backbone"]["output"] = jax.tree.map(
        jnp.zeros_like, params["params"]["backbone"]["output"]
    )
    return params


def gathered(z):
    return z


def test_speed_vector_is_equation_4_and_further_conditions():
    np.testing.assert_allclose(
        st.speed_vector(0.5, 1.5), [0.5, 1.5, 1.0, 1.5 / (0.5 + 1e-6)], rtol=1e-6
    )
    assert st.speed_vector(np.ones(3), np.ones(3), np.zeros(3)).shape == (3, 5)


@pytest.mark.parametrize("draws", [1, 3])
@pytest.mark.parametrize("points", [0, POINTS])
def test_a_residual_of_zero_returns_the_source_exactly(points, draws):
    s = settings(prediction="x0", draws=draws, points=points, residual_scale=(0.3,) * 6)
    method, given = st.speed_transfer(s), batch()
    out = method.generate(
        silent(method.init(KEYS[0], given)),
        KEYS,
        {k: given[k] for k in ("source", "base", "speeds")},
    )
    np.testing.assert_array_equal(out, given["source"])


def test_without_a_residual_what_it_is_about_comes_back():
    method, given = st.speed_transfer(settings(prediction="x0")), batch()
    given["base"] = given["target"]
    out = method.generate(
        silent(method.init(KEYS[0], given)),
        KEYS,
        {k: given[k] for k in ("source", "base", "speeds")},
    )
    np.testing.assert_array_equal(out, given["target"])


def test_the_residual_fades_where_the_speed_hardly_changes():
    given = batch((1.0, 1.05, 1.1, 1.6))
    condition = {k: given[k] for k in ("source", "base", "speeds")}
    free, gated = (st.speed_transfer(settings(prediction="x0", near=near)) for near in (0.0, 0.1))
    params = free.init(KEYS[0], given)
    whole, faded = (
        np.asarray(m.generate(params, KEYS, condition)) - given["source"] for m in (free, gated)
    )
    np.testing.assert_allclose(faded, whole * np.array([0, 0.5, 1, 1])[:, None, None], atol=1e-5)


def test_a_mirrored_gait_walks_with_the_legs_exchanged():
    """Both legs do the same half a stride apart, so a symmetric walker is his own mirror image; and twice is once."""
    phase = 2 * np.pi * np.arange(FRAMES) / POINTS
    leg = lambda at: np.stack([np.cos(at), np.sin(2 * at), np.cos(3 * at)], 1)  # noqa: E731
    symmetric = np.concatenate([leg(phase), leg(phase + np.pi)], 1)
    np.testing.assert_allclose(st.mirrored(jnp.asarray(symmetric), POINTS), symmetric, atol=1e-5)
    limping = symmetric * np.array([1, 2, 3, 4, 5, 6])
    once = st.mirrored(jnp.asarray(limping), POINTS)
    np.testing.assert_allclose(once, symmetric * np.array([4, 5, 6, 1, 2, 3]), atol=1e-5)


def test_an_answer_is_the_mean_stride_of_all_draws():
    draws = jnp.asarray(RNG.normal(size=(5, FRAMES, 6)), jnp.float32)
    out = np.asarray(st.mean_stride(draws, POINTS)).reshape(-1, POINTS, 6)
    expected = np.asarray(draws).reshape(-1, POINTS, 6).mean(0)
    np.testing.assert_allclose(out, np.broadcast_to(expected, out.shape), atol=1e-5)


def test_a_sample_is_one_draw_and_its_strides_differ():
    """A mean over draws and strides has the wrong spread: its quantiles say nothing about a stride."""
    given = batch()
    spread = {}
    for draws in (0, 4):
        method = st.speed_transfer(settings(prediction="eps", draws=draws, points=POINTS))
        params = method.init(KEYS[0], given)
        change = np.asarray(method.generate(params, KEYS, given)) - given["base"]
        spread[draws] = change.reshape(4, -1, POINTS, 6).std(1).mean()
    assert spread[0] > 0.1
    assert spread[4] < 1e-4 * spread[0]


def test_in_time_only_the_first_draw_counts():
    draws = jnp.asarray(RNG.normal(size=(5, FRAMES, 6)), jnp.float32)
    np.testing.assert_array_equal(st.mean_stride(draws, 0), draws[0])


@pytest.mark.parametrize("prediction", ["eps", "v", "x0"])
def test_the_noise_loss_of_a_silent_network_is_the_weighted_mean_square_of_what_it_should_say(
    prediction,
):
    s = settings(prediction=prediction, channel_weights=(1, 2, 1, 1, 2, 1))
    method, given = st.speed_transfer(s), batch()
    params = silent(method.init(KEYS[0], given))
    _, parts = method.loss(params, given, KEYS, gathered, {})
    if prediction == "x0":
        expected = (
            np.square(given["target"] - given["source"]) * np.array(s.channel_weights)
        ).mean()
        np.testing.assert_allclose(parts["noise"], expected, rtol=1e-5)
    else:
        assert 0.5 < parts["noise"] < 6
    np.testing.assert_allclose(
        parts["noise"], st.noise_error(s, params, given, KEYS).mean(), rtol=1e-5
    )


def test_auxiliary_losses_follow_the_ramps_and_are_finite_at_every_noise_level():
    """A silent x0 network has r_hat = 0, so the residual loss is known up to its weights, and identity is zero."""
    s = settings(prediction="x0")
    method, given = st.speed_transfer(s), batch()
    params = method.init(KEYS[0], given)
    _, parts = method.loss(silent(params), given, KEYS, gathered, {})
    assert parts["identity"] == 0
    error = np.square(given["target"] - given["source"]).mean((1, 2))
    weight = np.asarray(speed_ramps(given["speeds"][:, 2]).residual)
    assert 0 < parts["residual"] < (weight * error).mean()
    loss = jax.jit(lambda p, k: method.loss(p, given, k, gathered, {}))
    for prediction in ("eps", "x0"):
        method = st.speed_transfer(settings(prediction=prediction))
        losses = [loss(params, jax.random.split(jax.random.key(i), 4))[0] for i in range(20)]
        assert np.isfinite(losses).all() and max(losses) < 50


def test_identity_is_asked_only_of_speeds_that_are_nearly_the_same():
    method = st.speed_transfer(settings())
    far, near = batch((1.4, 0.8, 1.1, 1.2)), batch((1.0, 1.0, 1.0, 1.02))
    params = method.init(KEYS[0], far)
    assert method.loss(params, far, KEYS, gathered, {})[1]["identity"] < 1e-6
    assert method.loss(params, near, KEYS, gathered, {})[1]["identity"] > 1e-3


def test_loss_weights_can_be_given_from_outside():
    method, given = st.speed_transfer(settings(residual=2.0, identity=0.0, subject=0.0)), batch()
    params = method.init(KEYS[0], given)
    total, parts = method.loss(params, given, KEYS, gathered, {})
    np.testing.assert_allclose(total, parts["noise"] + 2 * parts["residual"], rtol=1e-6)
    total, parts = method.loss(params, given, KEYS, gathered, {"residual": 0.0, "subject": 3.0})
    np.testing.assert_allclose(total, parts["noise"] + 3 * parts["subject"], rtol=1e-6)


def test_somebody_elses_embedding_changes_the_answer_but_not_what_it_is_added_to():
    s = settings(prediction="x0")
    method, given = st.speed_transfer(s), batch()
    condition = {k: given[k] for k in ("source", "base", "speeds")}
    params = method.init(KEYS[0], given)
    own = method.generate(params, KEYS, condition)
    same = method.generate(params, KEYS, {**condition, "who": given["source"]})
    other = method.generate(params, KEYS, {**condition, "who": given["source"][::-1]})
    np.testing.assert_array_equal(own, same)
    assert not np.allclose(own, other)
    silenced = method.generate(silent(params), KEYS, {**condition, "who": given["source"][::-1]})
    np.testing.assert_array_equal(silenced, given["source"])


def test_a_random_person_is_the_same_in_every_stride_and_as_large_as_asked():
    curves = jax.vmap(lambda key: st.random_person(key, POINTS, (FRAMES, 6)))(
        jax.random.split(KEYS[0], 4000)
    )
    strides = curves.reshape(4000, -1, POINTS, 6)
    np.testing.assert_allclose(strides, np.broadcast_to(strides[:, :1], strides.shape), atol=1e-5)
    np.testing.assert_allclose(strides[:, 0].std(0), 1, atol=0.06)
    np.testing.assert_allclose(strides[:, 0].mean(0), 0, atol=0.06)


def test_another_person_leaves_the_residual_alone():
    """A silent x0 network errs by the residual, whoever was added to source and target."""
    given = batch()
    errors = []
    for person in (0.0, 2.0):
        method = st.speed_transfer(settings(prediction="x0", person=person, points=POINTS))
        params = silent(method.init(KEYS[0], given))
        errors.append(method.loss(params, given, KEYS, gathered, {})[1])
    np.testing.assert_allclose(errors[0]["noise"], errors[1]["noise"], rtol=1e-6)
    assert abs(errors[0]["subject"] - errors[1]["subject"]) > 1e-6
