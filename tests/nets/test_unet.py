"""CondUnet1D: what must hold whatever its weights are."""

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdiff.diffusion.guidance import combine
from jaxdiff.nets.blocks.dropout import examples
from jaxdiff.nets.unet import PRESETS, CondUnet1D

FEATURES, TEXT = 6, 10


def build(seed=1, **fields):
    """A tiny network whose weights are all different from zero, two clips and their texts."""
    network = CondUnet1D(FEATURES, **(PRESETS["tiny"] | {"multipliers": (2,)} | fields))
    rng = np.random.default_rng(seed)
    x, text = (
        rng.standard_normal(shape, np.float32) for shape in ((2, 36, FEATURES), (2, 5, TEXT))
    )
    t = np.array([3, 700], np.float32)
    shapes = jax.eval_shape(network.init, jax.random.key(0), x, t, text)
    params = jax.tree.map(
        lambda a: rng.standard_normal(a.shape, np.float32) / np.sqrt(np.prod(a.shape[:-1])), shapes
    )
    return network, params, jnp.asarray(x), jnp.asarray(t), jnp.asarray(text)


@functools.partial(jax.jit, static_argnames=("network", "method", "deterministic"))
def run(network, params, *args, method=None, **kwargs):
    """`network.apply`, compiled: these tests would otherwise dispatch thousands of operations one
    by one.
    """
    return network.apply(params, *args, method=method, **kwargs)


@pytest.fixture(scope="module")
def unet():
    return build()


@pytest.fixture(scope="module", params=[True, False], ids=["linear", "softmax"])
def either(request):
    return build(linear=request.param)


def test_a_fresh_network_returns_zero_and_its_blocks_are_their_skips():
    network = CondUnet1D(FEATURES, **(PRESETS["tiny"] | {"multipliers": (2,)}))
    x = jax.random.normal(jax.random.key(0), (20, FEATURES))
    params = jax.jit(network.init)(jax.random.key(1), x, 5, jnp.ones((3, TEXT)))
    assert not np.asarray(run(network, params, x, 5, jnp.ones((3, TEXT)))).any()
    _, state = network.apply(params, x, 5, capture_intermediates=True, mutable=["intermediates"])
    block = state["intermediates"]["downs_0_1"]
    before = state["intermediates"]["downs_0_0"]["__call__"][0]
    np.testing.assert_array_equal(block["__call__"][0], before)
    np.testing.assert_array_equal(
        before[: x.shape[0]], x @ params["params"]["downs_0_0"]["residual"]["skip"]["kernel"]
    )


def test_the_unconditional_output_does_not_depend_on_the_text(unet):
    network, params, x, t, text = unet
    texts = (text, 100 * text)
    nothing = run(network, params, x, t)  # another program, so rounded differently
    dropped = [run(network, params, x, t, other, jnp.array([False, False])) for other in texts]
    np.testing.assert_array_equal(*dropped)
    np.testing.assert_allclose(dropped[0], nothing, atol=1e-5)
    for other in texts:
        mixed = run(network, params, x, t, other, jnp.array([False, True]))
        np.testing.assert_allclose(mixed[0], nothing[0], atol=1e-5)
    assert np.abs(run(network, params, x, t, text) - nothing).max() > 1e-2


@pytest.mark.parametrize("length", [32, 17])
def test_padding_changes_nothing(length):
    """The same clip alone, without and with a mask, and in a batch padded by more than one
    block.
    """
    network, params, x, t, text = build(multipliers=(2, 1))
    alone = run(network, params, x[0, :length], t[0], text[0])
    masked = run(network, params, x[0, :length], t[0], text[0], mask=jnp.ones(length, bool))
    np.testing.assert_allclose(masked, alone, atol=1e-5)
    padded = jnp.full((2, 70, FEATURES), 9.0).at[0, :length].set(x[0, :length])
    mask = jnp.arange(70) < jnp.array([[length], [70]])
    batch = run(network, params, padded, t, text, mask=mask)
    np.testing.assert_allclose(batch[0, :length], alone, atol=1e-5)
    unmasked = run(network, params, padded, t, text, mask=mask | True)
    assert np.abs(unmasked[0, :length] - alone).max() > 1e-3, (
        "padding is seen where the mask does not hide it"
    )


def test_frames_beyond_the_mask_get_no_gradient(unet):
    network, params, x, t, text = unet
    mask = jnp.arange(36) < jnp.array([[20], [36]])
    slope = jax.grad(
        lambda x: jnp.where(mask[..., None], run(network, params, x, t, mask=mask), 0).sum()
    )(x)
    assert not np.asarray(slope[0, 20:]).any() and np.asarray(slope[0, :20]).any()


def test_guidance_in_one_doubled_batch_is_the_two_passes(either):
    network, params, x, t, text = either
    mask = jnp.arange(36) < jnp.array([[20], [36]])
    context = run(network, params, text, method="context")
    c, u = run(network, params, x, t, text, mask=mask), run(network, params, x, t, mask=mask)
    both = run(network, params, x, t, context, mask, method="both")
    np.testing.assert_allclose(both, jnp.stack([c, u]), atol=1e-5)
    guided = combine(both[0], both[1], 2.5)
    np.testing.assert_allclose(guided, u + 2.5 * (c - u), atol=1e-4)


