"""Rotations: unit quaternions q = (w, x, y, z), and conversions to and from the other usual
parametrisations.

    rotate(q, v) = q (0, v) conj(q),     multiply(q, p) applies p first, then q.

The 6-D form of Zhou et al. (2019) is the first two matrix *columns*, concatenated, as HumanML3D
stores it. All functions broadcast over leading axes, keep the dtype, and return the kind of array
they are given: NumPy for NumPy (file formats and simulators run in float64 without a compiler), JAX
for JAX. Products are written out elementwise, so no accelerator shortens their mantissa.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdiff.errors import ConfigError

Array = Any


def namespace(*arrays: Array):
    """`jax.numpy` if any of the arrays is JAX's, else `numpy`."""
    return jnp if any(isinstance(array, jax.Array) for array in arrays) else np


def normalise(v: Array) -> Array:
    """v / |v| along the last axis."""
    return v / namespace(v).sqrt((v * v).sum(-1, keepdims=True))


def multiply(q: Array, p: Array) -> Array:
    """The Hamilton product q p."""
    xp = namespace(q, p)
    w, x, y, z = (q[..., i] for i in range(4))
    a, b, c, d = (p[..., i] for i in range(4))
    return xp.stack(
        [
            w * a - x * b - y * c - z * d,
            w * b + x * a + y * d - z * c,
            w * c - x * d + y * a + z * b,
            w * d + x * c - y * b + z * a,
        ],
        axis=-1,
    )


def conjugate(q: Array) -> Array:
    """The inverse of a unit quaternion."""
    return q * np.array([1, -1, -1, -1], q.dtype)


def rotate(q: Array, v: Array) -> Array:
    """The vector v turned by q."""
    xp = namespace(q, v)
    w, u = q[..., :1], q[..., 1:]
    once = xp.cross(u, v)
    return v + 2 * (w * once + xp.cross(u, once))


def between(u: Array, v: Array) -> Array:
    """The shortest rotation that takes the direction of u to that of v; half a turn if they
    oppose.
    """
    xp = namespace(u, v)
    w = xp.sqrt((u * u).sum(-1, keepdims=True) * (v * v).sum(-1, keepdims=True)) + (u * v).sum(
        -1, keepdims=True
    )
    q = xp.concatenate([w, xp.cross(u, v)], axis=-1)
    smallest = xp.abs(u) == xp.abs(u).min(-1, keepdims=True)
    normal = xp.cross(u, smallest.astype(u.dtype))
    half_turn = xp.concatenate([xp.zeros_like(normal[..., :1]), normal], axis=-1)
    opposed = (q * q).sum(-1, keepdims=True) == 0
    return normalise(xp.where(opposed, xp.broadcast_to(half_turn, q.shape), q))


def continuous(q: Array) -> Array:
    """A sequence (T, ..., 4) with signs chosen so that neighbours lie on the same half of the
    sphere.
    """
    xp = namespace(q)
    flip = xp.where((q[1:] * q[:-1]).sum(-1, keepdims=True) < 0, -1, 1).astype(q.dtype)
    return xp.concatenate([q[:1], q[1:] * xp.cumprod(flip, axis=0)], axis=0)


def about(axis: str, angle: Array) -> Array:
    """The rotation by `angle` (radians) about one coordinate axis, "x", "y" or "z"."""
    xp = namespace(angle)
    half, zero = angle / 2, xp.zeros_like(angle)
    parts = [xp.cos(half), zero, zero, zero]
    parts["xyz".index(axis) + 1] = xp.sin(half)
    return xp.stack(parts, axis=-1)


def quaternion_from_axis_angle(v: Array) -> Array:
    """From rotation vectors: the direction is the axis, the length the angle in radians."""
    xp = namespace(v)
    square = (v * v).sum(-1, keepdims=True)
    small = square < 1e-8
    angle = xp.sqrt(xp.where(small, 1, square))
    scale = xp.where(small, 0.5 - square / 48, xp.sin(angle / 2) / angle)
    return xp.concatenate(
        [xp.where(small, 1 - square / 8, xp.cos(angle / 2)), scale * v], axis=-1
    ).astype(v.dtype)


