"""Fitting the Gaussian law of a stride (`methods.gait_law`): principal components and their
correlations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from jaxdiff.errors import ConfigError, DataError
from jaxdiff.methods.gait_discrepancy import Discrepancy
from jaxdiff.methods.gait_law import Law, Modality, Signals


def fit_law(
    values: Signals,
    layout: Sequence[Modality],
    *,
    floor: float = 0.03,
    shrinkage: float = 1e-3,
    discrepancy: Mapping[str, Discrepancy] | None = None,
    seed: int = 0,
) -> Law:
    """Fit the law to complete strides.

    Args:
      values: modality to strides [N, steps, C], finite.
      layout: the modalities; `components` may exceed what the data support and is then reduced.
      floor: least deviation of a residual in units of the channel's deviation: how far a sample is
        trusted.
      shrinkage: share of the correlations between coefficients replaced by the identity.
      discrepancy: how far recordings deviate from such strides, by modality; default: not at all.
      seed: of the randomised decomposition.

    Raises:
      DataError: values that are missing, not finite, or of another shape.
    """
    rng = np.random.default_rng(seed)
    count = len(next(iter(values.values())))
    if count < 2:
        raise DataError(f"a law is fitted to two or more strides; got {count}")
    if not 0 < shrinkage < 1 or not floor > 0:
        raise ConfigError("the shrinkage lies between 0 and 1 and the floor is positive")
    fitted, found = [], {key: {} for key in ("scale", "mean", "basis", "noise")}
    coefficients = []
    for part in layout:
        x = np.asarray(values[part.name], np.float32)
        if x.shape != (count, part.steps, len(part.channels)) or not np.isfinite(x).all():
            raise DataError(
                f"{part.name}: a law needs finite strides [{count}, {part.steps},"
                f" {len(part.channels)}]; got {x.shape}"
            )
        centre = x.mean(0, dtype=np.float64)
        scale = np.sqrt(np.square(x - centre.mean(0)).mean((0, 1), dtype=np.float64))
        scale = np.where(scale > 1e-9, scale, 1.0).astype(np.float32)
        mean = (centre / scale).astype(np.float32)
        x = (x / scale - mean).reshape(count, -1)
        basis, deviation = principal(x, min(part.components, count - 1, x.shape[1]), rng)
        a = x @ basis / deviation
        left = x - (a * deviation) @ basis.T
        noise = np.sqrt(np.square(left).mean(0) + floor**2)
        fitted.append(part._replace(components=basis.shape[1]))
        shape = (part.steps, len(part.channels))
        found["scale"][part.name], found["mean"][part.name] = scale, mean
        found["basis"][part.name] = (basis * deviation).reshape(*shape, -1).astype(np.float32)
        found["noise"][part.name] = noise.reshape(shape).astype(np.float32)
        coefficients.append(a)
    a = np.concatenate(coefficients, axis=1).astype(np.float64)
    correlation = a.T @ a / count
    return Law(
        tuple(fitted),
        **found,
        factor=factored((1 - shrinkage) * correlation),
        centre=np.zeros(len(correlation), np.float32),
        shrinkage=shrinkage,
        discrepancy=dict(discrepancy or {}),
    )


def factored(covariance: np.ndarray) -> np.ndarray:
    """Symmetric factor of a positive semidefinite matrix, float32."""
    eigenvalues, vectors = np.linalg.eigh(covariance)
    return ((vectors * np.sqrt(np.maximum(eigenvalues, 0.0))) @ vectors.T).astype(np.float32)


def principal(x: np.ndarray, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """First principal directions [D, count] of centred rows [N, D] and their deviations, by
    subspace iteration.
    """
    small = min(x.shape)
    width = min(small, count + 16)
    basis = np.linalg.qr(x.T @ (x @ rng.standard_normal((x.shape[1], width), np.float32)))[0]
    for _ in range(3 if width < small else 1):
        basis = np.linalg.qr(x.T @ (x @ basis))[0]
    projected = x @ basis
    values, vectors = np.linalg.eigh(projected.T.astype(np.float64) @ projected / len(x))
    order = np.argsort(values)[::-1][:count]
    deviation = np.sqrt(np.maximum(values[order], 1e-12))
    return basis @ vectors[:, order].astype(np.float32), deviation.astype(np.float32)
