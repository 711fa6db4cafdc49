"""Captured motion as BVH trees: the public CMU conversion with its captions, and 100STYLE.

Skeletons are mapped onto the 22 joints (`jaxdiff.data.skeletons`), at 20 frames a second, with
HumanML3D's features in their corrected variant. Neither builder downloads anything.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxdiff.body import humanml3d
from jaxdiff.data.builders.base import Builder, Modalities
from jaxdiff.data.builders.example import example
from jaxdiff.data.builders.simulated import features
from jaxdiff.data.formats import read_body
from jaxdiff.data.formats.files import read_lines
from jaxdiff.errors import FileError

RATE = 20.0
SHORTEST = 20
"""Frames at 20 Hz; shorter clips are left out."""


class Clip(NamedTuple):
    """A piece of a file: seconds from its start, captions, and who does what."""

    path: Path
    name: str
    subject: str
    task: str
    captions: list[str]
    start: float = 0.0
    stop: float = np.inf
    rate: float = 0.0
    """True frame rate, where the file's own is wrong; 0 otherwise."""


class Captured(Builder, skip_registration=True):  # pyright: ignore
    """Base: a subclass lists the clips."""

    def modalities(self) -> Modalities:
        names = humanml3d.names(humanml3d.LAYOUT_22)
        joints = [f"{j}_{a}" for j in humanml3d.LAYOUT_22.skeleton.names for a in "xyz"]
        return {"motion": (names, ["1"] * len(names)), "joints": (joints, ["m"] * len(joints))}

    def clips(self, root: Path) -> list[Clip]:
        """The clips under a folder, sorted."""
        raise NotImplementedError

    def examples(self, root: Path) -> Iterator[dict[str, Any]]:
        kept: tuple[Path | None, Any] = (None, None)
        for clip in self.track(self.clips(root)):
            if kept[0] != clip.path:
                kept = clip.path, read_body(clip.path)
            body = kept[1]
            assert body is not None
            rate = clip.rate or body.rate
            first, last = (
                round(clip.start * rate),
                min(len(body), round(min(clip.stop, 1e6) * rate)),
            )
            share = np.arange(first, last - 1, rate / RATE)
            joints = body.values[np.round(share).astype(np.int64)].reshape(len(share), 22, 3)
            if len(joints) <= SHORTEST:
                continue
            joints = joints - joints[0, 0] * [1, 0, 1]
            signals = {"motion": features(joints), "joints": joints[:-1].reshape(-1, 66)}
            yield example(
                clip.name,
                signals,
                rate=RATE,
                subject=clip.subject,
                task=clip.task,
                captions=clip.captions,
            )


class CmuMocap(Captured):
    """motion (263 features) and joints (66, m) of the CMU database, captioned with its index."""

    name = "cmu_mocap"
    description = (
        "CMU Graphics Lab motion capture in the public BVH conversion, with the database's"
        " captions."
    )
    homepage = "https://mocap.cs.cmu.edu"
    citation = (
        "The data used in this project was obtained from mocap.cs.cmu.edu. Funded by NSF"
        " EIA-0196217."
    )
    licence = "free for all uses, not to be resold as data"
    source = (
        "Put the folders 01, 02, ... with 01_01.bvh and so on there, and the index:"
        " cmu-mocap-index-text.txt, or a CSV whose columns name the trial, its description and, if"
        " known, its frame rate. With index.csv and texts/ of github.com/EricGuo5513/HumanML3D"
        " beside them, clips and captions are HumanML3D's."
    )
    tpose = 9
    """Frames at the start of a file that hold the T-pose or are drawn towards it."""

    def clips(self, root: Path) -> list[Clip]:
        paths = {path.stem: path for path in sorted(root.rglob("*.bvh"))}
        paths = {name: path for name, path in paths.items() if re.fullmatch(r"\d+_\d+", name)}
        if not paths:
            raise FileError(f"{self.name}: nothing like 01/01_01.bvh in {root}. {self.source}")
        index = read_index(root)
        if (root / "index.csv").exists() and (root / "texts").is_dir():
            return list(_humanml3d(root, paths, index))
        found = []
        for name, path in paths.items():
            caption, rate = index.get(name, ("", 0.0))
            lead = self.tpose / (rate or 120.0)
            captions = [caption] if caption else []
            found.append(Clip(path, name, name.split("_")[0], caption, captions, lead, rate=rate))
        return found


