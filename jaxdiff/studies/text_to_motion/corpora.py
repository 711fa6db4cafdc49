"""Captioned motion corpora on the 22 joints of HumanML3D.

    simulated_motion   made here (`jaxdiff.body.actions`), any number of clips
    humanml3d, kit_ml  the published data sets, from their own files
    bandai_namco_2     a pack of captured motion in 70 contents and styles, non-commercial
    cmu_mocap          a pack of captured motion with CMU's captions, free for any use
    open_motion        simulated_motion and cmu_mocap together: what the shipped model is trained on

A pack is one `.npz` of joint positions with a recipe of its name in `jaxdiff/data/recipes`. Its
joints are renamed to HumanML3D's; features are those of the `fixed` variant.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxdiff.body import humanml3d, skeleton
from jaxdiff.body.humanml3d import LAYOUT_22
from jaxdiff.body.skeleton import HUMANML3D
from jaxdiff.data import load
from jaxdiff.data.builders.example import example
from jaxdiff.data.recording import Recording
from jaxdiff.data.skeletons import to_body
from jaxdiff.data.trials import Trials, gather
from jaxdiff.errors import DataError, FileError
from jaxdiff.typing import Config

MOTION, JOINTS = "motion", "joints"
CHANNELS = tuple(f"{joint}_{axis}" for joint in HUMANML3D.names for axis in "xyz")
SHORTEST = 16
"""Frames; shorter pieces of a clip that is cut are dropped."""


def _both(names: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    return {
        f"{side}_{n}": pair[i]
        for n, pair in names.items()
        for i, side in ((0, "left"), (1, "right"))
    }


BANDAI = "bandai_namco_2"
CMU = "cmu_mocap"
OPEN = "open_motion"
PACKS: dict[str, dict[str, str]] = {
    BANDAI: (
        {"spine1": "Spine", "spine3": "Chest", "neck": "Neck", "head": "Head", "pelvis": "Hips"}
        | _both(
            {
                "hip": ("UpperLeg_L", "UpperLeg_R"),
                "knee": ("LowerLeg_L", "LowerLeg_R"),
                "ankle": ("Foot_L", "Foot_R"),
                "foot": ("Toes_L", "Toes_R"),
                "collar": ("Shoulder_L", "Shoulder_R"),
                "shoulder": ("UpperArm_L", "UpperArm_R"),
                "elbow": ("LowerArm_L", "LowerArm_R"),
                "wrist": ("Hand_L", "Hand_R"),
            }
        )
    ),
    CMU: (
        {"spine1": "abdomen", "spine3": "chest", "neck": "neck", "head": "head", "pelvis": "hip"}
        | _both(
            {
                "hip": ("lThigh", "rThigh"),
                "knee": ("lShin", "rShin"),
                "ankle": ("lFoot", "rFoot"),
                "foot": ("lFootEnd", "rFootEnd"),
                "collar": ("lCollar", "rCollar"),
                "shoulder": ("lShldr", "rShldr"),
                "elbow": ("lForeArm", "rForeArm"),
                "wrist": ("lHand", "rHand"),
            }
        )
    ),
}
"""HumanML3D's joints in each pack. The packs have a spine joint less: `spine2` lies half-way
between its neighbours.
"""
CMU_SPLIT = {"3": "val", "11": "val", "12": "test", "14": "test"}
"""Subjects of the CMU pack that are not trained on: everyday actions and walking are tested on
other people.
"""


def load_trials(config: Config) -> Trials:
    """The corpus a config names, at most `data.clips` clips of it where the config has that
    field.
    """
    data = config.data
    most = int(data.get("clips", 0))
    if data.name in PACKS:
        return load_pack(data.name, data.get("root"), most)
    if data.name == OPEN:
        return open_motion(data.size, data.get("root"), most)
    size = {"size": data.size} if data.name.startswith("simulated") else {}
    trials = load(data.name, manual_dir=data.manual_dir, **size)
    return trials.select(chosen(len(trials), most)).compact() if most else trials


def variant_of(name: str) -> humanml3d.Variant:
    """The feature variant of a corpus: the published data sets have the reference's, all others the
    corrected one.
    """
    return "legacy" if name in ("humanml3d", "kit_ml") else "fixed"


def chosen(count: int, most: int) -> np.ndarray:
    """The clips that are used when `most` of `count` are wanted; the same ones every time."""
    return np.sort(np.random.default_rng(0).permutation(count)[: most or count])


def load_pack(name: str = BANDAI, root: str | None = None, most: int = 0) -> Trials:
    """Clips of a motion pack with HumanML3D's joints and features; long ones in pieces.

    Args:
      name: a key of `PACKS`.
      root: the folder of `NAME.npz`; by default `$JAXDIFF_SHARED/data`.
      most: the number of clips; 0 for all.
    """
    return gather(_clips(name, root, most))


def open_motion(size: str = "quick", root: str | None = None, most: int = 0) -> Trials:
    """Simulated motion and the CMU pack with its mirror images, on one figure."""
    simulated = load("simulated_motion", size=size)
    chosen_ = chosen(len(simulated), most)
    offsets = _figure(simulated.modality(JOINTS)[simulated.start[0]])
    captured = list(_clips(CMU, root, most, offsets=offsets, mirrored=True))
    return gather([*(_simulated(simulated, int(i)) for i in chosen_), *captured])


def on_the_figure(name: str, size: str = "quick", root: str | None = None, most: int = 0) -> Trials:
    """Clips of a pack on the simulated figure, as `open_motion` has those of CMU.

    Args:
      name: a key of `PACKS`.
      size: of the simulated data set, whose first pose is the figure's.
      root: the folder of `NAME.npz`; by default `$JAXDIFF_SHARED/data`.
      most: the number of clips; 0 for all.
    """
    _folder(name, root)
    simulated = load("simulated_motion", size=size)
    offsets = _figure(simulated.modality(JOINTS)[simulated.start[0]])
    return gather(_clips(name, root, most, offsets=offsets))


def _simulated(trials: Trials, i: int) -> dict[str, Any]:
    span = slice(int(trials.start[i]), int(trials.start[i] + trials.length[i]))
    signals = {name: trials.modality(name)[span] for name in (MOTION, JOINTS)}
    names = {n: str(trials.column(n)[i]) for n in ("trial", "subject", "task", "split")}
    return _example(names, signals, float(trials.column("rate")[i]), trials.captions[i])


def _clips(
    name: str,
    root: str | None,
    most: int,
    offsets: np.ndarray | None = None,
    mirrored: bool = False,
    longest: int = 196,
) -> Iterator[dict[str, Any]]:
    folder = _folder(name, root)
    recipe = Path(__file__).parents[2] / "data" / "recipes" / f"{name}.yaml"
    pack = load("folder", recipe=recipe, root=folder)
    for i in chosen(len(pack), most):
        rows = slice(int(pack.start[i]), int(pack.start[i] + pack.length[i]))
        joints = as_humanml3d(pack.modality(JOINTS)[rows], pack.channels[JOINTS], name)
        if offsets is not None:
            joints = retargeted(joints, offsets)
        names = {n: str(pack.column(n)[i]) for n in ("trial", "subject", "task")}
        if name == CMU:
            names["split"] = CMU_SPLIT.get(names["subject"], "train")
        for mirror in (False, True)[: 1 + mirrored]:
            whole = skeleton.mirror(joints, HUMANML3D) if mirror else joints
            captions = tuple(mirror_caption(c) if mirror else c for c in pack.captions[i])
            pieces = -(-len(whole) // longest)
            for number, piece in enumerate(np.array_split(whole, pieces)):
                if len(piece) < SHORTEST:
                    continue
                upright = humanml3d.canonical(piece, LAYOUT_22)[0].astype(np.float32)
                signals = {MOTION: lengthened_features(upright), JOINTS: upright.reshape(-1, 66)}
                tail = f"#{number + 1}" if pieces > 1 else ""
                own = {**names, "trial": f"{'M' if mirror else ''}{names['trial']}{tail}"}
                yield _example(own, signals, float(pack.column("rate")[i]), captions)


def _folder(name: str, root: str | None) -> Path:
    """Where a pack lies."""
    folder = Path(root) if root else Path(os.environ.get("JAXDIFF_SHARED", "")) / "data"
    if not (folder / f"{name}.npz").is_file():
        raise FileError(
            f"the motion pack {name}.npz is not in {folder}: name its folder in data.root, or the"
            " folder above in $JAXDIFF_SHARED"
        )
    return folder


def mirror_caption(caption: str) -> str:
    """The caption of the mirror image: left and right, clockwise and counterclockwise exchanged."""
    swap = {
        "left": "right",
        "right": "left",
        "clockwise": "counterclockwise",
        "counterclockwise": "clockwise",
    }
    pattern = r"\b(left|right|counterclockwise|clockwise)"
    return re.sub(pattern, lambda match: swap[match.group(1)], caption)


def as_humanml3d(values: np.ndarray, channels: tuple[str, ...], pack: str = "") -> np.ndarray:
    """Joints `(T, 22, 3)` from positions `(T, 3 J)` whose channels have HumanML3D's names or those
    of a pack.
    """
    found = {name.replace("/", "_"): i for i, name in enumerate(channels)}
    tables = [PACKS[pack]] if pack else list(PACKS.values())

    def joint(name: str) -> np.ndarray:
        for known in (name, *(table.get(name, name) for table in tables)):
            axes = [found[f"{known}_{axis}"] for axis in "xyz" if f"{known}_{axis}" in found]
            if len(axes) == 3:
                return values[:, axes]
        if name == "spine2":
            return (joint("spine1") + joint("spine3")) / 2
        raise DataError(
            f"no joint {name!r} among {sorted({c[:-2] for c in found})}; known skeletons are"
            " HumanML3D's (SMPL's 22 joints) and those of the motion packs"
        )

    return np.stack([joint(name) for name in HUMANML3D.names], axis=1).astype(np.float32)


def joints_of(recording: Recording) -> np.ndarray:
    """The 22 joints [T, 22, 3] in metres of a recording of any human skeleton
    (`jaxdiff.data.skeletons`).
    """
    try:
        return as_humanml3d(recording.values, recording.channels)
    except DataError:
        if "parents" not in recording.meta:
            raise
        body = to_body(recording)
        return body.values.reshape(len(body), -1, 3).astype(np.float32)


def lengthened_features(joints: np.ndarray, variant: humanml3d.Variant = "fixed") -> np.ndarray:
    """One row of features per frame: the clip is extended by one frame at its last velocity.

    The clip is padded to a multiple of 100 frames, so that few lengths are compiled; the filter of
    the heading continues a clip in the same way.
    """
    whole = np.concatenate([joints, 2 * joints[-1:] - joints[-2:-1]])
    padded = np.pad(whole, ((0, -len(whole) % 100), (0, 0), (0, 0)), mode="edge")
    found = humanml3d.features_from_joints(jnp.asarray(padded), LAYOUT_22, variant)
    return np.asarray(found)[: len(joints)]


def retargeted(joints: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """The motion `(T, 22, 3)` on a figure with the bones `offsets`; padded, so that few lengths are
    compiled.
    """
    padded = np.pad(joints, ((0, -len(joints) % 100), (0, 0), (0, 0)), mode="edge")
    moved = humanml3d.uniform_skeleton(
        jnp.asarray(padded), jnp.asarray(offsets), LAYOUT_22, "fixed"
    )
    return np.asarray(moved)[: len(joints)]


def _figure(pose: np.ndarray) -> np.ndarray:
    return np.asarray(humanml3d.target_offsets(pose.reshape(22, 3).astype(np.float32), LAYOUT_22))


def _example(
    names: Mapping[str, str], signals: dict[str, np.ndarray], rate: float, captions: tuple[str, ...]
) -> dict[str, Any]:
    made = example(
        names["trial"],
        signals,
        rate,
        names["subject"],
        names["task"],
        split=names.get("split", ""),
        captions=captions,
    )
    features = humanml3d.names(LAYOUT_22)
    made["channels"] = {MOTION: tuple(features), JOINTS: CHANNELS}
    made["units"] = {MOTION: ("1",) * len(features), JOINTS: ("m",) * 66}
    return made
