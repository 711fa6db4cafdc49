"""Which inputs of a model a recording fits, and what keeps it from fitting the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxdiff.data import channels, units
from jaxdiff.data.findings import FileHealth, Finding
from jaxdiff.data.recording import Recording
from jaxdiff.data.strides import strikes
from jaxdiff.errors import DataError, counted


def check_inputs(
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
