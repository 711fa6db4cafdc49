"""Metrics that apply to a recording: `{(metric, unit): value}`, NaN where one applies but cannot be
computed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from einops import rearrange

from jaxdiff.body.gait import cadence, normalise_strides, strikes_from_hip
from jaxdiff.data.channels import body_mass, identify
from jaxdiff.data.recording import Recording
from jaxdiff.data.units import canonical, factor
from jaxdiff.errors import DataError
from jaxdiff.metrics import distribution, physical, pose
from jaxdiff.metrics.gait import cycle_correlation, cycle_mae, cycles_between, matched_curves
from jaxdiff.metrics.pointwise import pearson

Scores = dict[tuple[str, str], float]
BOUND = re.compile(r"_p\d\d$")
"""The bounds of an interval, as `Prediction.write` names them."""
METRES = {"m": 1.0, "cm": 0.01, "mm": 0.001}
POINTS = 101


def without_units(file: Recording) -> list[str]:
    """Channels that name a signal of the body and state no unit, so that no metric can be given
    one.
    """
    return [n for n, u in zip(file.channels, file.units) if not u and identify(n) is not None]


def alone(file: Recording) -> Scores:
    """Gait metrics of joint angles, physical metrics of joint positions."""
    return _gait(file) | _physical(file)


def in_units_of(file: Recording, real: Recording, mass: float | None = None) -> Recording:
    """A file with its shared channels, and the bounds of their intervals, in the units of the
    measured one.

    Args:
        file: What is scored.
        real: The measured recording.
        mass: Body mass in kg, between N m and N m/kg; default: `mass` in the metadata of either.

    Raises:
        DataError: A unit cannot be converted, or the mass is missing.
    """
    known = mass or body_mass(real) or body_mass(file)
    units, factors = [], []
    for name, old in zip(file.channels, file.units):
        own = BOUND.sub("", name)
        new = real.units[real.channels.index(own)] if own in real.channels else old
        units.append(new if old and new else old)
        factors.append(factor(old, new, known) if old and new else 1.0)
    values = file.values * np.asarray(factors, file.values.dtype)
    return replace(file, values=values, units=tuple(units))


def paired(file: Recording, real: Recording) -> Scores:
    """A file against the measured one of the same person and time: errors, coverage, gait
    cycles.
    """
    names = _shared([file], [real])
    mine, theirs = _overlap(file, real)
    scores: Scores = {}
    for name in names if len(mine) > 1 else ():
        unit, a, b = (
            _unit(real, name),
            mine[:, file.channels.index(name)],
            theirs[:, real.channels.index(name)],
        )
        known = np.isfinite(a) & np.isfinite(b)
        a, b = a[known], b[known]
        if len(a) < 2:
            continue
        spread = np.square(b - b.mean()).sum()
        scores[f"mae/{name}", unit] = float(np.abs(a - b).mean())
        scores[f"rmse/{name}", unit] = float(np.sqrt(np.square(a - b).mean()))
        scores[f"r2/{name}", "1"] = (
            float(1 - np.square(a - b).sum() / spread) if spread > 0 else float("nan")
        )
        scores[f"pearson/{name}", "1"] = pearson(a, b)
        for lower in range(1, 50):
            bounds = [f"{name}_p{part:02d}" for part in (lower, 100 - lower)]
            if set(bounds) <= set(file.channels):
                low, high = (mine[:, file.channels.index(bound)][known] for bound in bounds)
                inside = float(((low <= b) & (b <= high)).mean())
                scores[f"coverage_{100 - 2 * lower}/{name}", "1"] = inside
    scores |= _pose(file, real, mine, theirs)
    ours, others = _strikes(file), _strikes(real)
    if len(ours) > 1 and len(others) > 1 and file.rate == real.rate:
        a, b = (_columns(each, names) for each in (file, real))
        curves = matched_curves(b, a, cycles_between(others), cycles_between(ours), POINTS)
        mae, each, r = cycle_mae(curves), cycle_mae(curves, "cycle"), cycle_correlation(curves)
        for i, name in enumerate(names):
            scores[f"cycle_mae/{name}", _unit(real, name)] = float(mae[i])
            scores[f"cycle_mae_each/{name}", _unit(real, name)] = float(each[i])
            scores[f"cycle_pearson/{name}", "1"] = float(r[i])
    return scores


def _pose(file: Recording, real: Recording, mine: np.ndarray, theirs: np.ndarray) -> Scores:
    """The errors of pose estimation (`metrics.pose`) where both are the same joints; the first is
    the root.
    """
    if file.channels != real.channels or not (_is_joints(file) and _is_joints(real)):
        return {}
    if len(mine) < 5 or not (np.isfinite(mine).all() and np.isfinite(theirs).all()):
        return {}
    a, b = (
        METRES[each.units[0]] * values.reshape(len(values), -1, 3)
        for each, values in ((file, mine), (real, theirs))
    )
    found = pose.pose([a], [b], real.rate)
    units = {"mpjpe": "mm", "pa_mpjpe": "mm", "accel_error": "m/s²"}
    return {(name, unit): found[name] for name, unit in units.items()}


def surface(
    estimate: tuple[np.ndarray, np.ndarray], truth: tuple[np.ndarray, np.ndarray]
) -> Scores:
    """The error of the body's surface, each body relative to its own pelvis.

    Args:
        estimate: Vertices `[T, V, 3]` and joints `[T, J, 3]` in metres
            (`data.formats.poses.read_surface`).
        truth: Those measured, of as many frames.

    Returns:
        `pve` in mm.
    """
    (vertices, joints), (real, centre) = estimate, truth
    if vertices.shape != real.shape:
        raise DataError(
            f"surfaces are compared frame by frame and vertex by vertex; got {vertices.shape} and"
            f" {real.shape}"
        )
    return {("pve", "mm"): 1000 * float(pose.pve(vertices, real, joints, centre, (0,)).mean())}


def together(files: Sequence[Recording], real: Sequence[Recording]) -> Scores:
    """Distances between the distributions of pieces of all files and of all measured ones."""
    names = _shared(files, real)
    if not names:
        return {}
    by_strides = all(len(_strikes(each)) > 1 for each in (*files, *real))
    what = "strides" if by_strides else "seconds"
    ours, theirs = (
        np.concatenate([_pieces(each, names, by_strides) for each in group], dtype=np.float64)
        for group in (files, real)
    )
    scores: Scores = {
        (f"{what} of the files", "1"): len(ours),
        (f"{what} of the real files", "1"): len(theirs),
    }
    if min(len(ours), len(theirs)) < 2:
        return scores | {("frechet", "sd²"): float("nan")}
    centre, scale = theirs.mean((0, 1)), theirs.std((0, 1))
    scale = np.where(scale > 0, scale, 1)
    ours, theirs = (ours - centre) / scale, (theirs - centre) / scale
    scores["frechet", "sd²"] = distribution.frechet(theirs, ours)
    if len(names) > 1 and all(x.reshape(-1, len(names)).std(0).all() for x in (ours, theirs)):
        scores["correlational", "1"] = distribution.correlational_score(theirs, ours)
    return scores


def _gait(file: Recording) -> Scores:
    strikes = _strikes(file)
    if not _hips(file):
        return {}
    names = [
        name
        for name in file.channels
        if _unit(file, name) in ("deg", "rad") and not BOUND.search(name)
    ]
    hips = [hip for hip in _columns(file, _hips(file)).T if np.isfinite(hip).all()]
    scores: Scores = {
        ("strides", "1"): float(max(len(strikes) - 1, 0)),
        ("stride_time", "s"): (
            float(np.diff(strikes).mean() / file.rate) if len(strikes) > 1 else float("nan")
        ),
        ("stride_time_sd", "s"): (
            float(np.diff(strikes).std(ddof=1) / file.rate) if len(strikes) > 2 else float("nan")
        ),
        ("cadence", "steps/min"): cadence(np.array(hips), file.rate) if hips else float("nan"),
    }
    if len(strikes) > 1:
        mean = normalise_strides(_columns(file, names), strikes, POINTS).mean(0)
        scores |= {
            (f"range/{name}", _unit(file, name)): float(np.ptp(mean[:, i]))
            for i, name in enumerate(names)
        }
    return scores


def _physical(file: Recording) -> Scores:
    if not _is_joints(file) or len(file.values) < 4 or not np.isfinite(file.values).all():
        return {}
    names = [channel[:-2] for channel in file.channels[::3]]
    joints = rearrange(file.values, "t (j c) -> t j c", c=3)
    feet = _feet(names)
    scene = physical.Scene(rate=file.rate, feet=feet or (0, 0), metres=METRES[file.units[0]])
    scores = physical.physical([joints], scene)
    units = {"speed": "m/s", "accel": "m/s²", "jerk": "m/s³"}
    shares = ("skating", "floating", "penetration", "clipping") if feet else ()
    return {
        (name, units.get(name, "1")): scores[name]
        for name in (*shares, *units, "vc", "ac", "smoothness")
    }


def _is_joints(file: Recording) -> bool:
    names = [channel[:-2] for channel in file.channels[::3]]
    triples = tuple(f"{name}_{axis}" for name in names for axis in "xyz")
    return triples == file.channels and len(set(file.units)) == 1 and file.units[0] in METRES


def _feet(names: Sequence[str]) -> tuple[int, int] | None:
    """The left and the right foot, by the names that skeletons have: left_foot, LeftFoot,
    Foot_L.
    """

    def of(side: str, word: str) -> list[int]:
        words = [set(re.split(r"[_.: -]", name.lower())) for name in names]
        return [
            i
            for i, n in enumerate(names)
            if word in n.lower() and (side in n.lower() or side[0] in words[i])
        ]

    for word in ("foot", "toe", "ankle"):
        left, right = of("left", word), of("right", word)
        if left and right:
            return left[-1], right[-1]
    return None


def _hips(file: Recording) -> list[str]:
    return [
        name
        for name in file.channels
        if not BOUND.search(name)
        and (known := identify(name, _unit(file, name).strip("?"))) is not None
        and known.signal == ("hip", "flexion", "angle")
        and known.sign > 0
        and _unit(file, name) in ("deg", "rad")
    ]


def _strikes(file: Recording) -> np.ndarray:
    """Heel strikes in samples, of the first leg there is; none where there is no hip flexion or it
    has gaps.
    """
    hips = _hips(file)[:1]
    hip = _columns(file, hips)
    return (
        strikes_from_hip(hip[:, 0], file.rate) if hips and np.isfinite(hip).all() else np.zeros(0)
    )


def _pieces(file: Recording, names: Sequence[str], by_strides: bool) -> np.ndarray:
    """(pieces, POINTS, channels) without gaps: strides, or seconds end to end."""
    values = _columns(file, names)
    events = _strikes(file) if by_strides else np.arange(0, len(values), file.rate)
    events = events[events <= len(values) - 1]
    pieces = (
        normalise_strides(values, events, POINTS)
        if len(events) > 1
        else np.zeros((0, POINTS, len(names)))
    )
    return pieces[np.isfinite(pieces).all((1, 2))]


def _shared(files: Sequence[Recording], real: Sequence[Recording]) -> list[str]:
    """Channels that all have, in one unit."""
    first = real[0]
    names = [
        name for name in first.channels if all(name in each.channels for each in (*files, *real))
    ]
    for each in (*files, *real):
        for name in names:
            if _unit(each, name) != _unit(first, name):
                raise DataError(
                    f"{name} is in {_unit(each, name)!r} in one file and in {_unit(first, name)!r}"
                    " in another"
                )
    return names


def _overlap(file: Recording, real: Recording) -> tuple[np.ndarray, np.ndarray]:
    """The real samples while both last, and the file at these times."""
    theirs = real.start + np.arange(len(real.values)) / real.rate
    place = (theirs - file.start) * file.rate
    inside = (place >= -1e-6) & (place <= len(file.values) - 1 + 1e-6)
    mine = np.stack(
        [
            np.interp(place[inside], np.arange(len(file.values)), channel)
            for channel in file.values.T
        ],
        axis=1,
    )
    return mine, real.values[inside]


def _columns(file: Recording, names: Sequence[str]) -> np.ndarray:
    return np.asarray(file.values, np.float64)[:, [file.channels.index(name) for name in names]]


def _unit(file: Recording, name: str) -> str:
    return canonical(file.units[file.channels.index(name)]) or "?"
