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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from jaxdiff.data import units
from jaxdiff.data.aliases import SIDES
from jaxdiff.data.assumptions import sense_of, trained_sense, units_of
from jaxdiff.data.choice import convention_of, pick
from jaxdiff.data.identify import BY_SIGNAL, SPREAD, identify
from jaxdiff.data.recording import Recording
from jaxdiff.errors import DataError, DataWarning


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
    convention = convention_of(recording)
    notes: list[str] = []
    picked, chosen = pick(recording, wanted_channels, wanted_units, side, convention)
    phrase = units_of(recording, [name for name, _ in picked], wanted_units, stated or {}, notes)
    senses: dict[tuple[str, str], float] = {}
    links, columns = [], []
    for i, ((name, channel), wanted, unit) in enumerate(zip(picked, wanted_channels, wanted_units)):
        sign = 1.0
        target = identify(wanted, unit, "jaxdiff")
        if channel is not None and target is not None and name not in (rename or {}).values():
            own = channel.sign
            if channel.either:
                place = (channel.side, channel.joint)
                senses.setdefault(place, sense_of(recording, name, channel, notes))
                own *= senses[place]
            sign = own * target.sign * trained_sense(wanted, unit, ranges[i] if ranges else None)
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
            _, chosen = pick(
                recording, wanted_channels, wanted_units, side, convention_of(recording)
            )
        except DataError:
            continue
        if chosen in ("", "both"):
            return ("",)
        found.append(chosen)
    return tuple(found)


def body_mass(recording: Recording) -> float | None:
    """The body mass (kg) in a recording's metadata, None where there is none that is plausible."""
    mass = units.stated(recording.meta.get("mass", ""), "kg")
    return mass if mass is not None and 0 < mass < 1000 else None
