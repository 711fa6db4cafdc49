"""Made-up trials, small and exact, in which every number tells which trial, frame and channel it is
of.
"""

import gc
import sys

import numpy as np
import pytest

from jaxdiff.data.trials import gather


def made_up(subjects=5, tasks=3, strides=4, samples=10, sides=("left", "right"), **more):
    """Examples as a builder's data source gives them; angle = 1000 trial + frame + channel / 10."""
    examples, number = [], 0
    for subject in range(subjects):
        for task in range(tasks):
            for side in sides:
                frames = strides * samples
                code = 1000.0 * number + np.arange(frames)[:, None]
                examples.append(
                    {
                        "trial": f"S{subject:02d}/t{task}/{side}",
                        "subject": f"S{subject:02d}",
                        "task": f"t{task}",
                        "side": side,
                        "paretic": "",
                        "split": ("train", "val", "test")[min(subject, 2)],
                        "rate": 10.0,
                        "speed": 0.5 + 0.2 * task,
                        "incline": 0.0,
                        "transition": False,
                        "channels": {"angles": ["hip", "knee"], "grf": ["up"]},
                        "units": {"angles": ["deg", "deg"], "grf": ["BW"]},
                        "signals": {
                            "angles": (code + np.arange(2) / 10).astype(np.float32),
                            "grf": (-code).astype(np.float32),
                        },
                        "time": np.arange(frames) / 10.0,
                        "stride": np.repeat(np.arange(strides), samples).astype(np.int32),
                        "captions": [f"{task} {k}" for k in range(1 + number % 3)],
                        "tokens": [],
                        **more,
                    }
                )
                number += 1
    return examples


@pytest.fixture
def trials():
    return gather(made_up())


@pytest.fixture
def make_trials():
    return lambda **settings: gather(made_up(**settings))


@pytest.fixture
def make_examples():
    return made_up


@pytest.fixture
def calls():
    """`calls(f)` -> how many calls, of Python and of compiled functions, `f()` makes: its speed
    without a clock.
    """

    def count(f):
        f()  # what happens only once has happened
        events, before = [], sys.getprofile()
        gc.disable()  # libraries have it call them
        sys.setprofile(lambda frame, event, argument: events.append(event))
        try:
            f()
        finally:
            sys.setprofile(before)
            gc.enable()
        return sum(event in ("call", "c_call") for event in events)

    return count
