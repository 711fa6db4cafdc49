"""Speed transfer as a method: residuals, loss weights, samples and means of samples."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from parameters import drawn

from jaxdiff.losses.identity import speed_ramps
from jaxdiff.methods import speed_transfer as st
from jaxdiff.nets.residual_denoiser import size

FRAMES = 60
RNG = np.random.default_rng(0)
KEYS = jax.random.split(jax.random.key(7), 4)


def settings(**changes):
    return st.Settings(size=size("tiny"), steps=4, **changes)


def batch(target=(1.4, 0.8, 1.0, 1.05), source=1.0):
    x, y = RNG.normal(size=(2, 4, FRAMES, 6)).astype(np.float32)
    return {
        "source": x,
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


@cache
def loss(settings):
    """Compiled once for every settings."""
    method = st.speed_transfer(settings)
    return jax.jit(
        lambda params, given, keys, weights: method.loss(params, given, keys, lambda z: z, weights)
    )


def test_speed_vector_is_equation_4():
    np.testing.assert_allclose(
        st.speed_vector(0.5, 1.5), [0.5, 1.5, 1.0, 1.5 / (0.5 + 1e-6)], rtol=1e-6
    )
    assert st.speed_vector(np.ones(3), np.ones(3)).shape == (3, 4)


def test_a_residual_of_zero_returns_the_source_exactly():
    s = settings(prediction="x0")
    method, given = st.speed_transfer(s), batch()
    out = jax.jit(method.generate)(
        silent(drawn(method.init, given)),
        KEYS,
        {k: given[k] for k in ("source", "speeds")},
    )
    np.testing.assert_array_equal(out, given["source"])


@pytest.mark.parametrize("prediction", ["eps", "v", "x0"])
def test_the_noise_loss_of_a_silent_network_is_the_weighted_mean_square_of_what_it_should_say(
    prediction,
):
    s = settings(prediction=prediction, channel_weights=(1, 2, 1, 1, 2, 1))
    method, given = st.speed_transfer(s), batch()
    params = silent(drawn(method.init, given))
    _, parts = loss(s)(params, given, KEYS, {})
    if prediction == "x0":
        expected = (
            np.square(given["target"] - given["source"]) * np.array(s.channel_weights)
        ).mean()
        np.testing.assert_allclose(parts["noise"], expected, rtol=1e-5)
    else:
        assert 0.5 < parts["noise"] < 6
    error = jax.jit(lambda p: st.noise_error(s, p, given, KEYS).mean())(params)
    np.testing.assert_allclose(parts["noise"], error, rtol=1e-5)


def test_auxiliary_losses_follow_the_ramps_and_are_finite_at_every_noise_level():
    """A silent x0 network has r_hat = 0, so the residual loss is known up to its weights, and
    identity is zero.
    """
    s = settings(prediction="x0")
    method, given = st.speed_transfer(s), batch()
    params = drawn(method.init, given)
    _, parts = loss(s)(silent(params), given, KEYS, {})
    assert parts["identity"] == 0
    error = np.square(given["target"] - given["source"]).mean((1, 2))
    weight = np.asarray(speed_ramps(given["speeds"][:, 2]).residual)
    assert 0 < parts["residual"] < (weight * error).mean()
    for prediction in ("eps", "x0"):
        one = loss(settings(prediction=prediction))
        losses = [
            one(params, given, jax.random.split(jax.random.key(i), 4), {})[0] for i in range(20)
        ]
        assert np.isfinite(losses).all() and max(losses) < 50


def test_identity_is_asked_only_of_speeds_that_are_nearly_the_same():
    method = st.speed_transfer(settings())
    far, near = batch((1.4, 0.8, 1.1, 1.2)), batch((1.0, 1.0, 1.0, 1.02))
    params = drawn(method.init, far)
    assert loss(settings())(params, far, KEYS, {})[1]["identity"] < 1e-6
    assert loss(settings())(params, near, KEYS, {})[1]["identity"] > 1e-3


def test_loss_weights_can_be_given_from_outside():
    s = settings(residual=2.0, identity=0.0, subject=0.0)
    method, given = st.speed_transfer(s), batch()
    params = drawn(method.init, given)
    total, parts = loss(s)(params, given, KEYS, {})
    np.testing.assert_allclose(total, parts["noise"] + 2 * parts["residual"], rtol=1e-6)
    total, parts = loss(s)(params, given, KEYS, {"residual": 0.0, "subject": 3.0})
    np.testing.assert_allclose(total, parts["noise"] + 3 * parts["subject"], rtol=1e-6)


def test_somebody_elses_embedding_changes_the_answer_but_not_what_it_is_added_to():
    s = settings(prediction="x0")
    method, given = st.speed_transfer(s), batch()
    condition = {k: given[k] for k in ("source", "speeds")}
    params = drawn(method.init, given)
    generate = jax.jit(method.generate)
    own = generate(params, KEYS, condition)
    same = generate(params, KEYS, {**condition, "who": given["source"]})
    other = generate(params, KEYS, {**condition, "who": given["source"][::-1]})
    np.testing.assert_array_equal(own, same)
    assert not np.allclose(own, other)
    silenced = generate(silent(params), KEYS, {**condition, "who": given["source"][::-1]})
    np.testing.assert_array_equal(silenced, given["source"])
