"""The other networks: what must hold whatever their weights are."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from parameters import drawn

from jaxdiff.errors import DataError
from jaxdiff.nets.clip_text import ClipText
from jaxdiff.nets.film_transformer import FiLMTransformer, Refinement
from jaxdiff.nets.mia import MUSCLES, MuscleTransformer
from jaxdiff.nets.smoothnet import SmoothNet, smooth, smoothing_loss
from jaxdiff.nets.t2m_evaluators import MotionEncoder, MovementEncoder, TextEncoder
from jaxdiff.nets.text_head import TextHead


def normal(seed, *shape):
    return jnp.asarray(np.random.default_rng(seed).standard_normal(shape, np.float32))


def ready(network, *inputs):
    params = drawn(network.init, *inputs)
    return jax.jit(lambda *a: network.apply(params, *a)), params


def small_film(**fields):
    return FiLMTransformer(5, width=16, layers=2, heads=2, ff=24, **fields)


def test_film_transformer_takes_one_example_a_batch_or_a_vmap_at_any_length():
    x, t, c = normal(0, 3, 12, 7), jnp.array([0.0, 10.5, 999.0]), normal(1, 3, 8)
    run, _ = ready(small_film(condition_width=8, time_width=32), x, t, c)
    y = run(x, t, c)
    assert y.shape == (3, 12, 5) and y.dtype == jnp.float32
    np.testing.assert_allclose(run(x[1], t[1], c[1]), y[1], atol=2e-5)
    np.testing.assert_allclose(jax.vmap(run)(x, t, c), y, atol=2e-5)
    assert run(normal(2, 30, 7), t[0], c[0]).shape == (30, 5)


def test_film_condition_adds_to_the_time_embedding():
    x, t, c = normal(0, 12, 7), jnp.float32(10.0), normal(1, 16)
    run, params = ready(small_film(), x, t)
    np.testing.assert_allclose(run(x, t, jnp.zeros(16)), run(x, t), atol=1e-6)
    moved = jax.tree_util.tree_map_with_path(
        lambda path, a: a + c if [p.key for p in path[-2:]] == ["time_1", "bias"] else a, params
    )
    np.testing.assert_allclose(jax.jit(small_film().apply)(moved, x, t), run(x, t, c), atol=1e-5)


def test_film_at_zero_modulation_is_a_plain_pre_norm_transformer_step():
    x, t = normal(0, 12, 7), jnp.float32(3.0)
    run, params = ready(small_film(), x, t)
    still = jax.tree_util.tree_map_with_path(
        lambda p, a: 0 * a if "film" in p[-2].key else a, params
    )
    apply = jax.jit(small_film().apply)
    np.testing.assert_allclose(apply(still, x, t), apply(still, x, t + 500), atol=1e-6)
    assert np.abs(run(x, t) - run(x, t + 500)).max() > 1e-3


@pytest.mark.parametrize("rotary", [True, False])
def test_film_transformer_knows_the_order_of_frames(rotary):
    x, t = normal(0, 12, 7), jnp.float32(3.0)
    run, _ = ready(small_film(rotary=rotary), x, t)
    assert np.abs(run(x[::-1], t)[::-1] - run(x, t)).max() > 1e-3


def test_refinement_maps_columns_to_columns():
    x = normal(0, 2, 12, 9)
    run, _ = ready(Refinement(4, width=16, layers=1, heads=2, ff=24), x)
    np.testing.assert_allclose(run(x[1]), run(x)[1], atol=1e-5)
    assert run(x).shape == (2, 12, 4)


def test_evaluators_ignore_contacts_and_what_lies_beyond_the_length():
    motion, lengths = normal(0, 3, 24, 11), jnp.array([24, 16, 8])
    movement, _ = ready(MovementEncoder(8, 6), motion)
    tokens = movement(motion)
    assert tokens.shape == (3, 6, 6)
    np.testing.assert_array_equal(movement(motion.at[..., -4:].add(5)), tokens)
    encode, _ = ready(MotionEncoder(10, 4), tokens, lengths // 4)
    y = encode(tokens, lengths // 4)
    hidden = jnp.arange(6)[:, None] >= (lengths // 4)[:, None, None]
    np.testing.assert_array_equal(encode(jnp.where(hidden, 9.0, tokens), lengths // 4), y)
    np.testing.assert_allclose(encode(tokens[1, :4], jnp.int32(4)), y[1], atol=1e-5)
    words, speech = normal(1, 3, 5, 7), jax.nn.one_hot(jnp.arange(15).reshape(3, 5) % 4, 4)
    read, _ = ready(TextEncoder(10, 4), words, speech, jnp.array([5, 2, 1]))
    assert read(words, speech, jnp.array([5, 2, 1])).shape == (3, 4)


def test_smoothnet_treats_each_channel_by_itself():
    x = normal(0, 8, 3)
    run, _ = ready(SmoothNet(8, 12, 6, 2), x)
    np.testing.assert_allclose(run(x)[:, 1:2], run(x[:, 1:2]), atol=1e-6)
    with pytest.raises(DataError, match="8 frames"):
        SmoothNet(8).init(jax.random.key(0), normal(0, 9, 3))


@pytest.mark.parametrize(("length", "step"), [(20, 1), (20, 3), (21, 8), (8, 5)])
def test_smoothing_with_a_network_that_does_nothing_does_nothing(length, step):
    x = normal(0, length, 3)
    np.testing.assert_allclose(smooth(lambda w: w, x, 8, step), x, atol=1e-6)


def test_smoothing_needs_a_whole_window():
    with pytest.raises(DataError, match="shorter"):
        smooth(lambda w: w, jnp.zeros((7, 3)), 8)


def test_smoothing_loss_sees_no_acceleration_in_a_drift():
    gt = normal(0, 20, 3)
    drift = jnp.linspace(0, 1, 20)[:, None]
    np.testing.assert_allclose(smoothing_loss(gt + drift, gt, position=0.0), 0, atol=1e-6)
    np.testing.assert_allclose(smoothing_loss(gt + 2, gt, acceleration=5.0), 2, atol=1e-5)


def test_muscle_transformers_in_both_directions_at_other_lengths():
    pose, subject = normal(0, 2, 20, 75), jnp.array([0.1, 0.7])
    run, _ = ready(
        MuscleTransformer(len(MUSCLES), width=16, layers=1, heads=2, ff=24), pose, subject
    )
    y = run(pose, subject)
    assert y.shape == (2, 20, 8)
    np.testing.assert_allclose(run(pose[1], subject[1]), y[1], atol=2e-4)
    assert np.abs(run(pose, subject[::-1]) - y).max() > 1e-3


NETWORKS = [
    (small_film(), lambda: (normal(0, 12, 7), jnp.float32(3.0))),
    (small_film(rotary=False), lambda: (normal(0, 12, 7), 3.0)),
    (Refinement(4, width=16, layers=1, heads=2, ff=24), lambda: (normal(0, 12, 9),)),
    (SmoothNet(8, 12, 6, 2), lambda: (normal(0, 8, 3),)),
    (MuscleTransformer(8, width=16, layers=1, heads=2, ff=24), lambda: (normal(0, 12, 9), 0.3)),
    (MovementEncoder(8, 6), lambda: (normal(0, 24, 11),)),
    (MotionEncoder(8, 6), lambda: (normal(0, 2, 6, 5), jnp.array([6, 2], jnp.int32))),
    (ClipText(30, 9, 16, 1, 2, 32), lambda: (jnp.arange(9, dtype=jnp.int32),)),
    (TextHead(16, 1, 2, 32), lambda: (normal(0, 6, 12),)),
]


@pytest.mark.parametrize(
    ("network", "inputs"), NETWORKS, ids=lambda n: type(n).__name__ if hasattr(n, "apply") else ""
)
def test_networks_are_float32_with_x64_on(network, inputs):
    inputs = inputs()
    run, params = ready(network, *inputs)
    want = np.asarray(run(*inputs))
    with jax.enable_x64(True):
        fresh = jax.eval_shape(network.init, jax.random.key(0), *inputs)
        assert {a.dtype for a in jax.tree.leaves(fresh)} == {np.dtype(np.float32)}
        y = jax.jit(network.apply)(params, *inputs)
        assert y.dtype == jnp.float32
        np.testing.assert_allclose(y, want, atol=1e-5)


def test_every_network_trains_with_dropout_and_computes_in_bfloat16():
    t, key = jnp.float32(3.0), {"dropout": jax.random.key(1)}
    for network, inputs in (
        (small_film(dtype=jnp.bfloat16), (normal(0, 12, 7), t)),
        (
            Refinement(4, width=16, layers=1, heads=2, ff=24, dtype=jnp.bfloat16),
            (normal(0, 12, 9),),
        ),
        (SmoothNet(8, 12, 6, 2, dtype=jnp.bfloat16), (normal(0, 8, 3),)),
        (
            MuscleTransformer(8, width=16, layers=1, heads=2, ff=24, dtype=jnp.bfloat16),
            (normal(0, 12, 9), t),
        ),
        (MovementEncoder(8, 6), (normal(0, 24, 11),)),
    ):
        shapes = jax.eval_shape(network.init, jax.random.key(0), *inputs)
        assert {a.dtype for a in jax.tree.leaves(shapes)} == {np.dtype(np.float32)}
        params = drawn(network.init, *inputs)
        run = jax.jit(
            lambda rngs, n=network, p=params, i=inputs: n.apply(
                p, *i, deterministic=False, rngs=rngs
            )
        )
        y = run(key)
        assert y.dtype == jnp.float32 and np.isfinite(y).all()
        assert not np.allclose(y, run({"dropout": jax.random.key(2)}))
