"""Electromyographic envelopes of eight muscles of both legs, for a batch: `emg` and `jaxdiff.body.muscles` compiled.

Activations of least effort that produce the hip, knee and ankle moments, co-contraction, phase-locked drive, an
electromechanical delay of 60 ms, a gain that drifts from stride to stride, and smoothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from jaxdiff.body.muscles import ANTAGONISTS, ARMS, EFFORT, MUSCLES, SLACK
from jaxdiff.body.walker.curves import stride_spline
from jaxdiff.body.walker.emg import DELAY, DRIVE, RECORDED
from jaxdiff.body.walker.synthesis import SPARE
from jaxdiff.typing import Array

__all__ = ["RECORDED", "envelopes"]

MOMENT_ROWS = (0, 3, 6, 1)
"""Of the nine moments of a leg: hip and knee extension, ankle plantarflexion, hip abduction."""


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
    moments: Array, phase: Array, time: Array, gains: Array, *, strides: int, points: int
) -> Array:
    """Envelopes [M, S·P, 16] for moments [M, S·P, 18], phases [M, 2, S·P], times [M, S·P], log gains [M, 16, S + 2]."""
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
        drive = []
        for m, muscle in enumerate(MUSCLES):
            total = found[m] + 0.015
            if muscle in ANTAGONISTS:
                total = total + 0.12 * found[MUSCLES.index(ANTAGONISTS[muscle])]
            for centre, spread, height in DRIVE.get(muscle, ()):
                away = (phase[:, leg] - centre + 0.5) % 1.0 - 0.5
                total = total + height * jnp.exp(-0.5 * jnp.square(away / spread))
            drive.append(total)
        for m in range(len(RECORDED)):
            early = jnp.take_along_axis(drive[m], low, 1) * (1.0 - weight)
            early = early + jnp.take_along_axis(drive[m], low + 1, 1) * weight
            early = early * jnp.exp(gains[:, 8 * leg + m] @ spline.T)
            half = width // 2
            padded = jnp.pad(early, ((0, 0), (half, half)), mode="edge")
            n = early.shape[1]
            rows.append(sum(float(w) * padded[:, i : i + n] for i, w in enumerate(window)))
    return jnp.stack(rows, axis=-1)


def envelopes(
    found: Mapping[str, np.ndarray], gains: np.ndarray, strides: int, points: int
) -> np.ndarray:
    """Envelopes [M, S·P, 16] of both legs, not yet normalised.

    Args:
        found: "moments" [M, S·P, 18], "phase" [M, 2, S·P] and "time" [M, S·P].
        gains: Log gain of every electrode and stride [M, 16, S + 2].
        strides: S.
        points: P.
    """
    phase = found["phase"].astype(np.float32)
    time = found["time"].astype(np.float32)
    moments = found["moments"]
    result = _envelopes(
        moments, phase, time, gains.astype(np.float32), strides=strides, points=points
    )
    return np.asarray(result, np.float32)
