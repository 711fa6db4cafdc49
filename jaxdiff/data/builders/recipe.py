"""The YAML recipe of a `folder` data set, as a record.

    name: my_lab
    files: "{subject}/{task}_{trial}_ik.mot"   # the braces become fields; * stands for anything within a name
    rate: 100                                  # Hz; a recording at another rate is resampled
    fields: {side: right, speed: "{task}"}     # more fields: constants, or put together from others
    modalities:
      angles: {channels: [hip_flexion_r, knee_angle_r], units: deg}
      moments:
        files: "{subject}/{task}_{trial}_id.sto"                          # kept elsewhere, found by the same fields
        channels: {hip: hip_flexion_r_moment, knee: knee_angle_r_moment}  # our name: the file's
        units: N m/kg                          # what the numbers are to be; converted if the file has another unit
    people: {anna: {mass: 61.5}, ben: {mass: 74}}                         # optional: fields that depend on the subject
    captions: "{subject}/{task}_{trial}.txt"   # optional: a text file, one caption per line

The fields are subject (needed), task, trial, side, paretic, split, speed (m/s), incline (deg) and
mass (kg).

Many trials packed in one npz: a modality's `array` is (trials, time, channels), or (time, channels)
of all trials end to end with `offsets`; joints are (…, joints, 3). Braces then name arrays with one
value per trial.

    name: verheul2024
    files: verheul2024.npz
    rate: 100
    fields: {subject: "{subject}", side: "{leg}", task: deceleration}
    modalities:
      angles: {array: angles, channels: "{joint_names}", units: deg}
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jaxdiff.data.builders.pattern import BRACES, matcher
from jaxdiff.errors import ConfigError, FileError, nearest

TEXTS = ("subject", "task", "trial", "side", "paretic", "split")
NUMBERS = ("speed", "incline", "mass")


@dataclass(frozen=True)
class Modality:
    """The channels of a modality, their units (one for all, or a list), and the files or the array
    they are in.
    """

    channels: Any
    units: Any
    files: str = ""
    array: str = ""


@dataclass(frozen=True)
class Recipe:
    """The whole YAML; `path` is where it was read from."""

    path: Path
    name: str
    files: str
    modalities: Mapping[str, Modality]
    fields: Mapping[str, Any]
    rate: float | None = None
    people: Mapping[str, Mapping[str, Any]] | None = None
    captions: str = ""
    offsets: str = ""
    drop: str = ""

    @property
    def packed(self) -> bool:
        """Whether the trials are packed in arrays of one file."""
        return any(modality.array for modality in self.modalities.values())

    def matches(self, root: Path) -> list[tuple[str, dict[str, str]]]:
        """The files that fit the pattern, with the fields their paths give; sorted."""
        fits = matcher(self.files)
        found = [(name, given) for name in files(root) if (given := fits(name)) is not None]
        if not found:
            raise FileError(f"{self.path}: no file in {root} matches {self.files!r}")
        return found

    def used(self, root: Path) -> list[str]:
        """All files that the recipe can refer to."""
        texts = [
            self.files,
            *(modality.files for modality in self.modalities.values()),
            self.captions,
        ]
        fits = [matcher(text) for text in texts if text]
        return [name for name in files(root) if any(fit(name) is not None for fit in fits)]

    def place(self, root: Path, text: str, known: Mapping[str, Any] | None = None) -> Path:
        """The path of a file that the recipe names, with its braces filled in.

        Raises:
            FileError: If it lies outside the root.
        """
        name = text if known is None else self.filled(text, known)
        place = root / name
        if "\0" in name or not place.resolve().is_relative_to(root.resolve()):
            raise FileError(
                f"{self.path}: {name[:200]!r} lies outside {root}; a recipe reads files inside it"
                " only"
            )
        return place

    def filled(self, text: str, known: Mapping[str, Any]) -> str:
        """The text with its braces filled in."""
        for name in BRACES.findall(text):
            if name not in known:
                raise ConfigError(
                    f"{self.path}: no field is called {name!r} in {text!r}; {nearest(name, known)}"
                )
        return BRACES.sub(lambda match: str(known[match[1]]), text)

    def about(self, known: Mapping[str, Any], trial: str) -> dict[str, Any]:
        """The fields of one trial, numbers as numbers; `known` is what braces may name."""
        given = {
            "trial": trial,
            **{name: value for name, value in known.items() if name in (*TEXTS, *NUMBERS)},
        }
        given |= {name: self.filled(str(value), known) for name, value in self.fields.items()}
        given |= (self.people or {}).get(str(given.get("subject")), {})
        if not given.get("subject"):
            raise ConfigError(
                f"{self.path}: the subject is not stated; put {{subject}} into files, or subject"
                " under fields"
            )
        about: dict[str, Any] = {name: str(given[name]) for name in TEXTS if name in given}
        for name in (name for name in NUMBERS if name in given):
            try:
                about[name] = float(given[name])
                if math.isinf(about[name]):
                    raise ValueError
            except ValueError:
                raise ConfigError(
                    f"{self.path}: {name} of {trial!r} is not a number: {given[name]!r}"
                ) from None
        return about


def files(root: Path) -> Iterator[str]:
    """The names of all files below a folder, relative to it, sorted."""
    if not root.is_dir():
        raise FileError(f"there is no directory {root}")
    return iter(
        sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    )
