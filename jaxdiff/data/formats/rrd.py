"""Motions and signals for the Rerun viewer (`.rrd`), where `rerun-sdk` is installed."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np

from jaxdiff.data.recording import Recording
from jaxdiff.disk import atomic
from jaxdiff.errors import MissingExtra


def write_rerun(path: str | os.PathLike, recording: Recording) -> None:
    """Write joint positions as points and bones, y up, or else one curve per channel, on a timeline
    `time` in s.

    Args:
        path: The file.
        recording: Joint positions with `meta["parents"]` (`joints_recording`), or any other signal.

    Raises:
        MissingExtra: If rerun-sdk is not installed.
    """
    try:
        import rerun  # type: ignore[import-not-found]
    except ImportError:
        raise MissingExtra("writing for the Rerun viewer", "rerun") from None
    parents = [int(each) for each in recording.meta.get("parents", "").split()]
    joints = None
    if parents and recording.values.shape[1] == 3 * len(parents):
        joints = recording.values.reshape(len(recording.values), -1, 3)
    with atomic(path) as file, tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "motion.rrd"
        stream = rerun.RecordingStream("jaxdiff")
        stream.save(place)
        if joints is not None:
            stream.log("motion", rerun.ViewCoordinates.RIGHT_HAND_Y_UP, static=True)
        for i, row in enumerate(recording.values):
            stream.set_time("time", duration=recording.start + i / recording.rate)
            if joints is None:
                for name, value in zip(recording.channels, row):
                    if np.isfinite(value):
                        stream.log(name, rerun.Scalars(float(value)))
            else:
                bones = [joints[i, [p, j]] for j, p in enumerate(parents) if p >= 0]
                stream.log("motion/bones", rerun.LineStrips3D(bones))
                stream.log("motion/joints", rerun.Points3D(joints[i], radii=0.02))
        stream.flush()
        stream.disconnect()
        file.write(place.read_bytes())
