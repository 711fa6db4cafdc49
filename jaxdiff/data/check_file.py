"""Checks of one file, alone or against a model: names, units, rate, gaps, strides, each finding with
its fix.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxdiff.data import channels, formats, plausible, units
from jaxdiff.data.recording import Recording
from jaxdiff.data.strides import strikes
from jaxdiff.errors import DataError, DataWarning, Error, FileError, counted


class Finding(NamedTuple):
    """What is wrong, in which files, and how to fix it."""

    what: str
    where: tuple[str, ...]
    fix: str = ""

    def __str__(self) -> str:
        more = f" and {len(self.where) - 1} more" if self.where[1:] else ""
        fix = f" (fix: {self.fix})" if self.fix else ""
        return f"{self.where[0]}{more}: {self.what}{fix}"


class FileHealth(NamedTuple):
    """What was found in a file, and how it is understood."""

    problems: list[Finding]
    warnings: list[Finding]
    facts: list[str]


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
    found: tuple[dict, dict] = ({}, {})
    usable = 0
    for name in names:
        health = check_file(name, inputs, rate, rename, mass)
        usable += not health.problems
        for kept, findings in zip(found, (health.problems, health.warnings)):
            for each in findings:
                place = each.where[0].removeprefix(f"{folder}/")
                kept.setdefault((each.what, each.fix), {})[place] = None
    problems, warned = (
        [Finding(what, tuple(where), fix) for (what, fix), where in kept.items()] for kept in found
    )
    return FileHealth(problems, warned, [f"{usable} of {len(names)} files can be used"])


def remedy(what: str, recipe: str = "") -> str:
    """The fix for a file that cannot be read."""
    known = {
        "give the rate": f"rate: HZ in {recipe}" if recipe else "--rate HZ",
        "does not say its frames per second": f"rate: HZ in {recipe}" if recipe else "--rate HZ",
        "does not exist": f"add the file, or change files in {recipe}" if recipe else "",
        "JAXDIFF_BODY_MODEL": "export JAXDIFF_BODY_MODEL=SMPL.npz",
        "cannot read the extension": "save it in one of these formats",
        "UTF-8": "save it as UTF-8",
    }
    return next((fix for text, fix in known.items() if text in what), "export the file again")


def _one(
    recording: Recording,
    where: tuple[str, ...],
    inputs: Sequence[Any],
    rename: dict[str, str],
    health: FileHealth,
) -> None:
    health.facts.append(f"{where[0]}: {recording!r}")
    if inputs:
        _for_model(recording, where, inputs, rename, health)
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


def _for_model(
    recording: Recording,
    where: tuple[str, ...],
    inputs: Sequence[Any],
    rename: dict[str, str],
    health: FileHealth,
) -> None:
    """The signals that the file fits; else what keeps it from fitting the nearest of them."""
    if partial := [signal for signal in inputs if getattr(signal, "partial", False)]:
        _for_any(recording, where, partial, rename, health)
        return
    reasons: list[tuple[int, Any, str]] = []
    fitting = []
    for signal in inputs:
        try:
            sides = channels.sides(
                recording.rename(rename) if rename else recording, signal.channels, signal.units
            )
            for side in [s for s in sides if s] or [""]:
                made = channels.match(
                    recording, signal.channels, signal.units, side=side, rename=rename
                )
                fitting.append((signal, made))
        except DataError as error:
            have = sum(n in recording.channels for n in signal.channels)
            reasons.append((-have, signal, str(error)))
    if not fitting:
        for _, signal, reason in sorted(reasons, key=lambda r: r[0]):
            fix = "--rename THEIRS=OURS" if "has no" in reason else "state the unit in the file"
            if "mass" in reason:
                fix = "state the body mass (--mass KG)"
            health.problems.append(Finding(f"does not fit {signal.name!r}: {reason}", where, fix))
        return
    for signal, made in fitting:
        health.facts.append(f"  fits {signal.name!r}{f' ({made.side} leg)' if made.side else ''}:")
        health.facts.extend(f"    {link}" for link in made.mapping)
        ready = made.recording
        for gap in ready.gaps()[:3]:
            health.problems.append(
                Finding(
                    f"a gap in {gap.channel} from {gap.start:g} to {gap.stop:g} s",
                    where,
                    "--fill-gaps SECONDS",
                )
            )
        if getattr(signal, "strides", 0):
            try:
                own = strikes(ready, made.side if made.side in ("right", "left") else "")
            except DataError:
                try:
                    own = strikes(recording, made.side if made.side in ("right", "left") else "")
                except DataError as error:
                    health.problems.append(Finding(str(error), where, "--strikes S1 S2 ..."))
                    continue
            health.facts.append(f"    {counted(len(own.times) - 1, 'stride')}, found in {own.how}")
            if len(own.times) - 1 < signal.strides:
                health.warnings.append(
                    Finding(
                        f"{counted(len(own.times) - 1, 'whole stride')}; the model was trained on"
                        f" {signal.strides}, so they are repeated",
                        where,
                        "a longer recording",
                    )
                )
        elif signal.rate:
            if abs(signal.rate - recording.rate) > 1e-6 * signal.rate:
                health.warnings.append(
                    Finding(
                        f"{recording.rate:g} Hz, the model has {signal.rate:g} Hz",
                        where,
                        "--resample",
                    )
                )
            seconds, wanted = len(recording) / recording.rate, signal.length / signal.rate
            if seconds < wanted - 1e-6:
                health.warnings.append(
                    Finding(
                        f"lasts {seconds:g} s, the model was trained on {wanted:g} s",
                        where,
                        "a longer recording",
                    )
                )


def _for_any(
    recording: Recording,
    where: tuple[str, ...],
    inputs: Sequence[Any],
    rename: dict[str, str],
    health: FileHealth,
) -> None:
    """The channels that a model of any channels takes from a file; it fills gaps itself."""
    try:
        renamed = recording.rename(rename)
        pairs = {pair: signal for signal in inputs for pair in zip(signal.channels, signal.units)}
        found = [pair for pair in pairs if channels.sides(renamed, [pair[0]], [pair[1]])]
        if not found:
            names = ", ".join(recording.channels[:8])
            what = f"none of its channels is known to the model: {names}"
            health.problems.append(Finding(what, where, "--rename THEIRS=OURS"))
            return
        wanted, units_ = zip(*found)
        made = channels.match(renamed, wanted, units_, mass=_mass(renamed))
    except DataError as error:
        fix = "--mass KG" if "body mass" in str(error) else "state the unit that the values are in"
        health.problems.append(Finding(str(error), where, fix))
        return
    for signal in inputs:
        if own := [link for link in made.mapping if link.wanted in signal.channels]:
            health.facts.append(f"  {signal.name}: {len(own)} of {len(signal.channels)} channels")
            health.facts.extend(f"    {link}" for link in own)
    try:
        cut = strikes(renamed)
    except DataError as error:
        health.problems.append(Finding(str(error), where, "--strikes S1 S2 ..."))
        return
    health.facts.append(f"  {counted(len(cut.times) - 1, 'stride')}, found in {cut.how}")


def _mass(recording: Recording) -> float | None:
    """The body mass in kg from the mean vertical force of both feet, as models of any channels take
    it; else None.
    """
    feet: dict[str, np.ndarray] = {}
    for name, unit in zip(recording.channels, recording.units):
        known = channels.identify(name, unit)
        if known is not None and known.signal == ("ground", "vertical", "force") and unit == "N":
            feet[known.side] = known.sign * recording[name]
    if "mass" in recording.meta or set(feet) != {"right", "left"}:
        return None
    return float(np.nanmean(feet["right"] + feet["left"])) / units.GRAVITY


def _units(recording: Recording, where: tuple[str, ...]) -> Iterator[Finding]:
    """Unknown units, and units that the values contradict."""
    groups: dict[tuple[str, str], list[str]] = {}
    for name, unit in zip(recording.channels, recording.units):
        known = channels.identify(name, unit)
        if known is not None and known.axis in ("flexion", "vertical") and known.quantity:
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
        except DataError as error:
            yield Finding(str(error), where, "state the unit that the values are in")
    other = [
        n
        for n, u in zip(recording.channels, recording.units)
        if u and not units.quantity(u) and u != "1"
    ]
    if other:
        yield Finding(f"units that are not known: {', '.join(other[:6])}", where)


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
