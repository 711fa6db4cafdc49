"""Continuous motion from arriving sentences: each begins with the last frames of the one before.

A sentence is generated with the end of the motion so far as a constraint on its beginning
(`conditions`), all by one program. The remaining step between both fades out over the first frames
of the new part, and the first part's skeleton is used for all.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from jaxdiff.body import rigid
from jaxdiff.body.skeleton import Skeleton
from jaxdiff.data import formats
from jaxdiff.data.recording import Recording
from jaxdiff.errors import ConfigError

if TYPE_CHECKING:
    from jaxdiff.studies.text_to_motion.model import TextToMotionModel

FADE = 5
"""Frames over which the step between two parts fades out."""


def continued(
    model: TextToMotionModel,
    texts: Iterable[str],
    seconds: float,
    overlap: float,
    seed: int,
    steps: int,
) -> Iterator[Recording]:
    """The parts of `TextToMotionModel.stream`."""
    rate = model.rate
    kept, new = round(overlap * rate), round(seconds * rate)
    if kept < 2 or new < FADE or kept + new > model.longest:
        raise ConfigError(
            f"overlap is {2 / rate:g} s or more, seconds {FADE / rate:g} s or more, and both"
            f" together {model.longest / rate:g} s or less; got {overlap:g} and {seconds:g}"
        )
    skeleton: Skeleton | None = None
    last, begin = np.zeros((0, 22, 3)), 0
    for number, text in enumerate(texts):
        tail = None
        if len(last):
            tail = formats.joints_recording(last[-kept:], model.layout.skeleton, rate, "m")
        made = model.part(text, kept + new, tail, seed + number, steps)
        if not len(last):
            made = made[:new]
        else:
            fade = np.clip(1 - np.arange(len(made) - kept + 1) / FADE, 0, 1)[:, None, None]
            made = made[kept - 1 :] + fade * (last[-1] - made[kept - 1])
        moved = rigid.rigid(made, model.layout, rate)
        skeleton = skeleton or moved.skeleton
        joints = moved._replace(skeleton=skeleton).joints[bool(len(last)) :]
        part = formats.joints_recording(joints, model.layout.skeleton, rate, "m")
        yield dataclasses.replace(part, start=begin / rate)
        last, begin = np.concatenate([last[-kept:], joints]), begin + len(joints)
