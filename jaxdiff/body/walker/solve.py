"""The sagittal projection for a batch: periodic motions nearest to the designs whose feet stick and
whose forces fit.

The least squares are those of `projection`, with the left leg's Fourier coefficients in the phase
of the right stride, so that all people share one basis; see `residuals` and `matrices`.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdiff.body.walker.design import Design
from jaxdiff.body.walker.planar import LEG, body
from jaxdiff.body.walker.residuals import Normal, normal
from jaxdiff.body.walker.sagittal import PELVIS_Z, PLACE, TRUNK, UNKNOWNS
from jaxdiff.body.walker.traits import Traits
from jaxdiff.typing import Array


def start(p: Design) -> Array:
    """The templates, an upright pelvis, and feet placed symmetrically."""
    m = len(p.period)
    x = jnp.zeros((m, UNKNOWNS))
    x = x.at[:, : 2 * LEG].set(p.target[:, :, :3].reshape(m, -1))
    x = x.at[:, PELVIS_Z.start].set(0.985).at[:, TRUNK.start].set(p.lean)
    return x.at[:, PLACE:].set(0.45 * p.stance_end * p.step[:, None])


def project(t: Traits, p: Design, iterations: Array | int = 4) -> Array:
    """Solve M projections by Levenberg-Marquardt from the templates.

    Args:
        t: Traits of M people.
        p: Their designs.
        iterations: Steps, the same number for all; three or four settle almost every gait.

    Returns:
        Unknowns [M, 158].
    """
    b = body(t)
    m = len(p.period)

    class State(NamedTuple):
        best: Array
        tried: Array
        damping: Array
        now: Normal

    def iterate(_, state: State) -> State:
        found = normal(t, b, p, state.tried)
        better = found.cost < state.now.cost

        def chosen(a: Array, old: Array) -> Array:
            return jnp.where(better.reshape(-1, *(1,) * (a.ndim - 1)), a, old)

        now = Normal(*(chosen(a, old) for a, old in zip(found, state.now)))
        best = chosen(state.tried, state.best)
        damping = jnp.where(better, state.damping / 10, state.damping * 10)
        scale = jax.lax.rsqrt(jnp.diagonal(now.matrix, axis1=1, axis2=2))
        matrix = now.matrix * scale[:, :, None] * scale[:, None, :]
        matrix = matrix + damping[:, None, None].astype(jnp.float32) * np.eye(
            UNKNOWNS, dtype=np.float32
        )
        factor = jnp.linalg.cholesky(matrix)
        right = (now.gradient * scale).astype(jnp.float32)[..., None]
        step = jax.scipy.linalg.cho_solve((factor, True), right)[..., 0] * scale
        return State(best, best - step, damping, now)

    x = start(p)
    nothing = jnp.zeros((m, UNKNOWNS, UNKNOWNS), jnp.float32)
    now = Normal(jnp.full(m, jnp.inf), jnp.zeros((m, UNKNOWNS)), nothing)
    state = State(x, x, jnp.full(m, 1e-2), now)
    return jax.lax.fori_loop(0, iterations + 1, iterate, state).best
