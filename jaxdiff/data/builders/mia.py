"""Muscles in Action (Chiquier & Vondrick, ICCV 2023): 3-second clips of exercises with the EMG of
eight muscles.

    train/Subject0/ElbowPunch/188/emgvalues.npy    (30, 8) rectified EMG, 10 Hz
    train/Subject0/ElbowPunch/188/joints3d.npy     (30, J >= 25, 3) joints of VIBE, camera frame, m
    val/...

The published val folder holds clips of the same people as train: split by subject instead
(jaxdiff.data.splits).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from jaxdiff.body.actions.emg import MUSCLES
from jaxdiff.data.builders.base import Builder, Modalities
from jaxdiff.data.builders.example import example
from jaxdiff.errors import FileError

JOINTS = 25
FRAMES = 30


class MIA(Builder):
    """joints (75, m) and emg (8, arbitrary units) of 30 frames at 10 Hz; the exercise is the
    task.
    """

    name = "mia"
    description = (
        "Ten people, fifteen exercises: body pose from video and surface EMG of eight muscles."
    )
    homepage = "https://musclesinaction.cs.columbia.edu"
    citation = "Chiquier, Vondrick. Muscles in Action. ICCV 2023"
    licence = "none stated"
    source = (
        "Put the folders train and val of MIADatasetOfficial there: the archive that"
        " github.com/cvlab-columbia/musclesinaction links to, or ask its authors (the link has been"
        " dead at times)."
    )

    def modalities(self) -> Modalities:
        joints = [f"joint{number}_{axis}" for number in range(JOINTS) for axis in "xyz"]
        return {"joints": (joints, ["m"] * len(joints)), "emg": (MUSCLES, ["a.u."] * len(MUSCLES))}

    def examples(self, root: Path) -> Iterator[dict[str, Any]]:
        clips = sorted(path.parent for path in root.glob("*/Subject*/*/*/emgvalues.npy"))
        if not clips:
            raise FileError(
                f"{self.name}: nothing like train/Subject0/ElbowPunch/188/emgvalues.npy in {root}."
                f" {self.source}"
            )
        for clip in self.track(clips):
            split, subject, exercise, _ = clip.relative_to(root).parts
            emg = _array(clip / "emgvalues.npy", (FRAMES, len(MUSCLES)))
            joints = _array(self.need(clip / "joints3d.npy"), (FRAMES, -1, 3))[:, :JOINTS]
            if joints.shape[1] < JOINTS:
                raise FileError(
                    f"{clip / 'joints3d.npy'} has {joints.shape[1]} joints; {JOINTS} are needed"
                )
            signals = {"joints": joints.reshape(FRAMES, -1), "emg": emg}
            trial = clip.relative_to(root).as_posix()
            yield example(
                trial, signals, rate=10.0, subject=subject, task=exercise, side="both", split=split
            )


def _array(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """The array, whose shape must be as given (-1: any)."""
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, OSError) as error:
        raise FileError(f"{path} is not a NumPy array: {error}") from None
    if len(array.shape) != len(shape) or any(
        want not in (-1, got) for want, got in zip(shape, array.shape)
    ):
        raise FileError(f"{path} has shape {array.shape}; expected {shape}")
    return array
