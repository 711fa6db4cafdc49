"""The change of gait with speed that the training subjects have in common, and five baselines.

    copy       x_src
    warp       the source at the cadence of the target speed
    linear     warp + (v_tgt - v_src) S(phi): the population's change per m/s, per channel and phase
    quadratic  warp + (v_tgt - v_src) S1(phi) + (v_tgt² - v_src²) S2(phi)
    mean       the training subjects' mean stride at the target speed, at their mean cadence

The cadence law is `log f = a_person + b log v + c (log v)²`, fitted within subjects: the ratio of the cadences at two
speeds is then the same for all, and the person's own cadence carries over. S, S1 and S2 are fitted within subjects
too. A quadratic: on simulated people it errs least both at unseen people and at speeds below those it was fitted to, of
the polynomials up to the third degree with and without log v and sqrt v.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxdiff.studies.speed_transfer.alignment import (
    FINER,
    Clock,
    curve_at,
    retimed_phase,
    strides,
    warp,
)

BASELINES = ("copy", "warp", "linear", "quadratic", "mean")


class Population(NamedTuple):
    """Fitted to training subjects only; curves in degrees, speeds in m/s."""

    cadence: np.ndarray
    """(a, b, c) of the law above, a the mean over persons; strides per second."""
    slope: np.ndarray
    """Change of a stride per m/s, (points, C)."""
    bend: np.ndarray
    """S1 and S2, (2, points, C)."""
    speeds: np.ndarray
    curves: np.ndarray
    """Mean strides at these speeds, (speeds, points, C)."""

    def ratio(self, source: float, target: float) -> float:
        """The cadence at the target speed over that at the source speed."""
        a, b = np.log(source), np.log(target)
        return float(np.exp(self.cadence[1] * (b - a) + self.cadence[2] * (b**2 - a**2)))

    def frequency(self, speed: float) -> float:
        """Mean strides per second at a speed."""
        return float(np.exp(self.cadence @ np.log(speed) ** np.arange(3)))

    def change(self, source: float, target: float) -> np.ndarray:
        """The quadratic change of a stride from one speed to another, (points, C)."""
        return (target - source) * self.bend[0] + (target**2 - source**2) * self.bend[1]

    def curve(self, speed: float) -> np.ndarray:
        """The mean stride at a speed, (points, C), constant beyond the speeds of the data."""
        flat = self.curves.reshape(len(self.speeds), -1)
        right = (
            int(np.clip(np.searchsorted(self.speeds, speed), 1, len(self.speeds) - 1))
            if len(flat) > 1
            else 0
        )
        left = max(right - 1, 0)
        gap = self.speeds[right] - self.speeds[left]
        weight = np.clip((speed - self.speeds[left]) / gap, 0, 1) if gap else 0.0
        return ((1 - weight) * flat[left] + weight * flat[right]).reshape(self.curves.shape[1:])

    def state(self) -> dict[str, Any]:
        """Plain lists, to keep in a checkpoint."""
        return {
            name: np.asarray(value, np.float32).tolist() for name, value in self._asdict().items()
        }


def from_state(state: Mapping[str, Any]) -> Population:
    """The population whose `state()` this is."""
    return Population(**{name: np.asarray(state[name], np.float32) for name in Population._fields})


def fit(
    clocks: Sequence[Clock], speed: np.ndarray, subject: np.ndarray, points: int = 100
) -> Population:
    """The population of these trials (their clocks, speeds and subjects, in the same order)."""
    speed = np.asarray(speed, np.float64)
    log_v, log_f = np.log(speed), np.log([c.frequency for c in clocks])
    curve = np.stack([strides(c, points).mean(0) for c in clocks])
    within = lambda a: a - _by_subject(a, subject)  # noqa: E731
    powers = np.stack([log_v, log_v**2], axis=1)
    law = np.linalg.lstsq(within(powers), within(log_f), rcond=None)[0]
    slope, bend = (
        _change(within(speed[:, None] ** range(1, n + 1)), within(curve)) for n in (1, 2)
    )
    speeds = np.unique(np.round(speed, 2))
    curves = np.stack([curve[np.round(speed, 2) == v].mean(0) for v in speeds])
    return Population(
        np.array([(log_f - powers @ law).mean(), *law]), slope[0], bend, speeds, curves
    )


def _change(powers: np.ndarray, curve: np.ndarray) -> np.ndarray:
    """Least squares of curves (N, points, C) on powers (N, n): (n, points, C)."""
    return np.linalg.lstsq(powers, curve.reshape(len(curve), -1), rcond=None)[0].reshape(
        -1, *curve.shape[1:]
    )


def _by_subject(values: np.ndarray, subject: np.ndarray) -> np.ndarray:
    """The mean over each trial's subject, for every trial."""
    mean = np.empty_like(values, dtype=np.float64)
    for name in np.unique(subject):
        mean[subject == name] = values[subject == name].mean(0)
    return mean


def baseline(
    name: str,
    population: Population,
    source: Clock,
    source_speed: float,
    target_speed: float,
    length: int,
) -> np.ndarray:
    """One of `BASELINES`: (length, C) in degrees."""
    if name == "copy":
        return retimed(source, 1.0, length)[0]
    if name == "mean":
        time = np.arange(length) * (FINER / source.rate)
        return curve_at(
            population.curve(target_speed),
            source.phase[0] + population.frequency(target_speed) * time,
        )
    base, phase = retimed(source, population.ratio(source_speed, target_speed), length)
    if name == "linear":
        return base + (target_speed - source_speed) * curve_at(population.slope, phase)
    return (
        base + curve_at(population.change(source_speed, target_speed), phase)
        if name == "quadratic"
        else base
    )


def retimed(source: Clock, ratio: float, length: int) -> tuple[np.ndarray, np.ndarray]:
    """The source at `ratio` times its cadence, and the phase it then has."""
    phase = retimed_phase(source, ratio, length)
    return warp(source, phase), phase
