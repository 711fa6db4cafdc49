"""Fukuchi et al. 2018: 42 people overground at three speeds and on a treadmill at eight, as public
text files.

    WBDSinfo.csv                  one row per file; FileName, GaitSpeed(m/s) ("--": none)
    WBDSascii/WBDS01walkT05ang.txt    joint angles of the average stride (deg), 101 rows, tab separated
    WBDSascii/WBDS01walkT05knt.txt    joint moments (N m/kg) and ground reaction forces (N/kg) of the same stride

Columns are named RHipAngleX; Z is the sagittal axis, flexion and dorsiflexion positive. The forces'
axes are X forward, Y up, Z sideways. Strides are averages of a trial and time-normalised, each leg
to its own heel strike; so there is one example per leg and trial, of 101 samples. The rate is per
stride, not per second.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from jaxdiff.data.builders.base import LEG, Builder, Modalities
from jaxdiff.data.builders.example import example
from jaxdiff.errors import FileError

FILE = re.compile(r"(WBDS\d+)walk(T\d+|O[SCF])ang\.txt", re.IGNORECASE)
JOINTS = ("Hip", "Knee", "Ankle", "Foot", "Pelvis")
SAMPLES = 101
SIDES = {"right": "R", "left": "L"}


class Fukuchi2018(Builder):
    """angles (15, deg), moments (9, N m/kg) and grf (3, N/kg: forward, up, sideways) of average
    strides.
    """

    name = "fukuchi2018"
    description = (
        "Average strides of 42 healthy adults at three overground and eight treadmill speeds."
    )
    homepage = "https://doi.org/10.6084/m9.figshare.5722711"
    citation = "Fukuchi, Fukuchi, Duarte. PeerJ 6 (2018) e4640, doi:10.7717/peerj.4640"
    licence = "CC BY 4.0"
    source = (
        "Put WBDSinfo.csv and the unzipped folder WBDSascii there: from Figshare,"
        " doi:10.6084/m9.figshare.5722711 (CC BY 4.0). Versions that have WBDSinfo.xlsx only: save"
        " its sheet as CSV."
    )

    def modalities(self) -> Modalities:
        return LEG

    def examples(self, root: Path) -> Iterator[dict[str, Any]]:
        speeds = _speeds(self.need(root / "WBDSinfo.csv"))
        folder = self.need(root / "WBDSascii")
        paths = [path for path in sorted(folder.iterdir()) if FILE.fullmatch(path.name)]
        if not paths:
            raise FileError(
                f"{self.name}: nothing like WBDS01walkT05ang.txt in {folder}. {self.source}"
            )
        for path in self.track(paths):
            who, task = FILE.fullmatch(path.name).groups()  # pyright: ignore[reportOptionalMemberAccess]
            angles, kinetics = (
                _columns(path),
                _columns(self.need(folder / path.name.replace("ang.txt", "knt.txt"))),
            )
            for side, letter in SIDES.items():
                signals = {
                    "angles": _pick(
                        angles,
                        [f"{letter}{joint}Angle{axis}" for joint in JOINTS for axis in "XYZ"],
                    ),
                    "moments": _pick(
                        kinetics,
                        [f"{letter}{joint}Moment{axis}" for joint in JOINTS[:3] for axis in "XYZ"],
                    ),
                    "grf": _pick(kinetics, [f"{letter}GRF{axis}" for axis in "XYZ"]),
                }
                yield example(
                    f"{who}/{task}/{side}",
                    signals,
                    rate=SAMPLES - 1,
                    subject=who,
                    task=task,
                    side=side,
                    speed=speeds.get((who, task), math.nan),
                    stride=np.zeros(SAMPLES, np.int32),
                )


def _speeds(path: Path) -> dict[tuple[str, str], float]:
    """Mean speed by subject and task over all files of that trial whose speed is given."""
    given: dict[tuple[str, str], list[float]] = {}
    with open(path, newline="", encoding="utf-8-sig", errors="replace") as file:
        for row in csv.DictReader(file):
            match = re.match(r"(WBDS\d+)walk(T\d+|O)(\d*)([SCF]?)", row.get("FileName") or "")
            try:
                speed = float(row.get("GaitSpeed(m/s)") or "")
            except ValueError:
                continue
            if match:
                who, mode, _, pace = match.groups()
                given.setdefault((who, mode + pace), []).append(speed)
    if not given:
        raise FileError(f"{path}: no row with a FileName and a GaitSpeed(m/s)")
    return {key: float(np.mean(values)) for key, values in given.items()}


def _columns(path: Path) -> dict[str, np.ndarray]:
    """A tab-separated table of `SAMPLES` rows under one row of names."""
    lines = path.read_text(encoding="utf-8-sig", errors="replace").rstrip().splitlines()
    names = lines[0].split("\t") if lines else []
    try:
        values = np.array(
            [[float(cell or "nan") for cell in line.split("\t")] for line in lines[1:]]
        )
    except ValueError as error:
        raise FileError(f"{path}: {error}") from None
    if values.shape != (SAMPLES, len(names)):
        raise FileError(
            f"{path}: expected {SAMPLES} rows of {len(names)} numbers, found shape {values.shape}"
        )
    return {name.strip(): column for name, column in zip(names, values.T)}


def _pick(columns: dict[str, np.ndarray], names: list[str]) -> np.ndarray:
    """The named columns; one the file does not have is a gap (NaN), but it must have some."""
    if not columns.keys() & set(names):
        raise FileError(
            f"none of the columns {', '.join(names)} is in the file, which has {', '.join(columns)}"
        )
    gap = np.full(SAMPLES, np.nan)
    return np.stack([columns.get(name, gap) for name in names], axis=1)
