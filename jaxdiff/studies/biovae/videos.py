"""Table V on videos: an estimator's SMPL poses against those measured in 3DPW and RICH, for users
who have the data.

    truth       3DPW: `NAME.pkl`, lists of `poses` (T, 72), `trans` (T, 3), `betas` by person, `campose_valid` (people, T)
                RICH: `NAME/FRAME/PERSON.pkl` of SMPL-X: `global_orient`, `body_pose`, `transl`, `betas`, one frame each
    estimates   `NAME_PERSON.npz` of WHAM or its like: `poses` (T, 72), `betas`, `trans`, the frames of the truth;
                PERSON counts from 0 in 3DPW and is the name of the file in RICH

Both are at 30 Hz with y up; pickles are read as data and never executed. A body model
($JAXDIFF_BODY_MODEL) places joints and surface. World axes of an estimate are its own, so one
rotation per sequence brings it to the truth's. Networks see 20 Hz; what they return is compared at
30 Hz, and its surface is that of SMPL parameters fitted to it (`body.smpl_fit`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.interpolate import CubicSpline

from jaxdiff.body import smpl, smpl_fit
from jaxdiff.body.smpl import BodyModel
from jaxdiff.data.formats.npz import arrays
from jaxdiff.data.formats.poses import BODY, BODY_VARIABLE
from jaxdiff.errors import ConfigError, FileError
from jaxdiff.interop.parts import array
from jaxdiff.interop.pickles import read_pickle
from jaxdiff.metrics import pose
from jaxdiff.report.tables import Table, cell
from jaxdiff.studies.biovae.benchmark import Refiner

RATE = 30.0
COLUMNS = {
    "pa_mpjpe": "PA-MPJPE [mm]",
    "mpjpe": "MPJPE [mm]",
    "pve": "PVE [mm]",
    "accel_error": "accel error [m/s²]",
}


class Person(NamedTuple):
    """The SMPL poses of one person in one video."""

    name: str
    poses: np.ndarray
    """Rotation vectors `(T, 22, 3)`."""
    betas: np.ndarray
    trans: np.ndarray
    """`(T, 3)` in metres."""
    valid: np.ndarray
    """Frames that count `(T,)`."""


def threedpw(path: Path) -> list[Person]:
    """The people of a sequence of 3DPW."""
    found = _pickle(path)
    people = []
    for i, poses in enumerate(_entry(path, found, "poses")):
        rows = _numbers(path, "poses", poses)
        shown = found.get("campose_valid")
        valid = np.ones(len(rows))
        if shown is not None:
            each = shown if isinstance(shown, list) else _numbers(path, "campose_valid", shown)
            valid = _numbers(path, "campose_valid", each[i])
        people.append(
            _person(
                path,
                f"{path.stem}_{i}",
                rows,
                _numbers(path, "betas", _entry(path, found, "betas")[i]).reshape(-1)[:10],
                _numbers(path, "trans", _entry(path, found, "trans")[i]),
                valid > 0.5,
            )
        )
    return people


def rich(folder: Path) -> list[Person]:
    """The people of a sequence of RICH; frames that a person lacks do not count."""
    frames = sorted(each for each in folder.iterdir() if each.is_dir())
    names = sorted({each.stem for frame in frames for each in frame.glob("*.pkl")})
    people = []
    for name in names:
        rows, valid = [], []
        for frame in frames:
            path = frame / f"{name}.pkl"
            valid.append(path.is_file())
            if valid[-1]:
                found = _pickle(path)
                parts = ("global_orient", "body_pose", "transl", "betas")
                rows.append([_numbers(path, k, _entry(path, found, k)).reshape(-1) for k in parts])
        # A missing frame repeats the next one that is there, or the last.
        here = np.flatnonzero(valid)
        filled = [rows[min(np.searchsorted(here, i), len(here) - 1)] for i in range(len(frames))]
        turn, body, place, betas = (np.stack([row[k] for row in filled]) for k in range(4))
        whole = np.concatenate([turn, body], axis=1)
        people.append(
            _person(folder, f"{folder.name}_{name}", whole, betas.mean(0), place, np.array(valid))
        )
    return people


def estimate(path: Path) -> Person:
    """The person of an estimator's file."""
    found = arrays(path)
    poses, trans = (
        next((found[k] for k in keys if k in found), None)
        for keys in (("poses", "pose"), ("trans", "transl"))
    )
    if poses is None or trans is None:
        raise FileError(f"{path} holds {', '.join(found)}; estimates are poses, betas and trans")
    betas = found.get("betas", np.zeros(10))
    betas = betas.reshape(-1, betas.shape[-1]).mean(0)
    return _person(path, path.stem, poses, betas, trans, np.ones(len(poses), bool))