def test_the_context_of_a_text_is_all_the_network_needs_of_it(either):
    network, params, x, t, text = either
    context = run(network, params, text, method="context")
    y = run(network, params, x, t, context, method="denoise")
    np.testing.assert_allclose(y, run(network, params, x, t, text), atol=1e-5)
    assert len(context) == 4 * len(network.multipliers) + 2
    if network.linear:
        shapes = {a.shape[-2:] for a in context}
        assert shapes == {
            (w, w) for w in {network.base * m // network.heads for m in network.multipliers}
        }


def test_one_example_under_vmap_is_the_batch(either):
    network, params, x, t, text = either
    batch = run(network, params, x, t, text)
    mapped = jax.jit(jax.vmap(lambda *a: network.apply(params, *a)))(x, t, text)
    np.testing.assert_allclose(mapped, batch, atol=1e-5)
    context = run(network, params, text, method="context")
    guide = lambda *a: network.apply(params, *a, method="both")  # noqa: E731
    np.testing.assert_allclose(
        jnp.moveaxis(jax.jit(jax.vmap(guide))(x, t, context), 0, 1),
        run(network, params, x, t, context, method="both"),
        atol=1e-5,
    )
    shared = run(network, params, x, t[0], text[0])
    np.testing.assert_allclose(shared[0], batch[0], atol=1e-5)


def test_hidden_features_then_output_is_the_network(unet):
    network, params, x, t, text = unet
    context = run(network, params, text, method="context")
    hidden = run(network, params, x, t, context, method="hidden")
    assert hidden.shape == (2, 36, network.base * network.multipliers[0])
    out = run(network, params, hidden, method="output")
    np.testing.assert_allclose(out, run(network, params, x, t, text), atol=1e-5)


def test_dropout_acts_in_training_only_and_every_parameter_gets_a_gradient(unet):
    network, params, x, t, text = unet

    @jax.jit
    @jax.grad
    def slope(params, key):
        y = run(network, params, x, t, text, deterministic=False, rngs={"dropout": key})
        return (y**2).mean()

    one, other = (slope(params, jax.random.key(seed)) for seed in (0, 1))
    assert not np.allclose(one["params"]["final"]["kernel"], other["params"]["final"]["kernel"])
    assert all(np.asarray(g).any() for g in jax.tree.leaves(one))


def test_bfloat16_compute_keeps_float32_parameters_and_output(unet):
    network, params, x, t, text = unet
    half = network.clone(dtype=jnp.bfloat16)
    shapes = jax.eval_shape(half.init, jax.random.key(0), x, t, text)
    assert {a.dtype for a in jax.tree.leaves(shapes)} == {np.dtype(np.float32)}
    y, want = run(half, params, x, t, text), run(network, params, x, t, text)
    assert y.dtype == jnp.float32
    assert np.abs(y - want).max() < 0.1 * np.abs(want).max()


def test_x64_changes_nothing():
    network, params, x, t, text = build()
    want = np.asarray(run(network, params, x, t, text))
    with jax.enable_x64(True):
        y = run(network, params, x, t, text, mask=jnp.ones((2, 36), bool))
        assert y.dtype == jnp.float32
        np.testing.assert_allclose(y, want, atol=1e-5)


def test_guided_sampling_traces_once():
    network, params, x, t, text = build()
    context = run(network, params, text, method="context")

    @jax.jit
    @chex.assert_max_traces(n=1)
    def step(x, t, scale):
        return combine(*run(network, params, x, t, context, method="both"), scale)

    for level in (0.0, 12.0):
        step(x, jnp.float32(level), jnp.float32(2.5))


@pytest.mark.parametrize(
    ("features", "millions"), [(263, 293.654279), (251, 293.605115)], ids=["humanml3d", "kit"]
)
def test_the_released_sizes(features, millions):
    network = CondUnet1D(features, **PRESETS["full"])
    specs = (jnp.zeros((16, features)), jnp.zeros(()), jnp.zeros((1, 256)))
    shapes = jax.eval_shape(network.init, jax.random.key(0), *specs)
    count = sum(int(np.prod(a.shape)) for a in jax.tree.leaves(shapes))
    assert abs(count / 1e6 - millions) < (1e-9 if features == 263 else 0.2)


def test_a_batch_has_the_dropout_that_each_example_has_alone(either):
    network, params, x, t, text = either
    keys = jax.random.split(jax.random.key(7), 2)

    def alone(x, t, text, key):
        return network.apply(params, x, t, text, deterministic=False, rngs={"dropout": key})

    with examples(keys):
        batch = jax.jit(alone)(x, t, text, keys[0])
    np.testing.assert_allclose(batch, jax.jit(jax.vmap(alone))(x, t, text, keys), atol=1e-5)
    assert np.abs(batch - run(network, params, x, t, text)).max() > 1e-2


def test_blocks_of_one_width_in_one_product_are_the_blocks_one_by_one(either, monkeypatch):
    network, params, x, t, text = either
    together = run(network, params, x, t, text)
    monkeypatch.setattr(CondUnet1D, "_apart", lambda self, blocks: True)
    apart = jax.jit(lambda *inputs: network.apply(params, *inputs))(x, t, text)
    np.testing.assert_allclose(together, apart, atol=1e-5)
