"""Stand-ins for the simulated walkers, which take their time: trials of the same layout with
made-up numbers.
"""

import numpy as np

from jaxdiff.body import walker


def pretended_gait(
    subjects=3, speeds=(0.8, 1.2), inclines=(), strides=4, seed=0, sides=("left",), progress=None
):
    """Stands in for the walker, which takes its time: its trials with numbers drawn at random."""
    rng = np.random.default_rng(seed)
    for n in range(subjects):
        for speed in (*speeds, "change"):
            for side in sides:
                widths = {
                    name: len(walker.CHANNELS[name]) for name in ("angles", "moments", "grf", "emg")
                }
                frames = 150 * strides
                yield walker.Trial(
                    {
                        name: rng.normal(size=(frames, width)).astype(np.float32)
                        for name, width in widths.items()
                    },
                    time=np.arange(frames) / 140 + 0.001 * np.sin(np.arange(frames)),
                    rate=float("nan"),
                    subject=f"walker{n:02d}",
                    task=f"s{speed}i0",
                    speed=1.2 if speed == "change" else speed,
                    incline=0.0,
                    side=side,
                    paretic="",
                    stride=np.repeat(np.arange(strides), 150),
                    transition=np.arange(frames) > 100
                    if speed == "change"
                    else np.zeros(frames, bool),
                )
                progress(n + 1, subjects)


def pretended_speeds(
    kind="able", subjects=3, speeds=None, seconds=30.0, rate=20.0, seed=0, progress=None
):
    for trial in pretended_gait(
        subjects, speeds or (0.3, 0.6), seed=seed, sides=("both",), progress=progress
    ):
        frames = round(seconds * rate)
        yield trial._replace(
            signals={"sagittal": np.zeros((frames, 6), np.float32)},
            time=np.arange(frames) / rate,
            rate=rate,
            paretic="left" if kind == "stroke" else "",
            stride=np.zeros(frames, int),
            transition=np.zeros(frames, bool),
        )
