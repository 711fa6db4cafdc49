"""Channel names of any laboratory mapped onto the channels of a model, and back.

`identify(name, unit)` says which signal of the body a name stands for, using the table in
`jaxdiff.data.aliases` (OpenSim, Plug-in Gait, Visual3D and Theia, Xsens, AddBiomechanics and
OpenCap, the library's own names). `match` maps a recording onto the channels that a model wants:
names, sides, signs and units. Quantity is part of a channel's identity, so a hip moment is never
taken for a hip angle::

    walk = jaxdiff.read("walk.mot")                                   # knee_angle_r, extension positive, in deg
    found = channels.match(walk, ("hip_flexion", "knee_flexion"), ("deg", "deg"), side="right")
    found.recording                 # the model's channels in the model's units and signs
    print("\\n".join(map(str, found.mapping)))   # knee_flexion (deg) = -1 × knee_angle_r (deg)
    moments = model(found.recording)             # hip_extension_moment, ... in N m/kg
    found.inverse(moments)          # hip_flexion_r_moment, ... with the signs of the file that was read

`match` raises `DataError` if channels are missing or a unit can neither be read nor inferred;
`sides` lists the legs for which a match is possible. `Matched.metadata` is a flat text mapping to
keep beside an output. What was assumed (an inferred unit, the sense of an OpenSim knee) is in
`Matched.notes` and is issued as a `DataWarning`.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from jaxdiff.data import plausible, units
from jaxdiff.data.aliases import ALIASES, SIDES
from jaxdiff.data.identify import BY_NAME, BY_SIGNAL, SPREAD, Channel, identify, key_of
from jaxdiff.data.recording import Recording
from jaxdiff.errors import DataError, DataWarning, nearest

_MAIN = {"flexion", "vertical"}


class Link(NamedTuple):
    """One channel of a model and the channel of a file it is taken from."""

    wanted: str
    wanted_unit: str
    source: str
    source_unit: str
    factor: float
    """What the file's values are multiplied by."""
    sign: float
    """The part of the factor that is a change of sense."""

    def __str__(self) -> str:
        factor = "" if self.factor == 1 else f"{self.factor:.6g} × "
        return f"{self.wanted} ({self.wanted_unit}) = {factor}{self.source} ({self.source_unit})"


@dataclass(frozen=True)
class Inverse:
    """Maps generated channels back to the names, signs and units of the file that was read."""

    links: Mapping[str, Link] = field(default_factory=dict)
    convention: str = "jaxdiff"
    side: str = ""
    mass: float | None = None
    senses: Mapping[tuple[str, str], float] = field(default_factory=dict)
    """Sign of (side, joint) where the convention leaves it open."""

    def __call__(self, recording: Recording) -> Recording:
        """The recording in the convention of the input.

        Channels that were matched get their own names and units back; others get the name that the
        convention has for them, if it has one. Channels ending in `_p05` and `_p95` change places
        where the sign changes.
        """
        columns, names, used = [], [], []
        for name, unit in zip(recording.channels, recording.units):
            base, source = SPREAD.sub("", name), name
            ending = name[len(base) :]
            new, new_unit, factor = self._back(base, unit)
            swapped = f"_p{100 - int(ending[2:]):02d}" if ending else ""
            if factor < 0 and base + swapped in recording.channels:
                source = base + swapped
            columns.append(factor * recording[source])
            names.append(new + ending)
            used.append(new_unit)
        if len(set(names)) < len(names):
            return recording
        values = np.stack(columns, axis=1).astype(recording.values.dtype)
        return replace(recording, values=values, channels=tuple(names), units=tuple(used))

    def interval(self, low: Recording, high: Recording) -> tuple[Recording, Recording]:
        """Lower and upper bounds in the convention of the input; a change of sign exchanges
        them.
        """
        a, b = self(low), self(high)
        values = np.minimum(a.values, b.values), np.maximum(a.values, b.values)
        return replace(a, values=values[0]), replace(b, values=values[1])

    def _back(self, name: str, unit: str) -> tuple[str, str, float]:
        """Name, unit and factor of a channel in the convention."""
        link = self.links.get(name)
        if link is not None:
            return link.source, link.source_unit, 1 / link.factor
        own = identify(name, unit, "jaxdiff")
        if own is None or self.convention == "jaxdiff":
            return name, unit, 1.0
        side = own.side or self.side
        found = BY_SIGNAL.get((self.convention, side, *own.signal)) or BY_SIGNAL.get(
            (self.convention, "", *own.signal)
        )
        if found is None:
            return name, unit, 1.0
        new, channel = found
        sign = own.sign * channel.sign
        if channel.either:
            sign *= self.senses.get((side, channel.joint), -1.0)
        try:
            scale = units.factor(unit, channel.unit, self.mass)
        except DataError:
            return new, unit, sign  # per body mass, and the mass is unknown
        return new, channel.unit, sign * scale


