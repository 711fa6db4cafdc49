"""Foot strikes of a recording, from the first source available: its events, vertical force, hip
flexion or foot positions.

found = strikes(walk, "right")
found.times, found.how            # seconds, and "events", "vertical force", "hip flexion" or "foot position"
signal, edges = normalised(walk, found.times, points=150)    # whole strides on a common phase axis
signal = tiled(signal, 600)       # repeated where a model needs more samples than there are
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jaxdiff.body.gait import (
    normalise_strides,
    strikes_from_foot,
    strikes_from_force,
    strikes_from_hip,
)
from jaxdiff.data.channels import identify
from jaxdiff.data.recording import SIDES, Recording
from jaxdiff.data.units import quantity
from jaxdiff.errors import DataError

_FEET = ("heel", "hee", "calc", "heel_marker", "ankle", "foot")
_TOES = ("toe", "toes", "foot")
_PELVIS = ("pelvis", "hips", "sacr", "sacrum", "vsac", "asi", "asis", "psi", "psis", "hip")


class Strikes(NamedTuple):
    """Foot strikes of one leg."""

    times: np.ndarray
    """Seconds, increasing."""
    how: str
    """What they were found in: `events`, `given times`, `vertical force`, `hip flexion` or
    `foot position`.
    """
    side: str
    """`right`, `left`, or empty for a recording of one unnamed leg."""


def strikes(
    recording: Recording, side: str = "", times: Sequence[float] | np.ndarray | None = None
) -> Strikes:
    """The foot strikes of one leg.

    Args:
        recording: Any recording of gait.
        side: `right` or `left`; empty: the first of right, left and an unnamed leg for which
            strikes are found.
        times: Strikes in seconds that the user states; they are used as they are.

    Returns:
        At least two strikes, so at least one stride.

    Raises:
        DataError: If fewer than two are found; the message says where strikes were looked for.
    """
    if side not in ("", *SIDES):
        raise DataError(f"a side is 'right' or 'left'; got {side!r}")
    end = recording.start + (len(recording) - 1) / recording.rate
    margin = 0.5 / recording.rate
    if times is not None:
        inside = np.unique([t for t in times if recording.start - margin <= t <= end + margin])
        return _enough(Strikes(inside.astype(np.float64), "given times", side), ["given times"])
    tried: list[str] = []
    for leg in (side,) if side else (*SIDES, ""):
        for find in (_from_events, _from_force, _from_feet, _from_hip):
            found = find(recording, leg)
            if found is None:
                continue
            tried.append(f"{found.how}{f' of the {leg} leg' if leg else ''}")
            if len(found.times) >= 2:
                return found
    return _enough(Strikes(np.zeros(0), "", side), tried)


def normalised(
    recording: Recording, times: np.ndarray, points: int
) -> tuple[np.ndarray, np.ndarray]:
    """Whole strides on a phase axis of `points` samples each, end to end.

    Args:
        recording: The recording, without gaps.
        times: Foot strikes in seconds.
        points: Samples per stride.

    Returns:
        The samples [strides * points, C], and the strikes as fractional sample numbers of the
        recording.
    """
    edges = np.clip((np.asarray(times) - recording.start) * recording.rate, 0, len(recording) - 1)
    cycles = normalise_strides(recording.values, edges, points + 1)[:, :-1]
    return cycles.reshape(-1, recording.values.shape[1]), edges


def tiled(signal: np.ndarray, length: int) -> np.ndarray:
    """Whole strides [T, C] repeated from the start until there are `length` samples."""
    if not len(signal):
        raise DataError("there is no stride to repeat")
    return signal[np.arange(length) % len(signal)]


def _enough(found: Strikes, tried: list[str]) -> Strikes:
    if len(found.times) >= 2:
        return found
    where = (
        f"fewer than two were found in {', '.join(dict.fromkeys(tried))}"
        if tried
        else (
            "the recording has no foot-strike events, vertical force, hip flexion or foot positions"
        )
    )
    raise DataError(
        f"a whole stride needs two foot strikes, but {where}; give their times (strikes=,"
        " --strikes) or a longer recording"
    )


def _from_events(recording: Recording, side: str) -> Strikes | None:
    events = [e for e in recording.events if e.label == "foot_strike"]
    if not events:
        return None
    own = [
        e.time for e in events if e.side == side or (not e.side and not any(x.side for x in events))
    ]
    return Strikes(np.unique(np.array(own, np.float64)), "events", side)


def _signal(recording: Recording, signal: tuple[str, str, str], side: str) -> np.ndarray | None:
    """The channel of that signal and leg in the reference sense, if it has no gaps."""
    for name, unit in zip(recording.channels, recording.units):
        channel = identify(name, unit)
        if channel is None or (channel.side or recording.meta.get("side", "")) not in (
            side,
            "both",
        ):
            continue
        same = channel.signal == signal or (
            channel.signal[:2] == signal[:2] and channel.quantity in ("", signal[2])
        )
        if same and not name.endswith(("_p05", "_p95")) and np.isfinite(recording[name]).all():
            return channel.sign * recording[name]
    return None


def _from_force(recording: Recording, side: str) -> Strikes | None:
    force = _signal(recording, ("ground", "vertical", "force"), side)
    if force is None:
        return None
    return _timed(recording, strikes_from_force(force, recording.rate), "vertical force", side)


def _from_hip(recording: Recording, side: str) -> Strikes | None:
    hip = _signal(recording, ("hip", "flexion", "angle"), side)
    if hip is None:
        return None
    return _timed(recording, strikes_from_hip(hip, recording.rate), "hip flexion", side)


def _from_feet(recording: Recording, side: str) -> Strikes | None:
    """Foot against pelvis (Zeni et al. 2008), for markers or joints called by one of the usual
    names.
    """
    points = _points(recording)
    if not side or not points:
        return None
    foot = next((points[n] for w in _FEET if (n := _called(points, side, w))), None)
    toe = next((points[n] for w in _TOES if (n := _called(points, side, w))), None)
    middle = [p for n, p in points.items() if any(w in _words(n) for w in _PELVIS)]
    if foot is None or not middle:
        return None
    pelvis = np.mean(middle, axis=0)
    ahead = foot - pelvis
    if not np.isfinite(ahead).all():
        return None
    spread = ahead - ahead.mean(0)
    forward = np.linalg.svd(spread, full_matrices=False)[2][0]
    travelled = (pelvis[-1] - pelvis[0]) @ forward
    if abs(travelled) < 2 * np.ptp(spread @ forward):
        if toe is None or toe is foot:
            return None  # on a treadmill only the foot itself says where forward is
        travelled = float(((toe - foot) @ forward).mean())
    forward = forward * np.sign(travelled)
    return _timed(
        recording, strikes_from_foot(foot, pelvis, forward, recording.rate), "foot position", side
    )


def _timed(recording: Recording, samples: np.ndarray, how: str, side: str) -> Strikes:
    return Strikes(recording.start + np.asarray(samples, np.float64) / recording.rate, how, side)


def _points(recording: Recording) -> dict[str, np.ndarray]:
    """Markers or joints with their positions [T, 3]."""
    found = {}
    for i, name in enumerate(recording.channels[:-2]):
        base = name[:-2]
        triple = recording.channels[i : i + 3] == (f"{base}_x", f"{base}_y", f"{base}_z")
        if triple and quantity(recording.units[i]) == "length":
            found[base] = np.asarray(recording.values[:, i : i + 3], np.float64)
    return found


def _words(name: str) -> set[str]:
    """The words of a marker's name, with a leading or trailing letter for the side parted: RHEE,
    left_ankle, Foot_L.
    """
    text = name.split(":")[-1].replace(".", "_").replace("-", "_").replace(" ", "_")
    words = {word.lower() for word in text.split("_")}
    for side in "RL":
        if text.startswith(side) and len(text) > 1:
            words |= {side.lower(), text[1:].lower()}
    return words


def _called(points: dict[str, np.ndarray], side: str, word: str) -> str:
    return next((n for n in points if word in (w := _words(n)) and (side in w or side[0] in w)), "")
