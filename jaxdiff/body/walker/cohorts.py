"""Cohorts of simulated walkers, trial by trial.

`gait_cohort` is the cross-modal one: angles, moments, ground reaction and EMG of either leg at
speeds x inclines, 150 samples a stride. `speed_cohort` is the speed-transfer one: half a minute of
six sagittal angles at many speeds, of able-bodied people or of stroke survivors. Every subject and
every trial has a seed of its own, so a part of a cohort equals the same part of the whole.

Templates are hand-made norms: the curves obey Newton and look human, but are no evidence about
people.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise, product

import numpy as np

from jaxdiff.body.walker.model import GRAVITY
from jaxdiff.body.walker.nodes import SLOPE_TASK, SPEED_TASK, STROKE_TASK, gait_nodes
from jaxdiff.body.walker.recordings import (
    CHANNELS,
    SIDES,
    SYNTHESIS_RATE,
    UNITS,
    Task,
    Trial,
    record_gait,
    record_sagittal,
    task_name,
)
from jaxdiff.body.walker.subjects import Walker, able_bodied, stroke_survivor
from jaxdiff.errors import ConfigError, nearest

__all__ = ["CHANNELS", "UNITS", "Trial", "gait_cohort", "speed_cohort"]

KINDS = {"gait": 0, "able": 1, "stroke": 2}
INCLINES = tuple(np.arange(-10.0, 10.1, 2.5).tolist())
ABLE_SPEEDS = tuple(np.round(np.arange(0.5, 1.851, 0.05), 2).tolist())
STROKE_SPEEDS = (0.3, 0.6, 0.9, 1.2)
TRANSITION = np.clip((np.arange(12) - 3) / 4, 0.0, 1.0)
"""How far each stride of a transition has come: four strides at the first task, three on the way,
five at the second.
"""

Progress = Callable[[int, int], None]
"""`(done, total)` trials."""


def generator(seed: int, kind: str, index: int, *task: float) -> np.random.Generator:
    """The randomness of one subject, or of one of the subject's tasks."""
    return np.random.default_rng(
        [seed, KINDS[kind], index, *(round(1000 * (100 + value)) for value in task)]
    )


