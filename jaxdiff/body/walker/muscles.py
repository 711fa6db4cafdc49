"""Electromyographic envelopes of eight muscles of both legs, for a batch: `jaxdiff.body.muscles`
compiled.

Activations of least effort that produce the hip, knee and ankle moments, co-contraction,
phase-locked drive that grows with speed, an electromechanical delay of 60 ms, a gain that drifts
from stride to stride, smoothing, and irregularity.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from jaxdiff.body.muscles import ANTAGONISTS, ARMS, EFFORT, MUSCLES, SLACK
from jaxdiff.body.walker.curves import stride_spline
from jaxdiff.body.walker.emg import DELAY, RECORDED
from jaxdiff.body.walker.synthesis import SPARE
from jaxdiff.body.walker.traits import Traits
from jaxdiff.typing import Array

__all__ = ["RECORDED", "envelopes"]

MOMENT_ROWS = (0, 3, 6, 1)
"""Of the nine moments of a leg: hip and knee extension, ankle plantarflexion, hip abduction."""
DRIVE = {
    "tibialis_anterior": (
        *((0.07, 0.06, 0.24, 1.0), (0.25, 0.09, 0.06, 0.5)),
        *((0.70, 0.05, 0.20, 1.0), (0.86, 0.09, 0.08, 0.5)),
    ),
    "soleus": ((0.12, 0.07, 0.12, 0.5),),
    "gastrocnemius": ((0.15, 0.07, 0.05, 0.5),),
    "rectus_femoris": ((0.10, 0.09, 0.13, 1.5), (0.67, 0.05, 0.07, 2.0), (1.0, 0.05, 0.05, 1.5)),
    "vastus": ((0.04, 0.05, 0.07, 1.0),),
    "hamstrings": ((0.08, 0.08, 0.07, 1.0), (0.95, 0.05, 0.02, 1.0)),
    "gluteus_maximus": ((0.06, 0.04, 0.05, 1.0), (0.7, 0.08, 0.02, 2.0)),
}
"""Gaussians (centre, width, height at speed 0.4, exponent of the speed) in the leg's phase: what
muscles do that the moments of least effort do not show. Set with the envelopes of Bovi et al. 2011.
"""


def solved(a: list[list[Array]], b: list[Array]) -> list[Array]:
    """Solve small symmetric positive definite systems element by element."""
    a, b, n = [list(row) for row in a], list(b), len(b)
    for k in range(n):
        for i in range(k + 1, n):
            factor = a[i][k] / a[k][k]
            for j in range(k, n):
                a[i][j] = a[i][j] - factor * a[k][j]
            b[i] = b[i] - factor * b[k]
    for k in reversed(range(n)):
        for j in range(k + 1, n):
            b[k] = b[k] - a[k][j] * b[j]
        b[k] = b[k] / a[k][k]
    return b


def activations(moments: list[Array], iterations: int = 14) -> list[Array]:
    """Activations of the nine muscles for four moments in Nm/kg; see `jaxdiff.body.muscles`."""
    pull = (ARMS.T / EFFORT[:, None]).astype(np.float32)
    arms = ARMS.astype(np.float32)
    used = [[i for i in range(4) if arms[i, m]] for m in range(len(MUSCLES))]

    def tension(lam: list[Array], m: int) -> Array:
        return sum(float(pull[m, i]) * lam[i] for i in used[m])  # type: ignore[return-value]

    def lacking(lam: list[Array]) -> list[Array]:
        force = [jnp.maximum(tension(lam, m), 0.0) for m in range(len(MUSCLES))]
        return [
            sum(float(arms[i, m]) * force[m] for m in range(len(MUSCLES)) if arms[i, m])
            + SLACK * lam[i]
            - moments[i]
            for i in range(4)
        ]

    def improve(_, state: tuple) -> tuple:
        lam = list(state)
        error = lacking(lam)
        size = sum(e * e for e in error)
        active = [(tension(lam, m) > 0.0).astype(lam[0].dtype) for m in range(len(MUSCLES))]
        matrix = [
            [
                sum(
                    (
                        float(arms[i, m] * pull[m, j]) * active[m]
                        for m in range(len(MUSCLES))
                        if arms[i, m] and arms[j, m]
                    ),
                    jnp.zeros_like(lam[0]),
                )
                + (SLACK if i == j else 0.0)
                for j in range(4)
            ]
            for i in range(4)
        ]
        step = solved(matrix, error)
        best, least = lam, size
        for length in (1.0, 0.5, 0.2, 0.05):
            tried = [a - length * s for a, s in zip(lam, step)]
            reached = sum(e * e for e in lacking(tried))
            better = reached < least
            best = [jnp.where(better, a, b) for a, b in zip(tried, best)]
            least = jnp.where(better, reached, least)
        return tuple(best)

    all_active = ARMS @ (ARMS.T / EFFORT[:, None]) + SLACK * np.eye(4)
    inverse = np.linalg.inv(all_active)
    first = tuple(sum(float(inverse[i, j]) * moments[j] for j in range(4)) for i in range(4))
    lam = list(jax.lax.fori_loop(0, iterations, improve, first))
    return [jnp.maximum(tension(lam, m), 0.0) for m in range(len(MUSCLES))]


@partial(jax.jit, static_argnames=("strides", "points"))
def _envelopes(
    moments: Array,
    phase: Array,
    time: Array,
    gains: Array,
    speed: Array,
    shared: Array,
    style: Array,
    floor: Array,
    *,
    strides: int,
    points: int,
) -> Array:
    """Envelopes [M, S·P, 16] for moments [M, S·P, 18], phases [M, 2, S·P], times [M, S·P], log
    gains [M, 16, S + 2], speeds and co-contraction [M], styles [M, 8, 7] and resting activity
    [M].
    """
    x = SPARE + np.arange(strides * points) / points
    spline = stride_spline(np.eye(strides + 2 * SPARE), x).astype(np.float32)
    width = max(3, round(9 * points / 150) // 2 * 2 + 1)
    window = np.hanning(width + 2)[1:-1]
    window = (window / window.sum()).astype(np.float32)
    pace = (points * strides - 1) / (time[:, -1:] - time[:, :1])  # samples per second
    at = jnp.minimum(jnp.arange(strides * points) + DELAY * pace, strides * points - 1)
    low = jnp.clip(jnp.floor(at).astype(jnp.int32), 0, strides * points - 2)
    weight = (at - low).astype(jnp.float32)
    rows = []
    for leg in range(2):
        wanted = [moments[..., 9 * leg + k] for k in MOMENT_ROWS]
        found = activations(wanted)
        turn = 2.0 * np.pi * phase[:, leg]
        waves = [jnp.ones_like(turn), *(jnp.cos(k * turn) for k in (1, 2, 3))]
        waves = jnp.stack([*waves, *(jnp.sin(k * turn) for k in (1, 2, 3))], axis=1)
        gain = jnp.exp(style @ waves)
        drive = []
        for m, muscle in enumerate(MUSCLES):
            total = found[m] + floor[:, None]
            if muscle in ANTAGONISTS:
                total = total + shared[:, None] * found[MUSCLES.index(ANTAGONISTS[muscle])]
            for centre, spread, height, growth in DRIVE.get(muscle, ()):
                away = (phase[:, leg] - centre + 0.5) % 1.0 - 0.5
                tall = height * (speed / 0.4) ** growth
                total = total + tall[:, None] * jnp.exp(-0.5 * jnp.square(away / spread))
            drive.append(total)
        for m in range(len(RECORDED)):
            used = gain[:, m] * drive[m]
            early = jnp.take_along_axis(used, low, 1) * (1.0 - weight)
            early = early + jnp.take_along_axis(used, low + 1, 1) * weight
            early = early * jnp.exp(gains[:, 8 * leg + m] @ spline.T)
            half = width // 2
            padded = jnp.pad(early, ((0, 0), (half, half)), mode="edge")
            n = early.shape[1]
            rows.append(sum(float(w) * padded[:, i : i + n] for i, w in enumerate(window)))
    return jnp.stack(rows, axis=-1)


def envelopes(
    found: Mapping[str, np.ndarray],
    t: Traits,
    speed: np.ndarray,
    gains: np.ndarray,
    irregular: np.ndarray,
    points: int,
) -> np.ndarray:
    """Envelopes [M, S·P, 16] of both legs, not yet normalised.

    Args:
        found: "moments" [M, S·P, 18], "phase" [M, 2, S·P] and "time" [M, S·P].
        t: Traits of M people.
        speed: `v / sqrt(gL)` [M].
        gains: Log gain of every electrode and stride [M, 16, S + 2], in units of its spread.
        irregular: The same of every sample [M, 16, S·P].
        points: P.
    """
    rows = [found["phase"], found["time"], t.emg_noise[:, :1, None] * gains]
    rows += [speed, t.cocontraction, t.emg_style, t.emg_floor]
    strides = found["time"].shape[-1] // points
    single = [np.asarray(row, np.float32) for row in rows]
    result = np.asarray(_envelopes(found["moments"], *single, strides=strides, points=points))
    noise = np.exp(t.emg_noise[:, 1, None, None] * irregular)
    return result * np.moveaxis(noise, 1, 2).astype(np.float32)
