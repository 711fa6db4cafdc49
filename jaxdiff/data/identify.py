"""Which signal of the body a channel name stands for, in the conventions of
`jaxdiff.data.aliases`.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from jaxdiff.data import units
from jaxdiff.data.aliases import ALIASES, spellings

SPREAD = re.compile(r"_p(\d\d)$")
"""Ending of the channels of interval bounds, such as `_p05` and `_p95`."""


class Channel(NamedTuple):
    """What a channel name stands for."""

    side: str
    """`right`, `left`, or empty where the name does not say."""
    joint: str
    axis: str
    quantity: str
    """`angle`, `moment`, `force`, `power`, `position`, `emg`; empty if only a unit could tell."""
    unit: str
    """The unit its convention writes; empty where it has none."""
    sign: float = 1.0
    """Multiplies a value to bring it into the reference sense (see `jaxdiff.data.aliases`)."""
    scale: float = 1.0
    convention: str = "jaxdiff"
    either: bool = False
    """Whether the sign depends on the model that was used, so that values have to decide it."""

    @property
    def signal(self) -> tuple[str, str, str]:
        """Joint, axis and quantity."""
        return self.joint, self.axis, self.quantity


def key_of(name: str) -> str:
    return re.sub(r"[\s_:.\-/|\\()]+", "_", name.strip().casefold()).strip("_")


def _tables() -> tuple[dict[str, list[Channel]], dict[tuple[str, ...], tuple[str, Channel]]]:
    by_name: dict[str, list[Channel]] = {}
    by_signal: dict[tuple[str, ...], tuple[str, Channel]] = {}
    for row in ALIASES:
        for name, side in spellings(row.name):
            sign = row.sign * (row.left if side == "left" else 1.0)
            channel = Channel(
                side,
                row.joint,
                row.axis,
                row.quantity,
                row.unit,
                sign,
                1.0,
                row.convention,
                row.either,
            )
            by_name.setdefault(key_of(name), []).append(channel)
            by_signal.setdefault((row.convention, side, *channel.signal), (name, channel))
    return by_name, by_signal


BY_NAME, BY_SIGNAL = _tables()


def identify(name: str, unit: str = "", convention: str = "") -> Channel | None:
    """What a channel stands for.

    Args:
        name: Its name in any of the known conventions; case and separators do not matter, and
            neither do a subject prefix (`Anna:RHipAngles_x`), an OpenSim path
            (`/jointset/hip_r/hip_flexion_r/value`) or a spread ending.
        unit: Its unit, which decides between an angle and a moment of the same name; empty if
            unknown.
        convention: The convention to prefer where several use the name.

    Returns:
        The channel, or None if the name is unknown or its unit contradicts every meaning of the
        name. The quantity is empty where neither name nor unit tells it.

    Examples:
        >>> identify("knee_angle_r", "deg").signal
        ('knee', 'flexion', 'angle')
        >>> identify("RHipMoment_x", "Nmm/kg").sign
        -1.0
    """
    name = SPREAD.sub("", name)
    path = name.rstrip("/").split("/")
    if name.startswith("/") and path[-1] == "value":
        name = path[-2]
    candidates = BY_NAME.get(key_of(name)) or BY_NAME.get(key_of(name.split(":", 1)[-1])) or []
    measured = {"length": "position", "voltage": "emg"}.get(
        units.quantity(unit), units.quantity(unit)
    )
    if unit == "1":
        measured = "emg"
    fitting = [
        channel._replace(quantity=channel.quantity or measured)
        for channel in candidates
        if not measured or channel.quantity in ("", measured)
    ]
    preferred = [channel for channel in fitting if channel.convention == convention]
    return (preferred or fitting or [None])[0]
