"""Checks of a laboratory's folder: everything that keeps `load("folder", recipe=...)` from working,
at once.

Problems keep the folder from loading; warnings do not: gaps, channels that
never change, values that contradict their unit, files that no pattern matches. The same finding in
many files is one finding.
"""

from __future__ import annotations

import dataclasses
import warnings as warning_filters
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxdiff.data import formats, plausible, units
from jaxdiff.data.builders.pattern import BRACES
from jaxdiff.data.builders.recipe import Modality, Recipe, files
from jaxdiff.data.builders.recipe_file import faults, read_recipe, read_yaml
from jaxdiff.data.check_file import check_file
from jaxdiff.data.findings import Finding, Notes, remedy
from jaxdiff.data.formats import npz
from jaxdiff.data.formats.files import read_lines
from jaxdiff.data.identify import identify
from jaxdiff.data.recording import Recording
from jaxdiff.data.units import factor
from jaxdiff.errors import ConfigError, DataError, DataWarning, Error, nearest

STUDIES = ("llma", "speed_transfer", "text_to_motion", "biovae")


class Health(NamedTuple):
    """Problems, warnings and contents."""

    problems: list[Finding]
    warnings: list[Finding]
    trials: int
    subjects: tuple[str, ...]


def check(
    recipe: str | Path,
    root: str | Path | None = None,
    study: str = "",
    inputs: Sequence[Any] = (),
) -> Health:
    """Checks a recipe and, if it can be followed, every file it refers to.

    Args:
        recipe: The YAML file.
        root: Folder of the recordings; default: that of the recipe.
        study: A study whose needs are checked too: `llma`, `speed_transfer`, `text_to_motion` or
            `biovae`.
        inputs: Signals of a model (`Model.inputs`), one of which every file must fit.

    Returns:
        All problems and warnings, each with its fix.

    Raises:
        FileError: If the recipe cannot be read at all.
    """
    with warning_filters.catch_warnings():
        warning_filters.simplefilter("ignore", DataWarning)
        return _check(recipe, root, study, inputs)


def _check(
    recipe: str | Path, root: str | Path | None, study: str, inputs: Sequence[Any]
) -> Health:
    path = Path(recipe).expanduser()
    folder = Path(root).expanduser() if root else path.parent
    problems, warnings = Notes(), Notes()
    subjects: dict[str, None] = {}
    trials = 0
    for what in faults(read_yaml(path)):
        problems.add(path, what)
    if not problems.found:
        rules = read_recipe(path)
        try:
            matches = rules.matches(folder)
        except Error as error:
            problems.add(path, error, f"files in {path.name}")
            matches = []
        _study(rules, study, problems)
        look = _packed if rules.packed else _recorded
        for file, fields in matches:
            for subject in look(rules, folder, file, fields, problems, warnings):
                subjects[subject] = None
                trials += 1
        if inputs and not rules.packed:
            for file in dict.fromkeys(file for file, _ in matches):
                found = check_file(folder / file, inputs, rules.rate)
                for each in found.problems:
                    problems.add(file, each.what, each.fix)
        _whole(rules, folder, [file for file, _ in matches], len(subjects), warnings)
    return Health(problems.all(), warnings.all(), trials, tuple(sorted(subjects)))


