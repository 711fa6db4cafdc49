"""Recordings of any laboratory as strides of the model, and generated strides back on the
recording's clock.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from jaxdiff.data import channels, units
from jaxdiff.data.recording import Event, Recording
from jaxdiff.data.strides import Strikes, normalised, strikes
from jaxdiff.errors import DataError
from jaxdiff.methods.gait_law import Modality

SCALARS = {"speed": ("speed",), "slope": ("slope", "incline"), "mass": ("mass",)}
SCALARS |= {"stature": ("stature", "height")}
"""Scalar of the model -> names under which a recording's metadata may hold it."""
SCALAR_UNITS = {"speed": "m/s", "slope": "deg", "mass": "kg", "stature": "m"}
MIRRORED = ("pelvis_list", "pelvis_yaw", "trunk_list", "trunk_yaw")
"""Midline channels whose sign depends on the side that is looked at."""
LARGEST_HEADING = 15.0
"""Degrees of mean pelvis yaw beyond which it is the direction of walking in the laboratory."""
BLEND = 0.06
"""Share of a stride over which neighbouring strides are blended."""


@dataclass(frozen=True)
class Given:
    """What the model takes from a recording.

    Attributes:
      values: strides [N, steps, C] per modality; 0 where not given.
      masks: [N, steps, C] per modality.
      times: foot strikes in s, [N + 1].
      side: the leg whose strikes begin the strides; for `left`, the sides of all channels are
        exchanged.
      inverse: from the model's channels to the names, signs and units of the recording.
      notes: what was assumed.
    """

    values: Mapping[str, np.ndarray]
    masks: Mapping[str, np.ndarray]
    times: np.ndarray
    side: str
    inverse: channels.Inverse
    notes: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.times) - 1


def read_strides(
    recording: Recording,
    layout: Sequence[Modality],
    *,
    times: Sequence[float] | np.ndarray | None = None,
    side: str = "",
    scalars: Mapping[str, float] | None = None,
    rename: Mapping[str, str] | None = None,
) -> Given:
    """Cut a recording into strides and find the model's channels in it.

    Args:
      recording: of walking, one stride or more; gaps are left to the model to fill.
      layout: the model's modalities.
      times: foot strikes in s; default: from events, vertical force, hip flexion or feet.
      side: the leg the strikes belong to; default: the right one if its strikes are found.
      scalars: speed (m/s), slope (deg), mass (kg), stature (m) where known; otherwise from the
        metadata.
      rename: `{file's name: model's name}`.

    Raises:
      DataError: none of the channels is known to the model, or there are fewer than two strikes.
    """
    known = _scalars(recording, scalars or {})
    if rename:
        recording = recording.rename(rename)
    waves = [part for part in layout if part.steps > 1]
    wanted = [(channel, unit) for p in waves for channel, unit in zip(p.channels, p.units)]
    found = [pair for pair in wanted if channels.sides(recording, [pair[0]], [pair[1]])]
    if not found:
        raise DataError(
            f"none of the recording's channels ({', '.join(recording.channels[:8])}) is known to"
            " the model; rename them (rename=, --rename old=new) to names such as"
            f" {', '.join(channel for channel, _ in wanted[:4])}"
        )
    cut = strikes(recording, side, times)
    mass, notes = known.get("mass", math.nan), {}
    if math.isnan(mass):
        mass = _mass_from_forces(recording, cut)
        if not math.isnan(mass):
            known["mass"] = mass
            notes["mass"] = f"{mass:.1f} kg, from the mean vertical force"
    matched = channels.match(
        recording,
        [channel for channel, _ in found],
        [unit for _, unit in found],
        mass=None if math.isnan(mass) else mass,
    )
    own = _one_sided(matched, recording)
    signals = _completed(matched.recording, recording, notes)
    left = cut.side == "left"
    cycles, _ = normalised(signals, cut.times, waves[0].steps)
    count = len(cut.times) - 1
    cycles = cycles.reshape(count, waves[0].steps, -1)
    columns = {
        mirrored(name) if left else name: cycles[..., i] * (mirror_sign(name) if left else 1.0)
        for i, name in enumerate(signals.channels)
        if name in own or name not in matched.recording.channels
    }
    values, masks = {}, {}
    for part in layout:
        shape = (count, part.steps, len(part.channels))
        x = np.full(shape, np.nan)
        if part.steps > 1:
            for i, channel in enumerate(part.channels):
                if channel in columns:
                    x[..., i] = columns[channel]
        elif part.name == "scalars":
            each = {name: np.full(count, value) for name, value in known.items()}
            each["stride_time"] = np.diff(cut.times)
            for i, channel in enumerate(part.channels):
                x[:, 0, i] = each.get(channel, np.nan)
        masks[part.name] = np.isfinite(x)
        values[part.name] = np.nan_to_num(x).astype(np.float32)
    notes |= {**matched.metadata, "strides": f"{count}, {cut.side or 'one'} leg, from {cut.how}"}
    return Given(values, masks, cut.times, cut.side, matched.inverse, notes)


