"""The energy loss of LLMA (Algorithm 1, step 4): `E(x) = ½ (∇_l x)²`,
`L = mean (E(x) - E(x_hat))²`.

The gradient over time steps is the forward difference, and the mean is over the L-1 steps and the
channels, so that the loss does not grow with the length of the sequence. It vanishes when x_hat
equals x up to a constant or a sign per channel. Energies are squares of small differences: on
signals scaled to [-1, 1] the loss is about 1e-6, which no weight near one makes felt.
`relative_energy` therefore counts in the data's own mean square energy, and no more than about one
for an estimate that is still noisy: the energy of noise exceeds that of a smooth signal by orders
of magnitude, and its square would outweigh everything else at high noise levels.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxdiff.typing import Array


def kinetic(x: Array) -> Array:
    """Elementwise energy of one example, [L, D] -> [L-1, D], of unit mass."""
    return 0.5 * jnp.square(jnp.diff(x, axis=0))


def energy(x_hat: Array, x: Array) -> Array:
    """Mean squared difference of the energies of one example [L, D]."""
    return jnp.square(kinetic(x_hat) - kinetic(x)).mean()


def relative_energy(x_hat: Array, x: Array, power: ArrayLike) -> Array:
    """The energy loss in units of the data's own energy, or of the estimate's where that is larger.

    Args:
      x_hat: estimate of one example [L, D].
      x: the example.
      power: mean square energy of the data, `mean E(x)²` (see `energy_power`).

    Returns:
      A scalar: 0 for the data themselves, 1 for a constant estimate of average data, about 1 for a
        noisy one.
    """
    own = jax.lax.stop_gradient(energy_power(x_hat))
    unit = jnp.maximum(jnp.maximum(power, own), jnp.finfo(jnp.float32).tiny)
    return energy(x_hat, x) / unit


def energy_power(x: Array) -> Array:
    """Mean square energy of one example [L, D], the unit of `relative_energy` when averaged over
    the data.
    """
    return jnp.square(kinetic(x)).mean()
