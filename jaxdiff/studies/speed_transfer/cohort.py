"""A large simulated cohort as gaits: people of every kind that the walker draws, at speeds on a
common grid.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from jaxdiff.body.walker import batch
from jaxdiff.disk import atomic
from jaxdiff.studies.speed_transfer import strides
from jaxdiff.studies.speed_transfer.recorded import ANGLES
from jaxdiff.studies.speed_transfer.strides import SCALE, Gait

SPEEDS = np.round(np.arange(0.3, 2.21, 0.1), 1)
"""Speeds of the grid, m/s."""
_COLUMNS = [batch.CHANNELS["angles"].index(name) for name in ANGLES]
_BLOCK = 50
"""People simulated at once."""


def simulated(
    people: int = 400,
    speeds: int = 10,
    count: int = 10,
    impaired: float = 0.4,
    seed: int = 0,
    prefix: str = "P",
) -> list[Gait]:
    """The gaits of simulated people, each at several speeds of the grid up to their fastest.

    Args:
      people: number of people.
      speeds: speeds drawn per person, without repetition; fewer for those who cannot walk fast.
      count: strides per speed.
      impaired: share of people with an impairment.
      seed: the same seed gives the same people, whatever their number.
      prefix: what the names of the people begin with.
    """
    found: list[Gait] = []
    for block in range(0, people, _BLOCK):
        rng = np.random.default_rng([seed, block])
        traits = batch.draw_people(rng, _BLOCK, impaired=impaired)
        chosen = np.full((_BLOCK, speeds), np.nan)
        for row, top in zip(chosen, traits.top_speed):
            can = SPEEDS[: max(2, int((top + 0.01 >= SPEEDS).sum()))]
            own = rng.permutation(can)[:speeds]
            row[: len(own)] = own
        walked = np.where(np.isnan(chosen), SPEEDS[0], chosen)
        zero = np.zeros_like(walked)
        tasks = batch.Tasks(walked, zero, zero + 1.0, zero + 0.004)
        out = batch.simulate(traits, tasks, count + 1, rng=rng, modalities=("angles",))
        states = _states(out)
        for i in range(min(_BLOCK, people - block)):
            name, side = f"{prefix}{block + i:04d}", traits.paretic[i]
            for j in np.flatnonzero(~np.isnan(chosen[i])):
                mean = states[i, j].mean(0)
                found.append(
                    Gait(
                        float(chosen[i, j]),
                        mean,
                        states[i, j] - mean,
                        name,
                        "right" if side > 0 else "left" if side < 0 else "",
                    )
                )
    return found


def mirrored(gaits: list[Gait]) -> list[Gait]:
    """The mirror images of some people, as further people."""
    return [
        g._replace(
            mean=strides.mirrored(g.mean),
            deviations=strides.mirrored(g.deviations),
            subject=f"{g.subject} mirrored",
            paretic={"right": "left", "left": "right"}.get(g.paretic, ""),
        )
        for g in gaits
    ]


def people(gaits: list[Gait], first: int, last: int) -> list[Gait]:
    """The gaits of the people from number `first` up to `last`, in order of appearance."""
    names = list(dict.fromkeys(g.subject for g in gaits))[first:last]
    kept = set(names)
    return [g for g in gaits if g.subject in kept]


def save(path: Path, gaits: list[Gait]) -> None:
    """Keep gaits in an npz file."""
    strides_of = [len(g.deviations) for g in gaits]
    with atomic(path) as file:
        np.savez(
            file,
            speed=[g.speed for g in gaits],
            mean=np.stack([g.mean for g in gaits]),
            deviations=np.concatenate([g.deviations for g in gaits]).astype(np.float32),
            strides=strides_of,
            subject=[g.subject for g in gaits],
            paretic=[g.paretic for g in gaits],
        )


def load(path: Path) -> list[Gait]:
    """What `save` kept."""
    with np.load(path, allow_pickle=False) as file:
        data = {name: file[name] for name in file.files}
    parts = np.split(data["deviations"].astype(np.float64), np.cumsum(data["strides"])[:-1])
    rows = zip(data["speed"].tolist(), data["mean"], parts, data["subject"], data["paretic"])
    return [Gait(v, mean, away, str(who), str(side)) for v, mean, away, who, side in rows]


def _states(out: dict[str, np.ndarray]) -> np.ndarray:
    """States [N, K, S - 1, SIZE] of simulated strides; the last one only closes the one before
    it.
    """
    angles = out["angles"][..., _COLUMNS].astype(np.float64)
    whole = strides.closed(angles[:, :, :-1], angles[:, :, 1:, 0])
    front = whole.shape[:3]
    extras = [
        np.log(out["stride_time"][:, :, :-1]),
        np.broadcast_to(out["stature"][:, None, None], front),
        np.broadcast_to(np.log(out["mass"])[:, None, None], front),
    ]
    legs = strides.coefficients(whole)
    return np.concatenate([legs, np.stack(extras, -1)], axis=-1) / SCALE