@dataclass(frozen=True)
class Matched:
    """A recording in the channels of a model, how it came about, and the way back."""

    recording: Recording
    mapping: tuple[Link, ...]
    inverse: Inverse
    side: str = ""
    notes: tuple[str, ...] = ()

    @property
    def metadata(self) -> dict[str, str]:
        """The mapping as text, to keep in the metadata of an output."""
        found = {"channel_mapping": "; ".join(map(str, self.mapping))}
        if self.side:
            found["side"] = self.side
        if self.notes:
            found["assumptions"] = "; ".join(self.notes)
        return found


def match(
    recording: Recording,
    wanted_channels: Sequence[str],
    wanted_units: Sequence[str],
    *,
    side: str = "",
    mass: float | None = None,
    rename: Mapping[str, str] | None = None,
    stated: Mapping[str, str] | None = None,
    ranges: Sequence[tuple[float, float]] | None = None,
) -> Matched:
    """Maps a recording onto the channels of a model.

    Args:
        recording: The recording of the user.
        wanted_channels: The model's channels.
        wanted_units: The model's units.
        side: The leg to use where the model's channels have no side; default: the right one if it
            is there.
        mass: Body mass in kg; default: `mass` in the metadata.
        rename: `{file's name: model's name}` for what the table of names does not know.
        stated: Units, by the file's channel name or by quantity (`{"angle": "deg"}`), that override
            those of the file.
        ranges: Lowest and highest training value of every wanted channel, which decides the sense
            of a model trained on names such as OpenSim's `knee_angle_r`.

    Returns:
        The matched recording with its mapping, notes and inverse.

    Raises:
        DataError: If channels are missing, or units are unknown, contradicted by the values or not
            convertible.
    """
    if rename:
        recording = recording.rename(rename)
    mass = mass if mass is not None else body_mass(recording)
    convention = _convention(recording)
    notes: list[str] = []
    picked, chosen = _pick(recording, wanted_channels, wanted_units, side, convention)
    phrase = _units(recording, [name for name, _ in picked], wanted_units, stated or {}, notes)
    senses: dict[tuple[str, str], float] = {}
    links, columns = [], []
    for i, ((name, channel), wanted, unit) in enumerate(zip(picked, wanted_channels, wanted_units)):
        sign = 1.0
        target = identify(wanted, unit, "jaxdiff")
        if channel is not None and target is not None and name not in (rename or {}).values():
            own = channel.sign
            if channel.either:
                place = (channel.side, channel.joint)
                senses.setdefault(place, _sense(recording, name, channel, notes))
                own *= senses[place]
            sign = own * target.sign * _trained_sense(wanted, unit, ranges[i] if ranges else None)
        try:
            scale = units.factor(phrase[name], unit, mass)
        except DataError as error:
            raise DataError(f"{name}: {error}") from None
        links.append(Link(wanted, unit, name, phrase[name], sign * scale, sign))
        columns.append(np.asarray(recording[name], np.float64) * (sign * scale))
    meta = {**recording.meta, **({"side": chosen} if chosen else {})}
    made = replace(
        recording,
        values=np.stack(columns, axis=1),
        channels=tuple(wanted_channels),
        units=tuple(wanted_units),
        meta=meta,
    )
    back = {new: old for old, new in (rename or {}).items()}
    original = [link._replace(source=back.get(link.source, link.source)) for link in links]
    inverse = Inverse({link.wanted: link for link in original}, convention, chosen, mass, senses)
    for note in notes:
        warnings.warn(note, DataWarning, stacklevel=2)
    return Matched(made, tuple(original), inverse, chosen, tuple(notes))


def sides(
    recording: Recording, wanted_channels: Sequence[str], wanted_units: Sequence[str]
) -> tuple[str, ...]:
    """The legs for which a recording has all wanted channels: `("right", "left")`, one of them,
    `("",)`, or none.
    """
    found = []
    for side in SIDES:
        try:
            _, chosen = _pick(
                recording, wanted_channels, wanted_units, side, _convention(recording)
            )
        except DataError:
            continue
        if chosen in ("", "both"):
            return ("",)
        found.append(chosen)
    return tuple(found)


