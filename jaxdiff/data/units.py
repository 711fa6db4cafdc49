"""Units of movement data and the factors between them; forces and moments relative to the body need its mass."""

from __future__ import annotations

import math

from jaxdiff.errors import DataError, nearest

GRAVITY = 9.80665

_SPELLINGS = {
    **dict.fromkeys(("degree", "degrees", "°"), "deg"),
    **dict.fromkeys(("radian", "radians"), "rad"),
    **dict.fromkeys(("meter", "meters", "metre", "metres"), "m"),
    **dict.fromkeys(("Nm", "N*m", "N.m", "N·m"), "N m"),
    **dict.fromkeys(("Nmm", "N*mm", "N.mm", "N·mm"), "N mm"),
    **dict.fromkeys(("Nm/kg", "N*m/kg", "N.m/kg", "N·m/kg"), "N m/kg"),
    **dict.fromkeys(("µV", "μV"), "uV"),
}
_SIZES = {  # unit: (quantity, size, power of the body mass in it)
    "deg": ("angle", math.pi / 180, 0),
    "rad": ("angle", 1.0, 0),
    "mm": ("length", 1e-3, 0),
    "cm": ("length", 1e-2, 0),
    "m": ("length", 1.0, 0),
    "ms": ("time", 1e-3, 0),
    "s": ("time", 1.0, 0),
    "N": ("force", 1.0, 0),
    "kN": ("force", 1e3, 0),
    "BW": ("force", GRAVITY, 1),
    "N/kg": ("force", 1.0, 1),
    "N mm": ("moment", 1e-3, 0),
    "N m": ("moment", 1.0, 0),
    "N m/kg": ("moment", 1.0, 1),
    "uV": ("voltage", 1e-6, 0),
    "mV": ("voltage", 1e-3, 0),
    "V": ("voltage", 1.0, 0),
}


def canonical(unit: str) -> str:
    """The library's spelling of a unit; what it does not know stays as it is."""
    unit = unit.strip()
    return _SPELLINGS.get(unit, unit)


def factor(old: str, new: str, mass: float | None = None) -> float:
    """What a number in `old` is multiplied by to be in `new`; `mass` in kg where just one of them is per body mass."""
    old, new = canonical(old), canonical(new)
    if old == new:
        return 1.0
    for unit in (old, new):
        if unit not in _SIZES:
            raise DataError(
                f"no conversion is known for the unit {unit!r}; {nearest(unit, _SIZES)}"
            )
    (quantity, size, power), (other, other_size, other_power) = _SIZES[old], _SIZES[new]
    if quantity != other:
        raise DataError(f"{old!r} ({quantity}) cannot be converted to {new!r} ({other})")
    if power == other_power:
        return size / other_size
    if mass is None or not mass > 0:
        raise DataError(f"converting {old!r} to {new!r} needs the body mass in kg; got {mass}")
    return size / other_size * mass ** (power - other_power)
