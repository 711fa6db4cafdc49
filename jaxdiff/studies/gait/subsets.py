"""Which signals are given: the typical subsets of laboratories, and the random ones of training.

A subset is written as patterns over `modality/channel`: `("angles/*", "grf/*_r")`. Patterns that
match nothing are ignored, so that one list serves laboratories with fewer channels.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

import numpy as np

from jaxdiff.methods.gait_law import Modality

SCALARS = ("scalars/*",)
SAGITTAL = (
    "angles/hip_flexion_?",
    "angles/knee_flexion_?",
    "angles/ankle_dorsiflexion_?",
    "angles/pelvis_tilt",
    "angles/trunk_tilt",
)
TYPICAL: dict[str, tuple[str, ...]] = {
    "angles": ("angles/*",),
    "sagittal angles": SAGITTAL,
    "imu": ("imu/*",),
    "shank imu": ("imu/shank_?_*",),
    "grf": ("grf/*",),
    "emg": ("emg/*",),
    "angles+grf": ("angles/*", "grf/*"),
    "angles+emg": ("angles/*", "emg/*"),
    "imu+emg": ("imu/*", "emg/*"),
    "right leg": ("angles/*_r", "moments/*_r", "grf/*_r", "emg/*_r", "imu/*_r_*"),
}
"""Ten typical subsets; speed, slope, mass, stature and stride time are given with each."""

Masks = dict[str, np.ndarray]


def masks(layout: Sequence[Modality], patterns: Iterable[str]) -> Masks:
    """Boolean masks [steps, C] per modality of the channels that match any of the patterns."""
    patterns = tuple(patterns)
    found = {}
    for part in layout:
        names = [f"{part.name}/{channel}" for channel in part.channels]
        row = [any(fnmatchcase(name, pattern) for pattern in patterns) for name in names]
        found[part.name] = np.tile(np.array(row, bool), (part.steps, 1))
    return found


def typical(layout: Sequence[Modality], name: str) -> Masks:
    """Masks of a subset of `TYPICAL`, scalars given."""
    return masks(layout, TYPICAL[name] + SCALARS)


def drawn(layout: Sequence[Modality], rng: np.random.Generator) -> Masks:
    """A random subset, as training sees them.

    Whole modalities, a typical subset, single channels, one leg, single sensors, a part of the
    time, or nothing; each with all, some or none of the scalars.
    """
    waves = [part for part in layout if part.steps > 1]
    kind = rng.choice(
        ["modalities", "typical", "channels", "groups", "time", "nothing"],
        p=[0.3, 0.25, 0.12, 0.15, 0.13, 0.05],
    )
    if kind == "typical":
        found = masks(layout, TYPICAL[rng.choice(list(TYPICAL))])
    else:
        count = rng.choice([1, 2, 3, 4], p=[0.45, 0.35, 0.12, 0.08])
        chosen = rng.permutation([part.name for part in waves])[: 0 if kind == "nothing" else count]
        found = masks(layout, [f"{name}/*" for name in chosen])
    if kind == "channels":
        share = rng.uniform(0.1, 0.9)
        for part in waves:
            found[part.name] = found[part.name] & (rng.uniform(size=len(part.channels)) < share)
    if kind == "groups":
        share = rng.uniform(0.2, 0.8)
        groups = sorted({group(channel) for part in waves for channel in part.channels})
        kept = {name for name in groups if rng.uniform() < share}
        if rng.uniform() < 0.4:
            side = rng.choice(["r", "l"])
            kept = {name for name in groups if name.endswith(f"_{side}")}
        for part in waves:
            row = np.array([group(channel) in kept for channel in part.channels])
            found[part.name] = found[part.name] & row
    if kind == "time":
        for part in waves:
            found[part.name] = found[part.name] & span(part.steps, rng)[:, None]
    scalars = rng.choice(["all", "some", "none"], p=[0.6, 0.25, 0.15])
    for part in layout:
        if part.steps == 1:
            share = {"all": 1.0, "some": 0.5, "none": 0.0}[scalars]
            share = share if part.name == "scalars" else share * 0.3
            found[part.name] = rng.uniform(size=(1, len(part.channels))) < share
    return found


def group(channel: str) -> str:
    """Joint, segment or muscle of a channel, with its side: `hip_r` of `hip_flexion_r`, `shank_l`
    of `shank_l_gyro_x`.
    """
    words = channel.split("_")
    side = next((word for word in words if word in ("r", "l")), "")
    return f"{words[0]}_{side}" if side else words[0]


def span(steps: int, rng: np.random.Generator) -> np.ndarray:
    """A random stretch of the stride, or all but one."""
    length = rng.integers(max(1, steps // 10), steps)
    start = rng.integers(0, steps)
    inside = (np.arange(steps) - start) % steps < length
    if rng.uniform() < 0.5:  # forecasting: the beginning is given
        inside = np.arange(steps) < length
    return inside if rng.uniform() < 0.7 else ~inside
