"""The energy loss of LLMA (Algorithm 1, step 4): `E(x) = ½ (∇_l x)²`, `L = mean (E(x) - E(x_hat))²`.

The gradient over time steps is the forward difference, and the mean runs over the L-1 steps and the channels, so the loss does
not grow with the length of the sequence. Zero when x_hat equals x up to a constant or a sign per channel.
"""

from __future__ import annotations

import jax.numpy as jnp

from jaxdiff.typing import Array


def kinetic(x: Array) -> Array:
    """Elementwise energy of one example, (L, D) -> (L-1, D), of unit mass."""
    return 0.5 * jnp.square(jnp.diff(x, axis=0))


def energy(x_hat: Array, x: Array) -> Array:
    """Mean squared difference of the energies of one example (L, D)."""
    return jnp.square(kinetic(x_hat) - kinetic(x)).mean()
