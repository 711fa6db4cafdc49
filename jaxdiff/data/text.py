"""Text–motion batches: one caption per draw, motions padded with zeros to one length, as
StableMoFusion is trained.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from jaxdiff.data.pipeline import rows, where
from jaxdiff.data.trials import Trials
from jaxdiff.errors import DataError


@dataclass(frozen=True)
class TextMotion:
    """A source of `{"motion": (B, 196, F), "length": (B,), "caption": (B,)}`, and (B, 196, C) of
    every extra modality.

    `caption` numbers the rows of `captions` (and of `tokens`, the tagged words the T2M evaluator
    reads), so that text features are computed once per caption. With `crop`, a clip is cut to a
    multiple of 4 frames at a random place, one time in three to 4 frames less, as the reference
    loaders do.
    """

    trials: Trials
    modality: str
    length: int
    crop: bool
    extra: tuple[str, ...]
    captions: tuple[str, ...]
    tokens: tuple[str, ...]
    of: tuple[np.ndarray, ...]

    def __len__(self) -> int:
        return len(self.trials)

    def __call__(self, index: np.ndarray, u: np.ndarray) -> dict[str, np.ndarray]:
        return self.gather(self.arrays, self.plan(index, u))

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """The modalities, all frames."""
        return {name: self.trials.signals[name] for name in (self.modality, *self.extra)}

    def plan(self, index: np.ndarray, u: np.ndarray) -> dict[str, np.ndarray]:
        """First frame, length and caption of some clips."""
        length = np.minimum(self.trials.length[index], self.length)
        first = self.trials.start[index]
        if self.crop:
            shorter = np.where(u[:, 1] < 1 / 3, 1, 0)
            length = np.maximum(length // 4 - shorter, 1) * 4
            first = first + np.floor(u[:, 2] * (self.trials.length[index] - length + 1)).astype(
                np.int64
            )
        caption = [self.of[i][int(draw * len(self.of[i]))] for i, draw in zip(index, u[:, 0])]
        return {
            "first": first.astype(np.int32),
            "length": length.astype(np.int32),
            "caption": np.array(caption, np.int32),
        }

    def gather(self, arrays: Mapping[str, Any], plan: Mapping[str, Any]) -> dict[str, Any]:
        """The clips of a plan."""
        valid = np.arange(self.length, dtype=np.int32) < plan["length"][:, None]
        frames = np.arange(self.length, dtype=np.int32) * valid

        def padded(modality: str) -> Any:
            return where(valid, rows(arrays[modality], plan["first"], frames))

        return {
            "motion": padded(self.modality),
            "length": plan["length"],
            "caption": plan["caption"],
            **{name: padded(name) for name in self.extra},
        }


def captioned(
    trials: Trials,
    modality: str = "motion",
    shortest: int = 40,
    longest: int = 200,
    length: int = 196,
    crop: bool = False,
    extra: tuple[str, ...] = (),
) -> TextMotion:
    """Clips of `shortest <= frames < longest` that have a caption (HumanML3D 40 and 200, KIT-ML 24
    and 200).
    """
    fits = (trials.length >= shortest) & (trials.length < longest)
    chosen = trials.select(fits & np.array([bool(texts) for texts in trials.captions], bool))
    if not len(chosen):
        raise DataError(
            f"no captioned clip of {shortest} to {longest - 1} frames among the {len(trials)}"
            " trials"
        )
    for name in (modality, *extra):
        if not np.isfinite(chosen.frames(name)).all():
            raise DataError(f"{name!r} has gaps (NaN) in the captioned clips")
    tokens = [
        texts if texts else ("",) * len(chosen.captions[i]) for i, texts in enumerate(chosen.tokens)
    ]
    number = {}
    of = tuple(
        np.array([number.setdefault(pair, len(number)) for pair in zip(texts, tagged)], np.int32)
        for texts, tagged in zip(chosen.captions, tokens)
    )
    captions, tagged = zip(*number)
    return TextMotion(chosen, modality, length, crop, tuple(extra), captions, tagged, of)
