"""The step gives the same training whatever shares the work: devices, micro-batches, dispatches,
folds.
"""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from regression import METHOD, Batches

from jaxdiff.errors import ConfigError, DataError
from jaxdiff.nets.backend import override
from jaxdiff.training.optimizer import OptimizerSettings, make_optimizer
from jaxdiff.training.state import FIXED, Layout, init_state, trainable
from jaxdiff.training.step import make_fold_step, make_generate, make_step
from jaxdiff.training.update import StepSettings


def fresh(optimizer, seed=0, weights=None):
    return init_state(METHOD, optimizer, jax.random.key(seed), next(Batches()), weights)


def numbers(tree):
    return jax.tree.map(
        lambda a: np.asarray(
            jax.random.key_data(a) if jnp.issubdtype(a.dtype, jax.dtypes.prng_key) else a
        ),
        tree,
    )


def run(step, state, batches):
    history = []
    for batch in batches:
        state, metrics = step(state, batch)
        history.append(jax.device_get(metrics))
    return numbers(state), history


@pytest.mark.parametrize("devices", [2, 4])
def test_number_of_devices_changes_nothing(devices):
    """Gradients (read off plain SGD with rate 1) and losses agree to 1e-5, negatives across the
    batch included.
    """
    optimizer, data = optax.sgd(1.0), Batches()
    batches = [next(data) for _ in range(3)]
    one = run(make_step(METHOD, optimizer, devices=jax.devices()[:1]), fresh(optimizer), batches)
    many = run(
        make_step(METHOD, optimizer, devices=jax.devices()[:devices]), fresh(optimizer), batches
    )
    chex.assert_trees_all_close(one, many, atol=1e-5)


def test_dispatching_several_steps_changes_nothing():
    optimizer, data = optax.adam(1e-2), Batches()
    batches = [next(data) for _ in range(4)]
    stacked = jax.tree.map(lambda *a: np.stack(a), *batches)
    one = run(make_step(METHOD, optimizer, devices=jax.devices()[:2]), fresh(optimizer), batches)
    together = run(
        make_step(METHOD, optimizer, StepSettings(steps_per_dispatch=4), devices=jax.devices()[:2]),
        fresh(optimizer),
        [stacked],
    )
    chex.assert_trees_all_close(one[0], together[0], atol=1e-6)
    np.testing.assert_allclose([h["loss"] for h in one[1]], together[1][0]["loss"], rtol=1e-5)


@pytest.mark.parametrize("devices", [1, 2])
def test_accumulation_changes_nothing_for_losses_over_the_whole_batch(devices):
    """Negatives come from every micro-batch: gradients (plain SGD) and metrics equal those of one
    large batch.
    """
    optimizer, data = optax.sgd(1.0), Batches()
    batches = [next(data) for _ in range(2)]
    devices = jax.devices()[:devices]
    one = run(make_step(METHOD, optimizer, devices=devices), fresh(optimizer), batches)
    parts = run(
        make_step(METHOD, optimizer, StepSettings(accumulate=4), devices=devices),
        fresh(optimizer),
        batches,
    )
    chex.assert_trees_all_close(one[0].params, parts[0].params, atol=1e-5)
    for name in ("loss", "contrast"):
        np.testing.assert_allclose(
            [h[name] for h in one[1]], [h[name] for h in parts[1]], rtol=1e-5
        )


def test_the_whole_batch_shares_a_key_on_every_device_and_in_every_micro_batch():
    def loss(params, batch, keys, gather, weights):
        u = jax.random.uniform(gather.key)
        return params["w"].sum() * u, {"u": u, "spread": gather(jnp.full(len(keys), u)).std()}

    method = METHOD._replace(loss=loss)
    optimizer = optax.sgd(1.0)
    drawn = []
    for count, accumulate in ((1, 1), (4, 1), (1, 4)):
        step = make_step(
            method, optimizer, StepSettings(accumulate=accumulate), devices=jax.devices()[:count]
        )
        drawn.append(step(fresh(optimizer), next(Batches()))[1])
    assert len({float(metrics["u"]) for metrics in drawn}) == 1
    assert all(metrics["spread"] == 0 for metrics in drawn)


def test_a_parameter_can_have_a_multiple_of_the_learning_rate():
    """It moves faster by that factor, and its gradient does not enter the clipping of the
    others.
    """
    params = {"w": jnp.ones(3), "s": jnp.zeros(())}
    grads = {"w": jnp.full(3, 0.1), "s": jnp.float32(1e3)}

    def updates(**changes):
        optimizer = make_optimizer(OptimizerSettings(0.01, clip_norm=1.0, **changes), 10)
        return optimizer.update(grads, optimizer.init(params), params)[0]

    plain, fast = updates(), updates(rates=(("s", 30.0),))
    np.testing.assert_allclose(fast["s"], 30 * plain["s"], rtol=1e-4)
    np.testing.assert_allclose(fast["w"], -0.01, rtol=1e-4)


