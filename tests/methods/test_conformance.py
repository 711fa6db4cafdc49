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


OPTIMIZER = optax.adam(3e-3)


@cache
def step(name, devices):
    """The training step on some devices: three tests share the program on one."""
    return make_step(case(name).method, OPTIMIZER, devices=jax.devices()[:devices])


def fresh(name):
    method, batch, *_ = case(name)
    return init_state(method, OPTIMIZER, jax.random.key(0), batch)


@cache
def gradients(name, devices):
    """Gradients and metrics of the first step: Adam's first moments are a tenth of the
    gradients.
    """
    state, metrics = step(name, devices)(fresh(name), case(name).batch)
    untrained = jax.tree.map(jnp.zeros_like, state.vectors)
    tenth = state.layout.unpack({**untrained, **state.opt_state[0].mu})
    return jax.tree.map(lambda m: 10 * np.asarray(m), tenth), jax.device_get(metrics)


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
    """Two samples are the same beside other conditions; how many there are is tested in
    `training/test_step.py`.
    """
    method, batch, condition, deterministic, *_ = case(name)
    params = method.init(jax.random.key(0), batch)
    generate = make_generate(method.generate, jax.devices()[:2])
    all_of_them = generate(params, jax.random.key(1), condition)
    others = jax.tree.map(lambda a: np.concatenate([a[:2], a[:1:-1]]), condition)
    beside = generate(params, jax.random.key(1), others)
    other = generate(params, jax.random.key(2), condition)
    chex.assert_tree_all_finite(all_of_them)
    np.testing.assert_array_equal(all_of_them[:2], beside[:2])
    assert np.allclose(all_of_them, other) == deterministic


@small
def test_it_learns(name):
    """A few dozen steps on one batch lower the loss on that batch, same noise before and after."""
    batch, one, state = case(name).batch, step(name, 1), fresh(name)
    first = jax.tree.map(jnp.copy, state.step)
    losses = []
    for _ in range(40):
        state, metrics = one(state, batch)
        losses.append(float(metrics["loss"]))
    again = state.replace(step=jax.device_put(first, state.step.sharding))  # the first step's noise
    assert one(again, batch)[1]["loss"] < losses[0]
