"""Properties of the shared layers that a network may lean on."""

import math
from functools import partial
from itertools import combinations

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from parameters import drawn

from jaxdiff.nets.blocks.activations import gelu, mish
from jaxdiff.nets.blocks.attention import MultiHeadAttention, applied, attention
from jaxdiff.nets.blocks.convolution import Conv1D, FrameGroupNorm, Upsample1D, conv1d
from jaxdiff.nets.blocks.dense import Dense
from jaxdiff.nets.blocks.dropout import bits, drop, masked, seed
from jaxdiff.nets.blocks.embeddings import positions, rotate, sinusoid, sinusoid_concatenated
from jaxdiff.nets.blocks.film import norm_mish
from jaxdiff.nets.blocks.norm import normalise
from jaxdiff.nets.blocks.recurrent import BiGRU, BiLSTM
from jaxdiff.nets.blocks.transformer import Decoder, Encoder


def normal(seed, *shape):
    return jnp.asarray(np.random.default_rng(seed).standard_normal(shape, np.float32))


def plain_attention(q, k, v, mask=None):
    scores = jnp.einsum("...qhd,...khd->...hqk", q, k) / np.sqrt(q.shape[-1])
    scores = scores if mask is None else jnp.where(mask, scores, -jnp.inf)
    return jnp.einsum("...hqk,...khd->...qhd", jax.nn.softmax(scores, -1), v)


def qkv(*lead):
    return normal(0, *lead, 7, 2, 4), normal(1, *lead, 5, 2, 4), normal(2, *lead, 5, 2, 4)


@pytest.mark.parametrize("lead", [(), (3,), (2, 3)])
def test_attention_and_its_gradient_are_the_textbook_ones(lead):
    q, k, v = qkv(*lead)
    mask = np.random.default_rng(3).random((*lead, 1, 7, 5)) < 0.7
    mask[..., 0] = True

    @partial(jax.jit, static_argnums=0)
    def value_and_slopes(f, q, k, v, m):
        def squares(*a):
            y = f(*a, m)
            return (y**2).sum(), y

        (_, y), slopes = jax.value_and_grad(squares, (0, 1, 2), has_aux=True)(q, k, v)
        return y, slopes

    for m in (None, mask):
        got, want = (value_and_slopes(f, q, k, v, m) for f in (attention, plain_attention))
        np.testing.assert_allclose(got[0], want[0], atol=2e-6)
        chex.assert_trees_all_close(got[1], want[1], atol=2e-5, rtol=1e-7)


def test_one_memory_may_serve_a_batch_of_queries():
    q, k, v = normal(0, 3, 7, 2, 4), normal(1, 5, 2, 4), normal(2, 5, 2, 4)
    got, want = (
        jax.jit(jax.grad(lambda *a, f=f: (f(*a) ** 2).sum(), (0, 1, 2)))(q, k, v)
        for f in (attention, plain_attention)
    )
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=2e-5), got, want)


def test_attention_survives_large_scores_and_queries_with_nothing_to_see():
    q, k, v = qkv(2)
    assert np.isfinite(jax.jit(attention)(q * 1e4, k * 1e4, v)).all()
    blind = jax.jit(attention)(q, k, v, jnp.zeros((7, 5), bool))
    np.testing.assert_allclose(
        blind, jnp.broadcast_to(v.mean(-3, keepdims=True), blind.shape), atol=1e-6
    )


def test_attention_in_bfloat16_stays_near_float32():
    q, k, v = qkv(2)
    half = jax.jit(attention)(*(a.astype(jnp.bfloat16) for a in (q, k, v)))
    assert half.dtype == jnp.bfloat16
    np.testing.assert_allclose(half.astype(np.float32), jax.jit(attention)(q, k, v), atol=0.03)


