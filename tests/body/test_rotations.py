"""Rotations: round trips, closed forms, and the same answers from NumPy and JAX."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdiff.body import rotations as r
from jaxdiff.errors import ConfigError

ORDERS = ["xyz", "xzy", "yxz", "yzx", "zxy", "zyx"]


def unit(seed, count=200):
    return r.normalise(np.random.default_rng(seed).normal(size=(count, 4)))


def same_rotation(q, p, atol=1e-12):
    np.testing.assert_allclose(np.abs((q * p).sum(-1)), 1, rtol=0, atol=atol)


def test_round_trips():
    q = unit(0)
    same_rotation(r.quaternion_from_matrix(r.matrix_from_quaternion(q)), q)
    same_rotation(r.quaternion_from_axis_angle(r.axis_angle_from_quaternion(q)), q)
    matrix = r.matrix_from_quaternion(q)
    np.testing.assert_allclose(r.matrix_from_six_d(r.six_d_from_matrix(matrix)), matrix, atol=1e-12)
    for order in ORDERS:
        same_rotation(r.quaternion_from_euler(r.euler_from_quaternion(q, order), order), q)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("middle", [np.pi / 2, -np.pi / 2])
def test_euler_angles_where_two_axes_align(order, middle):
    q = r.quaternion_from_euler(np.array([0.4, middle, -1.1]), order)
    angles = r.euler_from_quaternion(q, order)
    assert angles[2] == 0
    same_rotation(r.quaternion_from_euler(angles, order), q, atol=1e-7)


@pytest.mark.parametrize(
    "turn", [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0, 0.6, 0, 0.8]]
)
def test_special_rotations_survive_the_round_trips(turn):
    q = np.array(turn, float)
    same_rotation(r.quaternion_from_matrix(r.matrix_from_quaternion(q)), q)
    same_rotation(r.quaternion_from_axis_angle(r.axis_angle_from_quaternion(q)), q)


def test_matrix_is_a_rotation_and_composes():
    q, p = unit(1), unit(2)
    matrix = r.matrix_from_quaternion(q)
    np.testing.assert_allclose(
        matrix @ matrix.swapaxes(-1, -2), np.broadcast_to(np.eye(3), matrix.shape), atol=1e-12
    )
    np.testing.assert_allclose(np.linalg.det(matrix), 1, atol=1e-12)
    np.testing.assert_allclose(
        matrix @ r.matrix_from_quaternion(p), r.matrix_from_quaternion(r.multiply(q, p)), atol=1e-12
    )
    v = np.random.default_rng(3).normal(size=(200, 3))
    np.testing.assert_allclose(r.rotate(q, v), np.einsum("nij,nj->ni", matrix, v), atol=1e-12)


def test_quarter_turns_follow_the_right_hand():
    x, y, z = np.eye(3)
    for axis, start, end in [("x", y, z), ("y", z, x), ("z", x, y)]:
        np.testing.assert_allclose(
            r.rotate(r.about(axis, np.array(np.pi / 2)), start), end, atol=1e-12
        )


def test_small_angles_are_exact_and_differentiable():
    v = np.array([1e-9, -2e-9, 0.5e-9])
    np.testing.assert_allclose(
        r.axis_angle_from_quaternion(r.quaternion_from_axis_angle(v)), v, rtol=1e-9
    )
    zero = jax.jacobian(r.quaternion_from_axis_angle)(jnp.zeros(3))
    np.testing.assert_allclose(zero, np.eye(4)[:, 1:] / 2, atol=1e-7)
    gradient = jax.grad(lambda v: r.axis_angle_from_quaternion(r.quaternion_from_axis_angle(v))[0])(
        jnp.zeros(3)
    )
    np.testing.assert_allclose(gradient, [1, 0, 0], atol=1e-6)


def test_between_takes_one_direction_to_the_other():
    rng = np.random.default_rng(4)
    u, v = rng.normal(size=(2, 100, 3))
    np.testing.assert_allclose(
        r.normalise(r.rotate(r.between(u, v), u)), r.normalise(v), atol=1e-12
    )
    for u in [np.array([0, 1.0, 0]), r.normalise(rng.normal(size=3))]:
        np.testing.assert_allclose(r.rotate(r.between(u, -u), u), -u, atol=1e-12)


def test_continuous_undoes_any_signs():
    angle = np.linspace(0, 9, 50)[:, None] * np.array([1.0, 0.5])
    smooth = r.about("y", angle)
    signs = np.where(np.random.default_rng(5).random(angle.shape) < 0.5, -1, 1)[..., None]
    fixed = r.continuous(smooth * signs)
    np.testing.assert_allclose(fixed, smooth * signs[:1])


def test_numpy_and_jax_agree_and_keep_the_dtype():
    q = unit(6).astype(np.float32)
    for function in [
        r.conjugate,
        r.matrix_from_quaternion,
        r.axis_angle_from_quaternion,
        r.continuous,
    ]:
        ours, theirs = function(q), jax.jit(function)(jnp.asarray(q))
        assert ours.dtype == theirs.dtype == np.float32
        np.testing.assert_allclose(ours, theirs, atol=2e-6)
    euler = jax.vmap(lambda q: r.quaternion_from_euler(r.euler_from_quaternion(q, "zxy"), "zxy"))(
        jnp.asarray(q)
    )
    same_rotation(euler, q, atol=1e-5)


def test_an_impossible_order_is_refused():
    with pytest.raises(ConfigError, match="'zxz'"):
        r.quaternion_from_euler(np.zeros(3), "zxz")