def on_clock(samples: np.ndarray, times: np.ndarray, clock: np.ndarray) -> np.ndarray:
    """Strides on a clock, neighbouring ones blended where they meet.

    Args:
      samples: [..., N, steps, C].
      times: strikes in s, [N + 1].
      clock: seconds within the strikes, [T].

    Returns:
      [..., T, C].
    """
    count, steps = samples.shape[-3:-1]
    stride = np.clip(np.searchsorted(times, clock, side="right") - 1, 0, count - 1)
    phase = (clock - times[stride]) / np.diff(times)[stride]

    place = np.clip(phase, 0, 1) * steps
    low = np.floor(place).astype(int)
    weight = (place - low).astype(samples.dtype)[:, None]

    def at(number: np.ndarray, rows: np.ndarray) -> np.ndarray:
        first = samples[..., number[rows], low[rows] % steps, :]
        second = samples[..., number[rows], (low[rows] + 1) % steps, :]
        second -= first
        second *= weight[rows]
        second += first
        return second

    found = at(stride, np.arange(len(clock)))
    neighbours = (
        (np.maximum(stride - 1, 0), 1 - phase / BLEND),
        (np.minimum(stride + 1, count - 1), 1 - (1 - phase) / BLEND),
    )
    for number, share in neighbours:
        rows = np.flatnonzero(share > 0)
        own = at(stride, rows)
        part = 0.5 * np.clip(share[rows], 0, 1).astype(samples.dtype)[:, None]
        found[..., rows, :] += part * (at(number, rows) - own)
    return found


def events_of(
    phases: np.ndarray, names: Sequence[str], times: np.ndarray, side: str
) -> list[Event]:
    """Foot strikes and offs of strides that begin at `times` [N + 1], from phases [N, E] of the
    events `names`.

    Args:
      phases: of each event, as a share of the stride.
      names: such as `foot_off_r`, the leg that begins the stride being `r`.
      times: foot strikes of that leg in s.
      side: that leg, `right` or `left`; empty: right.
    """
    first, other = ("left", "right") if side == "left" else ("right", "left")
    found = [Event(float(t), "foot_strike", first) for t in times]
    for column, name in enumerate(names):
        label, leg = name.rsplit("_", 1)
        moments = times[:-1] + np.diff(times) * np.clip(phases[:, column], 0, 1)
        found += [Event(float(t), label, first if leg == "r" else other) for t in moments]
    return sorted(found)


def mirrored(channel: str) -> str:
    """The same channel of the other leg: `hip_flexion_l` for `hip_flexion_r`, `shank_r_gyro_x` for
    `shank_l_gyro_x`.
    """
    words = channel.split("_")
    return "_".join({"r": "l", "l": "r"}.get(word, word) for word in words)