def pairs(truth: Path, estimates: Path) -> Iterator[tuple[Person, Person]]:
    """Every measured person of a folder with its estimate, where there is one."""
    people = [one for path in sorted(truth.glob("*.pkl")) for one in threedpw(path)]
    people += [one for path in sorted(truth.iterdir()) if path.is_dir() for one in rich(path)]
    found = [(one, estimates / f"{one.name}.npz") for one in people]
    if not any(path.is_file() for _, path in found):
        names = ", ".join(f"{one.name}.npz" for one in people[:3]) or "no sequence"
        raise ConfigError(f"{estimates} has no estimate of the people in {truth} ({names} ...)")
    for one, path in found:
        if path.is_file():
            made = estimate(path)
            if len(made.poses) != len(one.poses):
                raise FileError(
                    f"{path} has {len(made.poses)} frames and its truth {len(one.poses)}; both are"
                    " of 30 Hz"
                )
            yield one, made


def check(truth: Path, estimates: Path) -> None:
    """Read every file that `benchmark` will read, so that a wrong one is named before training."""
    _body_model()
    for _ in pairs(truth, estimates):
        pass


def benchmark(
    truth: Path, estimates: Path, refiners: Mapping[str, Refiner], own_rate: float
) -> Table:
    """The figures of the estimates and of what refiners make of them: means over the valid frames
    of all people.

    Args:
      truth: folder of 3DPW's or RICH's sequences.
      estimates: folder of the estimates.
      refiners: by name, for motions of `own_rate`.
      own_rate: the rate of the networks.
    """
    body, rows = _body_model(), {}
    people = 0
    for real, made in pairs(truth, estimates):
        people += 1
        surface, joints = _placed(body, real)
        vertices, raw = _turned(*_placed(body, made), joints)
        rows.setdefault("estimate", []).append(_figures(raw, vertices, joints, surface, real.valid))
        for name, refiner in refiners.items():
            refined = resampled(refiner(resampled(raw, RATE, own_rate), own_rate), own_rate, RATE)
            refined = refined[: len(raw)]
            refined = np.concatenate([refined, raw[len(refined) :]])
            fitted = smpl_fit.fit(body, refined)
            skin, _ = smpl_fit.placed(body, fitted.poses, fitted.betas, fitted.trans)
            rows.setdefault(name, []).append(_figures(refined, skin, joints, surface, real.valid))
    table = Table(
        "Pose estimation on videos (Table V)",
        tuple(COLUMNS.values()),
        note=(
            f"{people} people at {RATE:g} Hz, means over valid frames ± deviation over people; one"
            " rotation per sequence brings an estimate to the truth's axes, and the surface of a"
            " refined motion is fitted to its joints."
        ),
    )
    for name, found in rows.items():
        table.row(name, {COLUMNS[k]: cell([each[k] for each in found]) for k in COLUMNS})
    return table


def resampled(joints: np.ndarray, rate: float, other: float) -> np.ndarray:
    """Joints `(T, J, 3)` at another rate, by cubic splines, which keep accelerations smooth."""
    times = np.arange(int((len(joints) - 1) / rate * other + 1e-9) + 1) / other
    return CubicSpline(np.arange(len(joints)) / rate, joints)(times)


