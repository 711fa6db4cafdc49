"""Cohorts of simulated walkers, trial by trial.

`gait_cohort` is the cross-modal one: angles, moments, ground reaction and EMG of either leg at speeds x inclines, 150
samples a stride. `speed_cohort` is the speed-transfer one: half a minute of six sagittal angles at many speeds, of
able-bodied people or of stroke survivors. Every subject and every trial has a seed of its own, so a part of a cohort
equals the same part of the whole.

Templates are hand-made norms: the curves obey Newton and look human, but are no evidence about people.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise, product
from typing import NamedTuple

import numpy as np

from jaxdiff.body.walker import trials
from jaxdiff.body.walker.emg import RECORDED
from jaxdiff.body.walker.model import GRAVITY, LEG_JOINTS
from jaxdiff.body.walker.nodes import SLOPE_TASK, SPEED_TASK, STRIDE, STROKE_TASK, Nodes, gait_nodes
from jaxdiff.body.walker.subjects import Walker, able_bodied, stroke_survivor
from jaxdiff.errors import ConfigError, nearest

CHANNELS: dict[str, tuple[str, ...]] = {
    "angles": (*LEG_JOINTS, "foot_pitch", "foot_roll", "foot_yaw", "pelvis_yaw", "pelvis_list", "pelvis_tilt"),
    "moments": (
        *("hip_extension_moment", "hip_abduction_moment", "hip_external_rotation_moment"),
        *("knee_extension_moment", "knee_abduction_moment", "knee_external_rotation_moment"),
        *("ankle_plantarflexion_moment", "ankle_eversion_moment", "ankle_external_rotation_moment"),
    ),
    "grf": ("grf_forward", "grf_medial", "grf_normal"),
    "emg": RECORDED,
    "sagittal": tuple(f"{name}_{side}" for side in "rl" for name in ("hip_flexion", "knee_angle", "ankle_angle")),
}
"""Angles are of one leg and read alike on both sides: flexion, dorsiflexion, adduction, inversion, internal rotation,
toes up and toes in positive; pelvis forward and up on that side, and tilted forward. Moments are internal. The ground
reaction is of that foot, in axes of the (tilted) belt."""
UNITS: dict[str, tuple[str, ...]] = {
    "angles": ("deg",) * 15,
    "moments": ("Nm/kg",) * 9,
    "grf": ("N/kg",) * 3,
    "emg": ("1",) * 8,
    "sagittal": ("deg",) * 6,
}
"""Forces are in N/kg, that is body weights times 9.81; envelopes are divided by their maximum over the subject's trials."""

SIDES = ("right", "left")
KINDS = {"gait": 0, "able": 1, "stroke": 2}
INCLINES = tuple(np.arange(-10.0, 10.1, 2.5).tolist())
ABLE_SPEEDS = tuple(np.round(np.arange(0.5, 1.851, 0.05), 2).tolist())
STROKE_SPEEDS = (0.3, 0.6, 0.9, 1.2)
SYNTHESIS_RATE = 200.0

Progress = Callable[[int, int], None]


class Trial(NamedTuple):
    """One recording of one subject at one task."""

    signals: dict[str, np.ndarray]
    """Modality to float32 (T, C), with the channels of `CHANNELS` and the units of `UNITS`."""
    time: np.ndarray
    """Seconds (T,)."""
    rate: float
    """Hz, or nan where samples are uniform in the stride's phase (150 a stride)."""
    subject: str
    task: str
    speed: float
    """m/s; of a transition, where it ends."""
    incline: float
    """Degrees, uphill positive; of a transition, where it ends."""
    side: str
    """The leg that was measured, or "both"."""
    paretic: str
    """"" or the side weakened by a stroke."""
    stride: np.ndarray
    """Number of the stride (T,), from the first heel strike of the measured (else the right) leg on."""
    transition: np.ndarray
    """Whether speed or incline are changing (T,)."""


def subject_generator(seed: int, kind: str, index: int, *task: float) -> np.random.Generator:
    """The randomness of one subject, or of one of the subject's tasks."""
    return np.random.default_rng([seed, KINDS[kind], index, *(round(1000 * (100 + value)) for value in task)])


def task_name(speed: float, incline: float) -> str:
    """`s1x2d7x5` for 1.2 m/s, 7.5 degrees downhill; `i` is level or uphill."""
    digits = (f"{value:g}".replace(".", "x") for value in (speed, abs(incline)))
    return f"s{next(digits)}{'d' if incline < 0 else 'i'}{next(digits)}"


