"""The refinement benchmark (Table V without videos): clean motion, corrupted as pose estimators
corrupt, and refined.

A refiner is any `(joints (T, J, 3), rate) -> joints`. Each is held against the truth by pose and
acceleration error and by physical metrics, for which the row of the truth is the one to be close
to; `harm` is what it does to clean motion.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import jax
import numpy as np

from jaxdiff.body.corruption import ESTIMATOR, Corruption, corrupt
from jaxdiff.body.humanml3d import LAYOUT_22, Layout, Variant
from jaxdiff.diffusion import schedules
from jaxdiff.methods import filters
from jaxdiff.methods.motion_scale import Scale
from jaxdiff.methods.refinement import levels, refine, refine_joints
from jaxdiff.metrics.physical import HUMANML3D, Scene, physical
from jaxdiff.metrics.pose import mpjpe, pose
from jaxdiff.report.tables import Table, cell
from jaxdiff.typing import Array, Denoiser, Schedule

Refiner = Callable[[np.ndarray, float], np.ndarray]

COLUMNS = {
    "mpjpe": "MPJPE [mm]",
    "pa_mpjpe": "PA-MPJPE [mm]",
    "accel_error": "accel error [m/s²]",
    "jitter": "jitter [10 m/s³]",
    "place": "error in place [mm]",
    "skating": "skating",
    "jerk": "jerk [m/s³]",
    "harm": "harm to clean [mm]",
}

FILTERS: dict[str, Refiner] = {
    "Gaussian": lambda joints, rate: np.asarray(filters.gaussian(joints, 0.075 * rate)),
    "Savitzky-Golay": lambda joints, rate: np.asarray(
        filters.savitzky_golay(joints, 2 * round(0.2 * rate) + 1, 2)
    ),
    "One-Euro": lambda joints, rate: np.asarray(
        filters.one_euro(joints, rate, min_cutoff=1.0, beta=3.0)
    ),
}
"""The filters at widths that suit walking at 20 frames a second."""


def by_inversion(
    inward: Denoiser,
    back: Denoiser,
    scale: Scale,
    strength: float = 0.3,
    steps: int = 50,
    floor: float = 0.0,
    layout: Layout = LAYOUT_22,
    variant: Variant = "fixed",
    schedule: Schedule | None = None,
) -> Refiner:
    """The refiner that inverts with one denoiser and returns with another; both see batches of
    normalised features.

    Compiled once for each length of motion.
    """
    schedule = schedules.linear() if schedule is None else schedule

    return _by_features(
        lambda motion: refine(motion, inward, back, schedule, strength, steps, floor),
        scale,
        layout,
        variant,
    )


def by_one_pass(
    network: Denoiser,
    scale: Scale,
    steps: int = 50,
    floor: float = 0.0,
    layout: Layout = LAYOUT_22,
    variant: Variant = "fixed",
    schedule: Schedule | None = None,
) -> Refiner:
    """The refiner that evaluates a denoiser once, at the level where an inversion begins.

    What it moves in clean motion is what the network does not reproduce, which an inversion takes
    for noise (see `methods.refinement`).
    """
    schedule = schedules.linear() if schedule is None else schedule
    grid = levels(schedule, 1.0, steps, floor)
    assert grid is not None
    return _by_features(lambda motion: network(motion, grid.t[-1]), scale, layout, variant)


def _by_features(
    change: Callable[[Array], Array], scale: Scale, layout: Layout, variant: Variant
) -> Refiner:
    """The refiner that changes normalised features `(1, T, F)`."""

    @jax.jit
    def run(features: Array) -> Array:
        motion = (features - scale.offset) / scale.scale
        return change(motion[None])[0] * scale.scale + scale.offset

    def refiner(joints: np.ndarray, rate: float) -> np.ndarray:
        return refine_joints(joints / scale.metres, run, layout, variant) * scale.metres

    return refiner


def benchmark(
    clips: Sequence[np.ndarray],
    refiners: Mapping[str, Refiner] = FILTERS,
    corruption: Corruption = ESTIMATOR,
    seeds: Sequence[int] = (0, 1, 2),
    scene: Scene = HUMANML3D,
) -> dict[str, dict[str, list[float]]]:
    """Figures by row and column, one for each seed of the corruption; `clips` are clean joints in
    metres, y up.
    """
    rows: dict[str, dict[str, list[float]]] = {}

    def score(row: str, motions: Sequence[np.ndarray]) -> None:
        figures = pose(motions, clips, scene.rate)
        figures["place"] = error(motions, clips)
        plausible = physical(motions, scene)
        figures |= {name: plausible[name] for name in ("skating", "jerk")}
        for name, value in figures.items():
            rows.setdefault(row, {}).setdefault(name, []).append(value)

    score("truth", clips)
    for seed in seeds:
        noisy = [
            corrupt(clip, scene.rate, 1000 * seed + i, corruption) for i, clip in enumerate(clips)
        ]
        score("corrupted", noisy)
        for name, refiner in refiners.items():
            score(name, [refiner(motion, scene.rate) for motion in noisy])
    for name, refiner in refiners.items():
        rows[name]["harm"] = [error([refiner(clip, scene.rate) for clip in clips], clips)]
    return rows


def error(motions: Sequence[np.ndarray], truths: Sequence[np.ndarray]) -> float:
    """Mean distance of joints in the world, in mm."""
    return float(
        1000
        * np.concatenate([mpjpe(motion, truth) for motion, truth in zip(motions, truths)]).mean()
    )


def table(rows: Mapping[str, Mapping[str, Sequence[float]]], title: str, clips: int) -> Table:
    """The benchmark as a table: mean and deviation over seeds."""
    made = Table(
        title,
        tuple(COLUMNS.values()),
        note=f"{clips} clips; mean ± deviation over seeds of the corruption.",
    )
    for row, figures in rows.items():
        made.row(row, {COLUMNS[name]: cell(values) for name, values in figures.items()})
    return made
