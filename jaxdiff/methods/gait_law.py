"""The Gaussian law of a stride: the distribution of all signals given any subset of them.

A stride is several modalities (angles, moments, forces, ...), each a table of steps x channels. In
standardised units,

    x_m = mean_m + W_m a_m + d_m + e_m,    a ~ N(centre, R),    e ~ N(0, noise²)

with principal components `W_m` per modality, unit-variance coefficients `a` whose correlations R
join the modalities, smooth deviations d of recordings from such strides
(`methods.gait_discrepancy`), and independent residuals e. For any mask of given samples the
posterior of `a` is Gaussian with precision `R^-1 + blockdiag(W' Sigma^-1 W)` over the given rows,
Sigma the covariance of d + e: ridge regression for every subset at once, with its uncertainty.

`methods.gait_fit` fits it to strides; `methods.gait_posterior` conditions it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from jaxdiff.errors import DataError, nearest
from jaxdiff.methods import gait_discrepancy
from jaxdiff.methods.gait_discrepancy import Discrepancy
from jaxdiff.methods.gait_posterior import Conditional

Signals = Mapping[str, np.ndarray]
"""Modality to values [N, steps, channels], or to a mask [steps, channels]."""
SMOOTHING = np.array([0.06, 0.24, 0.4, 0.24, 0.06])
"""Correlation of the residual between neighbouring steps when it is drawn: recordings are smooth.
"""


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
      factor: `R = factor factor' + shrinkage I`, [K, K]; a factor survives float16 as a covariance
        would not.
      centre: mean of the coefficients, [K].
      shrinkage: share of the correlations that is replaced by the identity.
      discrepancy: how far recordings deviate from such strides, by modality; absent: not at all.
      doubt: by channel, how many times larger its discrepancy is taken to be where the channel is
        given: for channels whose relation to all others is simulated worse than the channel itself.
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
    doubt: Mapping[str, float] = field(default_factory=dict)

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
    def believed(self) -> dict[str, np.ndarray]:
        """D of given samples per modality: `directions`, times the doubt of the channel."""
        return {
            part.name: self.directions[part.name]
            * np.array([self.doubt.get(channel, 1.0) for channel in part.channels])[:, None]
            for part in self.layout
        }

    @cached_property
    def evidence_maps(self) -> dict[str, np.ndarray]:
        """`Sigma^-1 W` of whole channels per modality, [steps, C, K_m]: from samples to
        evidence.
        """
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
        """D of given samples, noise and W of a modality, the channel first."""
        arrays = self.believed[name], self.noise[name], self.basis[name]
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
        """The posterior given the samples where `given` ([steps, channels] per modality; absent:
        none) is true.
        """
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
        """Draw standardised residuals e, [*shape, steps, C]: of deviation `noise`, smooth over
        neighbouring steps.
        """
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
    doubt: Mapping[str, float] | None = None,
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
        doubt=dict(doubt or {}),
    )


def slices(layout: Sequence[Modality]) -> dict[str, slice]:
    """Where each modality's coefficients are."""
    ends = np.cumsum([part.components for part in layout]).tolist()
    return {p.name: slice(end - p.components, end) for p, end in zip(layout, ends)}
