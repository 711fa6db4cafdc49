"""Camargo et al. 2021: 22 people on a treadmill at 28 speeds, the able-bodied data of speed
transfer (paper III.A).

    AB06/10_09_18/treadmill/{ik,id,conditions,...}/treadmill_01_01.mat

The files hold MATLAB tables, which SciPy cannot decode; mat-io can. `ik` has the column `Header`
(s) and OpenSim angles (deg, 200 Hz; knee extension positive, turned here to flexion positive);
`conditions` has a table with the columns Header and Speed. A trial runs through four speeds: one
example is `seconds` around the middle of a stretch of constant speed, brought to `rate` Hz with an
anti-alias filter.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from jaxdiff.data.builders.base import Builder, Modalities
from jaxdiff.data.builders.example import example
from jaxdiff.data.gaps import bridged
from jaxdiff.data.resampling import resampled
from jaxdiff.errors import FileError, MissingExtra

SAGITTAL = [f"{joint}_{side}" for side in ("right", "left") for joint in ("hip", "knee", "ankle")]
COLUMNS = {
    "hip_flexion_r": 1.0,
    "knee_angle_r": -1.0,
    "ankle_angle_r": 1.0,
    "hip_flexion_l": 1.0,
    "knee_angle_l": -1.0,
    "ankle_angle_l": 1.0,
}
"""Where the six sagittal angles are, and the sign that makes flexion and dorsiflexion positive."""


@dataclasses.dataclass(eq=False)
class Config(tfds.core.BuilderConfig):
    """`seconds` of every speed at `rate` Hz (paper III.A: 30 s at 20 Hz)."""

    seconds: float = 30.0
    rate: float = 20.0


class Camargo2021(Builder):
    """sagittal (6, deg): hip, knee and ankle of the right and of the left leg."""

    name = "camargo2021"
    description = (
        "Treadmill walking at 28 speeds from 0.5 to 1.85 m/s: sagittal joint angles of both legs."
    )
    homepage = "https://www.epic.gatech.edu/opensource-biomechanics-camargo-et-al/"
    citation = (
        "Camargo, Ramanathan, Flanagan, Young. J Biomech 119 (2021) 110320,"
        " doi:10.1016/j.jbiomech.2021.110320"
    )
    licence = "CC BY 4.0"
    source = (
        "Put the folders AB06 ... AB30 there, unzipped: from Mendeley Data,"
        " doi:10.17632/fcgm3chfff.1 and its parts 2 and 3 (CC BY 4.0); only */*/treadmill/ik and"
        " */*/treadmill/conditions are read."
    )

    @classmethod
    def configured(cls, **settings: float) -> Config:
        return Config(
            name="-".join(["speeds", *(f"{name}{value:g}" for name, value in settings.items())]),
            **settings,
        )

    def modalities(self) -> Modalities:
        return {"sagittal": (SAGITTAL, ["deg"] * 6)}

    def examples(self, root: Path) -> Iterator[dict[str, Any]]:
        paths = sorted(root.glob("AB*/*/treadmill/ik/*.mat"))
        if not paths:
            raise FileError(
                f"{self.name}: nothing like AB06/10_09_18/treadmill/ik/treadmill_01_01.mat in"
                f" {root}. {self.source}"
            )
        for path in self.track(paths):
            angles = _table(path, ["Header", *COLUMNS])
            conditions = _table(
                self.need(path.parent.parent / "conditions" / path.name), ["Header", "Speed"]
            )
            subject = path.relative_to(root).parts[0]
            yield from self._stretches(f"{subject}/{path.stem}", subject, angles, conditions)

    def _stretches(
        self, trial: str, subject: str, angles: np.ndarray, belt: np.ndarray
    ) -> Iterator[dict[str, Any]]:
        seconds, rate = self.builder_config.seconds, self.builder_config.rate
        time, values = angles[:, 0], angles[:, 1:] * np.array(list(COLUMNS.values()))
        old = (len(time) - 1) / (time[-1] - time[0])
        count = round(seconds * old)
        speed = np.round(belt[:, 1] / 0.05) * 0.05
        change = np.flatnonzero(np.diff(speed, prepend=np.nan, append=np.nan) != 0)
        for first, last in zip(change[:-1], change[1:]):
            begin, end = belt[first, 0], belt[last - 1, 0]
            # The belt needs a moment to change speed, so the stretch may be a little shorter than what is taken.
            if not speed[first] > 0.1 or end - begin < 0.9 * seconds or len(time) < count:
                continue
            start = round(((begin + end - seconds) / 2 - time[0]) * old)
            start = min(max(start, 0), len(time) - count)
            piece = values[start : start + count]
            if np.isnan(piece).mean() > 0.01:
                continue
            frames = resampled(bridged(piece), old, rate)
            moment = float(time[start])
            yield example(
                f"{trial}/{speed[first]:.2f}",
                {"sagittal": frames},
                rate=rate,
                subject=subject,
                task=f"{speed[first]:.2f} m/s",
                side="both",
                speed=float(speed[first]),
                time=moment + np.arange(len(frames)) / rate,
            )


def _table(path: Path, columns: list[str]) -> np.ndarray:
    """The columns of the table that has them, (rows, columns) float64."""
    try:
        import matio
    except ImportError:
        raise MissingExtra("reading MATLAB tables", "formats") from None
    try:
        variables = matio.load_from_mat(str(path))
    except Exception as error:  # whatever a broken file makes mat-io stumble over
        raise FileError(f"{path} cannot be read as a MATLAB file: {error}") from None
    for table in variables.values():
        if set(columns) <= set(getattr(table, "columns", ())):
            return np.stack(
                [np.asarray(table[name], np.float64).ravel() for name in columns], axis=1
            )
    raise FileError(f"{path} has no table with the columns {', '.join(columns)}")