def read_index(root: Path) -> dict[str, tuple[str, float]]:
    """Caption and frame rate (0: unknown) by trial, from the text or the CSV of the database's
    index.
    """
    found: dict[str, tuple[str, float]] = {}
    for path in sorted([*root.glob("*index*.txt"), *root.glob("*.csv")]):
        if path.name == "index.csv":
            continue
        for line in read_lines(path):
            cells = (
                next(csv.reader([line])) if path.suffix == ".csv" else re.split(r"\t+| {2,}", line)
            )
            cells = [cell.strip() for cell in cells]
            trial = next((c for c in cells if re.fullmatch(r"\d{1,3}_\d{1,3}", c)), None)
            if trial is None:
                continue
            texts = [c for c in cells if c != trial and re.search(r"[A-Za-z]{2}", c)]
            rates = [float(c) for c in cells if c in ("60", "120")]
            subject, number = trial.split("_")
            key = f"{int(subject):02d}_{int(number):02d}"
            found[key] = (max(texts, key=len, default=""), rates[-1] if rates else 0.0)
    return found


def _humanml3d(
    root: Path, paths: dict[str, Path], index: dict[str, tuple[str, float]]
) -> Iterator[Clip]:
    """The clips that HumanML3D cuts from the database: start and end are frames at 20 Hz."""
    for row in csv.DictReader(read_lines(root / "index.csv")):
        match = re.search(r"CMU/\d+/(\d+)_(\d+)_poses", row.get("source_path") or "")
        text = root / "texts" / f"{Path(row.get('new_name') or '').stem}.txt"
        if not match or not text.exists():
            continue
        name = f"{int(match[1]):02d}_{int(match[2]):02d}"
        if name not in paths:
            continue
        try:
            start, stop = int(row["start_frame"]) / 20, int(row["end_frame"]) / 20
        except (KeyError, ValueError, TypeError):
            raise FileError(
                f"{root / 'index.csv'}: start_frame and end_frame are whole numbers"
            ) from None
        captions = [line.split("#")[0] for line in read_lines(text)]
        own, rate = index.get(name, ("", 0.0))
        stop = stop if stop > 0 else np.inf
        yield Clip(paths[name], text.stem, name.split("_")[0], own, captions, start, stop, rate)


GAITS = {
    "FW": "walks forward",
    "BW": "walks backward",
    "SW": "walks sideways",
    "FR": "runs forward",
    "BR": "runs backward",
    "SR": "runs sideways",
    "ID": "stands",
    "TR1": "walks and turns",
    "TR2": "runs and turns",
    "TR3": "changes between standing, walking and running",
}


class HundredStyle(Captured):
    """motion (263 features) and joints (66, m) of 100 styles of locomotion, with captions made from
    the labels.
    """

    name = "hundred_style"
    description = (
        "100STYLE: walking, running and standing in 100 styles; not tried on the original files."
    )
    homepage = "https://www.ianxmason.com/100style"
    citation = (
        "Mason, Starke, Komura. Real-time style modelling of human locomotion. PACM CGIT 5 (2022)"
    )
    licence = "CC BY 4.0"
    source = (
        "Put the folders of the styles with Aeroplane_FW.bvh and so on there, and Frame_Cuts.csv:"
        " from zenodo.org/records/8127870."
    )

    def clips(self, root: Path) -> list[Clip]:
        found, cuts = [], _cuts(root)
        for path in sorted(root.rglob("*.bvh")):
            style, _, gait = path.stem.rpartition("_")
            if gait not in GAITS:
                continue
            words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", style).lower()
            start, stop = cuts.get(path.stem, (0, np.inf))
            captions = [f"a person {GAITS[gait]} in the style: {words}."]
            found.append(Clip(path, path.stem, style, gait, captions, start / 60, stop / 60))
        if not found:
            raise FileError(
                f"{self.name}: nothing like Aeroplane/Aeroplane_FW.bvh in {root}. {self.source}"
            )
        return found


def _cuts(root: Path) -> dict[str, tuple[float, float]]:
    """First and last frame by file, from Frame_Cuts.csv: STYLE_NAME, FW_START, FW_STOP, ..."""
    path = next(iter(sorted(root.rglob("Frame_Cuts.csv"))), None)
    found = {}
    for row in csv.DictReader(read_lines(path)) if path else ():
        for gait in GAITS:
            try:
                cut = float(row[f"{gait}_START"]), float(row[f"{gait}_STOP"])
            except (KeyError, ValueError, TypeError):
                continue
            found[f"{row['STYLE_NAME']}_{gait}"] = cut
    return found
