"""Properties of every registered method: a new one is tested by being listed in `METHODS`."""

from functools import cache

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from docs.skeletons.method import conditional
from jaxdiff import methods
from jaxdiff.methods import METHODS, SLOW, Example
from jaxdiff.methods.examples import normal
from jaxdiff.training.state import init_state
from jaxdiff.training.step import make_generate, make_step

CASES = (*METHODS, "skeleton")


def skeleton():
    batch = {"x": normal(0, 8, 2), "y": normal(1, 8, 3)}
    return Example(conditional(2, 8, sampling_steps=4), batch, normal(2, 8, 3))


@cache
def case(name):
    """The example of a method, its parameters drawn once."""
    example = skeleton() if name == "skeleton" else methods.example(name)
    method, batch = example.method, example.batch
    params = jax.device_get(jax.jit(method.init)(jax.random.key(0), batch))
    return example._replace(method=method._replace(init=lambda key, batch: params))


cases = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in CASES]
)
small = pytest.mark.parametrize("name", [name for name in CASES if name not in SLOW])


@cache
def gradients(name, devices):
    """Gradients and metrics of one training step on some devices."""
    method, batch, *_ = case(name)
    optimizer = optax.sgd(1.0)
    state = init_state(method, optimizer, jax.random.key(0), batch)
    before = jax.tree.map(np.asarray, state.params)
    state, metrics = make_step(method, optimizer, devices=jax.devices()[:devices])(state, batch)
    found = jax.tree.map(lambda a, b: a - np.asarray(b), before, state.params)
    return found, jax.device_get(metrics)


@cases
def test_gradients_are_the_same_on_one_and_four_devices(name):
    one, four = gradients(name, 1), gradients(name, 4)
    scale = max(1.0, float(one[1]["grad_norm"]))
    chex.assert_trees_all_close(one, four, atol=1e-5 * scale, rtol=1e-5)
    chex.assert_tree_all_finite(one)


@small
def test_parameters_are_float32_and_every_one_is_trained(name):
    method, batch, *_ = case(name)
    params = method.init(jax.random.key(0), batch)
    chex.assert_type(jax.tree.leaves(params), jnp.float32)
    zero = [
        jax.tree_util.keystr(path)
        for path, g in jax.tree_util.tree_leaves_with_path(gradients(name, 1)[0])
        if not g.any()
    ]
    assert [path for path in zero if not path.endswith(case(name).untrained or ("-",))] == []


@cases
def test_what_is_generated_depends_on_its_own_key_and_condition_only(name):
    method, batch, condition, deterministic, *_ = case(name)
    params = method.init(jax.random.key(0), batch)
    generate = make_generate(method.generate, jax.devices()[:2])
    all_of_them = generate(params, jax.random.key(1), condition)
    first = generate(params, jax.random.key(1), jax.tree.map(lambda a: a[:2], condition))
    other = generate(params, jax.random.key(2), condition)
    chex.assert_tree_all_finite(all_of_them)
    # Two programs round differently, and an untrained sampler of eps amplifies that as much as it does the samples.
    rounding = max(2e-5, 2e-6 * float(np.abs(all_of_them).max()))
    np.testing.assert_allclose(all_of_them[:2], first, rtol=1e-6, atol=rounding)
    assert np.allclose(all_of_them, other) == deterministic


@small
def test_it_learns(name):
    """A few dozen steps on one batch lower the loss on that batch, same noise before and after."""
    method, batch, *_ = case(name)
    optimizer = optax.adam(3e-3)
    state = init_state(method, optimizer, jax.random.key(0), batch)
    keys = jax.random.split(jax.random.key(5), 8)
    measure = jax.jit(lambda p: method.loss(p, batch, keys, lambda z: z, {})[0])
    before = measure(state.params)
    step = make_step(method, optimizer, devices=jax.devices()[:1])
    for _ in range(40):
        state, _ = step(state, batch)
    assert measure(state.params) < before
