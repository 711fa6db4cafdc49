"""Walks as recordings: named channels in physical units, as a laboratory would hand them over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jaxdiff.body.walker import trials
from jaxdiff.body.walker.emg import RECORDED
from jaxdiff.body.walker.model import GRAVITY, LEG_JOINTS
from jaxdiff.body.walker.nodes import STRIDE, Nodes
from jaxdiff.body.walker.subjects import Walker

CHANNELS: dict[str, tuple[str, ...]] = {
    "angles": (
        *LEG_JOINTS,
        "foot_pitch",
        "foot_roll",
        "foot_yaw",
        "pelvis_yaw",
        "pelvis_list",
        "pelvis_tilt",
    ),
    "moments": (
        *("hip_extension_moment", "hip_abduction_moment", "hip_external_rotation_moment"),
        *("knee_extension_moment", "knee_abduction_moment", "knee_external_rotation_moment"),
        *("ankle_plantarflexion_moment", "ankle_eversion_moment", "ankle_external_rotation_moment"),
    ),
    "grf": ("grf_forward", "grf_medial", "grf_normal"),
    "emg": RECORDED,
    "sagittal": tuple(
        f"{name}_{side}" for side in "rl" for name in ("hip_flexion", "knee_angle", "ankle_angle")
    ),
}
"""Angles are of one leg and read alike on both sides: flexion, dorsiflexion, adduction, inversion,
internal rotation, toes up and toes in positive; the pelvis is forward and up on that side, and
tilted forward. Moments are internal. The ground reaction is of that foot, in axes of the (tilted)
belt."""
UNITS: dict[str, tuple[str, ...]] = {
    "angles": ("deg",) * 15,
    "moments": ("Nm/kg",) * 9,
    "grf": ("N/kg",) * 3,
    "emg": ("1",) * 8,
    "sagittal": ("deg",) * 6,
}
"""Forces in N/kg are body weights times 9.81; envelopes are divided by their maximum over the
subject's trials.
"""

SIDES = ("right", "left")
SYNTHESIS_RATE = 200.0


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
    """Number of the stride (T,), counted by the measured (else the right) leg."""
    transition: np.ndarray
    """Whether speed or incline are changing (T,)."""


class Task(NamedTuple):
    """A treadmill's setting: m/s and degrees."""

    speed: float
    incline: float

    def __str__(self) -> str:
        return task_name(*self)


def task_name(speed: float, incline: float | None = None) -> str:
    """`s1x2d7x5` for 1.2 m/s and 7.5 degrees downhill, `i` for level and uphill; only the speed
    where that is all.
    """
    name = f"s{speed:g}"
    if incline is not None:
        name += f"{'d' if incline < 0 else 'i'}{abs(incline):g}"
    return name.replace(".", "x")


def record_gait(
    walker: Walker,
    nodes: Nodes,
    subject: str,
    tasks: tuple[Task, Task],
    way: np.ndarray,
    sides: Sequence[str],
    rng: np.random.Generator,
) -> list[Trial]:
    """One walk from the first task to the second, seen from each side; `way` is how far each stride
    has come.
    """
    start, end = (np.array(task) for task in tasks)
    speeds, inclines = (start + (end - start) * way[:, None]).T
    walked = trials.walk(walker, nodes, speeds, inclines, rng)
    kinetic = trials.kinetics(walked)
    setting = np.stack(
        [walked.speed * np.sqrt(GRAVITY * walker.leg_length), walked.incline], axis=1
    )[trials.CORE]
    changing = np.all([np.abs(setting - task).max(axis=1) > 1e-6 for task in (start, end)], axis=0)
    electrodes = rng.spawn(2)
    found = []
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
                signals={
                    name: np.ascontiguousarray(s[:, keep].T, np.float32)
                    for name, s in signals.items()
                },
                time=time - time[0],
                rate=float("nan"),
                subject=subject,
                task=str(tasks[0]) if tasks[0] == tasks[1] else f"{tasks[0]}-{tasks[1]}",
                speed=float(tasks[1].speed),
                incline=float(tasks[1].incline),
                side=SIDES[side],
                paretic=walker.paretic,
                stride=np.repeat(np.arange(len(way)), STRIDE),
                transition=changing[keep],
            )
        )
    return found


def record_sagittal(
    walker: Walker,
    nodes: Nodes,
    subject: str,
    task: str,
    speed: float,
    seconds: float,
    rate: float,
    rng: np.random.Generator,
) -> Trial:
    """`seconds` of level walking from a random phase on, at `rate` Hz."""
    stride_seconds = trials.stride_seconds(walker, speed)
    strides = int(np.ceil(1.15 * (seconds + 2.0) / stride_seconds)) + 3
    walked = trials.walk(walker, nodes, np.full(strides, speed), np.zeros(strides), rng)
    samples = round(seconds * rate)
    start = 1.0 + stride_seconds * rng.uniform()
    time = start + np.arange(samples) / rate
    stride = np.floor(np.interp(time, walked.time, np.arange(len(walked.time)) / STRIDE)).astype(
        int
    )
    angles = trials.resample(walked, start, samples, rate, SYNTHESIS_RATE)
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