def axis_angle_from_quaternion(q: Array) -> Array:
    """The rotation vector with an angle in [0, pi]."""
    xp = namespace(q)
    q = xp.where(q[..., :1] < 0, -q, q)
    w, v = q[..., :1], q[..., 1:]
    square = (v * v).sum(-1, keepdims=True)
    small = square < 1e-12
    sine = xp.sqrt(xp.where(small, 1, square))
    return xp.where(small, 2, 2 * xp.arctan2(sine, w) / sine).astype(q.dtype) * v


def matrix_from_quaternion(q: Array) -> Array:
    """The 3 x 3 matrix whose columns are the turned coordinate axes."""
    xp = namespace(q)
    columns = [rotate(q, np.eye(3, dtype=q.dtype)[i]) for i in range(3)]
    return xp.stack(columns, axis=-1)


def quaternion_from_matrix(m: Array) -> Array:
    """The quaternion with w >= 0; of the four ways to solve for it, the one that divides by the
    largest component.
    """
    xp = namespace(m)
    a, b, c = m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]
    x, y, z = m[..., 2, 1] - m[..., 1, 2], m[..., 0, 2] - m[..., 2, 0], m[..., 1, 0] - m[..., 0, 1]
    xy, xz, yz = (
        m[..., 1, 0] + m[..., 0, 1],
        m[..., 0, 2] + m[..., 2, 0],
        m[..., 2, 1] + m[..., 1, 2],
    )
    squares = xp.stack([1 + a + b + c, 1 + a - b - c, 1 - a + b - c, 1 - a - b + c], axis=-1)
    rows = [(squares[..., 0], x, y, z), (x, squares[..., 1], xy, xz), (y, xy, squares[..., 2], yz)]
    rows.append((z, xz, yz, squares[..., 3]))
    candidates = xp.stack([xp.stack(row, axis=-1) for row in rows], axis=-2)
    best = xp.argmax(squares, axis=-1)[..., None, None]
    q = normalise(xp.take_along_axis(candidates, best, axis=-2)[..., 0, :])
    return xp.where(q[..., :1] < 0, -q, q)


def six_d_from_matrix(m: Array) -> Array:
    """The first two columns, concatenated."""
    return namespace(m).concatenate([m[..., 0], m[..., 1]], axis=-1)


def matrix_from_six_d(d: Array) -> Array:
    """Gram-Schmidt: x = first / |first|, z = x cross second, y = z cross x, as columns."""
    xp = namespace(d)
    x = normalise(d[..., :3])
    z = normalise(xp.cross(x, d[..., 3:]))
    return xp.stack([x, xp.cross(z, x), z], axis=-1)


def quaternion_from_euler(angles: Array, order: str) -> Array:
    """From angles (..., 3) in radians about the intrinsic axes named by `order`, listed in that
    order ("zxy", ...).
    """
    i, j, k = _axes(order)
    first, second, third = (about("xyz"[axis], angles[..., n]) for n, axis in enumerate((i, j, k)))
    return multiply(first, multiply(second, third))


def euler_from_quaternion(q: Array, order: str) -> Array:
    """Angles in radians about the intrinsic axes named by `order`; the third is 0 where the first
    two axes align.
    """
    xp = namespace(q)
    i, j, k = _axes(order)
    sign = 1 if (j - i) % 3 == 1 else -1
    m = matrix_from_quaternion(q)
    sine = sign * m[..., i, k]
    locked = xp.abs(sine) > 1 - 1e-6
    first = xp.arctan2(
        xp.where(locked, sign * m[..., k, j], -sign * m[..., j, k]),
        xp.where(locked, m[..., j, j], m[..., k, k]),
    )
    third = xp.where(locked, xp.zeros_like(sine), xp.arctan2(-sign * m[..., i, j], m[..., i, i]))
    return xp.stack([first, xp.arcsin(xp.clip(sine, -1, 1)), third], axis=-1)


def _axes(order: str) -> tuple[int, int, int]:
    if sorted(order.lower()) != ["x", "y", "z"]:
        raise ConfigError(
            f"a rotation order names each of x, y, z once, such as 'zxy'; got {order!r}"
        )
    i, j, k = ("xyz".index(axis) for axis in order.lower())
    return i, j, k
