"""What the joint angles of a gait should be: `templates.leg_templates` for a batch, with the traits
of impaired people.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from jaxdiff.body.walker.grid import FIT, HARMONICS, WIDTH, periodic_pchip
from jaxdiff.body.walker.traits import Traits
from jaxdiff.typing import Array

SIGNATURE_RANGE = (-0.15, 0.3)
"""Speeds relative to 0.4 over which the shapes of a person change with speed."""


def key_points(t: Traits, template: Array, slope: Array) -> list[tuple[list, list]]:
    """Hip, knee, ankle and foot pitch: stance points and swing points (fraction, degrees [M,
    2]).
    """
    p, n = jnp.maximum(slope, 0.0)[:, None], jnp.maximum(-slope, 0.0)[:, None]
    du = template[:, None] - 0.4
    kst, ksw, apf, adf = t.knee_stance, t.knee_swing, t.ankle_push, t.ankle_dorsi
    c, drop, equinus, passive = t.crouch, t.drop_foot, t.equinus, t.prosthesis
    h0 = 26 + 22 * du + 1.9 * p - 0.45 * n + t.hip_flexion + 0.6 * c
    hm = -11 - 22 * du + 0.2 * p + 1.1 * n + t.hip_extension + 0.6 * c
    step = 0.35 * drop  # steppage: the leg is lifted higher where the foot drops
    k1 = 18 + 30 * du + 1.4 * p + 1.1 * n + kst + c
    k2 = 6 + 0.6 * p + 1.7 * n + 0.6 * kst + c
    kx = 60 + 22 * du + 0.4 * p + 0.8 * n + ksw + 0.2 * c + step
    a0 = p - 0.3 * n + adf + 0.5 * c - 0.8 * drop - equinus
    peak = 13.5 + 0.7 * p + 0.7 * n + 0.6 * adf + 0.5 * c - equinus
    at = -16 - 16 * du - 0.3 * p + 0.8 * n + apf - 0.3 * equinus
    at = at + passive * (-2.0 - at)
    toes = adf + 0.3 * c - drop - equinus
    f0 = 20 + 24 * du - 0.3 * n - 0.9 * p + 0.7 * adf - 0.3 * kst
    f0 = f0 - 0.4 * c - drop - 1.3 * equinus - 4.0 * passive
    ft = -60 - 28 * du + 0.6 * n + 0.2 * p + 0.5 * apf + 8.0 * passive
    rise = -0.8 * equinus
    hip = (
        [(0, h0), (0.18, h0 - 3), (0.5, 0.42 * h0 + 0.58 * hm - 1), (0.83, hm)]
        + [(1, hm + 8 + 5 * du)],
        [(0.4, 0.3 * hm + 0.7 * h0 + 1 + step), (0.7, h0 + 3 + 0.2 * p + step)],
    )
    knee = (
        [(0, 5 + 2.2 * p + 0.3 * n + 0.5 * kst + c), (0.22, k1), (0.62, k2)]
        + [(0.82, k2 + 6 + 0.4 * n), (1, 38 - 0.3 * p + 1.2 * n + 0.5 * ksw + 0.3 * c)],
        [(0.28, kx), (0.55, 0.62 * kx), (0.8, 12 + 1.8 * p + 0.3 * kst + 0.6 * c)]
        + [(0.95, 3 + 2 * p + 0.2 * n + 0.4 * kst + c)],
    )
    ankle = (
        [(0, a0), (0.1, a0 - 5 + 3 * passive + 0.15 * drop + 0.4 * equinus)]
        + [(0.5, 7 + 0.9 * p + 0.2 * n + 0.6 * adf + 0.5 * c - equinus), (0.74, peak)]
        + [(0.9, 0.45 * (13 + 0.5 * c - equinus + at)), (1, at)],
        [(0.1, at - 1 + passive), (0.5, 1 + 0.6 * p + toes), (0.8, 2 + 0.8 * p + toes)],
    )
    foot = (
        [(0, f0), (0.07, 0.45 * f0), (0.15, 0.7 * rise), (0.3, 0.6 * rise)]
        + [(0.5, 0.8 * rise), (0.63, -5 + rise), (0.8, -19 + 0.5 * rise)]
        + [(0.91, -36), (1, ft)],
        [(0.12, ft - 5), (0.35, -38), (0.58, -8 - 0.7 * drop - 0.7 * equinus)]
        + [(0.78, 9 - drop - equinus), (0.92, f0)],
    )
    return [hip, knee, ankle, foot]


def leg_templates(t: Traits, template: Array, slope: Array, stance_end: Array) -> Array:
    """Fourier coefficients [M, 2, 4, 19] of hip, knee, ankle and foot pitch, in degrees and each
    leg's own phase.
    """
    curves = []
    for stance, swing in key_points(t, template, slope):
        knots = [s * stance_end for s, _ in stance]
        knots += [stance_end + w * (1 - stance_end) for w, _ in swing]
        values = [jnp.broadcast_to(v, stance_end.shape) for _, v in stance + swing]
        curves.append(periodic_pchip(jnp.stack(knots, -1), jnp.stack(values, -1)))
    coefficients = jnp.stack(curves, axis=2) @ FIT.T
    place = np.zeros((9, WIDTH))
    place[np.arange(9), [0, 1, 2, 3, 4, *(HARMONICS + k for k in range(1, 5))]] = 1.0
    faster = jnp.clip(template - 0.4, *SIGNATURE_RANGE)
    signature = t.signature + faster[:, None, None, None] * t.signature_slope
    own = jnp.pad(signature @ place, ((0, 0), (0, 0), (0, 1), (0, 0)))
    return coefficients + own
