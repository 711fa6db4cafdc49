"""The posterior of the Gaussian law of a stride (`methods.gait_law`) for one mask of given samples.

A `Conditional` whitens: `u = S^-1/2 (a - posterior mean)` is standard normal under the law. The
diffusion of `methods.gait` models how real strides deviate from that, so an untrained network
already is this law.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxdiff.methods.gait_law import Law, Modality, Signals


@dataclass(frozen=True)
class Conditional:
    """The posterior of the coefficients for one mask.

    Attributes:
      law: the prior.
      given: masks, [steps, C] per modality.
      root: symmetric square root of the posterior covariance S, [K, K].
      inverse_root: its inverse.
      own: `(I + W' Sigma^-1 W)^-1` per modality: the posterior from the modality's own samples
        alone.
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
        """`W' Sigma^-1 (x - mean)` over the given samples of strides [N, steps, C] per modality:
        [N, K].
        """
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
        """Coefficients as each modality's own given samples suggest, [N, K]; 0 where nothing is
        given.
        """
        return np.concatenate(
            [
                evidence[:, self.law.slices[part.name]] @ self.own[part.name]
                for part in self.law.layout
            ],
            axis=1,
        )

    def condition(self, values: Signals) -> dict[str, np.ndarray]:
        """What the network is conditioned on, float32: `mean`, `deviation`, `alone` [N, K], and
        `given` [N, G].
        """
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

        The squared error of all signals that u's error causes, each modality counted alike, to
        which every coordinate adds a little.
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
    """How much of each channel, and of each tenth of the stride, is given: [G]; see
    `summary_sizes`.
    """
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