def mirror_sign(channel: str) -> float:
    """-1 for channels whose sign changes when left and right are exchanged."""
    if channel in MIRRORED:
        return -1.0
    lateral = channel.endswith(("accel_y", "gyro_x", "gyro_z"))
    return -1.0 if lateral else 1.0


def back(
    values: np.ndarray, names: Sequence[str], own_units: Sequence[str], given: Given
) -> tuple[np.ndarray, tuple[str, ...], tuple[str, ...]]:
    """Values [..., C] in the names, signs and units of the recording they are generated for."""
    names = list(names)
    sign = np.ones(len(names))
    if given.side == "left":
        sign = np.array([mirror_sign(name) for name in names])
        names = [mirrored(name) for name in names]
    if given.inverse.convention == "jaxdiff":
        return values * sign, tuple(names), tuple(own_units)
    probe = Recording(np.ones((1, len(names))), tuple(names), tuple(own_units), 1.0)
    turned = given.inverse(probe)
    return values * (sign * turned.values[0]), turned.channels, turned.units


def _scalars(recording: Recording, stated: Mapping[str, float]) -> dict[str, float]:
    """Scalars that are stated or in the metadata."""
    found = {}
    for name, spellings in SCALARS.items():
        value = stated.get(name)
        for spelling in spellings:
            if value is None or math.isnan(value):
                value = units.stated(recording.meta.get(spelling, ""), SCALAR_UNITS[name])
        if value is not None and math.isfinite(value):
            found[name] = value
    if found.get("stature", 0) > 3:  # centimetres
        found["stature"] /= 100
    return found


def _mass_from_forces(recording: Recording, cut: Strikes) -> float:
    """Mean vertical force of both feet over whole strides / g, in kg; nan where it is not measured
    in N.
    """
    total, legs = 0.0, set()
    inside = (recording.time >= cut.times[0]) & (recording.time < cut.times[-1])
    for name, unit in zip(recording.channels, recording.units):
        own = channels.identify(name, unit)
        if own is None or own.signal != ("ground", "vertical", "force") or unit != "N":
            continue
        total += float(own.sign * np.nanmean(recording[name][inside]))
        legs.add(own.side)
    return total / units.GRAVITY if {"right", "left"} <= legs else math.nan


def _completed(signals: Recording, source: Recording, notes: dict[str, str]) -> Recording:
    """The signals with the heading removed and the trunk's inclination from lumbar and pelvis
    angles.
    """
    values, names = signals.values.copy(), list(signals.channels)
    if "pelvis_yaw" in names:
        yaw = values[:, names.index("pelvis_yaw")]
        heading = float(np.nanmean(yaw))
        if abs(heading) > LARGEST_HEADING:
            yaw -= heading
            notes["heading"] = f"{heading:.0f} deg of pelvis yaw taken as the direction of walking"
    found = [
        (own.sign * units.factor(unit, "deg") * source[name])
        for name, unit in zip(source.channels, source.units)
        if (own := channels.identify(name, unit)) is not None
        and own.signal == ("trunk", "flexion", "angle")
        and unit in ("deg", "rad")
    ]
    if found and "pelvis_tilt" in names and "trunk_tilt" not in names:
        tilt = values[:, names.index("pelvis_tilt")] + found[0]
        values, names = np.column_stack([values, tilt]), [*names, "trunk_tilt"]
        notes["trunk"] = "inclination from the pelvis tilt and the lumbar angle"
    added = ("deg",) * (len(names) - len(signals.units))
    return replace(signals, values=values, channels=tuple(names), units=signals.units + added)


def _one_sided(matched: channels.Matched, recording: Recording) -> set[str]:
    """Names that are given; a column without a side stands for one leg only, the stated or the
    right one.
    """
    leg = "l" if recording.meta.get("side") == "left" else "r"
    users: dict[str, list[str]] = {}
    for link in matched.mapping:
        users.setdefault(link.source, []).append(link.wanted)
    return {
        name
        for names in users.values()
        for name in (names if len(names) == 1 else [n for n in names if leg in n.split("_")])
    }
