"""The Euler-Lagrange module of BioVAE (eqs. 3 and 5): an acceleration as the sum of forces times an
inverse inertia.

    ẍ = M⁻¹ (E + C + R·A(u))

Four light heads read the latent of the pose: the inverse inertia M⁻¹, the external force E, the
contribution C of Coriolis force and gravity (its sign absorbed: C is minus the bias force of
mechanics), and the muscles' force R·A(u) by cross-attention from joints to muscles. The paper has
M⁻¹ symmetric, `(A + Aᵀ) / 2`; an inertia is positive too, which `positive` ensures, `L Lᵀ + εI`.
M⁻¹ is one block per joint.

A is linear in the activation u and R depends on the pose alone, so muscles at rest exert no force.
Given the features' positions and rotations apart, M⁻¹ reads only the former and R only the latter
(eqs. 4 and 5).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxdiff.nets.blocks.activations import mish
from jaxdiff.nets.blocks.dense import Dense

FLOOR = 1e-3
"""ε: the least eigenvalue of a positive M⁻¹."""


class Terms(NamedTuple):
    """M⁻¹ `(..., J, d, d)` and the forces `(..., J, d)`."""

    inverse_mass: jax.Array
    external: jax.Array
    bias: jax.Array
    """C, to be added."""
    muscle: jax.Array
    """R·A(u)."""


def acceleration(terms: Terms) -> jax.Array:
    """`M⁻¹ (E + C + R·A(u))`, `(..., J, d)`."""
    force = terms.external + terms.bias + terms.muscle
    return jnp.einsum(
        "...ij,...j->...i", terms.inverse_mass, force, precision=jax.lax.Precision.HIGHEST
    )


def symmetric(a: jax.Array) -> jax.Array:
    """`(A + Aᵀ) / 2`."""
    return (a + jnp.swapaxes(a, -1, -2)) / 2


def positive_definite(a: jax.Array) -> jax.Array:
    """`L Lᵀ + εI` with the lower triangle L of A."""
    lower = jnp.tril(a)
    return lower @ jnp.swapaxes(lower, -1, -2) + FLOOR * np.eye(a.shape[-1], dtype=a.dtype)


class EulerLagrange(nn.Module):
    """`(latent (..., D), activations (..., muscles)) -> Terms`, float32.

    With `positions (..., P)` the inverse inertia reads these in place of the latent, and with
    `rotations (..., Q)` so does the attention to muscles.
    """

    joints: int
    axes: int = 3
    """d: coordinates per joint."""
    width: int = 128
    heads: int = 4
    positive: bool = False
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self,
        latent: jax.Array,
        u: jax.Array,
        positions: jax.Array | None = None,
        rotations: jax.Array | None = None,
    ) -> Terms:
        lead, d = latent.shape[:-1], self.axes
        inertia = latent if positions is None else positions
        a = self._head("inverse_mass", inertia, self.joints * d * d)
        a = a.reshape(*lead, self.joints, d, d) + np.eye(d, dtype=np.float32)
        a = positive_definite(a) if self.positive else symmetric(a)
        force = {
            n: self._head(n, latent, self.joints * d).reshape(*lead, self.joints, d)
            for n in ("external", "bias")
        }
        return Terms(a, **force, muscle=self._muscle(latent if rotations is None else rotations, u))

    def _head(self, name: str, latent: jax.Array, features: int) -> jax.Array:
        h = mish(Dense(self.width, dtype=self.dtype, name=f"{name}_0")(latent))
        return Dense(features, dtype=self.dtype, name=f"{name}_1")(h).astype(jnp.float32)

    def _muscle(self, pose: jax.Array, u: jax.Array) -> jax.Array:
        """Cross-attention: queries are joints, keys the muscles, values the muscles' forces at the
        activation u.

        A query is a joint's own vector, scaled and shifted by the pose; a projection of the pose
        for every joint would cost more operations than the rest of the module.
        """
        depth = self.width // self.heads
        h = Dense(self.width, dtype=self.dtype, name="query")(pose).astype(jnp.float32)
        init = nn.initializers.normal(1.0)
        own = self.param("joint", init, (2, self.joints, self.width), jnp.float32)
        q = (own[0] * h[..., None, :] + own[1]).reshape(
            *pose.shape[:-1], self.joints, self.heads, depth
        )
        shape = (u.shape[-1], self.heads, depth)
        keys, forces = (self.param(name, init, shape, jnp.float32) for name in ("muscle", "force"))
        r = jax.nn.softmax(jnp.einsum("...jhd,mhd->...jhm", q, keys) * depth**-0.5, axis=-1)
        y = jnp.einsum("...jhm,...m,mhd->...jhd", r, u.astype(jnp.float32), forces)
        y = y.reshape(*y.shape[:-2], self.width)
        return nn.Dense(self.axes, use_bias=False, name="muscle_force")(y)