def _convention(recording: Recording) -> str:
    """The convention that explains most names; between equals, the first in the table."""
    votes: Counter[str] = Counter()
    for name in recording.channels:
        votes.update({channel.convention for channel in BY_NAME.get(key_of(name), ())})
        votes.update({c.convention for c in BY_NAME.get(key_of(name.split(":", 1)[-1]), ())})
    order = list(dict.fromkeys(row.convention for row in ALIASES))
    return max(order, key=lambda each: votes[each]) if votes else "jaxdiff"


def _pick(
    recording: Recording,
    wanted: Sequence[str],
    wanted_units: Sequence[str],
    side: str,
    convention: str,
) -> tuple[list[tuple[str, Channel | None]], str]:
    """The file's channel for every wanted one, and the leg it is (empty where names have no
    side).
    """
    if side not in ("", *SIDES):
        raise DataError(f"a side is 'right' or 'left'; got {side!r}")
    known = {
        name: identify(name, unit, convention)
        for name, unit in zip(recording.channels, recording.units)
        if not SPREAD.search(name)
    }
    targets = [identify(name, unit, "jaxdiff") for name, unit in zip(wanted, wanted_units)]
    one_leg = [
        t for t in targets if t is not None and not t.side and t.joint not in ("pelvis", "trunk")
    ]

    wanted_sides = {t.side for t in targets if t is not None and t.side}
    own_side = recording.meta.get("side", "")
    unnamed = len(wanted_sides) == 1 and own_side in ("", *wanted_sides)

    def find(name: str, unit: str, target: Channel | None, leg: str) -> str | None:
        if name in known and _compatible(recording, name, unit):
            own = known[name]
            if own is None or target is None or own.signal == target.signal or not own.quantity:
                return name
        if target is None:
            return None
        for other, own in known.items():
            if own is None or (own.joint, own.axis) != (target.joint, target.axis):
                continue
            if own.quantity not in ("", target.quantity) or not _compatible(recording, other, unit):
                continue
            if own.side == (target.side or leg) or (not own.side and (not target.side or unnamed)):
                return other
        return None

    missing: list[str] = []
    for leg in (side,) if side else (*SIDES, ""):
        found = [find(*each, leg) for each in zip(wanted, wanted_units, targets)]
        absent = [name for name, source in zip(wanted, found) if source is None]
        if not absent:
            used = {c.side for f in found if f and (c := known[f]) is not None and c.side}
            chosen = "both" if len(used) > 1 else (next(iter(used)) if used else "")
            if not chosen and one_leg:
                chosen = (
                    recording.meta.get("side", "") if recording.meta.get("side") in SIDES else ""
                )
            return [(f, known[f]) for f in found if f is not None], chosen
        missing = absent if not missing or len(absent) < len(missing) else missing
    for name, unit in zip(wanted, wanted_units):
        if name in missing and name in recording.channels:
            own = recording.units[recording.channels.index(name)]
            raise DataError(f"{name} is in {own!r}, which cannot be converted to {unit!r}")
    present = [n for n in recording.channels if not SPREAD.search(n)]
    shown = ", ".join(present[:12]) + (f" and {len(present) - 12} more" if present[12:] else "")
    lacking = ", ".join(missing[:6]) + (f" and {len(missing) - 6} more" if missing[6:] else "")
    hint = nearest(missing[0], present)
    hint = f"; {hint}" if hint.startswith("did you mean") else ""
    raise DataError(
        f"the recording has no {lacking}{f' of the {side} leg' if side else ''}; its channels are"
        f" {shown}. Rename what the library does not know (rename, --rename old=new{hint})"
    )


def _compatible(recording: Recording, name: str, unit: str) -> bool:
    own = units.quantity(recording.units[recording.channels.index(name)])
    return not own or not units.quantity(unit) or own == units.quantity(unit)


def _units(
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


def _sense(recording: Recording, name: str, channel: Channel, notes: list[str]) -> float:
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


def _trained_sense(wanted: str, unit: str, span: tuple[float, float] | None) -> float:
    """-1 where a model was trained on a knee that measures extension under an ambiguous name."""
    names = BY_NAME.get(key_of(wanted), ())
    if span is None or units.quantity(unit) != "angle" or not any(c.either for c in names):
        return 1.0
    low, high = span
    return -1.0 if -low > 1.5 * high else 1.0


def body_mass(recording: Recording) -> float | None:
    """The body mass (kg) in a recording's metadata, None where there is none that is plausible."""
    mass = units.stated(recording.meta.get("mass", ""), "kg")
    return mass if mass is not None and 0 < mass < 1000 else None
