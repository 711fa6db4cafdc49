"""What a file does not say of its channels and its values have to: units that are not stated, and
the sense of knees whose name leaves it open.

Every assumption is added to `notes` in words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from jaxdiff.data import plausible, units
from jaxdiff.data.identify import BY_NAME, Channel, identify, key_of
from jaxdiff.data.recording import Recording

_MAIN = {"flexion", "vertical"}


def units_of(
    recording: Recording,
    names: Sequence[str],
    wanted_units: Sequence[str],
    stated: Mapping[str, str],
    notes: list[str],
) -> dict[str, str]:
    """The unit of every picked channel: overridden, stated by the file, or inferred from the
    values.
    """
    groups: dict[str, list[str]] = {}
    found: dict[str, str] = {}
    for name, wanted in zip(names, wanted_units):
        quantity = {"length": "position", "voltage": "emg"}.get(
            units.quantity(wanted), units.quantity(wanted)
        )
        own = recording.units[recording.channels.index(name)]
        found[name] = stated.get(name, stated.get(quantity, own))
        if name not in groups.setdefault(quantity, []):
            groups[quantity].append(name)
    for quantity, members in groups.items():
        main = [n for n in members if (c := identify(n)) is not None and c.axis in _MAIN]
        judged = main or members
        unknown = [name for name in members if not found[name]]
        if unknown:
            if quantity not in plausible.RANGES:
                found |= {n: wanted_units[list(names).index(n)] for n in unknown}
                notes.append(f"{', '.join(unknown)}: no unit is stated; taken as the model's")
            else:
                unit = plausible.infer(quantity, recording.select(judged).values, judged)
                found |= dict.fromkeys(unknown, unit)
                notes.append(
                    f"{', '.join(unknown)}: no unit is stated; {unit} is inferred from the values,"
                    f" the largest being {plausible.size(recording.select(judged).values):.3g}"
                )
        for unit in dict.fromkeys(found[n] for n in members):
            same = [n for n in members if found[n] == unit]
            if not (set(same) & set(stated) or quantity in stated):
                minor = not set(same) & set(main)
                plausible.check(
                    quantity, unit, recording.select(same).values, same, small=not minor
                )
    return found


def sense_of(recording: Recording, name: str, channel: Channel, notes: list[str]) -> float:
    """+1 where an OpenSim or Visual3D knee measures flexion, -1 where it measures extension."""
    angles = [
        other
        for other, unit in zip(recording.channels, recording.units)
        if (c := identify(other, unit, channel.convention)) is not None
        and c.either
        and c.quantity == "angle"
        and (c.joint, c.side) == (channel.joint, channel.side)
    ]
    for angle in angles:
        values = recording[angle][np.isfinite(recording[angle])]
        if not len(values):
            continue
        low, high = np.percentile(values, [2, 98])
        if high > -1.5 * low:
            return 1.0
        if -low > 1.5 * high:
            return -1.0
    phrase = recording.meta.get("knee", "")
    if phrase in ("flexion positive", "extension positive"):
        return 1.0 if phrase.startswith("flexion") else -1.0
    if any("_beta" in other for other in recording.channels):
        return 1.0  # the patella coordinate of Rajagopal's model, whose knee measures flexion
    notes.append(
        f"{name}: taken as extension positive (gait2392 and its relatives); if the model was"
        ' Rajagopal\'s or Lai\'s, set the metadata "knee" to "flexion positive"'
    )
    return -1.0


def trained_sense(wanted: str, unit: str, span: tuple[float, float] | None) -> float:
    """-1 where a model was trained on a knee that measures extension under an ambiguous name."""
    names = BY_NAME.get(key_of(wanted), ())
    if span is None or units.quantity(unit) != "angle" or not any(c.either for c in names):
        return 1.0
    low, high = span
    return -1.0 if -low > 1.5 * high else 1.0