@pytest.mark.parametrize("lead", [(), (3,), (2, 3)])
def test_the_fused_kernel_of_gpus_is_handed_four_axes(lead, monkeypatch):
    """cuDNN itself is not at hand here: its stand-in has the same contract and computes in XLA."""
    real = jax.nn.dot_product_attention

    def kernel(q, k, v, *, mask, implementation):
        assert (
            implementation == "cudnn"
            and q.ndim == k.ndim == v.ndim == 4
            and (mask is None or mask.ndim == 4)
        )
        return real(q, k, v, mask=mask)

    q, k, v = qkv(*lead)
    masks = [
        None,
        jnp.tril(jnp.ones((7, 5), bool)),
        jnp.arange(5) < 3,
        jnp.ones((*lead, 1, 1, 5), bool).at[..., 2:].set(False),
    ]
    want = [jax.jit(attention)(q, k, v, mask) for mask in masks]
    monkeypatch.setattr("jaxdiff.nets.blocks.attention._fused", lambda *_: True)
    monkeypatch.setattr(jax.nn, "dot_product_attention", kernel)
    fused = jax.jit(lambda *a: attention(*a))  # of its own: `attention` is compiled by now
    for mask, y in zip(masks, want):
        np.testing.assert_allclose(fused(q, k, v, mask), y, atol=2e-6)


def test_dropped_attention_keeps_the_mean_and_its_gradient_is_the_automatic_one():
    q, k, v = normal(0, 1, 1, 4), normal(1, 4000, 1, 4), 1 + normal(2, 4000, 1, 4)
    key = jax.random.key(5)
    y = jax.jit(lambda *a: attention(*a, None, 0.5, key))(q, k, v)
    full = jax.jit(attention)(q, k, v)
    np.testing.assert_allclose(y, full, atol=0.2)
    assert not np.allclose(y, full, atol=1e-4)

    def plain(q, k, v, mask):
        scores = jnp.where(
            mask, jnp.einsum("...qhd,...khd->...hqk", q, k) / np.sqrt(q.shape[-1]), -jnp.inf
        )
        return jnp.einsum("...hqk,...khd->...qhd", drop(key, jax.nn.softmax(scores, -1), 0.3), v)

    q, k, v = qkv(2)
    mask = jnp.tril(jnp.ones((7, 5), bool))
    fast = lambda *a: (attention(*a, mask, 0.3, key) ** 2).sum()  # noqa: E731
    want = jax.jit(jax.grad(lambda *a: (plain(*a, mask) ** 2).sum(), (0, 1, 2)))(q, k, v)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=2e-5),
        jax.jit(jax.grad(fast, (0, 1, 2)))(q, k, v),
        want,
    )


def test_a_blind_query_pulls_at_nothing_but_the_values():
    q, k, v = qkv()
    mask = jnp.ones((7, 5), bool).at[3].set(False)
    slopes = jax.jit(jax.grad(lambda *a: (attention(*a, mask) ** 2).sum(), (0, 1, 2)))
    dq, _, _ = slopes(q, k, v)
    assert not np.asarray(dq[3]).any() and np.asarray(dq[2]).any()


def test_fused_projections_do_not_depend_on_which_inputs_are_one_array():
    x, memory = normal(0, 2, 7, 8), normal(1, 2, 5, 8)
    network = MultiHeadAttention(2)
    params = drawn(network.init, x)

    def run(inputs, *which):
        """The layer on these inputs; equal numbers are one array."""
        return jax.jit(lambda *a: network.apply(params, *(a[i] for i in which)))(*inputs)

    np.testing.assert_allclose(run((x,), 0), run((x, x, x), 0, 1, 2), atol=1e-6)
    pair = (x, memory, memory)
    np.testing.assert_allclose(run(pair, 0, 1), run(pair, 0, 1, 2), atol=1e-6)
    pair = (x, x, 2 * x)
    np.testing.assert_allclose(run(pair, 0, 0, 2), run(pair, 0, 1, 2), atol=1e-6)


