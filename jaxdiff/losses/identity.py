"""Losses that preserve a person's identity while the speed changes (speed-transfer paper, II.D.3;
the paper gives no formulas).

Identity: `w_id mean r_hat²`, a speed change near zero must not change the gait,
`w_id = max(0, 1 - |Δv|/0.1)`. Subject: supervised contrast (Khosla et al. 2020) between embeddings
of generated and of source gait, `l_i = -1/|P_i| Σ_{p in P_i} log softmax_j(z_i·z_j/tau)[p]`, `P_i`
the sources of the same subject, its own included. Ramps: small changes of speed stress identity and
subject, large ones the residual.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxdiff.typing import Array


class Ramps(NamedTuple):
    """Weights of the three auxiliary losses at a change of speed."""

    residual: Array
    identity: Array
    subject: Array


def speed_ramps(change: Array, near: float = 0.1, far: float = 0.5, floor: float = 0.1) -> Ramps:
    """Weights for a speed change in m/s: residual rises to 1 at `far`, subject falls there,
    identity is 0 beyond `near`.

    `floor` is the least weight of the residual and the subject term.
    """
    size = jnp.abs(change)
    rise = jnp.clip(size / far, 0, 1)
    return Ramps(
        jnp.maximum(rise, floor), jnp.maximum(1 - size / near, 0), jnp.maximum(1 - rise, floor)
    )


def identity(residual_hat: Array) -> Array:
    """Mean square of a residual (T, D) that should be zero."""
    return jnp.square(residual_hat).mean()


def subject_contrast(generated: Array, source: Array, subject: Array, tau: float = 0.1) -> Array:
    """Supervised contrast of every generated embedding with all sources of the batch.

    Args:
      generated: embeddings of unit length [B, d], gathered over devices.
      source: embeddings of unit length [B, d], likewise.
      subject: integer labels [B].
      tau: temperature.

    Returns:
      Losses [B].
    """
    log_p = jax.nn.log_softmax(generated @ source.T / tau, axis=-1)
    positive = (subject[:, None] == subject[None, :]).astype(log_p.dtype)
    return -(positive * log_p).sum(-1) / positive.sum(-1)
