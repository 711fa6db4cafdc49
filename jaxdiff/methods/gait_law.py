"""The Gaussian law of a stride: what any subset of its signals says of all others.

A stride is several modalities (angles, moments, forces, ...), each a table of steps x channels. In standardised units,

    x_m = mean_m + W_m a_m + d_m + e_m,    a ~ N(centre, R),    e ~ N(0, noise²)

with principal components `W_m` per modality, unit-variance coefficients `a` whose correlations R join the modalities,
smooth deviations d of recordings from such strides (`methods.gait_discrepancy`), and independent residuals e. For any
mask of given samples the posterior of `a` is Gaussian with precision `R^-1 + blockdiag(W' Sigma^-1 W)` over the given
rows, Sigma the covariance of d + e: ridge regression for every subset at once, with its uncertainty.

A `Conditional` whitens: `u = S^-1/2 (a - posterior mean)` is standard normal under the law. The diffusion of
`methods.gait` models how real strides deviate from that, so an untrained network already is this law.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from jaxdiff.errors import ConfigError, DataError, nearest
from jaxdiff.methods import gait_discrepancy
from jaxdiff.methods.gait_discrepancy import Discrepancy

Signals = Mapping[str, np.ndarray]
"""Modality to values [N, steps, channels], or to a mask [steps, channels]."""
SMOOTHING = np.array([0.06, 0.24, 0.4, 0.24, 0.06])
"""Correlation of the residual between neighbouring steps when it is drawn: recordings are smooth."""


class Modality(NamedTuple):
    """One group of channels measured together: `steps` samples a stride, or one for scalars."""

    name: str
    channels: tuple[str, ...]
    units: tuple[str, ...]
    steps: int
    components: int
    """Number of principal components kept."""


@dataclass(frozen=True)
class Law:
    """Parameters of the law; arrays by modality are in standardised units except `scale`.

    Attributes:
      layout: the modalities, in the order of the coefficients.
      scale: deviation of each channel in its unit, [C].
      mean: [steps, C].
      basis: `W`, [steps, C, K_m].
      noise: deviation of the residual, [steps, C].
      factor: `R = factor factor' + shrinkage I`, [K, K]; a factor survives float16 as a covariance would not.
      centre: mean of the coefficients, [K].
      shrinkage: share of the correlations that is replaced by the identity.
      discrepancy: how far recordings deviate from such strides, by modality; absent: not at all.
    """

    layout: tuple[Modality, ...]
    scale: Signals
    mean: Signals
    basis: Signals
    noise: Signals
    factor: np.ndarray
    centre: np.ndarray
    shrinkage: float
    discrepancy: Mapping[str, Discrepancy] = field(default_factory=dict)

    @cached_property
    def slices(self) -> dict[str, slice]:
        """Coefficients of each modality."""
        return slices(self.layout)

    @cached_property
    def precision(self) -> np.ndarray:
        """`R^-1`, [K, K]."""
        factor = self.factor.astype(np.float64)
        return np.linalg.inv(factor @ factor.T + self.shrinkage * np.eye(len(factor)))

    @cached_property
    def directions(self) -> dict[str, np.ndarray]:
        """D of the discrepancy per modality, [steps, C, R]."""
        found = {}
        for part in self.layout:
            variance = np.square(self.basis[part.name]).sum(-1) + np.square(self.noise[part.name])
            size = self.discrepancy.get(part.name, Discrepancy())
            found[part.name] = gait_discrepancy.directions(
                np.sqrt(variance), self.mean[part.name], size
            )
        return found

    @cached_property
    def evidence_maps(self) -> dict[str, np.ndarray]:
        """`Sigma^-1 W` of whole channels per modality, [steps, C, K_m]: from samples to evidence."""
        return {
            name: gait_discrepancy.explained(*self._by_channel(name)).swapaxes(0, 1)
            for name in self.directions
        }

    @cached_property
    def grams(self) -> dict[str, np.ndarray]:
        """`W' Sigma^-1 W` of each whole channel, [C, K_m, K_m]."""
        return {
            name: np.swapaxes(self._by_channel(name)[2], -1, -2) @ map_.swapaxes(0, 1)
            for name, map_ in self.evidence_maps.items()
        }

    def _by_channel(self, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """D, noise and W of a modality, the channel first."""
        arrays = self.directions[name], self.noise[name], self.basis[name]
        d, noise, basis = (np.asarray(x, np.float64).swapaxes(0, 1) for x in arrays)
        return d, noise, basis

    def observed(self, name: str, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What the given samples of a modality say of its coefficients.

        Args:
          name: the modality.
          mask: [steps, C].

        Returns:
          The map from standardised samples to evidence, [steps, C, K_m], zero where not given; and
          `W' Sigma^-1 W`, [K_m, K_m].
        """
        whole = np.asarray(mask.all(axis=0))
        maps, gram = self.evidence_maps[name], self.grams[name][whole].sum(axis=0)
        maps = np.where(whole[:, None], maps, 0.0)
        for channel in np.flatnonzero(mask.any(axis=0) & ~whole):
            rows = mask[:, channel]
            d, noise, basis = (x[channel][rows] for x in self._by_channel(name))
            maps[rows, channel] = gait_discrepancy.explained(d, noise, basis)
            gram = gram + basis.T @ maps[rows, channel]
        return maps, gram

    def condition(self, given: Signals) -> Conditional:
        """The posterior given the samples where `given` ([steps, channels] per modality; absent: none) is true."""
        masks = {}
        for part in self.layout:
            mask = np.asarray(given.get(part.name, False), bool)
            masks[part.name] = np.broadcast_to(mask, (part.steps, len(part.channels)))
        for name in given:
            if name not in masks:
                raise DataError(f"no modality {name!r}; {nearest(name, masks)}")
        return Conditional.of(self, masks)

    def project(self, values: Signals) -> np.ndarray:
        """Coefficients [N, K] of complete strides, each modality by itself."""
        parts = []
        for part in self.layout:
            x = self.standardise(part.name, values[part.name])
            basis = self.basis[part.name].reshape(-1, part.components).astype(np.float64)
            parts.append(x.reshape(len(x), -1) @ (basis / np.square(basis).sum(0)))
        return np.concatenate(parts, axis=1)

    def standardise(self, name: str, values: np.ndarray) -> np.ndarray:
        """Physical to standardised units, [..., steps, C]."""
        return np.asarray(values, np.float64) / self.scale[name] - self.mean[name]

    def decode(
        self, coefficients: np.ndarray, names: Sequence[str] = (), residual: Signals | None = None
    ) -> dict[str, np.ndarray]:
        """Signals in physical units of coefficients [..., K].

        Args:
          coefficients: `a`, [..., K].
          names: modalities to return; empty: all.
          residual: standardised residuals to add, [..., steps, C] per modality.
        """
        found = {}
        for part in self._chosen(names):
            a = np.asarray(coefficients[..., self.slices[part.name]], np.float32)
            x = np.tensordot(a, self.basis[part.name], (-1, -1))
            x += self.mean[part.name]
            if residual is not None:
                x += residual[part.name]
            found[part.name] = x * self.scale[part.name]
        return found

    def residual(
        self, rng: np.random.Generator, shape: tuple[int, ...], names: Sequence[str] = ()
    ) -> dict[str, np.ndarray]:
        """Draw standardised residuals e, [*shape, steps, C]: of deviation `noise`, smooth over neighbouring steps."""
        taps = SMOOTHING / np.sqrt(np.square(SMOOTHING).sum())
        drawn = {}
        for part in self._chosen(names):
            white = rng.standard_normal((*shape, part.steps, len(part.channels)), np.float32)
            if part.steps > 1:
                wide = np.concatenate([white[..., -2:, :], white, white[..., :2, :]], axis=-2)
                white = np.float32(taps[0]) * wide[..., 4:, :]
                for i, tap in enumerate(taps[1:], 1):
                    white += np.float32(tap) * wide[..., 4 - i : 4 - i + part.steps, :]
            white *= self.noise[part.name]
            drawn[part.name] = white
        return drawn

    def deviation(self, name: str, xi: np.ndarray) -> np.ndarray:
        """The standardised discrepancy `D xi`, [..., steps, C], of xi [..., C, R]."""
        d = self.directions[name].astype(np.float32).transpose(1, 2, 0)
        return np.swapaxes((np.asarray(xi, np.float32)[..., None, :] @ d)[..., 0, :], -1, -2)

    def _chosen(self, names: Sequence[str]) -> list[Modality]:
        return [part for part in self.layout if not names or part.name in names]

    def to_params(self) -> dict[str, Any]:
        """Arrays for a model file; see `from_params`."""
        parts = {
            part.name: {
                "scale": self.scale[part.name],
                "mean": self.mean[part.name],
                "basis": self.basis[part.name],
                "noise": self.noise[part.name],
            }
            for part in self.layout
        }
        joint = {"factor": self.factor, "centre": self.centre}
        return {**parts, "joint": joint}

    def permuted(self, order: Sequence[str]) -> Law:
        """The same law with its modalities in another order."""
        layout = tuple(next(p for p in self.layout if p.name == name) for name in order)
        rows = np.concatenate([np.arange(len(self.centre))[self.slices[name]] for name in order])
        return replace(self, layout=layout, factor=self.factor[rows], centre=self.centre[rows])


