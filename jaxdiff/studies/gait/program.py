"""The gait model for one fixed set of channels, as one pure function of arrays, for export and
streams.

For a fixed mask the law is affine: posterior mean, and each modality's own evidence, are one matrix
times the stride. The matrices are computed in float64 here; the program holds them, the network and
the decoding in float32.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from jaxdiff.deployment.program import Program, example_keys
from jaxdiff.deployment.signal import Signal
from jaxdiff.errors import ConfigError
from jaxdiff.methods.gait_law import SMOOTHING
from jaxdiff.models.calibration import Calibration
from jaxdiff.studies.gait.imputation import Imputer
from jaxdiff.typing import Array

RESIDUAL = 1
"""Folded into the key of an example for its residual and discrepancy, beside the key of its
coefficients.
"""


def program(
    imputer: Imputer,
    masks: Mapping[str, np.ndarray],
    columns: Sequence[tuple[str, int]],
    scalars: Mapping[str, float],
    steps: int = 0,
    calibration: Calibration | None = None,
    residual: bool = True,
) -> Program:
    """The program `draw(seed, signal [B, T, C]) -> [B, T, D]`.

    Args:
        imputer: Law and network.
        masks: Given samples per modality, [T, C]: whole channels, no scalars.
        columns: Modality and number of each channel to return.
        scalars: Known scalars of the person, which become constants; NaN where unknown.
        steps: Steps of the sampler; 0 for the model's own number.
        calibration: Factors for intervals of the returned channels.
        residual: Whether samples have the law's residual and discrepancy, as those of
            `Imputer.draw`.

    Raises:
        ConfigError: If the network is missing, or nothing is given.
    """
    law, params = imputer.law, imputer.params
    if params is None:
        raise ConfigError("a law without its network cannot be exported")
    parts = {part.name: part for part in law.layout}
    given = [(n, int(i)) for n, p in parts.items() for i in np.flatnonzero(masks[n].all(0))]
    if not given:
        raise ConfigError("a program needs at least one given channel")
    known = _scalar_mask(parts["scalars"].channels, scalars) if "scalars" in parts else {}
    posterior = law.condition({**masks, **known})
    zero = {n: np.zeros((1, p.steps, len(p.channels))) for n, p in parts.items()}
    if "scalars" in parts:
        row = [scalars.get(channel, math.nan) for channel in parts["scalars"].channels]
        zero["scalars"][0, 0] = np.nan_to_num(row)
    # Evidence is affine in the given channels: its value at zero, and one row per given sample.
    offset = posterior.evidence(zero)[0]
    length = parts[given[0][0]].steps
    slope = np.zeros((length, len(given), len(law.centre)))
    for column, (name, i) in enumerate(given):
        slope[:, column, law.slices[name]] = law.evidence_maps[name][:, i] / law.scale[name][
            i
        ].astype(float)
    into_mean = slope @ posterior.root @ posterior.root
    mean = posterior.mean(offset[None])[0]
    into_alone, alone = (posterior.alone(x.reshape(-1, x.shape[-1])) for x in (slope, offset[None]))
    constant = posterior.condition(zero)
    basis = np.zeros((len(law.centre), length, len(columns)), np.float32)
    for column, (name, i) in enumerate(columns):
        scale = law.scale[name][i]
        basis[law.slices[name], :, column] = law.basis[name][:, i].T * scale

    def stack(table: Mapping[str, np.ndarray]) -> np.ndarray:
        return np.stack(
            [table[name][:, i] * law.scale[name][i] for name, i in columns], axis=-1
        ).astype(np.float32)

    centre, noise = stack(law.mean), stack(law.noise)
    directions = [law.directions[name][:, i] * law.scale[name][i] for name, i in columns]
    deviates = np.stack(directions, axis=2).astype(np.float32)  # [T, R, D]
    loose = (
        length + deviates.shape[1],
        len(columns),
    )  # noise of the residual, then of the discrepancy
    example = np.stack([law.mean[n][:, i] * law.scale[n][i] for n, i in given], axis=-1)
    # Signals are taken about the example, so that float32 sums have small terms.
    mean = mean + np.tensordot(example, into_mean, 2)
    into_alone = into_alone.reshape(slope.shape)
    alone = alone[0] + np.tensordot(example, into_alone, 2)
    fixed = [np.float32(x) for x in (into_mean, mean, into_alone, alone, posterior.root, example)]
    taps = SMOOTHING / np.sqrt(np.square(SMOOTHING).sum())

    def draw(seed: Array, signal: Array) -> Array:
        keys = example_keys(seed, signal.shape[0])
        start = jax.vmap(lambda key: jax.random.normal(key, mean.shape))(keys)
        own = jax.vmap(jax.random.fold_in, (0, None))(keys, RESIDUAL)
        white = jax.vmap(lambda key: jax.random.normal(key, loose))(own)
        return from_noise(start, white, signal)

    def from_noise(start: Array, white: Array, signal: Array) -> Array:
        into_mean, mean, into_alone, alone, root, example = fixed
        count, about = signal.shape[0], signal - example
        centres = mean + jnp.tensordot(about, into_mean, 2)
        rows = {
            "mean": centres,
            "alone": alone + jnp.tensordot(about, into_alone, 2),
            "start": start,
            **{
                name: jnp.broadcast_to(constant[name][0], (count, constant[name].shape[1]))
                for name in ("deviation", "given")
            },
        }
        a = centres + imputer.generate(params, rows, steps) @ root
        made = jnp.tensordot(a, basis, 1) + centre
        if residual:
            rough, xi = white[:, :length], white[:, length:]
            smooth = sum(tap * jnp.roll(rough, i - 2, axis=1) for i, tap in enumerate(taps))
            made = made + smooth * noise + (xi[:, None] * deviates).sum(2)
        return made

    def signal(name: str, pairs: Sequence[tuple[str, int]], example: np.ndarray) -> Signal:
        return Signal(
            name,
            tuple(parts[n].channels[i] for n, i in pairs),
            tuple(parts[n].units[i] for n, i in pairs),
            length=length,
            strides=1,
            phase="foot strike of the right leg",
            example=np.asarray(example, np.float32),
            centre=tuple(float((law.mean[n][:, i] * law.scale[n][i]).mean()) for n, i in pairs),
            deviation=tuple(float(law.scale[n][i]) for n, i in pairs),
        )

    outcome = signal("output", columns, np.zeros(()))
    return Program(
        draw,
        (signal("signal", given, example),),
        outcome,
        "gait",
        {},
        calibration,
        (mean.shape, loose),
        from_noise,
    )


def _scalar_mask(names: Sequence[str], scalars: Mapping[str, float]) -> dict[str, np.ndarray]:
    """The mask of the scalars that are known."""
    finite = [bool(np.isfinite(scalars.get(name, math.nan))) for name in names]
    return {"scalars": np.array([finite])}
