"""Checks of one file, alone or against a model: names, units, rate, gaps, strides, each finding with
its fix.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from jaxdiff.data import channels, formats, plausible, units
from jaxdiff.data.check_inputs import check_inputs
from jaxdiff.data.findings import FileHealth, Finding, Notes, remedy
from jaxdiff.data.recording import Recording
from jaxdiff.data.strides import strikes
from jaxdiff.errors import DataError, DataWarning, Error, FileError, counted

MOVING, STILL = 8.0, (0.14, 1.7)
"""Degrees by which moving joints move, and by which hips and knees do if they are in radians."""


def check_file(
    path: str | Path,
    inputs: Sequence[Any] = (),
    rate: float | None = None,
    rename: dict[str, str] | None = None,
    mass: float | None = None,
) -> FileHealth:
    """Checks a file, for the inputs of a model if they are given.

    Args:
        path: The file.
        inputs: Signals of a model (`Model.inputs`), of which the file has to fit one.
        rate: Rate in Hz, for files that state none.
        rename: `{file's name: model's name}` for channels the library does not know.
        mass: Body mass in kg, where the file does not state it.

    Returns:
        Problems that keep the file from being used, warnings, and how its channels were understood.
    """
    where = (str(path),)
    health = FileHealth([], [], [])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DataWarning)
        try:
            found = formats.read(path, rate)
        except Error as error:
            what = str(error).removeprefix(str(path)).lstrip(":, ")
            health.problems.append(Finding(what, where, remedy(what)))
            return health
        for each in [found] if isinstance(found, Recording) else found:
            trial = each.meta.get("trial", "") if not isinstance(found, Recording) else ""
            own = (f"{path} [{trial}]",) if trial else where
            if mass is not None:
                each = replace(each, meta={**each.meta, "mass": f"{mass:g} kg"})
            _one(each, own, [s for s in inputs if s.channels], rename or {}, health)
    for warning in caught:
        if issubclass(warning.category, DataWarning):
            what = str(warning.message).removeprefix(f"{path}: ")
            finding = Finding(what, where)
            if finding not in health.warnings:
                health.warnings.append(finding)
    return health


def check_folder(
    path: str | Path,
    inputs: Sequence[Any] = (),
    rate: float | None = None,
    rename: dict[str, str] | None = None,
    mass: float | None = None,
) -> FileHealth:
    """Checks every recording below a folder; the same finding in many files is one finding.

    Args:
        path: The folder.
        inputs: As in `check_file`.
        rate: As in `check_file`.
        rename: As in `check_file`.
        mass: As in `check_file`.

    Raises:
        FileError: If there is no recording.
    """
    folder = Path(path)
    names = [p for p in sorted(folder.rglob("*")) if p.suffix.lower() in formats.READERS]
    names = [name for name in names if name.is_file()]
    if not names:
        raise FileError(f"{path} holds no file of a known format ({', '.join(formats.READERS)})")
    problems, warned = Notes(), Notes()
    usable = 0
    for name in names:
        health = check_file(name, inputs, rate, rename, mass)
        usable += not health.problems
        for kept, findings in ((problems, health.problems), (warned, health.warnings)):
            for each in findings:
                kept.add(each.where[0].removeprefix(f"{folder}/"), each.what, each.fix)
    facts = [f"{usable} of {len(names)} files can be used"]
    return FileHealth(problems.all(), warned.all(), facts)


def _one(
    recording: Recording,
    where: tuple[str, ...],
    inputs: Sequence[Any],
    rename: dict[str, str],
    health: FileHealth,
) -> None:
    health.facts.append(f"{where[0]}: {recording!r}")
    if inputs:
        check_inputs(recording, where, inputs, rename, health)
        return
    unknown = []
    for name, unit in zip(recording.channels, recording.units):
        known = channels.identify(name, unit)
        if known is None:
            unknown.append(name)
            continue
        sense = "" if known.sign > 0 else ", opposite sense"
        health.facts.append(
            f"  {name} ({unit or 'no unit'}): {' '.join(filter(None, known[:4]))}{sense}"
            f" [{known.convention}]"
        )
    positions = {n for n in unknown if n[-2:] in ("_x", "_y", "_z")}
    others = [name for name in unknown if name not in positions]
    if positions:
        health.facts.append(f"  {len(positions) // 3} markers or joints with x, y and z")
    if others:
        shown = ", ".join(others[:8]) + (f" and {len(others) - 8} more" if others[8:] else "")
        health.warnings.append(
            Finding(f"names that are not in the table: {shown}", where, "--rename THEIRS=OURS")
        )
    if "parents" in recording.meta:
        _skeleton(recording, where, health)
    health.warnings.extend(_units(recording, where))
    health.warnings.extend(_values(recording, where))
    health.facts.append(f"  {_strides(recording)}")


def _skeleton(recording: Recording, where: tuple[str, ...], health: FileHealth) -> None:
    """How the joints of a skeleton map onto the 22 joints of the library."""
    from jaxdiff.data.formats import read_body
    from jaxdiff.data.skeletons import to_body

    try:
        file = Path(where[0])
        body = read_body(file) if file.suffix.lower() == ".bvh" else to_body(recording)
    except Error as error:
        health.warnings.append(Finding(str(error).removeprefix(f"{where[0]}: "), where))
        return
    health.facts.extend(
        f"  {pair}" for pair in body.meta.get("joint mapping", "").split(", ") if pair
    )
    health.facts.append(f"  {body.meta.get('retargeting', 'the 22 joints of the library')}")


def _units(recording: Recording, where: tuple[str, ...]) -> Iterator[Finding]:
    """Unknown units, and units that the values contradict.

    Forces and moments on the pelvis are residuals of inverse dynamics, which are small in any unit.
    """
    groups: dict[tuple[str, str], list[str]] = {}
    for name, unit in zip(recording.channels, recording.units):
        known = channels.identify(name, unit)
        if known is None or known.joint == "pelvis" and known.quantity in ("force", "moment"):
            continue
        if known.axis in ("flexion", "vertical") and known.quantity:
            groups.setdefault((known.quantity, unit), []).append(name)
    for (quantity, unit), names in groups.items():
        if quantity not in plausible.RANGES:
            continue
        values = recording.select(names).values
        try:
            if not unit:
                phrase = plausible.infer(quantity, values, names)
                what = f"{', '.join(names[:4])}: no unit is stated; {phrase} fits the values"
                yield Finding(what, where, f"state the unit, for instance {names[0]} [{phrase}]")
            else:
                plausible.check(quantity, unit, values, names)
            if (quantity, unit) == ("angle", "deg"):
                yield from _still(recording, names, where)
        except DataError as error:
            yield Finding(str(error), where, "state the unit that the values are in")
    other = [
        n
        for n, u in zip(recording.channels, recording.units)
        if u and not units.quantity(u) and u != "1"
    ]
    if other:
        yield Finding(f"units that are not known: {', '.join(other[:6])}", where)


def _still(recording: Recording, names: Sequence[str], where: tuple[str, ...]) -> Iterator[Finding]:
    """Hips and knees in degrees that hardly move while other joints do: perhaps radians."""
    spans = {
        name: np.ptp(c[np.isfinite(c)]) for name in names if np.isfinite(c := recording[name]).any()
    }
    if max(spans.values(), default=0.0) < MOVING:
        return
    for name, span in spans.items():
        known = channels.identify(name, "deg")
        if known is not None and known.joint in ("hip", "knee") and STILL[0] < span < STILL[1]:
            what = (
                f"{name} moves by {span:.2g} deg only, {np.rad2deg(span):.0f} deg if it is in rad"
            )
            yield Finding(what, where, "state the unit that the values are in")


def _values(recording: Recording, where: tuple[str, ...]) -> Iterator[Finding]:
    for name, column in zip(recording.channels, recording.values.T):
        gaps = np.isnan(column)
        if gaps.all():
            yield Finding(f"{name} holds only gaps", where, "leave the channel out")
        elif gaps.any():
            share = f"{100 * gaps.mean():.0f} % of its samples"
            yield Finding(f"{name} has gaps ({share})", where, "--fill-gaps SECONDS")


def _strides(recording: Recording) -> str:
    try:
        found = strikes(recording)
    except DataError:
        return "no strides were found"
    side = f" of the {found.side} leg" if found.side else ""
    return f"{counted(len(found.times) - 1, 'stride')}{side}, found in {found.how}"
