"""The mean adult fitted to the norms of Bovi et al. 2011: Gauss-Newton on the mean of a population.

python -m benchmarks.walker.fit [--people=20] [--rounds=4]

Unknowns are changes of the traits in `jaxdiff.body.walker.typical` and of the Fourier terms of hip,
knee and ankle. Residuals are differences of mean curves in standard deviations of the norm.
Derivatives are those of one person, residuals those of the mean of many, since people whose traits
spread do not walk on average as the person with the mean traits. Prints the new values.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from benchmarks.walker.norms import channels
from benchmarks.walker.real import POINTS, shared
from jaxdiff.body.walker.batch import CHANNELS, constant_tasks, draw_people, simulate
from jaxdiff.body.walker.people import SOFT_TISSUE
from jaxdiff.body.walker.traits import Traits, join, reference
from jaxdiff.body.walker.typical import SIGNATURE, SIGNATURE_SLOPE, TYPICAL

STEPS = {
    "duty": (0.01, 0.01),
    "duty_slope": (0.03, 0.03),
    "load_rise": (0.1, 0.15),
    "load_fall": (0.05, 0.1),
    "load_dip": (0.03, 0.05),
    "load_tilt": (0.03, 0.05),
    "pressure_start": (0.01, 0.01),
    "pressure_end": (0.01, 0.01),
    "pressure_bow": (0.05, 0.06),
    "trunk_ahead": (0.015, 0.012),
    "lean": (2.0, 3.0),
    "tilt": (2.0, 1.5),
}
"""Unit of every unknown, and the spread around today's value that the fit expects."""
SHAPE, SHAPE_SLOPE = 2.0, 8.0
"""Units of the Fourier terms, degrees, and of their change with speed."""
SPEED_WEIGHTS = np.array([0.8, 0.5, 0.5, 1.0, 0.6])
LATE = (46, 66)
"""Percent of the stride in which moments and forces count more: push-off."""
LATE_WEIGHT = 1.4
GROUPS = ("angle", "moment", "grf")
RATIO = ("load_rise", "load_fall")
CHOSEN = [c for c in channels() if c[0] in GROUPS and c[1] != "medial force"]


def changed(t: Traits, x: np.ndarray) -> Traits:
    """People whose mean traits are changed by the unknowns x."""
    values = {}
    for (name, (unit, _)), amount in zip(STEPS.items(), x):
        old = getattr(t, name)
        ratio = np.exp(amount * unit / TYPICAL[name])
        values[name] = old * ratio if name in RATIO else old + amount * unit
    shape, slope = x[len(STEPS) :].reshape(2, 3, 9)
    return t._replace(
        signature=t.signature + SHAPE * shape,
        signature_slope=t.signature_slope + SHAPE_SLOPE * slope,
        **values,
    )


def typical() -> Traits:
    """One person with the mean traits, measured as most laboratories do."""
    t = reference()
    values = {k: np.zeros_like(getattr(t, k)) + v for k, v in TYPICAL.items()}
    values |= {"crouch": t.crouch + 1.6, "soft_tissue": t.soft_tissue + SOFT_TISSUE}
    values |= {"smoothing": t.smoothing + 0.0115, "angle_smoothing": t.angle_smoothing + 0.015}
    return t._replace(
        signature=np.zeros((1, 2, 3, 9)) + SIGNATURE,
        signature_slope=np.zeros((1, 2, 3, 9)) + SIGNATURE_SLOPE,
        **values,
    )


def population(people: int, seed: int = 3) -> Traits:
    """Healthy adults whose mean traits equal those of many."""
    some = draw_people(np.random.default_rng([seed, 6]), people, impaired=0.0)
    many = draw_people(np.random.default_rng(9), 3000, impaired=0.0)
    values = {}
    names = [*STEPS, "signature", "signature_slope", "angle_offset", "hip_flexion"]
    names += ["hip_extension", "knee_stance", "knee_swing", "ankle_push", "ankle_dorsi"]
    names += ["crouch", "stride_factor", "leg_length", "plate_shift", "plate_tilt"]
    for name in names:
        a, b = getattr(some, name), getattr(many, name)
        axes = (0, 1) if a.ndim > 1 and a.shape[1] == 2 and name != "plate_shift" else 0
        values[name] = a - a.mean(axes) + b.mean(axes)
    return some._replace(**values)


