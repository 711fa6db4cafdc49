"""What a user states about the channels of a file: other names, units, the body mass; in words or
as a small YAML.

rename: {Fz: grf_normal, Knee: knee_flexion_r}     # the file's name: a name of the table or of the model
units: {Fz: N, angle: deg}                         # by channel, or for all channels of a quantity
mass: 72.5                                         # kg
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from jaxdiff.data import units as unit_table
from jaxdiff.data.channels import identify
from jaxdiff.data.recording import Recording
from jaxdiff.errors import ConfigError, DataError, nearest

_QUANTITIES = ("angle", "moment", "force", "power", "position", "emg")


@dataclass(frozen=True)
class ChannelMap:
    """Names and units that override those of a file.

    Args:
        rename: `{file's name: new name}`.
        units: `{file's name or a quantity: unit}`; a quantity applies to channels that state no
            unit.
        mass: Body mass in kg, or None.
    """

    rename: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    mass: float | None = None

    def __call__(self, recording: Recording) -> Recording:
        """The recording with the stated units, names and mass.

        Raises:
            DataError: If a channel is not there.
        """
        for name in (*self.rename, *(n for n in self.units if n not in _QUANTITIES)):
            if name not in recording.channels:
                raise DataError(
                    f"no channel {name!r} in the file; {nearest(name, recording.channels)}"
                )
        own = []
        for name, unit in zip(recording.channels, recording.units):
            known = identify(self.rename.get(name, name))
            fitting = (
                self.units[quantity]
                for quantity in _QUANTITIES
                if quantity in self.units and known is not None and known.quantity in ("", quantity)
            )
            general = "" if unit else next(fitting, "")
            own.append(self.units.get(name, general or unit))
        meta = dict(recording.meta)
        if self.mass is not None:
            meta["mass"] = f"{self.mass:g} kg"
        return replace(recording, units=tuple(own), meta=meta).rename(self.rename)

    @classmethod
    def from_words(cls, rename: Sequence[str] = (), units: Sequence[str] = ()) -> ChannelMap:
        """From the words of a command line, `THEIRS=OURS` and `NAME=UNIT`.

        Raises:
            ConfigError: If a word has another form, or a unit is unknown.
        """
        return cls._checked(
            _pairs(rename, "--rename", "Fz=grf_normal"), _pairs(units, "--units", "Fz=N"), None
        )

    @classmethod
    def read(cls, path: str | Path) -> ChannelMap:
        """From a YAML file.

        Raises:
            FileError: If it cannot be read.
            ConfigError: If it has other entries than rename, units and mass, or wrong ones.
        """
        from jaxdiff.data.builders.recipe_file import read_yaml

        contents = read_yaml(Path(path)) or {}
        known = ("rename", "units", "mass")
        wrong = (
            [str(n) for n in contents if n not in known] if isinstance(contents, Mapping) else []
        )
        if wrong or not isinstance(contents, Mapping):
            what = f"no entry {wrong[0][:60]!r}" if wrong else "no mapping"
            raise ConfigError(f"{path}: {what}; a channel map has rename, units and mass")
        tables = []
        for name in known[:2]:
            table = contents.get(name) or {}
            if not isinstance(table, Mapping) or not all(
                isinstance(x, str) for p in table.items() for x in p
            ):
                raise ConfigError(f"{path}: {name} is a mapping from texts to texts")
            tables.append(dict(table))
        mass = contents.get("mass")
        if mass is not None and (isinstance(mass, bool) or not isinstance(mass, int | float)):
            raise ConfigError(f"{path}: mass is a number of kg; got {str(mass)[:60]!r}")
        rename, units = tables
        return cls._checked(rename, units, None if mass is None else float(mass))

    def over(self, other: ChannelMap) -> ChannelMap:
        """This map with the entries of another one where it has none of its own."""
        mass = self.mass if self.mass is not None else other.mass
        return ChannelMap({**other.rename, **self.rename}, {**other.units, **self.units}, mass)

    @classmethod
    def _checked(
        cls, rename: dict[str, str], units: dict[str, str], mass: float | None
    ) -> ChannelMap:
        for name, unit in units.items():
            if unit != "1" and not unit_table.quantity(unit):
                raise ConfigError(f"the unit {unit!r} of {name!r} is not known")
        if mass is not None and not 0 < mass < 1000:
            raise ConfigError(f"the body mass is in kg; got {mass:g}")
        return cls(rename, units, mass)


def _pairs(words: Sequence[str], option: str, example: str) -> dict[str, str]:
    found = {}
    for word in words:
        left, equals, right = word.partition("=")
        if not (left and equals and right):
            raise ConfigError(f"{option} takes pairs such as {example}; got {word!r}")
        found[left] = right
    return found
