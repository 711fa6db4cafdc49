"""The Euler–Lagrange module: against MuJoCo's own terms, and what its structure promises."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from parameters import drawn

from jaxdiff.nets.euler_lagrange import FLOOR, EulerLagrange, Terms, acceleration

PENDULUM = """
<mujoco><option gravity="0 0 -9.81"/><worldbody>
 <body pos="0 0 2"><joint name="pivot" axis="0 1 0" damping="0.1"/>
  <geom type="capsule" fromto="0 0 0 0 0 -1" size="0.03" mass="1.5"/></body>
</worldbody><actuator><motor joint="pivot" gear="4"/></actuator></mujoco>
"""
LEG = """
<mujoco><option gravity="0 0 -9.81"/><worldbody>
 <body pos="0 0 1"><joint name="hip" axis="0 1 0" damping="0.5"/>
  <geom type="capsule" fromto="0 0 0 0 0 -0.42" size="0.05" mass="8"/>
  <body pos="0 0 -0.42"><joint name="knee" axis="0 1 0" damping="0.5"/>
   <geom type="capsule" fromto="0 0 0 0 0 -0.42" size="0.04" mass="4"/></body></body>
</worldbody>
<tendon><fixed name="biarticular"><joint joint="hip" coef="0.06"/><joint joint="knee" coef="-0.04"/></fixed></tendon>
<actuator><motor joint="hip" gear="40"/><motor joint="hip" gear="-40"/><motor joint="knee" gear="30"/>
 <motor tendon="biarticular" gear="400"/></actuator></mujoco>
"""


def simulated(xml, count=512, seed=0):
    """States, activations, MuJoCo's terms of the equation of motion, and its acceleration."""
    mujoco = pytest.importorskip("mujoco")
    model = mujoco.MjModel.from_xml_string(xml)
    data, rng = mujoco.MjData(model), np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        data.qpos, data.qvel = rng.uniform(-1.5, 1.5, model.nq), rng.normal(size=model.nv)
        data.ctrl, data.qfrc_applied = rng.uniform(0, 1, model.nu), rng.normal(size=model.nv)
        mujoco.mj_forward(model, data)
        inverse = np.zeros((model.nv, model.nv))
        mujoco.mj_solveM(model, data, inverse, np.eye(model.nv))
        row = {
            "x": [*np.sin(data.qpos), *np.cos(data.qpos), *data.qvel, *data.qfrc_applied],
            "u": data.ctrl,
            "inverse_mass": inverse[None],
            "external": data.qfrc_applied[None],
            "bias": (data.qfrc_passive - data.qfrc_bias)[None],
            "muscle": data.qfrc_actuator[None],
            "a": data.qacc[None],
        }
        rows.append({name: np.array(value, np.float32) for name, value in row.items()})
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


@pytest.mark.parametrize("xml", [PENDULUM, LEG], ids=["pendulum", "leg"])
def test_the_true_terms_give_the_true_acceleration(xml):
    rows = simulated(xml, 50)
    a = acceleration(Terms(*(jnp.asarray(rows[name]) for name in Terms._fields)))
    assert np.abs(a - rows["a"]).max() < 1e-5 * max(1.0, np.abs(rows["a"]).max())


@pytest.mark.parametrize("xml", [PENDULUM, LEG], ids=["pendulum", "leg"])
def test_trained_on_simulated_motion_it_errs_far_less_than_predicting_zero(xml):
    rows, unseen = simulated(xml), simulated(xml, 128, seed=1)
    scale = rows["a"].std((0, 1))
    net = EulerLagrange(joints=1, axes=rows["a"].shape[-1], width=64, positive=True)
    params = jax.jit(net.init)(jax.random.key(0), rows["x"], rows["u"])
    optimizer = optax.adam(optax.cosine_decay_schedule(1e-2, 400))

    @jax.jit
    def error(params, rows):
        return jnp.square(
            acceleration(net.apply(params, rows["x"], rows["u"])) - rows["a"] / scale
        ).mean()

    @jax.jit
    def train(params):
        def step(carry, _):
            params, state = carry
            updates, state = optimizer.update(jax.grad(error)(params, rows), state)
            return (optax.apply_updates(params, updates), state), None

        return jax.lax.scan(step, (params, optimizer.init(params)), None, 400)[0][0]

    zero = np.square(unseen["a"] / scale).mean()
    assert error(train(params), unseen) < 0.05 * zero


@pytest.mark.parametrize("positive", [False, True])
def test_the_inverse_inertia_is_symmetric_and_on_request_positive(positive):
    net = EulerLagrange(joints=5, positive=positive, width=16)
    latent, u = jax.random.normal(jax.random.key(0), (7, 4)), jnp.ones((7, 8))
    params = jax.tree.map(lambda a: 5 * a, jax.jit(net.init)(jax.random.key(1), latent, u))
    inverse = jax.jit(net.apply)(params, latent, u).inverse_mass
    np.testing.assert_array_equal(inverse, jnp.swapaxes(inverse, -1, -2))
    least = np.linalg.eigvalsh(np.asarray(inverse, np.float64)).min()
    assert least > 0.9 * FLOOR if positive else least < 0


def test_inertia_and_muscles_read_positions_and_rotations_apart():
    net = EulerLagrange(joints=3, width=16)
    key = jax.random.split(jax.random.key(0), 4)
    latent, places, turns = (jax.random.normal(k, (6, n)) for k, n in zip(key, (4, 7, 9)))
    u = jax.random.uniform(key[3], (6, 8))
    params, apply = drawn(net.init, latent, u, places, turns), jax.jit(net.apply)

    def changed(*inputs):
        one, other = apply(params, latent, u, places, turns), apply(params, *inputs)
        return {n for n, a, b in zip(one._fields, one, other) if np.abs(a - b).max() > 1e-5}

    assert changed(latent + 1, u, places, turns) == {"external", "bias"}
    assert changed(latent, u, places + 1, turns) == {"inverse_mass"}
    assert changed(latent, u, places, turns + 1) == {"muscle"}


def test_muscles_at_rest_exert_no_force_and_force_is_linear_in_activation():
    net = EulerLagrange(joints=3, width=16)
    latent, u = (
        jax.random.normal(jax.random.key(0), (6, 4)),
        jax.random.uniform(jax.random.key(1), (6, 8)),
    )
    params, apply = drawn(net.init, latent, u), jax.jit(net.apply)
    force = apply(params, latent, u).muscle
    np.testing.assert_array_equal(apply(params, latent, 0 * u).muscle, 0)
    np.testing.assert_allclose(apply(params, latent, 2 * u).muscle, 2 * force, rtol=1e-5)
    assert np.abs(force).max() > 0
