"""A large cohort of different people as trials, one leg at a time, from the batched walker."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from jaxdiff.body.walker.batch import CHANNELS as BATCHED
from jaxdiff.body.walker.batch import Tasks, Traits, draw_people, draw_tasks, simulate
from jaxdiff.body.walker.recordings import CHANNELS, SIDES, Trial, task_name
from jaxdiff.errors import ConfigError, nearest

GROUP = 16
"""People simulated at once; person i is the same in every cohort of a seed that is large enough."""
MODALITIES = ("angles", "feet", "moments", "grf", "emg")


def people_cohort(
    subjects: int = 1000,
    tasks: int = 8,
    strides: int = 4,
    points: int = 150,
    impaired: float = 0.3,
    seed: int = 0,
    sides: Sequence[str] = SIDES,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[Trial]:
    """Trials of many different people at speeds and slopes of their own.

    Args:
        subjects: Number of people.
        tasks: Tasks per person.
        strides: Consecutive strides per trial.
        points: Samples per stride.
        impaired: Share of people with an impairment.
        seed: Seed of people, tasks and strides.
        sides: "right", "left" or both; each gives a trial of its own that begins with its foot
            strike.
        progress: Called with the number of finished and of all trials.

    Yields:
        One trial per person, task and side, with the channels of `recordings.CHANNELS`.

    Raises:
        ConfigError: If a side is unknown or there are no subjects.
    """
    for side in sides:
        if side not in SIDES:
            raise ConfigError(f"no side {side!r}; {nearest(side, SIDES)}")
    if not isinstance(subjects, int) or subjects < 1:
        raise ConfigError(f"a cohort of people needs a number of subjects; got {subjects!r}")
    total, done = subjects * tasks * len(sides), 0
    for first in range(0, subjects, GROUP):
        rng = np.random.default_rng([seed, 4, first])
        traits = draw_people(rng, GROUP, impaired)
        work = draw_tasks(rng, traits, tasks)
        n = min(GROUP, subjects - first)
        traits, work = Traits(*(v[:n] for v in traits)), Tasks(*(v[:n] for v in work))
        # One stride more, for the half stride by which the left leg is late.
        found = simulate(traits, work, strides + 1, points, rng=rng, modalities=MODALITIES)
        for person in range(n):
            for task in range(tasks):
                for side in map(SIDES.index, sides):
                    yield _trial(found, traits, work, person, task, side, strides, first)
                    done += 1
                    if progress:
                        progress(done, total)


def _trial(
    found: dict[str, np.ndarray],
    traits: Traits,
    work: Tasks,
    person: int,
    task: int,
    side: int,
    strides: int,
    first: int,
) -> Trial:
    points = found["time"].shape[-1]
    start = round(side * float(traits.left_phase[person]) * points)
    keep = slice(start, start + strides * points)
    values = {
        name: found[name][person, task].reshape(-1, found[name].shape[-1])[keep]
        for name in MODALITIES
    }
    columns = {name: list(BATCHED[name]) for name in MODALITIES}
    mark = "rl"[side]

    def channel(name: str) -> np.ndarray:
        if name.startswith("pelvis"):
            sign = -1.0 if side and name != "pelvis_tilt" else 1.0
            return sign * values["angles"][:, columns["angles"].index(name)]
        source = "feet" if name in ("foot_roll", "foot_yaw") else None
        for modality in (source,) if source else ("angles", "moments", "grf", "emg"):
            if f"{name}_{mark}" in columns[modality]:
                return values[modality][:, columns[modality].index(f"{name}_{mark}")]
        raise KeyError(name)

    time = found["time"][person, task].ravel()[keep]
    paretic = {1.0: "right", -1.0: "left"}.get(float(traits.paretic[person]), "")
    speed, incline = float(work.speed[person, task]), float(work.slope[person, task])
    return Trial(
        signals={
            name: np.stack([channel(c) for c in CHANNELS[name]], axis=1).astype(np.float32)
            for name in ("angles", "moments", "grf", "emg")
        },
        time=time - time[0],
        rate=float("nan"),
        subject=f"person{first + person + 1:05d}",
        task=task_name(round(speed, 2), round(incline, 1)),
        speed=speed,
        incline=incline,
        side=SIDES[side],
        paretic=paretic,
        stride=np.repeat(np.arange(strides), points),
        transition=np.zeros(strides * points, bool),
    )
