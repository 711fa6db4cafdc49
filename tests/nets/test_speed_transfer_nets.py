"""Networks of speed transfer: who walks, how fast, in tokens of any size; and the regressors beside
them.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from parameters import drawn

from jaxdiff.errors import ConfigError, DataError
from jaxdiff.nets.regressors import TCN, SequenceMLP
from jaxdiff.nets.residual_denoiser import ResidualDenoiser, size
from jaxdiff.nets.subject_encoder import encoder

GAIT = np.random.default_rng(0).normal(size=(60, 6)).astype(np.float32)
SPEEDS = jnp.array([1.0, 1.4, 0.4, 1.4])


def denoiser(patch=10):
    net = ResidualDenoiser(6, size("tiny")._replace(patch=patch))
    init = partial(net.init, method=net.everything)
    return net, drawn(init, GAIT, GAIT, jnp.zeros(()), SPEEDS)


def run(net, params, *inputs, method=None):
    return jax.jit(partial(net.apply, method=method))(params, *inputs)


@pytest.mark.parametrize("kind", ["lstm", "conv"])
def test_embeddings_have_length_one_and_leading_axes_change_nothing(kind):
    net = encoder(kind, 5, 4)
    params = drawn(net.init, GAIT)
    many = run(net, params, np.stack([GAIT, 3 * GAIT]))
    np.testing.assert_allclose(np.linalg.norm(many, axis=-1), 1, rtol=1e-5)
    np.testing.assert_allclose(many[0], run(net, params, GAIT), atol=1e-6)


@pytest.mark.parametrize("kind", ["lstm", "conv"])
def test_an_embedding_hardly_sees_where_a_periodic_gait_begins(kind):
    """The mean over time leaves only what happens at the ends; another gait is much further
    away.
    """
    net = encoder(kind, 16, 16)
    t = np.arange(300)[:, None] / 20
    walk = lambda begin, shape: np.sin(2 * np.pi * (t + begin) * np.array([1, 1, 2])) @ shape  # noqa: E731
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 3, 6)).astype(np.float32)
    params = jax.jit(net.init)(jax.random.key(1), walk(0, one))
    apply = jax.jit(net.apply)
    z, shifted, foreign = (apply(params, walk(*a)) for a in ((0, one), (0.4, one), (0, other)))
    assert np.linalg.norm(z - shifted) < 0.1 * np.linalg.norm(z - foreign)


@pytest.mark.parametrize("patch", [1, 5, 60])
def test_tokens_of_any_size_keep_the_shape(patch):
    net, params = denoiser(patch)
    z = jax.eval_shape(partial(net.apply, method=net.embed), params, GAIT)
    c = jax.eval_shape(partial(net.apply, method=net.condition), params, z, SPEEDS)
    answer = jax.eval_shape(net.apply, params, GAIT, GAIT, jnp.zeros(()), c)
    assert answer.shape == GAIT.shape


def test_frames_that_do_not_fill_tokens_are_an_error():
    with pytest.raises(DataError, match="60 frames do not divide into tokens of 7"):
        denoiser(7)


def test_the_answer_depends_on_subject_speeds_source_and_noise_level():
    net, params = denoiser()
    z = run(net, params, GAIT, method=net.embed)
    other = run(net, params, GAIT[:, ::-1], method=net.embed)

    @jax.jit
    def answered(z, speeds, source, t):
        return net.apply(
            params, GAIT, source, t, net.apply(params, z, speeds, method=net.condition)
        )

    def answer(z=z, speeds=SPEEDS, source=GAIT, t=3.0):
        return answered(z, speeds, source, t)

    changed = [
        answer(z=other),
        answer(speeds=SPEEDS + 0.2),
        answer(source=GAIT + 0.1),
        answer(t=700.0),
    ]
    assert all(np.abs(a - answer()).max() > 1e-4 for a in changed)


def test_an_unknown_size_is_named():
    with pytest.raises(ConfigError, match="did you mean 'stride'"):
        size("strides")


@pytest.mark.parametrize("net", [SequenceMLP(4), TCN(8, 3)])
def test_regressors_keep_the_shape_with_any_leading_axes(net):
    params = drawn(net.init, GAIT, jnp.array(1.0))
    many = run(net, params, np.stack([GAIT, -GAIT]), jnp.array([1.0, 1.0]))
    np.testing.assert_allclose(many[0], run(net, params, GAIT, jnp.array(1.0)), atol=1e-5)


def test_only_the_tcn_is_told_the_target_speed():
    for net, sees in ((SequenceMLP(4), False), (TCN(8, 3), True)):
        params, apply = drawn(net.init, GAIT, jnp.array(1.0)), jax.jit(net.apply)
        slow, fast = (apply(params, GAIT, jnp.array(v)) for v in (0.5, 1.5))
        assert np.allclose(slow, fast) != sees


def test_the_tcn_sees_as_far_as_its_dilations_reach():
    net = TCN(8, 3)
    params, apply = drawn(net.init, GAIT, jnp.array(1.0)), jax.jit(net.apply)
    moved = np.array(GAIT)
    moved[30] += 1
    change = np.abs(apply(params, moved, 1.0) - apply(params, GAIT, 1.0)).max(-1)
    reach = 2 * (1 + 2 + 4)
    assert change[30 - reach : 31 + reach].min() > 0
    assert change[: 30 - reach].max() == change[31 + reach :].max() == 0
