"""HumanML3D and KIT-ML as their authors lay them out: features, captions, lists of clips.

    new_joint_vecs/000021.npy      (T, 263) features, KIT-ML (T, 251)
    texts/000021.txt               lines  caption#word/POS word/POS ...#start#end
    train.txt val.txt test.txt     clip names, mirrored clips ("M000021") among them

A line with start and end (seconds) describes a part of a clip, which becomes a trial of its own;
the parts are counted at 20 frames a second in both data sets, as in the reference loaders. Clips
with gaps (007975) are left out. Who moves is not published: the clip, together with its mirror
image, stands for the subject.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from jaxdiff.body.humanml3d import LAYOUT_21, LAYOUT_22, names
from jaxdiff.data.builders.base import Builder, Modalities
from jaxdiff.data.builders.example import example
from jaxdiff.errors import FileError

PART_FPS = 20


class HumanML3D(Builder):
    """motion (263 features) at 20 frames a second, with captions and their tagged words."""

    name = "humanml3d"
    description = "14616 captioned motions of AMASS and HumanAct12, mirrored as well."
    homepage = "https://github.com/EricGuo5513/HumanML3D"
    citation = "Guo et al. Generating diverse and natural 3D human motions from text. CVPR 2022"
    licence = "those of AMASS (research only) and HumanAct12"
    source = (
        "Put new_joint_vecs/, texts/, train.txt, val.txt and test.txt there: build them with the"
        " notebooks of github.com/EricGuo5513/HumanML3D from AMASS (amass.is.tue.mpg.de, after"
        " signing its licence)."
    )
    layout = LAYOUT_22

    def modalities(self) -> Modalities:
        channels = names(self.layout)
        return {"motion": (channels, ["1"] * len(channels))}

    def examples(self, root: Path) -> Iterator[dict[str, Any]]:
        clips = [
            (split, clip)
            for split in ("train", "val", "test")
            for clip in _lines(self.need(root / f"{split}.txt"))
        ]
        features, texts = self.need(root / "new_joint_vecs"), self.need(root / "texts")
        missing = []
        for split, clip in self.track(clips):
            path, text = features / f"{clip}.npy", texts / f"{clip}.txt"
            if path.exists() and text.exists():
                yield from self._clip(clip, split, path, text)
            else:
                missing.append(clip)
        if missing:
            warnings.warn(
                f"{len(missing)} of {len(clips)} listed clips are missing, {missing[0]} first",
                stacklevel=2,
            )

    def _clip(self, clip: str, split: str, path: Path, text: Path) -> Iterator[dict[str, Any]]:
        try:
            motion = np.load(path, allow_pickle=False)
        except (ValueError, OSError) as error:
            raise FileError(f"{path} is not a NumPy array: {error}") from None
        width = len(names(self.layout))
        if motion.ndim != 2 or motion.shape[1] != width:
            raise FileError(
                f"{path} has shape {motion.shape}; {self.name} has {width} features a frame"
            )
        if not np.isfinite(motion).all():
            return
        whole: tuple[list[str], list[str]] = ([], [])
        about: dict[str, Any] = {
            "rate": self.layout.fps,
            "subject": clip.removeprefix("M"),
            "split": split,
        }
        for number, line in enumerate(_lines(text)):
            caption, tokens, start, end = _caption(line, text, number + 1)
            if not start and not end:
                whole[0].append(caption)
                whole[1].append(tokens)
                continue
            part = motion[int(start * PART_FPS) : int(end * PART_FPS)]
            if len(part):
                signals = {"motion": part}
                yield example(
                    f"{clip}#{number + 1}", signals, captions=[caption], tokens=[tokens], **about
                )
        if whole[0]:
            yield example(clip, {"motion": motion}, captions=whole[0], tokens=whole[1], **about)


class KITML(HumanML3D):
    """motion (251 features) at 12.5 frames a second, in millimetres."""

    name = "kit_ml"
    description = "3911 captioned motions of the KIT motion-language data set, mirrored as well."
    homepage = "https://motion-annotation.humanoids.kit.edu/dataset/"
    citation = "Plappert, Mandery, Asfour. The KIT motion-language dataset. Big Data 4 (2016)"
    licence = "none stated"
    source = (
        "Put new_joint_vecs/, texts/, train.txt, val.txt and test.txt there: the KIT-ML archive"
        " that github.com/EricGuo5513/HumanML3D links to."
    )
    layout = LAYOUT_21


def _lines(path: Path) -> list[str]:
    return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def _caption(line: str, path: Path, number: int) -> tuple[str, str, float, float]:
    """Caption, tagged words, start and end in seconds (0: not given)."""
    parts = line.split("#")
    try:
        caption, tokens, start, end = parts
        return (
            caption,
            tokens,
            *(float(np.nan_to_num(float(value))) for value in (start, end)),
        )  # pyright: ignore[reportReturnType]
    except ValueError:
        raise FileError(
            f"{path}, line {number}: expected caption#words#start#end, found {line!r}"
        ) from None
