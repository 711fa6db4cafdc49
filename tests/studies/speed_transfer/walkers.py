"""A cohort in closed form: strides whose shape changes with speed and person, at a cadence that
follows the law exactly.
"""

import numpy as np

from jaxdiff.data.recording import Recording
from jaxdiff.data.trials import Trials, gather
from jaxdiff.studies.speed_transfer.data import Gaits
from jaxdiff.studies.speed_transfer.recorded import ANGLES

RATE, SECONDS = 20.0, 30.0
CHANNELS = tuple(
    f"{joint}_{side}" for side in "rl" for joint in ("hip_flexion", "knee_angle", "ankle_angle")
)
LAW = np.array([-0.15, 0.45, 0.02])


def frequency(speed, stature=0.0):
    """Strides per second: `log f = a + b log v + c log² v`, shifted by a person's stature."""
    return float(np.exp(stature + LAW @ np.log(speed) ** np.arange(3)))


def angles(speed, phase, manner=0.0):
    """Six angles in degrees (T, 6) at stride phases; linear in speed, with a hip-extension peak at
    every whole phase.
    """
    leg = []
    for p in (phase, phase + 0.5):
        turn = 2 * np.pi * p
        hip = 10 - (18 + 8 * speed) * np.cos(turn) + manner * np.cos(2 * turn)
        knee = (
            25
            + (10 + 12 * speed) * np.sin(turn)
            + manner * np.sin(2 * turn)
            + 12 * np.cos(2 * turn)
        )
        ankle = 3 + (6 + 5 * speed) * np.sin(turn + 1) + manner * np.cos(turn)
        leg += [hip, knee, ankle]
    return np.stack(leg, axis=-1)


def recording(speed, stature=0.0, manner=0.0, begin=0.0, seconds=SECONDS, rate=RATE):
    """(T, 6) at `rate` Hz."""
    phase = begin + frequency(speed, stature) * np.arange(round(seconds * rate)) / rate
    return angles(speed, phase, manner).astype(np.float32)


def people(count, seed=0):
    """Stature and manner of `count` people."""
    rng = np.random.default_rng(seed)
    return [(0.05 * rng.normal(), 2 * rng.normal()) for _ in range(count)]


def cohort(count=4, speeds=(0.6, 0.9, 1.2, 1.5), seed=0, paretic=""):
    """All people at every speed, beginning anywhere in the stride."""
    rng = np.random.default_rng(seed + 1)
    rows = [(f"P{i}", v, *who) for i, who in enumerate(people(count, seed)) for v in speeds]
    values = np.stack(
        [recording(v, stature, manner, rng.uniform()) for _, v, stature, manner in rows]
    )
    names, given = (np.array([row[i] for row in rows]) for i in (0, 1))
    return Gaits(
        values, names, given, np.array([paretic] * len(rows)), RATE, CHANNELS, ("deg",) * 6
    )


def trials(gaits: Gaits) -> Trials:
    """The same cohort as a data set."""

    def example(values, who, speed, side):
        text = {
            "trial": f"{who}-{speed}",
            "subject": who,
            "task": f"{speed}",
            "side": "both",
            "paretic": side,
            "split": "",
        }
        return {
            **text,
            "rate": RATE,
            "speed": speed,
            "incline": 0.0,
            "transition": False,
            "signals": {"sagittal": values},
            "channels": {"sagittal": list(CHANNELS)},
            "units": {"sagittal": ["deg"] * 6},
            "time": np.arange(len(values)) / RATE,
            "stride": np.zeros(len(values), np.int32),
            "captions": [],
            "tokens": [],
        }

    return gather(
        map(
            example,
            gaits.values,
            gaits.subject.tolist(),
            gaits.speed.tolist(),
            gaits.paretic.tolist(),
        )
    )


RECIPE = """
name: small_lab
files: "{subject}_{speed}.csv"
modalities:
  angles:
    channels: [%s]
    units: deg
"""


def laboratory(folder, people, names=ANGLES, seconds=5.0):
    """A folder of walks at three speeds and its recipe; everyone changes more with speed than the
    simulation.
    """
    rng = np.random.default_rng(3)
    for i in range(people):
        manner = 2 * rng.normal()
        for speed in (0.7, 1.0, 1.3):
            phase = 0.5 + frequency(speed) * np.arange(round(100 * seconds)) / 100.0
            values = angles(1.4 * speed, phase, manner)
            walk = Recording(values, ANGLES, ("deg",) * 6, 100.0).select(names)
            walk.write(folder / f"P{i:02d}_{speed}.csv")
    recipe = folder / "lab.yaml"
    recipe.write_text(RECIPE % ", ".join(names))
    return recipe