@pytest.mark.parametrize("norm_first", [False, True])
def test_transformers_take_single_examples_and_dropout_needs_its_key_only_in_training(norm_first):
    x, memory = normal(0, 6, 8), normal(1, 5, 8)
    for network, inputs in (
        (Encoder(2, 2, 16, norm_first=norm_first, final_norm=True, dropout=0.3), (x,)),
        (Decoder(2, 2, 16, norm_first=norm_first, final_norm=True, dropout=0.3), (x, memory)),
    ):
        params = drawn(network.init, *inputs)
        run = jax.jit(partial(network.apply, params))
        pairs = [jnp.stack([a, a + 1]) for a in inputs]
        np.testing.assert_allclose(run(*pairs)[0], run(*inputs), atol=2e-6)
        np.testing.assert_allclose(jax.jit(jax.vmap(run))(*pairs), run(*pairs), atol=2e-6)
        noisy = jax.jit(
            lambda key, n=network, p=params, i=inputs: n.apply(
                p, *i, deterministic=False, rngs={"dropout": key}
            )
        )
        train = [noisy(jax.random.key(seed)) for seed in (0, 0, 1)]
        np.testing.assert_array_equal(train[0], train[1])
        assert not np.allclose(train[0], train[2])


@given(st.floats(0.01, 0.9), st.integers(0, 10**6))
def test_dropout_drops_its_share_independently_of_place_and_keeps_the_mean(rate, number):
    n = 40000
    y = np.asarray(drop(jax.random.key(number), jnp.ones(n), rate))
    kept = y > 0
    sd = np.sqrt(rate * (1 - rate) / n)
    assert abs(kept.mean() - (1 - rate)) < 5 * sd
    np.testing.assert_allclose(y[kept], 1 / (1 - rate), rtol=1e-5)
    centred = kept - kept.mean()
    for lag in (1, 2, 7, 512):
        assert abs((centred[lag:] * centred[:-lag]).mean()) < 6 * rate * (1 - rate) / np.sqrt(n)


def test_dropout_masks_of_different_keys_are_independent_and_vmap_draws_each_by_its_own():
    keys = jax.random.split(jax.random.key(0), 40)
    kept = np.asarray(jax.vmap(lambda key: drop(key, jnp.ones(4000), 0.5))(keys)) > 0
    correlation = np.corrcoef(kept)[~np.eye(40, dtype=bool)]
    assert np.abs(correlation).max() < 6 / np.sqrt(4000)
    np.testing.assert_array_equal(kept[3], drop(keys[3], jnp.ones(4000), 0.5) > 0)


def test_masks_from_the_same_bits_have_their_rate_and_are_independent_up_to_four_together():
    n, rate = 100_000, 0.3
    noise = bits(seed(jax.random.key(5)), (n,))
    gone = np.array([np.asarray(masked(jnp.ones(n), noise, rate, i)) == 0 for i in range(4)])
    for size in (1, 2, 3, 4):
        for some in combinations(range(4), size):
            want = rate**size
            assert abs(gone[list(some)].all(0).mean() - want) < 5 * np.sqrt(want / n)