def _body_model() -> BodyModel:
    where = os.environ.get(BODY_VARIABLE)
    if not where:
        raise ConfigError(f"SMPL poses need a body model: set {BODY_VARIABLE} to its .npz file")
    return smpl.load(where)


def _figures(
    joints: np.ndarray, skin: np.ndarray, truth: np.ndarray, surface: np.ndarray, valid: np.ndarray
) -> dict[str, float]:
    a, b = pose.rooted(joints), pose.rooted(truth)
    return {
        "mpjpe": 1000 * float(pose.mpjpe(a, b)[valid].mean()),
        "pa_mpjpe": 1000 * float(pose.pa_mpjpe(a, b)[valid].mean()),
        "pve": 1000 * float(pose.pve(skin, surface, joints, truth, (0,))[valid].mean()),
        "accel_error": float(pose.accel_error(a, b, RATE, visible=valid).mean()),
    }


def _placed(body: BodyModel, one: Person) -> tuple[np.ndarray, np.ndarray]:
    """Surface and 22 joints of a person."""
    turns = np.zeros((len(one.poses), len(body.parents), 3), np.float32)
    turns[:, :BODY] = one.poses
    count = body.shape_directions.shape[-1]
    betas = np.zeros(count, np.float32)
    betas[: min(count, len(one.betas))] = one.betas[:count]
    vertices, joints = smpl_fit.placed(body, turns, betas, one.trans)
    return vertices.astype(np.float64), joints[:, :BODY].astype(np.float64)


def _turned(
    vertices: np.ndarray, joints: np.ndarray, truth: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """An estimate in the truth's axes: one rotation, of all its frames relative to the pelvis."""
    found = pose.similarity(
        pose.rooted(joints).reshape(-1, 3), pose.rooted(truth).reshape(-1, 3), scaled=False
    )
    turn = found.rotation.T
    return vertices @ turn, joints @ turn


def _person(path: Path, name: str, poses: Any, betas: Any, trans: Any, valid: np.ndarray) -> Person:
    poses, trans = (np.asarray(each, np.float32) for each in (poses, trans))
    frames = len(poses)
    if poses.ndim < 2 or poses.reshape(frames, -1).shape[1] < 3 * BODY:
        raise FileError(f"{path}: poses are (T, 3 J) with {BODY} joints or more; got {poses.shape}")
    if trans.shape != (frames, 3) or len(valid) != frames or frames < 5:
        raise FileError(
            f"{path}: {frames} frames of poses beside a place {trans.shape} and {len(valid)} flags;"
            " 5 frames or more are needed"
        )
    turns = poses.reshape(frames, -1)[:, : 3 * BODY].reshape(frames, BODY, 3)
    return Person(name, turns, np.asarray(betas, np.float32), trans, valid)


def _pickle(path: Path) -> dict:
    with path.open("rb") as file:
        found = read_pickle(file, str(path))
    if not isinstance(found, dict):
        raise FileError(f"{path} holds no table of SMPL parameters")
    return {k.decode("latin1") if isinstance(k, bytes) else k: v for k, v in found.items()}


def _entry(path: Path, found: Mapping[str, Any], name: str) -> Any:
    if name not in found:
        raise FileError(f"{path} has no {name!r}; it has {', '.join(map(str, found))}")
    return found[name]


def _numbers(path: Path, name: str, values: Any) -> np.ndarray:
    rows = values if isinstance(values, np.ndarray) else array(values)
    if not (np.issubdtype(rows.dtype, np.number) or rows.dtype == bool):
        raise FileError(f"{path}: {name!r} should hold numbers; it is {rows.dtype}")
    if not np.isfinite(rows).all():
        raise FileError(f"{path}: {name!r} holds NaN or infinities")
    return rows