def gait_cohort(
    subjects: int | Sequence[int] = 10,
    speeds: Sequence[float] = (0.8, 1.0, 1.2),
    inclines: Sequence[float] = INCLINES,
    strides: int = 38,
    seed: int = 0,
    sides: Sequence[str] = SIDES,
    progress: Progress | None = None,
) -> Iterator[Trial]:
    """The cross-modal cohort: one trial per subject, task and side, and the subject's transitions.

    `subjects` is how many of them, or which. A transition trial is twelve strides from one task to
    a neighbouring one, in a random direction: between the speeds on the middle incline, and between
    the inclines at the middle speed. Its task is named `from-to`, and its `transition` marks the
    samples where the setting changes.
    """
    for side in sides:
        if side not in SIDES:
            raise ConfigError(f"no side {side!r}; {nearest(side, SIDES)}")
    chosen = _chosen(subjects)
    for what, count in (("speed", len(speeds)), ("incline", len(inclines)), ("stride", strides)):
        if count < 1:
            raise ConfigError(f"a cohort needs one {what} or more; got {count}")
    speed, incline = speeds[len(speeds) // 2], inclines[len(inclines) // 2]
    pairs = [(Task(*task), Task(*task)) for task in product(speeds, inclines)]
    pairs += [(Task(a, incline), Task(b, incline)) for a, b in pairwise(speeds)]
    pairs += [(Task(speed, a), Task(speed, b)) for a, b in pairwise(inclines)]
    total, done = len(chosen) * len(pairs) * len(sides), 0
    for index in chosen:
        walker = able_bodied(generator(seed, "gait", index))
        _check_range(walker, speeds, inclines, SLOPE_TASK)
        nodes = gait_nodes(walker, *SLOPE_TASK)
        found: list[Trial] = []
        for start, end in pairs:
            rng = generator(seed, "gait", index, *start, *end)
            way = np.zeros(strides)
            if start != end:
                way = TRANSITION
                start, end = (start, end) if rng.uniform() < 0.5 else (end, start)
            found += record_gait(
                walker, nodes, f"walker{index + 1:02d}", (start, end), way, sides, rng
            )
            done += len(sides)
            if progress:
                progress(done, total)
        _normalise_emg(found)
        yield from found


def speed_cohort(
    kind: str = "able",
    subjects: int | Sequence[int] | None = None,
    speeds: Sequence[float] | None = None,
    seconds: float = 30.0,
    rate: float = 20.0,
    seed: int = 0,
    progress: Progress | None = None,
) -> Iterator[Trial]:
    """The speed-transfer cohort: `seconds` of level walking per subject and speed, from a random
    phase on.

    "able": 22 people at 0.5 … 1.85 m/s in steps of 0.05. "stroke": 19 people with a paretic side at
    0.3, 0.6, 0.9 and 1.2 m/s as far as they manage, and at a speed of their own choice (task
    "self"). Drawn at 200 Hz and decimated to `rate` behind a low-pass.
    """
    if kind not in ("able", "stroke"):
        raise ConfigError(f"no speed cohort {kind!r}; {nearest(kind, ('able', 'stroke'))}")
    if not rate > 0 or SYNTHESIS_RATE % rate:
        raise ConfigError(f"the rate must divide {SYNTHESIS_RATE:g} Hz; got {rate:g}")
    if not rate * seconds >= 1:
        raise ConfigError(f"a trial lasts for one sample or more; got {seconds:g} s at {rate:g} Hz")
    able = kind == "able"
    draw, grid = (able_bodied, SPEED_TASK) if able else (stroke_survivor, STROKE_TASK)
    if subjects is None:
        subjects = 22 if able else 19
    if speeds is None:
        speeds = ABLE_SPEEDS if able else STROKE_SPEEDS
    chosen = _chosen(subjects)
    walkers = {index: draw(generator(seed, kind, index)) for index in chosen}
    tasks = {}
    for index, walker in walkers.items():
        tasks[index] = [(task_name(v), v) for v in speeds if v <= walker.top_speed]
        tasks[index] += [] if able else [("self", walker.chosen_speed)]
    total, done = sum(map(len, tasks.values())), 0
    for index, walker in walkers.items():
        _check_range(walker, [v for _, v in tasks[index]], (0.0,), grid)
        nodes = gait_nodes(walker, *grid)
        for name, speed in tasks[index]:
            rng = generator(seed, kind, index, speed)
            yield record_sagittal(
                walker, nodes, f"{kind}{index + 1:02d}", name, speed, seconds, rate, rng
            )
            done += 1
            if progress:
                progress(done, total)


def _chosen(subjects: int | Sequence[int]) -> Sequence[int]:
    """The numbers of the subjects, given how many of them or which."""
    chosen = range(subjects) if isinstance(subjects, int) else subjects
    if not len(chosen) or min(chosen) < 0:
        raise ConfigError(
            f"subjects are how many there shall be, or their numbers from 0 on; got {subjects}"
        )
    return chosen


def _normalise_emg(found: list[Trial]) -> None:
    """Divide every electrode by its maximum over the subject's trials."""
    for side in {trial.side for trial in found}:
        envelopes = [trial.signals["emg"] for trial in found if trial.side == side]
        peak = np.max([envelope.max(0) for envelope in envelopes], axis=0)
        for envelope in envelopes:
            envelope /= peak


def _check_range(walker: Walker, speeds: Sequence[float], inclines: Sequence[float], grid) -> None:
    """Interpolation between the nodes must stay interpolation."""
    scale = np.sqrt(GRAVITY * walker.leg_length)
    slowest, fastest = 0.9 * grid[0][0] * scale, 1.1 * grid[0][-1] * scale
    if speeds and not slowest <= min(speeds) <= max(speeds) <= fastest:
        raise ConfigError(
            f"speeds must lie in {slowest:.2f} … {fastest:.2f} m/s for this subject; got"
            f" {list(speeds)}"
        )
    if not grid[1][0] <= min(inclines) <= max(inclines) <= grid[1][-1]:
        raise ConfigError(
            f"inclines must lie in {grid[1][0]:g} … {grid[1][-1]:g} degrees; got {list(inclines)}"
        )
