"""The health of a laboratory's folder: everything that stands in the way of `load("folder", recipe=...)`, at once.

Problems keep the folder from loading; warnings are what loads and still deserves a look: gaps, channels that never change,
radians called degrees, files that nothing asks for. The same finding in many files is one finding.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxdiff.data import formats
from jaxdiff.data.builders.recipe import BRACES, Recipe, faults, files, read_recipe, read_yaml
from jaxdiff.data.recording import Recording
from jaxdiff.data.units import canonical, factor
from jaxdiff.errors import DataError, Error, nearest


class Finding(NamedTuple):
    """What is wrong, and in which files."""

    what: str
    where: tuple[str, ...]

    def __str__(self) -> str:
        more = f" and {len(self.where) - 1} more" if self.where[1:] else ""
        return f"{self.where[0]}{more}: {self.what}"


class Health(NamedTuple):
    """What was found, and what there is."""

    problems: list[Finding]
    warnings: list[Finding]
    trials: int
    subjects: tuple[str, ...]


class _Notes:
    """Findings as they are made, the same ones together."""

    def __init__(self):
        self.found: dict[str, dict[str, None]] = {}

    def add(self, where: Any, what: Any) -> None:
        what = str(what).removeprefix(f"{where}: ")
        self.found.setdefault(what, {})[str(where)] = None

    def all(self) -> list[Finding]:
        return [Finding(what, tuple(where)) for what, where in self.found.items()]


def check(recipe: str | Path, root: str | Path | None = None) -> Health:
    """Looks at the recipe, and, if it can be followed, at every file it asks for."""
    path = Path(recipe).expanduser()
    folder = Path(root).expanduser() if root else path.parent
    problems, warnings = _Notes(), _Notes()
    subjects: dict[str, None] = {}
    trials = 0
    for what in faults(read_yaml(path)):
        problems.add(path, what)
    if not problems.found:
        rules = read_recipe(path)
        try:
            matches = rules.matches(folder)
        except Error as error:
            problems.add(path, error)
            matches = []
        look = _packed if rules.packed else _recorded
        for file, fields in matches:
            for subject in look(rules, folder, file, fields, problems, warnings):
                subjects[subject] = None
                trials += 1
        _whole(rules, folder, [file for file, _ in matches], len(subjects), warnings)
    return Health(problems.all(), warnings.all(), trials, tuple(sorted(subjects)))


def _recorded(
    recipe: Recipe,
    root: Path,
    path: str,
    fields: Mapping[str, str],
    problems: _Notes,
    warnings: _Notes,
) -> Iterator[str]:
    """The trial in one file, with the modalities that are in others."""
    mass, opened, parts = None, {}, {}
    try:
        about = recipe.about(fields, path.rsplit(".", 1)[0])
        mass = about.get("mass")
        yield about["subject"]
    except Error as error:
        problems.add(path, str(error).removeprefix(f"{recipe.path}: "))
    for name, modality in recipe.modalities.items():
        try:
            file = recipe.filled(modality.files, fields) if modality.files else path
        except Error as error:
            problems.add(recipe.path, error)
            continue
        if file not in opened:
            try:
                opened[file] = formats.read(root / file, recipe.rate)
            except Error as error:
                opened[file] = None
                problems.add(file, str(error).removeprefix(str(root / file)).lstrip(":, "))
        if opened[file] is not None:
            parts[name] = _part(recipe, name, opened[file], file, mass, problems, warnings)
    if recipe.captions:
        try:
            if (
                not (root / recipe.filled(recipe.captions, fields))
                .read_text(encoding="utf-8")
                .strip()
            ):
                warnings.add(path, "its captions are empty")
        except (OSError, UnicodeDecodeError, Error) as error:
            problems.add(path, f"has no captions: {error}")
    if len(parts) == len(recipe.modalities) and all(part is not None for part in parts.values()):
        from jaxdiff.data.builders.folder import together

        try:
            together(parts, path)
        except DataError as error:
            problems.add(path, error)


def _part(
    recipe: Recipe,
    name: str,
    whole: Recording,
    file: str,
    mass: float | None,
    problems: _Notes,
    warnings: _Notes,
) -> Recording | None:
    """The channels of a modality, if all of them are there and in units that can be converted."""
    modality = recipe.modalities[name]
    channels = [modality.channels] if isinstance(modality.channels, str) else modality.channels
    asked = list(channels.values() if isinstance(channels, Mapping) else channels)
    units = (
        [modality.units] * len(asked) if isinstance(modality.units, str) else list(modality.units)
    )
    if len(units) != len(asked):
        problems.add(recipe.path, f"{name} has {len(asked)} channels, but {len(units)} units")
        return None
    missing = [channel for channel in asked if channel not in whole.channels]
    for channel in missing:
        problems.add(file, f"no channel {channel!r} for {name}; {nearest(channel, whole.channels)}")
    there = [(channel, unit) for channel, unit in zip(asked, units) if channel not in missing]
    if not there:
        return None
    part = whole.select([channel for channel, _ in there])
    scale = []
    for channel, old, (_, new) in zip(part.channels, part.units, there):
        try:
            scale.append(factor(old, new, mass) if old else 1.0)
        except DataError as error:
            problems.add(file, f"{channel}: {error}")
        if not old:
            warnings.add(file, f"{channel} has no unit in the file and is taken to be in {new}")
    if missing or len(scale) < len(there):
        return None
    part = dataclasses.replace(part, values=part.values * np.asarray(scale))
    _values(part.values, part.channels, [unit for _, unit in there], file, name, warnings)
    return part


def _values(
    values: np.ndarray, channels: Any, units: list[str], file: str, modality: str, warnings: _Notes
) -> None:
    """What loads and looks wrong."""
    for channel, column in zip(channels, values.T):
        gaps = np.isnan(column)
        if gaps.all():
            warnings.add(file, f"{channel} holds nothing but gaps")
        elif gaps.any():
            warnings.add(file, f"{channel} has gaps ({100 * gaps.mean():.0f} % of its samples)")
        elif np.ptp(column) == 0 and len(column) > 1:
            warnings.add(file, f"{channel} never changes")
    for unit, limit, other in (("deg", 2 * np.pi, "rad"), ("rad", 4 * np.pi, "deg")):
        angles = [i for i, each in enumerate(units) if canonical(each) == unit]
        largest = np.nanmax(np.abs(values[:, angles]), initial=0.0) if angles else 0.0
        if (unit == "deg" and 0 < largest < limit) or (unit == "rad" and largest > limit):
            warnings.add(
                file, f"the largest of the {modality} is {largest:.3g} {unit}: are they in {other}?"
            )


def _packed(
    recipe: Recipe,
    root: Path,
    path: str,
    fields: Mapping[str, str],
    problems: _Notes,
    warnings: _Notes,
) -> Iterator[str]:
    """The trials packed in one npz: every array that is missing, odd or of another length."""
    texts = [*map(str, recipe.fields.values()), recipe.captions, recipe.drop]
    texts += [m.channels for m in recipe.modalities.values() if isinstance(m.channels, str)]
    per_trial = {name for text in texts[: len(recipe.fields) + 2] for name in BRACES.findall(text)}
    needed = (
        per_trial
        | {name for text in texts for name in BRACES.findall(text)}
        | {recipe.offsets} - {""}
    )
    needed |= {modality.array for modality in recipe.modalities.values()}
    arrays: dict[str, np.ndarray] = {}
    try:
        with np.load(root / path, allow_pickle=False) as file:
            for name in sorted(needed):
                if name not in file:
                    problems.add(path, f"no array {name!r}; {nearest(name, file.files)}")
                    continue
                try:
                    arrays[name] = file[name]
                except ValueError as error:
                    problems.add(path, f"array {name!r} cannot be read: {error}")
    except (OSError, ValueError) as error:
        problems.add(path, f"cannot be read as an npz file of plain arrays: {error}")
        return
    counts = {name: len(arrays[name]) for name in per_trial if name in arrays}
    for name, modality in recipe.modalities.items():
        if modality.array not in arrays:
            continue
        array = arrays[modality.array]
        if not recipe.offsets:
            counts[modality.array] = len(array)
        elif recipe.offsets in arrays:
            counts[modality.array] = len(arrays[recipe.offsets]) - 1
        if np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all():
            warnings.add(
                path, f"{name} has gaps ({100 * (~np.isfinite(array)).mean():.0f} % of its samples)"
            )
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
        problems.add(path, f"the arrays have different numbers of trials: {told}")
    if len(arrays) < len(needed) or len(set(counts.values())) != 1:
        return
    for row in range(next(iter(counts.values()))):
        try:
            yield recipe.about({name: arrays[name][row] for name in per_trial}, f"{path}/{row}")[
                "subject"
            ]
        except Error as error:
            problems.add(path, f"trial {row}: {str(error).removeprefix(f'{recipe.path}: ')}")


def _whole(recipe: Recipe, root: Path, matched: list[str], subjects: int, warnings: _Notes) -> None:
    """What only the folder as a whole can tell."""
    if subjects == 1:
        warnings.add(recipe.path, "there is one subject: nobody is left to test on")
    if root.is_dir():
        used = {*matched, *recipe.used(root)}
        idle = [name for name in files(root) if name not in used and (root / name) != recipe.path]
        idle = [name for name in idle if Path(name).suffix.lower() in formats.READERS]
        if idle:
            warnings.add(idle[0], f"fits no pattern of the recipe ({len(idle)} such files)")
