"""Plausible ranges of movement data: which unit a channel can be in, judged by its values.

A file that states no unit is read in the one unit in which its values are those of a moving person.
A stated unit that the values contradict (radians labelled degrees, a channel a million times too
large) is an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from jaxdiff.data.units import canonical
from jaxdiff.errors import DataError

RANGES: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "angle": {"deg": (8.0, 400.0), "rad": (0.14, 7.0)},
    "moment": {"N m": (10.0, 2000.0), "N m/kg": (0.2, 9.5)},
    "force": {"N": (150.0, 20000.0), "N/kg": (7.0, 120.0), "BW": (0.5, 6.9)},
    "power": {"W": (40.0, 5000.0), "W/kg": (0.3, 38.0)},
    "position": {"m": (0.05, 30.0), "mm": (50.0, 30000.0)},
}
"""Quantity -> unit -> the range in which the largest value of a recording lies (99th percentile of
the magnitude).
"""
_STATED_ONLY: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "moment": {"N mm": (1e4, 2e6), "N mm/kg": (200.0, 30000.0)},
    "force": {"kN": (0.15, 20.0), "%BW": (50.0, 1000.0)},
    "position": {"cm": (5.0, 3000.0)},
}
"""Units that are believed when a file states them but never inferred, because their ranges overlap
with others.
"""
_STATED_HIGHEST: Mapping[tuple[str, str], float] = {("moment", "N m/kg"): 30.0}
"""Larger values that are believed when a file states the unit: impacts of braking reach 27 N m/kg
(Verheul 2024).
"""
_MINIMUM_MOTION = 0.3
"""Share of the largest value by which a signal must move before a stated unit is doubted: static
trials are small.
"""


def size(values: np.ndarray) -> float:
    """The 99th percentile of the magnitude of values [T] or [T, C], the largest over channels; NaN
    without samples.
    """
    columns = np.asarray(values, np.float64).reshape(len(values), -1).T
    each = [np.percentile(np.abs(c[np.isfinite(c)]), 99) for c in columns if np.isfinite(c).any()]
    return float(max(each, default=np.nan))


def readings(quantity: str, largest: float) -> list[str]:
    """The units in which a largest value is plausible for a quantity."""
    ranges = RANGES.get(quantity, {})
    return [unit for unit, (low, high) in ranges.items() if low <= largest <= high]


def infer(quantity: str, values: np.ndarray, names: Sequence[str]) -> str:
    """The unit of channels that state none.

    Args:
        quantity: A key of `RANGES`.
        values: Samples [T, C] of all channels of that quantity.
        names: Channel names, for the message.

    Returns:
        The unit.

    Raises:
        DataError: If no unit or more than one is plausible; the message shows the ranges.
    """
    largest = size(values)
    found = readings(quantity, largest)
    if len(found) == 1:
        return found[0]
    shown = "fit more than one unit" if found else "fit no unit"
    raise DataError(
        f"{_listed(names)} {_have(names)} no unit and values up to {largest:.4g} {shown} of"
        f" {quantity} ({described(quantity)}); state the unit"
    )


def check(
    quantity: str, unit: str, values: np.ndarray, names: Sequence[str], small: bool = True
) -> None:
    """Refuses a stated unit that the values contradict.

    Args:
        quantity: A key of `RANGES`; others are not checked.
        unit: The stated unit.
        values: Samples [T, C] of all channels of that quantity.
        names: Channel names, for the message.
        small: Whether values that are small for the unit are doubted too; not for minor axes, which
            move little.

    Raises:
        DataError: If the values are implausible in `unit`: too large, or moving like those of
            another unit.
    """
    unit = canonical(unit)
    ranges = {**RANGES.get(quantity, {}), **_STATED_ONLY.get(quantity, {})}
    if unit not in ranges or not len(values):
        return
    low, high = ranges[unit]
    high = _STATED_HIGHEST.get((quantity, unit), high)
    for name, column in zip(names, np.asarray(values).T):
        if (largest := size(column)) > high:
            others = " or ".join(readings(quantity, largest)) or "none of these"
            raise DataError(
                f"{name} is stated in {unit} and reaches {largest:.4g} {unit}, outside the"
                f" plausible range of {quantity} ({described(quantity)}); its values would fit"
                f" {others}"
            )
    if not small:
        return
    largest = size(values)
    others = [other for other in readings(quantity, largest) if other != unit]
    motion = max(
        (np.nanmax(c) - np.nanmin(c) for c in np.asarray(values).T if np.isfinite(c).any()),
        default=0.0,
    )
    if largest < low and others and motion > _MINIMUM_MOTION * largest:
        raise DataError(
            f"{_listed(names)} {'are' if len(names) > 1 else 'is'} stated in {unit}, but the"
            f" largest value is {largest:.4g}, which fits {' or '.join(others)}"
            f" ({described(quantity)}); correct the unit"
        )


def described(quantity: str) -> str:
    """The ranges of a quantity in words."""
    return ", ".join(
        f"{unit}: {low:g} to {high:g}" for unit, (low, high) in RANGES.get(quantity, {}).items()
    )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _have(names: Sequence[str]) -> str:
    return "have" if len(names) > 1 else "has"
