"""Stride transfer as a function of arrays, for export and streams: one mean stride in, one at
another speed out.

The hierarchical model's prediction (`hierarchy.Law.gain`) is computed inside, in float32. To keep
its linear systems well conditioned the recorded entries are first whitened by the covariance
between recordings: the matrix to solve with is then the identity plus a positive semidefinite one.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdiff.deployment.program import Program, example_keys
from jaxdiff.deployment.signal import Signal
from jaxdiff.methods import stride_transfer as method
from jaxdiff.studies.speed_transfer import examples, strides
from jaxdiff.studies.speed_transfer.examples import CLIP, GROUPS, LEAST_SPREAD, SOURCES
from jaxdiff.studies.speed_transfer.hierarchy import CENTRE, POWERS, UNIT, Law
from jaxdiff.studies.speed_transfer.predictor import Predictor
from jaxdiff.studies.speed_transfer.recorded import ANGLES
from jaxdiff.studies.speed_transfer.strides import CHANNELS, SCALE, SIZE, STRIDE_TIME, TERMS
from jaxdiff.typing import Array

POINTS = 50
"""Phases of a stride, from right foot strike on."""
STUDY = "speed_transfer"
NOTE = (
    "samples of the mean stride (angles, and the stride time as a channel); intervals are not"
    " calibrated, generate with jaxdiff for those that are"
)
_LEGS = len(CHANNELS) * TERMS


def program(
    predictor: Predictor, source_speed: float | None = None, target_speed: float | None = None
) -> Program:
    """One recording of both legs in, a sample of the mean stride at the target speed out.

    Args:
        predictor: The hierarchical model and its network.
        source_speed: Speed of the recording, m/s; with `target_speed`, both are fixed and the
            stride alone goes in.
        target_speed: Speed to generate, m/s.

    Returns:
        `draw(seed, gait [B, 50, 6], source_speed [B], target_speed [B], stride_time [B], strides [B])`
        with the number of strides that the gait is the mean of, or, at fixed speeds,
        `draw(seed, gait [B, 50, 6])` for single strides of unknown duration. It returns
        `[B, 50, 7]`: six angles in degrees and the stride time in seconds.
    """
    law = predictor.law
    gait = Signal(
        "gait",
        ANGLES,
        ("deg",) * len(ANGLES),
        length=POINTS,
        strides=1,
        phase="right foot strike",
        example=strides.curves(law.at(1.0), POINTS).astype(np.float32),
    )
    output = gait._replace(
        channels=(*ANGLES, "stride_time"),
        units=(*gait.units, "s"),
        example=np.zeros((), np.float32),
    )
    fixed = source_speed is not None and target_speed is not None
    timed = _Timed(law, not fixed)

    def sampled(seed: Array, gait: Array, *about: Array) -> Array:
        axis = None if fixed else 0
        prepare = jax.vmap(timed.prepared, (0, axis, axis, axis, axis))
        mean, root, condition = prepare(gait, *about)
        keys = example_keys(seed, gait.shape[0])
        if predictor.params is None or not predictor.trust:
            residual = jax.vmap(lambda key: jax.random.normal(key, (SIZE,)))(keys)
        else:
            condition["trust"] = jnp.full(gait.shape[0], predictor.trust, jnp.float32)
            generate = method.stride_transfer(predictor.settings).generate
            residual = generate(predictor.params, keys, condition)
        return _played(mean + jnp.einsum("bij,bj->bi", root, residual))

    if fixed:

        def single(seed: Array, gait: Array) -> Array:
            return sampled(seed, gait, *map(jnp.float32, (source_speed, target_speed, 1.0, 1.0)))

        return Program(single, (gait,), output, STUDY, {"note": NOTE})
    inputs = (
        gait,
        _number("source_speed", "m/s", 1.0),
        _number("target_speed", "m/s", 1.4),
        _number("stride_time", "s", float(np.exp(law.at(1.0)[STRIDE_TIME] * SCALE[STRIDE_TIME]))),
        _number("strides", "1", 10.0),
    )
    return Program(sampled, inputs, output, STUDY, {"note": NOTE})


class _Timed(NamedTuple):
    """Predictions of a law from one mean stride of both legs, with its duration or without."""

    law: Law
    timed: bool

    def prepared(
        self, gait: Array, v: Array, w: Array, duration: Array, count: Array
    ) -> tuple[Array, Array, dict[str, Array]]:
        """Mean [SIZE] and root [SIZE, SIZE] of the target's state, and what the network is
        conditioned on.

        Args:
            gait: Angles in degrees [POINTS, 6].
            v: Speed of the recording in m/s.
            w: Speed to predict.
            duration: Stride time in s; ignored unless `timed`.
            count: Strides that `gait` is the mean of.
        """
        law, known = self.law, self._known()
        rows = np.flatnonzero(examples.expand(known))
        person = _float(law.person)
        psi = lambda speed: _basis(speed, law.logarithmic)  # noqa: E731
        expected = lambda speed: (psi(speed) * _float(law.mean)).sum(0)  # noqa: E731
        covariance = lambda a, b: jnp.einsum("ia,iajb,jb->ab", psi(a), person, psi(b))  # noqa: E731

        basis = strides.harmonics(np.arange(POINTS) / POINTS) / POINTS
        terms = jnp.einsum("pk,pc->ck", _float(basis), gait).reshape(-1)
        time = jnp.log(duration) / SCALE[STRIDE_TIME]
        state = jnp.concatenate([terms, jnp.stack([time, jnp.zeros(()), jnp.zeros(())])])
        away = jnp.where(examples.expand(known), state - expected(v), 0.0)

        white = _whitening(law.recording[np.ix_(rows, rows)])
        left = _float(white)
        within = left @ covariance(v, v)[np.ix_(rows, rows)] @ left.T
        varied = _float(white @ law.stride[np.ix_(rows, rows)] @ white.T)
        matrix = jnp.eye(len(rows)) + within + varied / count
        cross = covariance(w, v)[:, rows] @ left.T
        factor = jnp.linalg.solve(matrix, cross.T).T
        mean = expected(w) + factor @ (left @ away[rows])
        total = covariance(w, w) - factor @ cross.T
        total = (total + total.T) / 2 + _float(law.recording)
        values, vectors = jnp.linalg.eigh(total)
        values = jnp.maximum(values, 1e-6 * values.max())
        root = (vectors * jnp.sqrt(values)) @ vectors.T

        spread = lambda speed: jnp.sqrt(jnp.diag(covariance(speed, speed)))  # noqa: E731
        given = jnp.clip(away / (spread(v) + LEAST_SPREAD), -CLIP, CLIP)
        change = _powers(w)[1:] - _powers(v)[1:]
        row = jnp.concatenate(
            [given, jnp.zeros(GROUPS), _float(known), _powers(v)[1:], change, (1 / count)[None]]
        )
        scale = spread(w) + LEAST_SPREAD
        asked = jnp.clip((mean - expected(w)) / scale, -CLIP, CLIP)
        doubt = jnp.log(jnp.sqrt(jnp.diag(total)) / scale + 1e-3)
        pooled = jnp.concatenate([doubt[:_LEGS].reshape(len(CHANNELS), -1).mean(1), doubt[_LEGS:]])
        used = jnp.full(1, 1 / SOURCES)
        condition = {
            "recordings": jnp.zeros((SOURCES, len(row))).at[0].set(row),
            "present": jnp.zeros(SOURCES).at[0].set(1.0),
            "question": jnp.concatenate([asked, pooled, _powers(w)[1:], used]),
        }
        return mean, root, condition

    def _known(self) -> np.ndarray:
        """Channels and extras that are measured, [GROUPS]: the legs, and the stride time."""
        return np.array([True] * len(CHANNELS) + [self.timed, False, False])


def _float(values: Any) -> Array:
    return jnp.asarray(values, jnp.float32)


def _powers(speed: Array) -> Array:
    """`hierarchy.powers` of one speed."""
    s = (speed - CENTRE) / UNIT
    return jnp.stack([s**j for j in range(POWERS)])


def _basis(speed: Array, logarithmic: np.ndarray) -> Array:
    """`hierarchy.basis` of one speed."""
    s = jnp.where(logarithmic, jnp.log(speed / CENTRE) / UNIT, (speed - CENTRE) / UNIT)
    return jnp.stack([s**j for j in range(POWERS)])


def _whitening(covariance: np.ndarray) -> np.ndarray:
    """W with W C Wᵀ = 1."""
    values, vectors = np.linalg.eigh(covariance)
    return (vectors / np.sqrt(np.maximum(values, 1e-7 * values.max()))).T


def _played(states: Array) -> Array:
    """Angles and stride time [B, POINTS, 7] of states [B, SIZE]."""
    terms = states[:, :_LEGS].reshape(-1, len(CHANNELS), TERMS)
    basis = _float(strides.harmonics(np.arange(POINTS) / POINTS))
    angles = jnp.einsum("pk,bck->bpc", basis, terms)
    time = jnp.exp(states[:, STRIDE_TIME] * SCALE[STRIDE_TIME])
    return jnp.concatenate(
        [angles, jnp.broadcast_to(time[:, None, None], (states.shape[0], POINTS, 1))], axis=-1
    )


def _number(name: str, unit: str, value: float) -> Signal:
    return Signal(name, (), (unit,), shape=(), example=np.array(value, np.float32))
