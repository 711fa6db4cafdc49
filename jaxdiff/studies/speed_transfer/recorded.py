"""Gaits of recordings: any names, units, signs and rate, one stride or many, one leg or both."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jaxdiff.data import channels as names
from jaxdiff.data import units
from jaxdiff.data.recording import Recording
from jaxdiff.data.strides import strikes as find_strikes
from jaxdiff.data.trials import Trials
from jaxdiff.errors import ConfigError, DataError, DataWarning, counted
from jaxdiff.studies.speed_transfer import strides
from jaxdiff.studies.speed_transfer.strides import JOINTS, Gait

ANGLES = tuple(
    f"{joint}_{side}"
    for side in "rl"
    for joint in ("hip_flexion", "knee_flexion", "ankle_dorsiflexion")
)
"""Names of the channels, in the order of a state."""
PLAUSIBLE = 0.1, 3.0
"""Walking speeds in m/s; anything else is likely a mistaken unit."""
SPEED_DIFFERENCE = 0.1
"""Difference (m/s) between the stated speed and that of the metadata from which on a warning is
given.
"""
LEG = len(JOINTS)


class Walk(NamedTuple):
    """The gait of a recording, and how it was read."""

    gait: Gait
    matched: names.Matched
    """The angles that are there, in degrees and in the model's sense, and the way back."""
    strikes: np.ndarray
    """Foot strikes of the leading leg, seconds."""
    how: str
    """What the foot strikes were found in."""
    leading: str
    """The leg whose foot strikes begin the strides: `right`, or `left` where only that was
    measured.
    """


def stated_speed(recording: Recording) -> float | None:
    """The walking speed (m/s) in a recording's metadata, None where there is none."""
    return units.stated(recording.meta.get("speed", ""), "m/s")


def speeds(recordings: Sequence[Recording]) -> list[float]:
    """The speeds that the recordings' metadata state.

    Raises:
      ConfigError: One states none.
    """
    found = [speed for one in recordings if (speed := stated_speed(one)) is not None]
    if len(found) < len(recordings):
        raise ConfigError(
            "source_speed is needed (m/s): the recording's metadata do not state a speed"
        )
    return found


def walk(
    recording: Recording,
    speed: float,
    *,
    channels: Sequence[str] | None = None,
    strikes: Sequence[float] | None = None,
    fill_gaps: float = 0.0,
    subject: str = "",
) -> Walk:
    """Read the gait of a recording.

    Args:
      recording: Steady walking with some of the hip, knee and ankle angles of one leg or both.
      speed: Walking speed in m/s.
      channels: What the recording calls hip, knee and ankle of the right leg, then of the left.
      strikes: Foot strikes of the right leg in seconds (of the left, where only that was measured);
        two make one stride.
      fill_gaps: Bridge gaps of up to this many seconds.

    Raises:
      ConfigError: An implausible speed, or not six names.
      DataError: No angles, gaps, or less than one stride.
    """
    check_speed(speed)
    stated = stated_speed(recording)
    if stated is not None and abs(stated - speed) > SPEED_DIFFERENCE:
        text = f"source_speed is {speed:g} m/s, the recording's metadata state {stated:g} m/s"
        warnings.warn(text, DataWarning, stacklevel=3)
    if channels is not None and len(channels) != len(ANGLES):
        raise ConfigError(
            "channels names hip, knee and ankle of the right leg, then of the left; got"
            f" {len(channels)} names"
        )
    rename = dict(zip(channels, ANGLES)) if channels is not None else None
    matched = _angles(recording, rename)
    found = matched.recording
    found = found.fill_gaps(fill_gaps) if fill_gaps else found
    if gaps := found.gaps():
        first = gaps[0]
        raise DataError(
            f"{counted(len(gaps), 'gap')}, the first in {first.channel} from {first.start:g} to {first.stop:g}"
            " s; bridge them (fill_gaps=SECONDS, --fill-gaps SECONDS) or crop the recording"
        )
    values = np.full((len(found), len(ANGLES)), np.nan)
    values[:, [ANGLES.index(name) for name in found.channels]] = found.values
    leading = "right" if np.isfinite(values[:, :LEG]).any() else "left"
    events = find_strikes(recording, leading, strikes)
    if leading == "left":
        values = np.roll(values, LEG, axis=1)
    gait = strides.gait(
        values,
        recording.rate,
        (events.times - recording.start) * recording.rate,
        speed,
        subject=subject or recording.meta.get("subject", ""),
        paretic=recording.meta.get("paretic", ""),
        stature=_number(recording, "height", "stature"),
        mass=_number(recording, "mass"),
    )
    if leading == "left":
        gait = gait._replace(
            mean=strides.mirrored(gait.mean), deviations=strides.mirrored(gait.deviations)
        )
    return Walk(gait, matched, events.times, events.how, leading)


def check_speed(speed: float) -> None:
    """Raise a `ConfigError` for an implausible walking speed."""
    if not PLAUSIBLE[0] <= speed <= PLAUSIBLE[1]:
        raise ConfigError(
            f"speeds are in m/s, between {PLAUSIBLE[0]:g} and {PLAUSIBLE[1]:g}; got {speed:g}"
        )


def gaits(trials: Trials, modality: str) -> list[Gait]:
    """The gaits of the trials of a data set that have a speed; trials without a whole stride are
    left out.
    """
    found = []
    for i in range(len(trials)):
        recording = trials.recording(i, modality)
        speed = float(trials.column("speed")[i])
        if np.isnan(speed):
            raise DataError(
                f"the trial {trials.column('trial')[i]!r} has no speed; give the field `speed` in"
                " the recipe"
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)
            try:
                found.append(walk(recording, speed, subject=str(trials.column("subject")[i])).gait)
            except DataError as error:
                if "stride" not in str(error):
                    raise
    if not found:
        raise DataError("no trial has a whole stride")
    return found


def _angles(recording: Recording, rename: dict[str, str] | None) -> names.Matched:
    """As many of `ANGLES` as the recording has."""
    there = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        for angle in ANGLES:
            try:
                names.match(recording, (angle,), ("deg",), rename=rename)
            except DataError as error:
                if "has no" not in str(error):
                    raise
                continue
            there.append(angle)
    if not there:
        raise DataError(
            "the recording has no sagittal angle of hip, knee or ankle whose name is known; name"
            " them in the order hip, knee, ankle of the right leg, then of the left (channels,"
            f" --channels); it has {', '.join(recording.channels)}"
        )
    return names.match(recording, tuple(there), ("deg",) * len(there), rename=rename)


def _number(recording: Recording, *keys: str) -> float:
    """A number of the metadata, such as "1.75 m" or "75"; NaN where there is none."""
    for key in keys:
        words = recording.meta.get(key, "").split()
        try:
            value = float(words[0])
        except (ValueError, IndexError):
            continue
        unit = words[1] if words[1:] else ""
        return value / 100 if unit == "cm" or (key != "mass" and value > 3) else value
    return np.nan