@pytest.mark.parametrize("backend, devices", [("cpu", 1), ("cpu", 3), ("gpu", 1), ("gpu", 3)])
def test_folds_side_by_side_equal_folds_one_by_one(backend, devices):
    optimizer = make_optimizer(OptimizerSettings(learning_rate=1e-2), 10)
    weights = [{"contrast": w} for w in (0.0, 0.5, 2.0)]
    data = [Batches(seed=f) for f in range(3)]
    batches = [jax.tree.map(lambda *a: np.stack(a), *(next(d) for d in data)) for _ in range(3)]
    states = jax.vmap(lambda k, b, w: init_state(METHOD, optimizer, k, b, w))(
        jax.vmap(jax.random.key)(np.arange(3)),
        batches[0],
        {"contrast": np.array([0.0, 0.5, 2.0], np.float32)},
    )
    with override(backend):  # which decides how folds share a device
        together, history = run(
            make_fold_step(METHOD, optimizer, devices=jax.devices()[:devices]), states, batches
        )
    for fold in range(3):
        alone = run(
            make_step(METHOD, optimizer, devices=jax.devices()[:1]),
            fresh(optimizer, fold, weights[fold]),
            [jax.tree.map(lambda a, f=fold: a[f], b) for b in batches],
        )
        chex.assert_trees_all_close(
            jax.tree.map(lambda a, f=fold: a[f], together.params), alone[0].params, atol=1e-5
        )
        np.testing.assert_allclose(history[-1]["loss"][fold], alone[1][-1]["loss"], rtol=1e-5)


def test_one_trace_and_the_old_state_is_given_up():
    traced = chex.assert_max_traces(METHOD.loss, n=1)
    method = METHOD._replace(loss=lambda *args: traced(*args))
    optimizer, data = optax.adam(1e-2), Batches()
    chex.clear_trace_counter()
    step = make_step(method, optimizer)
    state = fresh(optimizer)
    for _ in range(3):
        state, _ = step(state, next(data))
    later, _ = step(state, next(data))
    assert jax.tree.leaves(state.vectors)[0].is_deleted() and int(later.step) == 4


def test_moving_average_starts_at_the_parameters_warms_up_and_follows_its_formula():
    optimizer, data = optax.sgd(0.5), Batches()
    settings = StepSettings(ema_decay=0.3, ema_every=2)
    step = make_step(METHOD, optimizer, settings, devices=jax.devices()[:1])
    state = fresh(optimizer)
    expected = np.asarray(state.params["w"])
    for n in range(1, 9):
        state, _ = step(state, next(data))
        if n % 2 == 0:
            decay = min(0.3, (1 + n // 2) / (10 + n // 2))
            expected = decay * expected + (1 - decay) * np.asarray(state.params["w"])
    np.testing.assert_allclose(state.ema["w"], expected, rtol=1e-5)


def test_a_rate_of_parameters_that_do_not_exist_is_an_error():
    optimizer = make_optimizer(OptimizerSettings(rates=(("c", 2.0),)), 10)
    with pytest.raises(ConfigError, match="names 'c', but no such parameters"):
        make_step(METHOD, optimizer)(fresh(optimizer), next(Batches()))


def test_vectors_and_trees_correspond_and_fixed_parameters_stay():
    params = {
        "a": {"w": jnp.arange(6.0).reshape(2, 3), "s": jnp.float32(7)},
        "n": jnp.array([1, 2]),
        FIXED: {"table": jnp.ones((2, 2))},
    }
    layout = Layout.of(params)
    vectors = layout.pack(params)
    assert {g: v.shape for g, v in vectors.items()} == {"a": (7,), "n:int32": (2,), FIXED: (4,)}
    assert set(trainable(vectors)) == {"a"}
    chex.assert_trees_all_equal(layout.unpack(vectors), params)
    folds = jax.tree.map(lambda v: jnp.stack([v, v]), vectors)
    assert layout.unpack(folds)["a"]["w"].shape == (2, 2, 3)


def test_a_step_that_is_not_finite_changes_no_parameter_and_is_counted():
    optimizer = make_optimizer(OptimizerSettings(learning_rate=1e-2), 10)
    data = Batches(poison=(1, 2))
    step, state = make_step(METHOD, optimizer), fresh(optimizer)
    states, counts = [], []
    for _ in range(4):
        state, metrics = step(state, next(data))
        states.append(np.asarray(state.params["w"]))
        counts.append((int(metrics["skipped"]), int(metrics["skipped_in_a_row"])))
    assert counts == [(0, 0), (1, 1), (2, 2), (2, 0)]
    np.testing.assert_array_equal(states[0], states[2])
    assert (states[3] != states[2]).any() and np.isfinite(state.ema["w"]).all()


def test_generation_does_not_depend_on_the_number_of_devices_nor_on_the_filling():
    params = fresh(optax.sgd(0.1)).params
    x = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)
    one = make_generate(METHOD.generate, jax.devices()[:1])(params, jax.random.key(3), x)
    four = make_generate(METHOD.generate)(params, jax.random.key(3), x)
    some = make_generate(METHOD.generate)(params, jax.random.key(3), x[:5])
    assert one.shape == (7, 5)
    np.testing.assert_allclose(one, four, atol=1e-6)
    np.testing.assert_allclose(one[:5], some, atol=1e-6)


def test_a_batch_that_cannot_be_shared_is_an_error():
    with pytest.raises(DataError, match="6 cannot be shared by 4"):
        make_step(METHOD, optax.sgd(0.1))(fresh(optax.sgd(0.1)), next(Batches(size=6)))