def from_params(
    params: Mapping[str, Any],
    layout: Sequence[Modality],
    shrinkage: float,
    discrepancy: Mapping[str, Discrepancy] | None = None,
) -> Law:
    """The law whose `to_params` this is."""
    wide = {
        part.name: {k: np.asarray(v, np.float32) for k, v in params[part.name].items()}
        for part in layout
    }
    joint: dict[str, Any] = {
        name: np.asarray(value, np.float32) for name, value in params["joint"].items()
    }
    parts: dict[str, Any] = {
        key: {name: values[key] for name, values in wide.items()}
        for key in ("scale", "mean", "basis", "noise")
    }
    return Law(
        tuple(layout),
        **parts,
        **joint,
        shrinkage=float(shrinkage),
        discrepancy=dict(discrepancy or {}),
    )


def slices(layout: Sequence[Modality]) -> dict[str, slice]:
    """Where each modality's coefficients are."""
    ends = np.cumsum([part.components for part in layout]).tolist()
    return {p.name: slice(end - p.components, end) for p, end in zip(layout, ends)}


@dataclass(frozen=True)
class Conditional:
    """The posterior of the coefficients for one mask.

    Attributes:
      law: the prior.
      given: masks, [steps, C] per modality.
      root: symmetric square root of the posterior covariance S, [K, K].
      inverse_root: its inverse.
      own: `(I + W' Sigma^-1 W)^-1` per modality: the posterior from the modality's own samples alone.
      maps: from standardised samples to evidence per modality, [steps, C, K_m].
    """

    law: Law
    given: Signals
    root: np.ndarray
    inverse_root: np.ndarray
    own: Signals
    maps: Signals

    @classmethod
    def of(cls, law: Law, given: Signals) -> Conditional:
        precision, own, maps = law.precision.copy(), {}, {}
        for part in law.layout:
            maps[part.name], gram = law.observed(part.name, given[part.name])
            place = law.slices[part.name]
            precision[place, place] += gram
            own[part.name] = np.linalg.inv(gram + np.eye(part.components))
        values, vectors = np.linalg.eigh(precision)
        values = np.sqrt(np.maximum(values, 1e-3))
        root, inverse_root = (vectors / values) @ vectors.T, (vectors * values) @ vectors.T
        return cls(law, given, root, inverse_root, own, maps)

    @cached_property
    def deviation(self) -> np.ndarray:
        """Posterior deviation of each coefficient, [K]."""
        return np.sqrt(np.square(self.root).sum(0))

    def evidence(self, values: Signals) -> np.ndarray:
        """`W' Sigma^-1 (x - mean)` over the given samples of strides [N, steps, C] per modality: [N, K]."""
        count = len(next(iter(values.values())))
        found = np.zeros((count, len(self.law.centre)))
        for part in self.law.layout:
            mask = self.given[part.name]
            if mask.any():
                x = self.law.standardise(part.name, values[part.name])[:, mask]
                found[:, self.law.slices[part.name]] = x @ self.maps[part.name][mask]
        return found

    def mean(self, evidence: np.ndarray) -> np.ndarray:
        """Posterior mean of the coefficients, [N, K]."""
        return (evidence + self.law.precision @ self.law.centre) @ self.root @ self.root

    def alone(self, evidence: np.ndarray) -> np.ndarray:
        """Coefficients as each modality's own given samples suggest, [N, K]; 0 where nothing is given."""
        return np.concatenate(
            [
                evidence[:, self.law.slices[part.name]] @ self.own[part.name]
                for part in self.law.layout
            ],
            axis=1,
        )

    def condition(self, values: Signals) -> dict[str, np.ndarray]:
        """What the network is conditioned on, float32: `mean`, `deviation`, `alone` [N, K], and `given` [N, G]."""
        evidence = self.evidence(values)
        rows = {
            "mean": self.mean(evidence),
            "alone": self.alone(evidence),
            "deviation": np.broadcast_to(self.deviation, evidence.shape),
            "given": np.tile(summary(self.law.layout, self.given), (len(evidence), 1)),
        }
        return {name: np.ascontiguousarray(value, np.float32) for name, value in rows.items()}

    def whiten(self, coefficients: np.ndarray, mean: np.ndarray) -> np.ndarray:
        """Standard-normal coordinates u of coefficients."""
        return (coefficients - mean) @ self.inverse_root

    def unwhiten(self, u: np.ndarray, mean: np.ndarray) -> np.ndarray:
        """Coefficients of coordinates u, [..., K]."""
        return mean + u @ self.root

    def weights(self) -> np.ndarray:
        """Weight of each coordinate u in a loss, [K], of mean one.

        The squared error of all signals that u's error causes, each modality counted alike, to which every
        coordinate adds a little.
        """
        importance = np.concatenate(
            [
                np.square(b := self.law.basis[p.name].reshape(-1, p.components)).sum(0)
                / max(np.square(b).sum(), 1e-12)
                for p in self.law.layout
            ]
        )
        share = np.square(self.root).T @ importance
        share = share / (share.sum() + 0.02 * importance.sum())
        return 0.8 * len(share) * share + 0.2


def summary(layout: Sequence[Modality], given: Signals) -> np.ndarray:
    """How much of each channel, and of each tenth of the stride, is given: [G]; see `summary_sizes`."""
    parts = []
    for part in layout:
        mask = given[part.name].astype(np.float32)
        parts.append(mask.mean(0))
        parts.append(np.array([piece.mean() for piece in np.array_split(mask, tenths(part))]))
    return np.concatenate(parts)


def summary_sizes(layout: Sequence[Modality]) -> dict[str, int]:
    """Entries of `summary` per modality."""
    return {part.name: len(part.channels) + tenths(part) for part in layout}


def tenths(part: Modality) -> int:
    """Number of pieces of the stride whose mask is summarised."""
    return min(10, part.steps)


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
      floor: least deviation of a residual in units of the channel's deviation: how far a sample is trusted.
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
                f"{part.name}: a law needs finite strides [{count}, {part.steps}, {len(part.channels)}]; "
                f"got {x.shape}"
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
    """First principal directions [D, count] of centred rows [N, D] and their deviations, by subspace iteration."""
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
