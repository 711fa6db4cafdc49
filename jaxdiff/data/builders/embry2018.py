"""Embry et al. 2018: ten people walking at three speeds on nine slopes, the data of LLMA (paper
IV.A).

`InclineExperiment.mat` is HDF5 (MATLAB v7.3), so arrays come out transposed: (strides, 150).

    Gaitcycle/AB01/subjectdetails                                    2 x n cells: names, values (weight in kg)
    Gaitcycle/AB01/s0x8i10/kinematics/jointangles/{side}/{joint}/{axis}   deg
                          /kinetics/jointmoment/{side}/{joint}/{axis}     N mm/kg
                          /kinetics/forceplate/{side}/force/{axis}        N
                          /cycles/{side}/time                             s
                          /stepsout/{side}                                outlier strides, counted from 1: dropped here

Strides that are nothing but zeros (the last one of some trials) are dropped too. One example is one
side of one trial.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from jaxdiff.data.builders.base import LEG, Builder, Modalities
from jaxdiff.data.builders.example import example
from jaxdiff.errors import FileError, MissingExtra

SAMPLES = 150
JOINTS = ("hip", "knee", "ankle", "foot", "pelvis")
TRIAL = re.compile(r"s(\d+(?:x\d+)?)([id])(\d+(?:x\d+)?)")


class Embry2018(Builder):
    """angles (15, deg), moments (9, N m/kg) and grf (3, N/kg) on 150 samples a stride, with the
    strides numbered.
    """

    name = "embry2018"
    description = (
        "Walking at 0.8, 1.0 and 1.2 m/s on slopes of -10 to 10 degrees: joint angles, moments,"
        " forces."
    )
    homepage = "https://ieee-dataport.org/open-access/effect-walking-incline-and-speed-human-leg-kinematics-kinetics-and-emg"
    citation = "Embry, Villarreal, Macaluso, Gregg. IEEE DataPort 2018, doi:10.21227/gk32-e868"
    licence = "as on its IEEE DataPort page"
    source = (
        "Put InclineExperiment.mat there: from IEEE DataPort, doi:10.21227/gk32-e868 (open access,"
        " after signing in at ieee-dataport.org). It is not the later file Normalized.mat of the"
        " same laboratory."
    )

    def modalities(self) -> Modalities:
        return LEG

    def examples(self, root: Path) -> Iterator[dict[str, Any]]:
        try:
            import h5py
        except ImportError:
            raise MissingExtra("reading embry2018", "formats") from None
        path = self.need(root / "InclineExperiment.mat")
        try:
            file = h5py.File(path, "r")
        except OSError as error:
            raise FileError(f"{path} is not an HDF5 (MATLAB v7.3) file: {error}") from None
        with file:
            everyone = _group(file, "Gaitcycle", path)
            trials = [
                (who, name) for who in everyone for name in everyone[who] if TRIAL.fullmatch(name)
            ]
            for who, name in self.track(trials):
                mass = _mass(file, everyone[who])
                for side in ("left", "right"):
                    yield _trial(everyone[who][name], f"{who}/{name}", side, mass, path)


def _trial(group: Any, name: str, side: str, mass: float, path: Path) -> dict[str, Any]:
    who, task = name.split("/")
    angles, moments, force = (
        _group(group, f"{where}/{side}{what}", path)
        for where, what in (
            ("kinematics/jointangles", ""),
            ("kinetics/jointmoment", ""),
            ("kinetics/forceplate", "/force"),
        )
    )
    stored = {
        "angles": np.stack(
            [angles[joint][axis][()] for joint in JOINTS for axis in "xyz"], axis=-1
        ),
        "moments": (
            np.stack([moments[joint][axis][()] for joint in JOINTS[:3] for axis in "xyz"], axis=-1)
            / 1000
        ),
        "grf": np.stack([force[axis][()] for axis in "xyz"], axis=-1) / mass,
    }
    time = _group(group, f"cycles/{side}/time", path)[()]
    strides = min(len(time), *map(len, stored.values()))
    keep = np.ones(strides, bool)
    if "stepsout" in group and side in group["stepsout"]:
        outliers = _numbers(group["stepsout"][side])
        outliers = outliers[np.isfinite(outliers) & (outliers >= 1) & (outliers <= strides)]
        keep[outliers.astype(np.int64) - 1] = False
    for values in stored.values():
        keep &= (values[:strides] != 0).any(axis=(1, 2))
    if not keep.any() or time.shape[1] != SAMPLES:
        raise FileError(f"{path}: {name} {side} has no usable stride of {SAMPLES} samples")
    number = np.flatnonzero(keep)
    speed, sign, incline = TRIAL.fullmatch(task).groups()  # pyright: ignore[reportOptionalMemberAccess]
    seconds = time[:strides][keep]
    return example(
        f"{name}/{side}",
        {
            name: values[:strides][keep].reshape(-1, values.shape[-1])
            for name, values in stored.items()
        },
        rate=(SAMPLES - 1) / float(np.median(seconds[:, -1] - seconds[:, 0])),
        subject=who,
        task=task,
        side=side,
        speed=float(speed.replace("x", ".")),
        incline=float(incline.replace("x", ".")) * (1 if sign == "i" else -1),
        time=seconds.ravel(),
        stride=np.repeat(number, SAMPLES),
    )


def _numbers(dataset: Any) -> np.ndarray:
    """The numbers of a MATLAB array; of an empty one MATLAB v7.3 stores the dimensions and a mark
    instead.
    """
    if dataset.attrs.get("MATLAB_empty", 0):
        return np.zeros(0)
    return np.asarray(dataset[()], np.float64).ravel()


def _mass(file: Any, person: Any) -> float:
    """The body mass from the cells of `subjectdetails`: a row of names and a row of values, as
    references.
    """
    names, values = person["subjectdetails"][()]
    for name, value in zip(names, values):
        if "weight" in "".join(map(chr, np.ravel(file[name][()]))).lower():
            return float(np.ravel(file[value][()])[0])
    raise FileError(f"{file.filename}: no weight among the details of {person.name}")


def _group(group: Any, name: str, path: Path) -> Any:
    if name not in group:
        raise FileError(f"{path}: {group.name} has no {name!r} (it has {', '.join(group)})")
    return group[name]
