"""Strides as arrays, and as batches for training: each with a random subset of its signals given."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from jaxdiff.methods.gait_law import Law, Modality, summary
from jaxdiff.studies.gait import subsets

GROUP = 8
"""Neighbouring examples of a batch that share a mask."""


@dataclass(frozen=True)
class Strides:
    """Strides of the right leg, both legs on one time base.

    Attributes:
      values: modality to [N, steps, C]; NaN where a signal was not measured.
      subject: number of the subject, [N].
      channels: modality to channel names.
      units: modality to units.
    """

    values: Mapping[str, np.ndarray]
    subject: np.ndarray
    channels: Mapping[str, tuple[str, ...]]
    units: Mapping[str, tuple[str, ...]]

    def __len__(self) -> int:
        return len(self.subject)

    def __getitem__(self, rows: np.ndarray) -> Strides:
        values = {name: array[rows] for name, array in self.values.items()}
        return Strides(values, self.subject[rows], self.channels, self.units)

    def of(self, subjects: Sequence[int] | np.ndarray) -> Strides:
        """The strides of these subjects."""
        return self[np.flatnonzero(np.isin(self.subject, subjects))]

    def layout(self, components: Mapping[str, int]) -> tuple[Modality, ...]:
        """The modalities named in `components`, with that many principal components each."""
        return tuple(
            Modality(
                name,
                tuple(self.channels[name]),
                tuple(self.units[name]),
                self.values[name].shape[1],
                min(count, self.values[name].shape[1] * len(self.channels[name])),
            )
            for name, count in components.items()
            if name in self.values
        )


class Bank:
    """Posteriors of a law for many masks, in float32: what a stride needs to be conditioned on any of them."""

    def __init__(self, law: Law, masks: Sequence[subsets.Masks]):
        self.law = law
        conditionals = (law.condition(mask) for mask in masks)
        rows = [
            (
                np.concatenate([mask[part.name].ravel() for part in law.layout]),
                c.root.astype(np.float32),
                c.inverse_root.astype(np.float32),
                c.deviation.astype(np.float32),
                c.weights().astype(np.float32),
                summary(law.layout, c.given),
                [c.own[part.name].astype(np.float32) for part in law.layout],
            )
            for mask, c in zip(masks, conditionals)
        ]
        mask, root, inverse_root, deviation, weights, given, own = zip(*rows)
        self.mask, self.root, self.inverse_root = map(np.stack, (mask, root, inverse_root))
        self.deviation, self.weights, self.given = map(np.stack, (deviation, weights, given))
        self.own = [np.stack(matrices) for matrices in zip(*own)]

    def __len__(self) -> int:
        return len(self.mask)


class Conditioned:
    """A source of training batches for `methods.gait`: stride `index` under a mask of the bank that `u` picks."""

    def __init__(self, strides: Strides, law: Law, bank: Bank):
        self.law, self.bank = law, bank
        self.whole = law.project(strides.values).astype(np.float32)
        self.evidence = []
        for part in law.layout:  # noise^-2 (x - mean), and the map from it to the evidence
            x = (strides.values[part.name] / law.scale[part.name] - law.mean[part.name]).astype(
                np.float32
            )
            x = x / np.square(law.noise[part.name])
            most = max(1.0, float(np.abs(x).max()) / 6e4)  # float16 halves the memory
            basis = law.basis[part.name].reshape(-1, part.components).astype(np.float32)
            self.evidence.append(((x / most).reshape(len(x), -1).astype(np.float16), most * basis))

    def __len__(self) -> int:
        return len(self.whole)

    def __call__(self, index: np.ndarray, u: np.ndarray) -> dict[str, np.ndarray]:
        """Whitened and conditioned rows; `GROUP` neighbours share a mask, which saves most of the memory traffic."""
        group = math.gcd(len(index), GROUP)
        pick = (u[::group, 0] * len(self.bank)).astype(int)
        wide = np.repeat(pick, group)
        mask = self.bank.mask[wide]

        def times(rows: np.ndarray, matrices: np.ndarray) -> np.ndarray:
            return (rows.reshape(len(pick), group, -1) @ matrices).reshape(len(index), -1)

        evidence, alone, start = [], [], 0
        for (rows, basis), own in zip(self.evidence, self.bank.own):
            given = mask[:, start : start + rows.shape[1]]
            start += rows.shape[1]
            found = (rows[index].astype(np.float32) * given) @ basis
            evidence.append(found)
            alone.append(times(found, own[pick]))
        root = self.bank.root[pick]
        mean = times(times(np.concatenate(evidence, axis=1), root), root)
        whole = self.whole[index]
        return {
            "target": times(whole - mean, self.bank.inverse_root[pick]),
            "mean": mean,
            "alone": np.concatenate(alone, axis=1),
            "deviation": self.bank.deviation[wide],
            "given": self.bank.given[wide],
            "weights": self.bank.weights[wide],
            "whole": whole,
        }
