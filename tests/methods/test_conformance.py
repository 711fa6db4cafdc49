"""What every method must do, whatever it is about: run over all of them, a new one is tested by being listed."""

from functools import cache

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from docs.skeletons.method import conditional
from jaxdiff.losses.alignment import Settings as Options
from jaxdiff.methods.biovae import Scale, biovae
from jaxdiff.methods.biovae import Settings as BioVaeSettings
from jaxdiff.methods.direct import direct
from jaxdiff.methods.evaluator import Settings as EvaluatorSettings
from jaxdiff.methods.evaluator import evaluator
from jaxdiff.methods.llma import Settings, llma
from jaxdiff.methods.muscle_encoder import Settings as MuscleSettings
from jaxdiff.methods.muscle_encoder import muscle_encoder
from jaxdiff.methods.points import points
from jaxdiff.methods.smoothing import Settings as SmoothingSettings
from jaxdiff.methods.smoothing import smoothing
from jaxdiff.methods.text_to_motion import Settings as TextSettings
from jaxdiff.methods.text_to_motion import text_to_motion
from jaxdiff.nets.cross_modal import size
from jaxdiff.nets.unet import PRESETS
from jaxdiff.training.state import init_state
from jaxdiff.training.step import make_generate, make_step


def random(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


TINY = Settings(
    size("tiny")._replace(dropout=0.1), "llma", Options(window=3), steps=4, condition_noise=0.1
)


def cross_modal(word):
    return (
        llma(TINY._replace(alignment=word)),
        {"x": random(0, 8, 60, 5), "y": random(1, 8, 60, 3)},
        {"x": random(2, 8, 60, 5)},
    )


def captioned(vocabulary):
    """Random motions and texts; the zeros a fresh U-Net starts from are moved, for nothing could be seen past them."""
    settings = TextSettings("tiny", vocabulary, 16, 1, 32, frames=20, steps=3)
    method = text_to_motion(settings)

    def moved(key, batch):
        return jax.tree.map(lambda a: a + 0.02 * random(7, *a.shape), method.init(key, batch))

    text = (
        random(3, 8, 5, 12)
        if not vocabulary
        else np.random.default_rng(3).integers(1, vocabulary, (8, 6))
    )
    length = np.array([20, 12, 16, 20, 8, 19, 20, 5], np.int32)
    condition = {"text": text, "length": length}
    return method._replace(init=moved), {"motion": random(0, 8, 20, 11), **condition}, condition


@pytest.fixture(scope="module", autouse=True)
def one_level():
    """A U-Net of one level for the branch beside it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PRESETS, "one level", {**PRESETS["tiny"], "multipliers": (1,)})
        yield


def mechanical():
    """Two joints, and the zeros moved as above."""
    backbone = TextSettings("one level", 40, 16, 1, 32, frames=20, steps=3)
    settings = BioVaeSettings(backbone, width=16, blocks=1, groups=4, heads=2, kl=1e-3)
    method = biovae(
        settings, Scale(np.zeros(23, np.float32), np.full(23, 0.1, np.float32), 20.0, 10.0)
    )
    _, batch, condition = captioned(40)

    def moved(key, batch):
        return jax.tree.map(lambda a: a + 0.02 * random(7, *a.shape), method.init(key, batch))

    condition = {**condition, "acceleration": 1 + 0.1 * random(8, 8, 2)}
    return method._replace(init=moved), {**batch, "motion": random(0, 8, 20, 23)}, condition


def muscular(network):
    settings = MuscleSettings(network, width=16, blocks=1, groups=4, heads=2, ff=16, levels=50)
    length = np.array([20, 12, 16, 20, 8, 19, 20, 5], np.int32)
    condition = {"motion": random(0, 8, 20, 11), "length": length}
    return (
        muscle_encoder(settings),
        {**condition, "muscles": np.abs(random(1, 8, 20, 8))},
        condition,
    )


def smoothed():
    settings = SmoothingSettings(window=8, hidden=16, residual_hidden=8, blocks=1, dropout=0.1)
    return (
        smoothing(settings),
        {"estimate": random(0, 8, 8, 3), "truth": random(1, 8, 8, 3)},
        random(2, 8, 12, 3),
    )


def embedded():
    rng = np.random.default_rng(5)
    batch = {
        "motion": random(0, 8, 24, 11),
        "length": np.array([24, 12, 16, 20, 8, 19, 24, 24], np.int32),
        "words": rng.integers(0, 30, (8, 6)).astype(np.int32),
        "speech": rng.integers(0, 4, (8, 6)).astype(np.int32),
        "count": np.array([6, 2, 3, 4, 5, 6, 6, 2], np.int32),
    }
    return evaluator(EvaluatorSettings(30, 4, 8, 16, 12, 12, 8)), batch, batch


def skeleton():
    return (
        conditional(2, 8, sampling_steps=4),
        {"x": random(0, 8, 2), "y": random(1, 8, 3)},
        random(2, 8, 3),
    )


CASES = {
    "points": lambda: (points(width=8, sampling_steps=4), {"x": random(0, 8, 2)}, random(1, 8, 2)),
    "llma": lambda: cross_modal("llma"),
    "direct": lambda: (direct(TINY), *cross_modal("none")[1:]),
    "text_to_motion": lambda: captioned(40),
    "evaluator": embedded,
    "biovae": mechanical,
    "muscle_encoder": lambda: muscular("encoder"),
    "muscle_transformer": lambda: muscular("transformer"),
    "smoothing": smoothed,
    "skeleton": skeleton,
}
DETERMINISTIC = ("direct", "evaluator", "muscle_encoder", "muscle_transformer", "smoothing")
SLOW = ("text_to_motion", "biovae")
"""XLA compiles the ten blocks of the U-Net for minutes; their training is tested with their studies."""


@cache
def case(name):
    """The method, its parameters drawn once, with a batch and a condition."""
    method, batch, condition = CASES[name]()
    params = jax.device_get(jax.jit(method.init)(jax.random.key(0), batch))
    return method._replace(init=lambda key, batch: params), batch, condition


cases = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in CASES]
)
small = pytest.mark.parametrize("name", [name for name in CASES if name not in SLOW])


@cases
def test_gradients_are_the_same_on_one_and_four_devices(name):
    method, batch, _ = case(name)
    optimizer = optax.sgd(1.0)

    def train(devices):
        state = init_state(method, optimizer, jax.random.key(0), batch)
        before = jax.tree.map(np.asarray, state.params)
        state, metrics = make_step(method, optimizer, devices=devices)(state, batch)
        gradients = jax.tree.map(lambda a, b: a - np.asarray(b), before, state.params)
        return gradients, jax.device_get(metrics)

    one, four = train(jax.devices()[:1]), train(jax.devices()[:4])
    scale = max(1.0, float(one[1]["grad_norm"]))
    chex.assert_trees_all_close(one, four, atol=1e-5 * scale, rtol=1e-5)
    chex.assert_tree_all_finite(one)


@small
def test_parameters_are_float32_and_every_one_is_trained(name):
    method, batch, _ = case(name)
    params = method.init(jax.random.key(0), batch)
    chex.assert_type(jax.tree.leaves(params), jnp.float32)
    keys = jax.random.split(jax.random.key(1), 8)
    grads = jax.jit(jax.grad(lambda p: method.loss(p, batch, keys, lambda z: z, {})[0]))(params)
    unused = (
        ("['s']", "['noisy']['params']['Dense_0']['kernel']") if name == "direct" else ("['s']",)
    )
    zero = [
        jax.tree_util.keystr(path)
        for path, g in jax.tree_util.tree_leaves_with_path(grads)
        if not g.any()
    ]
    assert [path for path in zero if not path.endswith(unused)] == []


@cases
def test_what_is_generated_depends_on_its_own_key_and_condition_only(name):
    method, batch, condition = case(name)
    params = method.init(jax.random.key(0), batch)
    generate = make_generate(method.generate, jax.devices()[:2])
    all_of_them = generate(params, jax.random.key(1), condition)
    first = generate(params, jax.random.key(1), jax.tree.map(lambda a: a[:2], condition))
    other = generate(params, jax.random.key(2), condition)
    chex.assert_tree_all_finite(all_of_them)
    np.testing.assert_allclose(all_of_them[:2], first, rtol=1e-6, atol=2e-5)
    assert np.allclose(all_of_them, other) == (name in DETERMINISTIC)


@small
def test_it_learns(name):
    """A few dozen steps on one batch lower the loss on that batch, same noise before and after."""
    method, batch, _ = case(name)
    optimizer = optax.adam(3e-3)
    state = init_state(method, optimizer, jax.random.key(0), batch)
    keys = jax.random.split(jax.random.key(5), 8)
    measure = jax.jit(lambda p: method.loss(p, batch, keys, lambda z: z, {})[0])
    before = measure(state.params)
    step = make_step(method, optimizer, devices=jax.devices()[:1])
    for _ in range(40):
        state, _ = step(state, batch)
    assert measure(state.params) < before
