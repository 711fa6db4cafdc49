"""Strides as arrays, and as batches for training: each with a random subset of its signals
given.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from jaxdiff.methods import gait_discrepancy
from jaxdiff.methods.gait_law import Law, Modality
from jaxdiff.methods.gait_posterior import summary
from jaxdiff.studies.gait import subsets

GROUP = 8
"""Neighbouring examples of a batch that share a mask."""
SHAPE = 2.0
"""Of the gamma distribution of the discrepancy's variance over laboratories, of mean one."""


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
    """Posteriors of a law for many masks, in float32: what a stride needs to be conditioned on any
    of them.
    """

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
                [_corrections(law, part.name, c.given[part.name]) for part in law.layout],
            )
            for mask, c in zip(masks, conditionals)
        ]
        mask, root, inverse_root, deviation, weights, given, own, corrections = zip(*rows)
        self.mask, self.root, self.inverse_root = map(np.stack, (mask, root, inverse_root))
        self.deviation, self.weights, self.given = map(np.stack, (deviation, weights, given))
        self.own = [np.stack(matrices) for matrices in zip(*own)]
        self.corrections = [np.stack(matrices) for matrices in zip(*corrections)]

    def __len__(self) -> int:
        return len(self.mask)


def _corrections(law: Law, name: str, mask: np.ndarray) -> np.ndarray:
    """From `D' N^-1 x` of the given samples to what the discrepancy takes off the evidence, [C R,
    K_m].
    """
    keep = mask.T[..., None]
    d = law.believed[name].swapaxes(0, 1) * keep
    basis = law.basis[name].swapaxes(0, 1) * keep
    found = gait_discrepancy.correction(d, law.noise[name].T, basis)
    return found.reshape(-1, found.shape[-1]).astype(np.float32)


class Conditioned:
    """A source of training batches for `methods.gait`: stride `index` as a recording has it, under
    a mask of the bank.

    Every use of a stride draws another discrepancy, so that the given samples deviate as those of
    laboratories do; the target is the stride itself.

    Args:
      strides: complete strides.
      law: the law whose discrepancy is drawn.
      bank: the masks.
    """

    def __init__(self, strides: Strides, law: Law, bank: Bank):
        self.law, self.bank = law, bank
        self.whole = law.project(strides.values).astype(np.float32)
        self.evidence = []
        for (
            part
        ) in law.layout:  # noise^-2 (x - mean), the map from it to the evidence, D, and noise^-2 D
            x = law.standardise(part.name, strides.values[part.name]).astype(np.float32)
            square = np.square(law.noise[part.name])
            x = x / square
            most = max(1.0, float(np.abs(x).max()) / 6e4)  # float16 halves the memory
            basis = law.basis[part.name].reshape(-1, part.components).astype(np.float32)
            d = law.believed[part.name].transpose(1, 0, 2).astype(np.float32)
            d = d if part.name in law.discrepancy else d[..., :0]
            light = (d / square.T[..., None]).swapaxes(1, 2)
            self.evidence.append(((x / most).astype(np.float16), most, basis, d, light))

    def __len__(self) -> int:
        return len(self.whole)

    def __call__(self, index: np.ndarray, u: np.ndarray) -> dict[str, np.ndarray]:
        """Whitened and conditioned rows; `GROUP` neighbours share a mask, which saves most of the
        memory traffic.
        """
        group = math.gcd(len(index), GROUP)
        pick = (u[::group, 0] * len(self.bank)).astype(int)
        wide = np.repeat(pick, group)
        mask = self.bank.mask[wide]
        draws = [np.random.default_rng(int(v * 2**53)) for v in u[:, 1]]
        size = np.sqrt([rng.gamma(SHAPE) / SHAPE for rng in draws]).astype(np.float32)

        def times(rows: np.ndarray, matrices: np.ndarray) -> np.ndarray:
            return (rows.reshape(len(pick), group, -1) @ matrices).reshape(len(index), -1)

        evidence, alone, start = [], [], 0
        banks = zip(self.evidence, self.bank.own, self.bank.corrections)
        for (rows, most, basis, d, light), own, corrections in banks:
            steps, channels = rows.shape[1:]
            given = mask[:, start : start + steps * channels].reshape(-1, steps, channels)
            start += steps * channels
            x = most * rows[index].astype(np.float32)
            if d.shape[-1]:
                xi = np.stack(
                    [rng.standard_normal((channels, d.shape[-1]), np.float32) for rng in draws]
                )
                xi = (size[:, None, None] * xi).swapaxes(0, 1)
                x += (xi @ light).transpose(1, 2, 0)
            x *= given
            found = x.reshape(len(x), -1) @ basis
            if d.shape[-1]:
                seen = (x.transpose(2, 0, 1) @ d).swapaxes(0, 1).reshape(len(x), -1)
                found -= times(seen, corrections[pick])
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


def recorded(strides: Strides, law: Law, seed: int = 0) -> Strides:
    """Strides as laboratories record them: every person with a discrepancy of their own, drawn from
    the law.
    """
    rng = np.random.default_rng([seed, 9])
    _, person = np.unique(strides.subject, return_inverse=True)
    size = np.sqrt(rng.gamma(SHAPE, size=person.max() + 1) / SHAPE)
    values = dict(strides.values)
    for part in law.layout:
        if part.name in law.discrepancy:
            channels, width = law.directions[part.name].shape[1:]
            xi = rng.standard_normal((len(size), channels, width)) * size[:, None, None]
            moved = law.deviation(part.name, xi[person]) * law.scale[part.name]
            values[part.name] = (values[part.name] + moved).astype(np.float32)
    return Strides(values, strides.subject, strides.channels, strides.units)