def _recorded(
    recipe: Recipe,
    root: Path,
    path: str,
    fields: Mapping[str, str],
    problems: Notes,
    warnings: Notes,
) -> Iterator[str]:
    """The trial in one file, with the modalities that are in others."""
    mass, opened, parts = None, {}, {}
    try:
        about = recipe.about(fields, path.rsplit(".", 1)[0])
        mass = about.get("mass")
        yield about["subject"]
    except Error as error:
        problems.add(
            path, str(error).removeprefix(f"{recipe.path}: "), f"fields in {recipe.path.name}"
        )
    for name, modality in recipe.modalities.items():
        try:
            file = recipe.filled(modality.files, fields) if modality.files else path
        except Error as error:
            problems.add(recipe.path, error, f"files of {name} in {recipe.path.name}")
            continue
        if file not in opened:
            try:
                opened[file] = formats.read_one(recipe.place(root, file), recipe.rate)
            except Error as error:
                opened[file] = None
                what = str(error).removeprefix(str(root / file)).lstrip(":, ")
                problems.add(file, what, remedy(what, recipe.path.name))
        if opened[file] is not None:
            parts[name] = _part(recipe, name, opened[file], file, mass, problems, warnings)
    if recipe.captions:
        try:
            if not any(
                line.strip() for line in read_lines(recipe.place(root, recipe.captions, fields))
            ):
                warnings.add(path, "its captions are empty")
        except Error as error:
            problems.add(path, f"has no captions: {error}", f"captions in {recipe.path.name}")
    if len(parts) == len(recipe.modalities) and all(part is not None for part in parts.values()):
        from jaxdiff.data.builders.folder import together

        try:
            together(parts, path)
        except DataError as error:
            problems.add(path, error, "one clock for all modalities, or leave the trial out")


def _part(
    recipe: Recipe,
    name: str,
    whole: Recording,
    file: str,
    mass: float | None,
    problems: Notes,
    warnings: Notes,
) -> Recording | None:
    """The channels of a modality, if all of them are there and in units that can be converted."""
    modality = recipe.modalities[name]
    channels = [modality.channels] if isinstance(modality.channels, str) else modality.channels
    asked = list(channels.values() if isinstance(channels, Mapping) else channels)
    units = (
        [modality.units] * len(asked) if isinstance(modality.units, str) else list(modality.units)
    )
    if len(units) != len(asked):
        what = f"{name} has {len(asked)} channels, but {len(units)} units"
        problems.add(recipe.path, what, f"units of {name}: one for all, or one per channel")
        return None
    missing = [channel for channel in asked if channel not in whole.channels]
    for channel in missing:
        what = f"no channel {channel!r} for {name}; {nearest(channel, whole.channels)}"
        problems.add(file, what, f"channels of {name} in {recipe.path.name}")
    there = [(channel, unit) for channel, unit in zip(asked, units) if channel not in missing]
    if not there:
        return None
    part = whole.select([channel for channel, _ in there])
    scale = []
    for channel, old, (_, new) in zip(part.channels, part.units, there):
        try:
            scale.append(factor(old, new, mass) if old else 1.0)
        except DataError as error:
            fix = f"units of {name} in {recipe.path.name}"
            if "body mass" in str(error):
                fix = "mass under fields, or people: {SUBJECT: {mass: KG}}"
            problems.add(file, f"{channel}: {error}", fix)
        if not old:
            warnings.add(file, f"{channel} has no unit in the file and is taken to be in {new}")
    if missing or len(scale) < len(there):
        return None
    part = dataclasses.replace(part, values=part.values * np.asarray(scale))
    _values(part.values, part.channels, [unit for _, unit in there], file, name, warnings)
    return part


def _values(
    values: np.ndarray, channels: Any, units_: list[str], file: str, modality: str, warnings: Notes
) -> None:
    """Values that load and look wrong."""
    for channel, column in zip(channels, values.T):
        gaps = np.isnan(column)
        if gaps.all():
            warnings.add(file, f"{channel} holds only gaps")
        elif gaps.any():
            warnings.add(file, f"{channel} has gaps ({100 * gaps.mean():.0f} % of its samples)")
        elif np.ptp(column) == 0 and len(column) > 1:
            warnings.add(file, f"{channel} never changes")
    for unit in dict.fromkeys(units_):
        quantity = {"length": "position"}.get(units.quantity(unit), units.quantity(unit))
        own = [i for i, each in enumerate(units_) if each == unit]
        try:
            names = [list(channels)[i] for i in own]
            plausible.check(quantity, unit, values[:, own], names, quantity == "angle")
        except DataError as error:
            warnings.add(file, f"{modality}: {error}")


