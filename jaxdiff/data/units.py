"""Units of movement data and conversion factors; forces, moments and powers per body mass need the
mass.
"""

from __future__ import annotations

import math
import warnings

from jaxdiff.errors import DataError, DataWarning, nearest

GRAVITY = 9.80665

_SPELLINGS = {
    **dict.fromkeys(("degree", "degrees", "°", "Deg", "DEG", "Degrees"), "deg"),
    **dict.fromkeys(("radian", "radians", "Rad", "RAD"), "rad"),
    **dict.fromkeys(("meter", "meters", "metre", "metres"), "m"),
    **dict.fromkeys(("millimeter", "millimeters", "millimetre", "millimetres", "MM"), "mm"),
    **dict.fromkeys(("second", "seconds", "sec"), "s"),
    **dict.fromkeys(("newton", "newtons", "Newton", "Newtons"), "N"),
    **dict.fromkeys(("bw", "body weight", "bodyweight", "xBW"), "BW"),
    **dict.fromkeys(("% BW", "%bw", "percent BW"), "%BW"),
    **dict.fromkeys(("Nm", "N*m", "N.m", "N·m"), "N m"),
    **dict.fromkeys(("Nmm", "N*mm", "N.mm", "N·mm"), "N mm"),
    **dict.fromkeys(("Nm/kg", "N*m/kg", "N.m/kg", "N·m/kg"), "N m/kg"),
    **dict.fromkeys(("Nmm/kg", "N*mm/kg", "N.mm/kg", "N·mm/kg"), "N mm/kg"),
    **dict.fromkeys(("µV", "μV"), "uV"),
    **dict.fromkeys(("°/s", "deg/sec", "degrees/s"), "deg/s"),
    **dict.fromkeys(("m/s2", "m/s^2", "m/s**2"), "m/s²"),
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
    "%BW": ("force", GRAVITY / 100, 1),
    "N/kg": ("force", 1.0, 1),
    "N mm": ("moment", 1e-3, 0),
    "N m": ("moment", 1.0, 0),
    "N m/kg": ("moment", 1.0, 1),
    "N mm/kg": ("moment", 1e-3, 1),
    "W": ("power", 1.0, 0),
    "mW": ("power", 1e-3, 0),
    "W/kg": ("power", 1.0, 1),
    "mW/kg": ("power", 1e-3, 1),
    "deg/s": ("angular velocity", math.pi / 180, 0),
    "rad/s": ("angular velocity", 1.0, 0),
    "m/s": ("velocity", 1.0, 0),
    "m/s²": ("acceleration", 1.0, 0),
    "g": ("acceleration", GRAVITY, 0),
    "uV": ("voltage", 1e-6, 0),
    "mV": ("voltage", 1e-3, 0),
    "V": ("voltage", 1.0, 0),
}


def canonical(unit: str) -> str:
    """The library's spelling of a unit; an unknown unit is returned unchanged."""
    unit = unit.strip()
    return _SPELLINGS.get(unit, unit)


def stated(text: object, unit: str) -> float | None:
    """The number of a metadata entry such as `60.8`, `178 cm` or `1.2 m/s`, in a unit.

    Args:
        text: The entry; a number without a unit is taken to be in `unit`.
        unit: The unit of the result.

    Returns:
        The number; None where there is none, and, with a warning, where its unit is of another
        quantity or unknown.
    """
    number, _, own = str(text).strip().partition(" ")
    try:
        value = float(number)
    except ValueError:
        return None
    if not math.isfinite(value):
        return None
    try:
        return value * (factor(own, unit) if own.strip() else 1.0)
    except DataError:
        warnings.warn(
            f"{text!r} in the metadata is not used: not in {unit}", DataWarning, stacklevel=2
        )
        return None


def quantity(unit: str) -> str:
    """What a unit measures: angle, force, moment, length, ...; empty for an unknown unit."""
    return _SIZES[canonical(unit)][0] if canonical(unit) in _SIZES else ""


def factor(old: str, new: str, mass: float | None = None) -> float:
    """The factor that converts a value in `old` to `new`.

    Args:
        old: Unit of the value.
        new: Unit to convert to.
        mass: Body mass in kg; needed where only one of the two units is per body mass.

    Returns:
        The factor.

    Raises:
        DataError: If a unit is unknown, the units measure different quantities, or the mass is
            missing.
    """
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