def gait_cohort(
    subjects: int | Sequence[int] = 10,
    speeds: Sequence[float] = (0.8, 1.0, 1.2),
    inclines: Sequence[float] = INCLINES,
    strides: int = 38,
    seed: int = 0,
    sides: Sequence[str] = SIDES,
    progress: Progress | None = None,
) -> Iterator[Trial]:
    """The cross-modal cohort: one trial per subject, task and side, then the subject's transitions.

    `subjects` is how many of them, or which. A transition trial is twelve strides from one task to a neighbouring one:
    between the speeds on the middle incline and between the inclines at the middle speed. Its name is `from-to`, its
    `transition` marks the samples where the task changes.
    """
    for side in sides:
        if side not in SIDES:
            raise ConfigError(f"no side {side!r}; {nearest(side, SIDES)}")
    chosen = range(subjects) if isinstance(subjects, int) else subjects
    steady = list(product(speeds, inclines))
    speed, incline = speeds[len(speeds) // 2], inclines[len(inclines) // 2]
    changes = [((a, incline), (b, incline)) for a, b in pairwise(speeds)]
    changes += [((speed, a), (speed, b)) for a, b in pairwise(inclines)]
    total = len(chosen) * (len(steady) + len(changes)) * len(sides)
    done = 0
    for index in chosen:
        walker = able_bodied(subject_generator(seed, "gait", index))
        _check_range(walker, speeds, inclines, SLOPE_TASK)
        nodes = gait_nodes(walker, *SLOPE_TASK)
        found: list[Trial] = []
        for start, end in [(task, task) for task in steady] + changes:
            rng = subject_generator(seed, "gait", index, *start, *end)
            if start != end and rng.uniform() < 0.5:
                start, end = end, start
            found += _gait_trials(walker, nodes, f"walker{index + 1:02d}", start, end, strides, sides, rng)
            done += len(sides)
            if progress:
                progress(done, total)
        yield from _normalise_emg(found)


TRANSITION = np.clip((np.arange(12) - 3) / 4, 0.0, 1.0)
"""How far each stride of a transition has come."""


def _gait_trials(
    walker: Walker,
    nodes: Nodes,
    subject: str,
    start: tuple[float, float],
    end: tuple[float, float],
    strides: int,
    sides: Sequence[str],
    rng: np.random.Generator,
) -> list[Trial]:
    """One walk from task `start` to task `end`, seen from each side."""
    way = np.zeros(strides) if start == end else TRANSITION
    speeds, inclines = (a + (b - a) * way for a, b in zip(start, end))
    walked = trials.walk(walker, nodes, speeds, inclines, rng)
    kinetic = trials.kinetics(walked)
    given = walked.speed * np.sqrt(GRAVITY * walker.leg_length), walked.incline
    away = [sum(np.abs(value - aim) for value, aim in zip(given, task)) > 1e-6 for task in (start, end)]
    moving = (away[0] & away[1])[trials.CORE]
    found = []
    electrodes = rng.spawn(2)
    for side in map(SIDES.index, sides):
        keep = trials.kept(walked, side)
        signals = {
            "angles": trials.angles(walked, kinetic, side),
            "moments": trials.moments(walked, kinetic, side),
            "grf": trials.reaction(kinetic, side),
            "emg": trials.emg(walked, kinetic, side, electrodes[side]),
        }
        time = walked.time[trials.CORE][keep]
        found.append(
            Trial(
                signals={name: np.ascontiguousarray(s[:, keep].T, np.float32) for name, s in signals.items()},
                time=time - time[0],
                rate=float("nan"),
                subject=subject,
                task=task_name(*end) if start == end else f"{task_name(*start)}-{task_name(*end)}",
                speed=float(end[0]),
                incline=float(end[1]),
                side=SIDES[side],
                paretic=walker.paretic,
                stride=np.repeat(np.arange(len(way)), STRIDE),
                transition=moving[keep],
            )
        )
    return found


def _normalise_emg(found: list[Trial]) -> Iterator[Trial]:
    """Divide every electrode by its maximum over the subject's trials."""
    peak = {
        side: np.max([trial.signals["emg"].max(0) for trial in found if trial.side == side], axis=0)
        for side in {trial.side for trial in found}
    }
    for trial in found:
        yield trial._replace(signals=trial.signals | {"emg": trial.signals["emg"] / peak[trial.side]})


def speed_cohort(
    kind: str = "able",
    subjects: int | Sequence[int] | None = None,
    speeds: Sequence[float] | None = None,
    seconds: float = 30.0,
    rate: float = 20.0,
    seed: int = 0,
    progress: Progress | None = None,
) -> Iterator[Trial]:
    """The speed-transfer cohort: `seconds` of level walking per subject and speed, from a random phase on.

    "able": 22 people at 0.5 … 1.85 m/s in steps of 0.05. "stroke": 19 people with a paretic side at 0.3, 0.6, 0.9 and
    1.2 m/s as far as they manage, and at a speed of their own choice (named "self"). Drawn at 200 Hz, decimated to
    `rate`.
    """
    if kind not in ("able", "stroke"):
        raise ConfigError(f"no speed cohort {kind!r}; {nearest(kind, ('able', 'stroke'))}")
    if SYNTHESIS_RATE % rate:
        raise ConfigError(f"the rate must divide {SYNTHESIS_RATE:g} Hz; got {rate:g}")
    draw, grid = (able_bodied, SPEED_TASK) if kind == "able" else (stroke_survivor, STROKE_TASK)
    if subjects is None:
        subjects = 22 if kind == "able" else 19
    chosen = range(subjects) if isinstance(subjects, int) else subjects
    if speeds is None:
        speeds = ABLE_SPEEDS if kind == "able" else STROKE_SPEEDS
    walkers = {index: draw(subject_generator(seed, kind, index)) for index in chosen}
    tasks = {
        index: [(f"s{v:g}".replace(".", "x"), v) for v in speeds if v <= walker.top_speed]
        + [("self", walker.chosen_speed)] * (kind == "stroke")
        for index, walker in walkers.items()
    }
    total, done = sum(map(len, tasks.values())), 0
    for index, walker in walkers.items():
        _check_range(walker, [v for _, v in tasks[index]], (0.0,), grid)
        nodes = gait_nodes(walker, *grid)
        for name, speed in tasks[index]:
            rng = subject_generator(seed, kind, index, speed)
            yield _speed_trial(walker, nodes, f"{kind}{index + 1:02d}", name, speed, seconds, rate, rng)
            done += 1
            if progress:
                progress(done, total)


def _speed_trial(
    walker: Walker,
    nodes: Nodes,
    subject: str,
    task: str,
    speed: float,
    seconds: float,
    rate: float,
    rng: np.random.Generator,
) -> Trial:
    stride_seconds = trials.stride_seconds(walker, speed)
    strides = int(np.ceil(1.15 * (seconds + 2.0) / stride_seconds)) + 3
    walked = trials.walk(walker, nodes, np.full(strides, speed), np.zeros(strides), rng)
    samples = round(seconds * rate)
    start = 1.0 + stride_seconds * rng.uniform()
    time = start + np.arange(samples) / rate
    angles = trials.resample(walked, start, samples, rate, SYNTHESIS_RATE)
    stride = np.floor(np.interp(time, walked.time, np.arange(len(walked.time)) / STRIDE) + 1e-9).astype(int)
    return Trial(
        signals={"sagittal": angles.astype(np.float32)},
        time=time - start,
        rate=float(rate),
        subject=subject,
        task=task,
        speed=float(speed),
        incline=0.0,
        side="both",
        paretic=walker.paretic,
        stride=stride - stride[0],
        transition=np.zeros(samples, bool),
    )


def _check_range(walker: Walker, speeds: Sequence[float], inclines: Sequence[float], grid) -> None:
    """Interpolation between the nodes must stay interpolation."""
    scale = np.sqrt(GRAVITY * walker.leg_length)
    slowest, fastest = 0.9 * grid[0][0] * scale, 1.1 * grid[0][-1] * scale
    if speeds and not slowest <= min(speeds) <= max(speeds) <= fastest:
        raise ConfigError(f"speeds must lie in {slowest:.2f} … {fastest:.2f} m/s for this subject; got {list(speeds)}")
    if not grid[1][0] <= min(inclines) <= max(inclines) <= grid[1][-1]:
        raise ConfigError(f"inclines must lie in {grid[1][0]:g} … {grid[1][-1]:g} degrees; got {list(inclines)}")