class Norms:
    """Means and spreads of the chosen channels at five speeds, and the residuals of curves."""

    def __init__(self):
        with np.load(shared("bovi2011_norms.npz")) as file:
            norms = {name: file[name] for name in file.files}
        order = np.argsort(norms["speed_m_s"])
        self.speeds = norms["speed_m_s"][order].astype(float)
        self.centre, self.spread = [], []
        for group, _, row, *_ in CHOSEN:
            spread = norms[f"{group}_sd"][row, order][:, :POINTS]
            self.centre.append(norms[f"{group}_mean"][row, order][:, :POINTS])
            self.spread.append(np.maximum(spread, 0.15 * spread.max(1, keepdims=True)))

    def deviations(self, curves: np.ndarray) -> np.ndarray:
        """Standard deviations [channels, 5, 100] by which curves of this shape differ."""
        found = []
        for (_, name, *_), curve, centre, spread in zip(CHOSEN, curves, self.centre, self.spread):
            if name == "ankle angle":  # another zero of the foot
                centre = centre + (curve - centre).mean(1, keepdims=True)
            found.append((curve - centre) / spread)
        return np.stack(found)

    def residuals(self, curves: np.ndarray, x: np.ndarray) -> np.ndarray:
        """What the fit squares: deviations at every second percent, and the unknowns."""
        late = np.ones(POINTS)
        late[slice(*LATE)] = LATE_WEIGHT
        rows = SPEED_WEIGHTS[:, None] * np.clip(self.deviations(curves), -4.0, 4.0)
        force = np.array([group != "angle" for group, *_ in CHOSEN])[:, None, None]
        rows = np.where(force, late * rows, rows)[..., ::2].ravel() / 10.0
        traits = x[: len(STEPS)] * [unit / sd for unit, sd in STEPS.values()]
        return np.concatenate([rows, 0.3 * traits, 0.06 * x[len(STEPS) :]])

    def walk(self, t: Traits, variability: float = 0.0) -> np.ndarray:
        """Right strides [people, channels, 5, 100] on the level."""
        rng = np.random.default_rng(1)
        tasks = constant_tasks(t, self.speeds)
        modalities = ("angles", "moments", "grf")
        out = simulate(t, tasks, 1, POINTS, rng=rng, modalities=modalities, variability=variability)
        rows = [
            factor * out[modality][:, :, 0, :, CHANNELS[modality].index(channel)].astype(float)
            for *_, modality, channel, factor in CHOSEN
        ]
        return np.stack(rows, axis=1)


def fit(people: int = 20, rounds: int = 4, group: int = 6) -> np.ndarray:
    """The unknowns, after at most `rounds` steps of Gauss-Newton with four dampings each."""
    norms, started = Norms(), time.perf_counter()
    everyone, one = population(people), typical()
    x = np.zeros(len(STEPS) + 54)

    def mean(x: np.ndarray) -> np.ndarray:
        return norms.walk(changed(everyone, x), 0.3).mean(0)

    def log(label: str, best: float, curves: np.ndarray) -> None:
        distance = np.abs(norms.deviations(curves)).mean((1, 2))
        shown = ", ".join(f"{c[1]} {d:.2f}" for c, d in zip(CHOSEN, distance))
        print(f"{label}: {best:.3f} after {time.perf_counter() - started:.0f} s; {shown}")

    curves = mean(x)
    r = norms.residuals(curves, x)
    log("start", float(r @ r), curves)
    for number in range(rounds):
        step = 0.5
        tried = [x, *(x + step * unit for unit in np.eye(len(x)))]
        parts = [
            norms.walk(join([changed(one, y) for y in tried[a : a + group]]))
            for a in range(0, len(tried), group)
        ]
        rows = [norms.residuals(c, y) for c, y in zip(np.concatenate(parts), tried)]
        jacobian = np.stack([(row - rows[0]) / step for row in rows[1:]], axis=1)
        matrix, gradient = jacobian.T @ jacobian, jacobian.T @ r
        found = []
        for damping, length in ((3e-3, 1.0), (5e-2, 1.0), (0.4, 1.0), (5e-2, 0.5)):
            ridge = damping * (np.diag(np.diag(matrix)) + 0.1 * np.eye(len(x)))
            y = x - length * np.linalg.solve(matrix + ridge, gradient)
            curves = mean(y)
            row = norms.residuals(curves, y)
            found.append((row @ row, y, row, curves))
        best = min(found, key=lambda f: f[0])
        if best[0] > 0.999 * (r @ r):
            break
        _, x, r, curves = best
        log(f"round {number + 1}", float(best[0]), curves)
    return x


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=4)
    args = parser.parse_args()
    x = fit(args.people, args.rounds)
    for (name, (unit, _)), amount in zip(STEPS.items(), x):
        ratio = TYPICAL[name] * np.exp(amount * unit / TYPICAL[name])
        print(f'"{name}": {ratio if name in RATIO else TYPICAL[name] + amount * unit:.4f},')
    shape, slope = x[len(STEPS) :].reshape(2, 3, 9)
    print(np.round(SIGNATURE + SHAPE * shape, 2).tolist())
    print(np.round(SIGNATURE_SLOPE + SHAPE_SLOPE * slope, 1).tolist())


if __name__ == "__main__":
    main()
