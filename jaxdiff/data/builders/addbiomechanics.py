"""AddBiomechanics: a folder of `.b3d` files as joint angles, joint moments and ground reactions of
either leg.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from jaxdiff.data import channels
from jaxdiff.data.builders.base import Builder, Modalities
from jaxdiff.data.builders.example import example
from jaxdiff.data.formats import read_b3d
from jaxdiff.data.recording import SIDES, Recording
from jaxdiff.errors import DataError, FileError

ANGLES = (
    *("hip_flexion", "hip_adduction", "hip_rotation", "knee_flexion"),
    *("ankle_dorsiflexion", "ankle_inversion"),
)
MOMENTS = (
    *("hip_extension_moment", "hip_abduction_moment", "hip_external_rotation_moment"),
    *("knee_extension_moment", "ankle_plantarflexion_moment", "ankle_eversion_moment"),
)
FORCES = ("grf_forward", "grf_medial", "grf_normal")
MOVING = 0.3
"""Metres; a pelvis that travels further says where forward is."""


class AddBiomechanics(Builder):
    """angles (6, deg), moments (6, N m/kg) and grf (3, N/kg) of each leg; missing forces are
    gaps.
    """

    name = "addbiomechanics"
    description = (
        "Trials processed by AddBiomechanics: joint angles, moments and ground reactions of either"
        " leg."
    )
    homepage = "https://addbiomechanics.org"
    citation = "Werling et al. AddBiomechanics dataset. ECCV 2024"
    licence = "as the site states for each study"
    source = (
        "Put .b3d files there, in any folders: from addbiomechanics.org (download of the data set),"
        " or your own results from that site. A file is a subject."
    )

    def modalities(self) -> Modalities:
        return {
            "angles": (ANGLES, ["deg"] * len(ANGLES)),
            "moments": (MOMENTS, ["N m/kg"] * len(MOMENTS)),
            "grf": (FORCES, ["N/kg"] * len(FORCES)),
        }

    def examples(self, root: Path) -> Iterator[dict[str, Any]]:
        paths = sorted(root.rglob("*.b3d"))
        if not paths:
            raise FileError(f"{self.name}: no .b3d file in {root}. {self.source}")
        for path in self.track(paths):
            found = read_b3d(path)
            subject = path.relative_to(root).with_suffix("").as_posix()
            for number, trial in enumerate([found] if isinstance(found, Recording) else found):
                yield from _legs(trial, subject, number, path)


def _legs(trial: Recording, subject: str, number: int, path: Path) -> Iterator[dict[str, Any]]:
    """The trial seen from each leg that has all channels."""
    trial = _headed(trial)
    for side in SIDES:
        try:
            parts = {
                name: channels.match(trial, wanted, (unit,) * len(wanted), side=side).recording
                for name, wanted, unit in (
                    ("angles", ANGLES, "deg"),
                    ("moments", MOMENTS, "N m/kg"),
                    ("grf", FORCES, "N/kg"),
                )
            }
        except DataError as error:
            raise FileError(f"{path}, trial {trial.meta.get('trial', number)!r}: {error}") from None
        yield example(
            f"{subject}/{trial.meta.get('trial') or number}/{side}",
            {name: part.values for name, part in parts.items()},
            rate=trial.rate,
            subject=subject,
            task=trial.meta.get("trial", "").split("_segment")[0],
            side=side,
        )


def _headed(trial: Recording) -> Recording:
    """Forces in axes forward, up and right of the walk instead of those of the laboratory."""
    index = {name: i for i, name in enumerate(trial.channels)}
    heading = np.array([1.0, 0.0])
    if {"pelvis_tx", "pelvis_tz"} <= set(index):
        path = trial.values[:, [index["pelvis_tx"], index["pelvis_tz"]]]
        way = path[-1] - path[0]
        if np.isfinite(way).all() and np.linalg.norm(way) > MOVING:
            heading = way / np.linalg.norm(way)
    values = np.array(trial.values)
    for name, x in index.items():
        if name.startswith("ground_force") and name.endswith("vx"):
            z = index[name[:-1] + "z"]
            forward, right = values[:, x].copy(), values[:, z].copy()
            values[:, x] = forward * heading[0] + right * heading[1]
            values[:, z] = right * heading[0] - forward * heading[1]
    return replace(trial, values=values)
