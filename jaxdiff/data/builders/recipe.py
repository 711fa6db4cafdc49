"""The YAML of a `folder` data set, read and checked: what is in the files, in the words of the laboratory.

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
    captions: "{subject}/{task}_{trial}.txt"   # optional: a text file, one caption a line

The fields are subject (needed), task, trial, side, paretic, split, speed (m/s), incline (deg) and mass (kg).

Many trials packed in one npz: a modality's `array` is (trials, time, channels), or (time, channels) of all trials end
to end with `offsets`; joints are (…, joints, 3). Braces then name arrays with one value per trial.

    name: verheul2024
    files: verheul2024.npz
    rate: 100
    fields: {subject: "{subject}", side: "{leg}", task: deceleration}
    modalities:
      angles: {array: angles, channels: "{joint_names}", units: deg}
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from jaxdiff.errors import ConfigError, FileError, MissingExtra, nearest

TEXTS = ("subject", "task", "trial", "side", "paretic", "split")
NUMBERS = ("speed", "incline", "mass")
BRACES = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Modality:
    """Which channels of which files make up a modality, and their units: one for all, or a list."""

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
    captions: str = ""
    offsets: str = ""
    drop: str = ""

    @property
    def packed(self) -> bool:
        """Whether the trials are packed in arrays."""
        return any(modality.array for modality in self.modalities.values())

    def matches(self, root: Path) -> list[tuple[str, dict[str, str]]]:
        """The files that fit the pattern, with the fields their paths give; sorted."""
        pattern = _pattern(self.files)
        found = [
            (name, match.groupdict()) for name in files(root) if (match := pattern.fullmatch(name))
        ]
        if not found:
            raise FileError(f"{self.path}: no file in {root} is like {self.files!r}")
        return found

    def used(self, root: Path) -> list[str]:
        """All files that the recipe can ask for."""
        texts = [
            self.files,
            *(modality.files for modality in self.modalities.values()),
            self.captions,
        ]
        patterns = [_pattern(text) for text in texts if text]
        return [
            name for name in files(root) if any(pattern.fullmatch(name) for pattern in patterns)
        ]

    def filled(self, text: str, known: Mapping[str, Any]) -> str:
        """The text with its braces filled in."""
        for name in BRACES.findall(text):
            if name not in known:
                raise ConfigError(
                    f"{self.path}: nothing is called {name!r} in {text!r}; {nearest(name, known)}"
                )
        return BRACES.sub(lambda match: str(known[match[1]]), text)

    def about(self, known: Mapping[str, Any], trial: str) -> dict[str, Any]:
        """The fields of one trial, numbers as numbers; `known` is what braces may name."""
        given = {
            "trial": trial,
            **{name: value for name, value in known.items() if name in (*TEXTS, *NUMBERS)},
        }
        given |= {name: self.filled(str(value), known) for name, value in self.fields.items()}
        if not given.get("subject"):
            raise ConfigError(
                f"{self.path}: say who the subject is: {{subject}} in files, or subject under fields"
            )
        about: dict[str, Any] = {name: str(given[name]) for name in TEXTS if name in given}
        for name in (name for name in NUMBERS if name in given):
            try:
                about[name] = float(given[name])
            except ValueError:
                raise ConfigError(
                    f"{self.path}: {name} of {trial!r} is not a number: {given[name]!r}"
                ) from None
        return about


def read_yaml(path: Path) -> Any:
    """What is in a YAML file."""
    try:
        import yaml
    except ImportError:
        raise MissingExtra("the folder data set", "formats") from None
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise FileError(f"{path} cannot be read as YAML: {error}") from None


def read_recipe(path: Path) -> Recipe:
    """Reads and checks the YAML."""
    contents = read_yaml(path)
    found = faults(contents)
    if found:
        raise ConfigError(
            f"{path}: {found[0]}" + (f" (and {len(found) - 1} more)" if found[1:] else "")
        )
    modalities = {
        str(name): Modality(**modality) for name, modality in contents["modalities"].items()
    }
    return Recipe(
        path, **{**contents, "modalities": modalities, "fields": contents.get("fields") or {}}
    )


def faults(contents: Any) -> list[str]:
    """Everything that is wrong with the contents of a YAML."""
    found = _entries(contents, Recipe, "the recipe")
    if not isinstance(contents, Mapping):
        return found
    modalities, given = contents.get("modalities") or {}, contents.get("fields") or {}
    if not isinstance(modalities, Mapping) or not isinstance(given, Mapping):
        return [*found, "modalities and fields are mappings from names"]
    for name, modality in modalities.items():
        found += _entries(modality, Modality, f"modality {name!r}")
    for name in given:
        if name not in (*TEXTS, *NUMBERS):
            found.append(f"no field {name!r}; {nearest(name, (*TEXTS, *NUMBERS))}")
    arrays = [
        isinstance(modality, Mapping) and bool(modality.get("array"))
        for modality in modalities.values()
    ]
    if any(arrays) and not all(arrays):
        found.append("either every modality is an array of a packed file, or none is")
    if any(arrays) and not contents.get("rate"):
        found.append("packed arrays do not know their rate; give rate (Hz)")
    for name in ("captions", "drop") if any(arrays) else ():
        if contents.get(name) and not BRACES.fullmatch(str(contents[name])):
            found.append(f'{name} of packed trials names an array in braces, such as "{{{name}}}"')
    return found


def files(root: Path) -> Iterator[str]:
    """The names of all files below a folder, relative to it, sorted."""
    if not root.is_dir():
        raise FileError(f"there is no directory {root}")
    return iter(
        sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    )


def _entries(contents: Any, kind: type, what: str) -> list[str]:
    """Entries that are unknown, and entries that are missing."""
    known = [field.name for field in fields(kind) if field.name != "path"]
    if not isinstance(contents, Mapping):
        return [f"{what} must be a mapping with some of {', '.join(known)}"]
    found = [
        f"{what} has no entry {name!r}; {nearest(name, known)}"
        for name in contents
        if name not in known
    ]
    needed = ("name", "files", "modalities") if kind is Recipe else ("channels", "units")
    return found + [f"{what} needs an entry {name!r}" for name in needed if not contents.get(name)]


def _pattern(text: str) -> re.Pattern[str]:
    """`{field}` is anything within a name, the same thing when repeated; `*` is anything within a name, unnamed."""
    seen: set[str] = set()

    def piece(part: str) -> str:
        match = BRACES.fullmatch(part)
        if not match:
            return ".*?".join(re.escape(bit).replace(r"\*", "[^/]*") for bit in part.split("**/"))
        again = match[1] in seen
        seen.add(match[1])
        return f"(?P={match[1]})" if again else f"(?P<{match[1]}>[^/]+?)"

    return re.compile("".join(piece(part) for part in re.split(r"(\{\w+\})", text) if part))