@pytest.mark.parametrize("lead", [(), (5,), (2, 5)])
def test_a_dense_layer_and_its_gradient_are_those_of_flax(lead):
    x = normal(0, *lead, 3)
    params = drawn(nn.Dense(4).init, x)

    def of(layer):
        cubes = lambda p, x: (layer.apply(p, x) ** 3).sum()  # noqa: E731
        return jax.jit(jax.value_and_grad(cubes, (0, 1)))(params, x)

    chex.assert_trees_all_close(of(Dense(4)), of(nn.Dense(4)), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("batch", [(), (2,)])
def test_linear_attention_and_its_gradient_are_the_sum_over_channels(batch):
    q, context, g = normal(0, 2, 5, 3, 4), normal(1, *batch, 3, 4, 6), normal(2, 2, 5, 3, 6)
    plain = partial(jnp.einsum, "...thd,...hde->...the")
    found, want = (
        jax.jit(jax.value_and_grad(lambda q, c, f=f: (g * f(q, c)).sum(), (0, 1)))(q, context)
        for f in (applied, plain)
    )
    chex.assert_trees_all_close(found, want, rtol=1e-5, atol=1e-5)


def mish_slope(x):
    """Of x tanh(log(1 + e^x)), in float64."""
    soft = np.logaddexp(0, x)
    return (
        np.tanh(soft)
        + x / (1 + np.exp(np.clip(-x, -700, 700))) / np.cosh(np.minimum(soft, 300)) ** 2
    )


def gelu_slope(x):
    """Of x Φ(x): Φ(x) + x φ(x), in float64."""
    cdf = np.array([0.5 * (1 + math.erf(v / math.sqrt(2))) for v in x])
    return cdf + x * np.exp(-0.5 * np.square(x)) / np.sqrt(2 * np.pi)


def test_mish_and_gelu_are_exact_over_their_whole_range_with_finite_gradients():
    x = jnp.concatenate([jnp.linspace(-120, 120, 4801), jnp.array([-3e4, 3e4])])
    np.testing.assert_allclose(mish(x), jax.nn.mish(x), atol=1e-6, rtol=1e-6)
    np.testing.assert_allclose(gelu(x), jax.nn.gelu(x, approximate=False), atol=1e-6, rtol=1e-6)
    for f, slope in ((mish, mish_slope), (gelu, gelu_slope)):
        np.testing.assert_allclose(
            jax.jit(jax.vmap(jax.grad(f)))(x), slope(np.asarray(x, np.float64)), atol=1e-5
        )
        assert f(x.astype(jnp.bfloat16)).dtype == jnp.bfloat16


@pytest.mark.parametrize(
    ("taps", "stride", "padding", "length", "lead"),
    [
        (1, 1, 0, 6, (2,)),
        (5, 1, 2, 9, ()),
        (3, 2, 1, 8, (2, 1)),
        (3, 2, 1, 9, (2,)),
        (4, 2, 1, 12, ()),
        (6, 3, 0, 20, (3,)),
    ],
)
def test_convolution_is_the_sum_over_its_taps(taps, stride, padding, length, lead):
    x, kernel = normal(0, *lead, length, 3), normal(1, taps, 3, 4)
    padded = np.pad(np.asarray(x), [(0, 0)] * len(lead) + [(padding, padding), (0, 0)])
    count = (length + 2 * padding - taps) // stride + 1
    want = np.stack(
        [
            np.einsum("...kc,kcd->...d", padded[..., j * stride : j * stride + taps, :], kernel)
            for j in range(count)
        ],
        -2,
    )
    np.testing.assert_allclose(conv1d(x, kernel, stride, padding), want, atol=1e-5)


def test_upsampling_is_the_adjoint_of_the_strided_convolution():
    x, y, kernel = normal(0, 9, 3), normal(1, 18, 4), normal(2, 4, 3, 4)
    up = Upsample1D(4).apply({"params": {"kernel": kernel, "bias": jnp.zeros(4)}}, x)
    down = conv1d(y, jnp.swapaxes(kernel, 1, 2), stride=2, padding=1)
    np.testing.assert_allclose((up * y).sum(), (x * down).sum(), rtol=1e-4)


def test_group_norm_of_a_frame_ignores_the_other_frames():
    x = normal(0, 5, 16)
    network = FrameGroupNorm(4)
    params, apply = jax.jit(network.init)(jax.random.key(0), x), jax.jit(network.apply)
    alone = apply(params, x[2:3])
    np.testing.assert_allclose(apply(params, x.at[3].set(100.0))[2:3], alone, atol=1e-6)
    groups = np.asarray(alone).reshape(4, 4)
    np.testing.assert_allclose(groups.mean(-1), 0, atol=1e-6)
    np.testing.assert_allclose(groups.std(-1), 1, atol=1e-3)


def test_sinusoids_in_their_two_orders():
    t = jnp.array([0.0, 3.0, 250.5, 999.0])
    inter, concat = np.asarray(sinusoid(t, 8)), np.asarray(sinusoid_concatenated(t, 8))
    w, f = 10000.0 ** (-np.arange(4) / 4), 10000.0 ** (-np.arange(4) / 3)
    angle = np.asarray(t)[:, None]
    np.testing.assert_allclose(inter[:, ::2], np.sin(angle * w), atol=1e-4)
    np.testing.assert_allclose(inter[:, 1::2], np.cos(angle * w), atol=1e-4)
    np.testing.assert_allclose(
        concat, np.concatenate([np.sin(angle * f), np.cos(angle * f)], -1), atol=1e-4
    )
    np.testing.assert_allclose(positions(20, 7), sinusoid(jnp.arange(20), 7), atol=1e-5)


def test_rotation_keeps_lengths_and_makes_products_depend_on_distance_only():
    a, b = normal(0, 8), normal(1, 8)
    u, v = rotate(jnp.broadcast_to(a, (30, 8))), rotate(jnp.broadcast_to(b, (30, 8)))
    np.testing.assert_allclose(jnp.linalg.norm(u, axis=-1), jnp.linalg.norm(a), rtol=1e-5)
    products = np.asarray(u @ v.T)
    for distance in (0, 1, 5):
        diagonal = np.diagonal(products, distance)
        np.testing.assert_allclose(diagonal, diagonal[0], atol=1e-4)


@pytest.mark.parametrize("network", [BiGRU(6), BiLSTM(6, 2)], ids=["gru", "lstm"])
def test_recurrent_networks_do_not_see_padding_and_take_any_leading_axes(network):
    x, lengths = normal(0, 3, 9, 4), jnp.array([9, 4, 1])
    params, apply = drawn(network.init, x), jax.jit(network.apply)
    y, last = apply(params, x, None, lengths)
    noisy, noisy_last = apply(
        params, jnp.where(jnp.arange(9)[:, None] < lengths[:, None, None], x, 7.0), None, lengths
    )
    np.testing.assert_array_equal(y, noisy)
    jax.tree.map(np.testing.assert_array_equal, last, noisy_last)
    for i, n in enumerate((9, 4, 1)):
        alone, alone_last = apply(params, x[i, :n])
        np.testing.assert_allclose(y[i, :n], alone, atol=1e-6)
        assert not np.asarray(y[i, n:]).any()
        jax.tree.map(
            lambda a, b, i=i: np.testing.assert_allclose(a[:, i], b, atol=1e-6), last, alone_last
        )
    mapped, _ = jax.jit(jax.vmap(lambda a, n: network.apply(params, a, None, n)))(x, lengths)
    np.testing.assert_allclose(mapped, y, atol=1e-6)


def test_backward_direction_is_the_forward_one_on_the_reversed_sequence():
    x = normal(0, 9, 4)
    network = BiGRU(6)
    params, apply = drawn(network.init, x), jax.jit(network.apply)
    swapped = jax.tree.map(lambda a: a[::-1], params)
    y, last = apply(params, x)
    z, other = apply(swapped, x[::-1])
    np.testing.assert_allclose(y[:, :6], z[::-1, 6:], atol=1e-6)
    np.testing.assert_allclose(last, other[::-1], atol=1e-6)


@pytest.mark.parametrize(
    "layer",
    [Conv1D(4, 3), Dense(4), Upsample1D(4), Encoder(1, 2, 8), MultiHeadAttention(2)],
    ids=repr,
)
def test_layers_stay_in_float32_when_x64_is_on(layer):
    with jax.enable_x64(True):
        x = jnp.ones((6, 4), jnp.float32)
        params = jax.eval_shape(layer.init, jax.random.key(0), x)
        assert {a.dtype for a in jax.tree.leaves(params)} == {np.dtype(np.float32)}
        assert jax.eval_shape(layer.apply, params, x).dtype == jnp.float32
    assert isinstance(layer, nn.Module)


@pytest.mark.parametrize("lead", [(8,), (1, 8), (6, 8)])
def test_a_modulated_norm_under_mish_and_its_gradient_are_the_composition(lead):
    rng = np.random.default_rng(1)
    x, g = (jnp.asarray(rng.normal(size=(2, 6, 8)), jnp.float32) for _ in range(2))
    gain, shift = (jnp.asarray(rng.normal(size=lead), jnp.float32) for _ in range(2))

    def written_out(x, gain, shift):
        hat = normalise(x.reshape(2, 6, 2, 4)).reshape(x.shape)
        return (g * jax.nn.mish(hat * gain + shift)).sum()

    def fused(x, gain, shift):
        return (g * norm_mish(x, gain, shift, 2)).sum()

    found, want = (
        jax.jit(jax.value_and_grad(f, (0, 1, 2)))(x, gain, shift) for f in (fused, written_out)
    )
    chex.assert_trees_all_close(found, want, atol=1e-4)
    half = norm_mish(x.astype(jnp.bfloat16), gain, shift, 2)
    assert half.dtype == jnp.bfloat16