def _packed(
    recipe: Recipe,
    root: Path,
    path: str,
    fields: Mapping[str, str],
    problems: Notes,
    warnings: Notes,
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
        stored = npz.arrays(recipe.place(root, path))
    except Error as error:
        what = str(error).removeprefix(str(root / path)).lstrip(":, ")
        problems.add(path, what, remedy(what, recipe.path.name))
        return
    for name in sorted(needed):
        if name not in stored:
            what = f"no array {name!r}; {nearest(name, stored)}"
            problems.add(path, what, f"the name of the array in {recipe.path.name}")
        elif not stored[name].ndim:
            what = f"array {name!r} is a single value; one entry per trial is expected"
            problems.add(path, what, f"np.repeat({name}, trials) when the file is packed")
        else:
            arrays[name] = stored[name]
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
        shown = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
        what = f"the arrays have different numbers of trials: {shown}"
        problems.add(path, what, "pack the file again with one entry per trial")
    if len(arrays) < len(needed) or len(set(counts.values())) != 1:
        return
    for row in range(next(iter(counts.values()))):
        try:
            yield recipe.about({name: arrays[name][row] for name in per_trial}, f"{path}/{row}")[
                "subject"
            ]
        except Error as error:
            what = f"trial {row}: {str(error).removeprefix(f'{recipe.path}: ')}"
            problems.add(path, what, f"fields in {recipe.path.name}")


def _whole(recipe: Recipe, root: Path, matched: list[str], subjects: int, warnings: Notes) -> None:
    """Findings about the folder as a whole."""
    if subjects == 1:
        warnings.add(recipe.path, "there is one subject, so none is left to test on")
    if root.is_dir():
        used = {*matched, *recipe.used(root)}
        idle = [name for name in files(root) if name not in used and (root / name) != recipe.path]
        idle = [name for name in idle if Path(name).suffix.lower() in formats.READERS]
        if idle:
            warnings.add(idle[0], f"fits no pattern of the recipe ({len(idle)} such files)")


def _flexion(modality: Modality) -> bool:
    """Whether a channel is known as a sagittal angle of hip, knee or ankle."""
    names = [] if isinstance(modality.channels, str) else list(modality.channels)
    found = filter(None, (identify(str(name), "deg") for name in names))
    signals = {(joint, "flexion", "angle") for joint in ("hip", "knee", "ankle")}
    return any(each.signal in signals for each in found)


def _study(recipe: Recipe, study: str, problems: Notes) -> None:
    """What a study needs of a recipe."""
    if not study:
        return
    if study not in STUDIES:
        raise ConfigError(f"no study {study!r}; {nearest(study, STUDIES)}")
    path, modalities = recipe.path, recipe.modalities
    if study == "llma" and len(modalities) < 2:
        problems.add(path, "llma needs two modalities", "add the second one under modalities")
    if study == "speed_transfer":
        own = modalities.get("sagittal")
        if own is None and not any(map(_flexion, modalities.values())):
            what = "speed_transfer needs flexion of hip, knee or ankle under known names"
            fix = (
                "channels: [hip_flexion_r, knee_flexion_r, ankle_dorsiflexion_r, ...], or"
                " {hip_flexion_r: THEIRS, ...}"
            )
            problems.add(path, what, fix)
        elif own and not isinstance(own.channels, str) and len(own.channels) != 6:
            what = f"'sagittal' has {len(own.channels)} channels; speed_transfer needs six"
            fix = "channels: [hip, knee, ankle of the right leg, then of the left]"
            problems.add(path, what, fix)
        if "speed" not in recipe.fields and "{speed}" not in recipe.files:
            fix = 'fields: {speed: "{task}"} or {speed} in files'
            problems.add(path, "speed_transfer needs the speed of every trial in m/s", fix)
    if study in ("text_to_motion", "biovae"):
        if not {"joints", "motion"} & set(modalities):
            what = f"{study} needs the modality 'joints' (22 joints, m) or 'motion'"
            problems.add(path, what, "modalities: {joints: {channels: joints, units: m}}")
        if not recipe.captions:
            problems.add(path, f"{study} needs captions", 'captions: "{subject}/{trial}.txt"')
