"""Both legs of one recording: a model of one leg, used once for each, on the time that both results
cover.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from jaxdiff.data.recording import SIDES, Recording
from jaxdiff.errors import DataError
from jaxdiff.models.calibration import Calibration
from jaxdiff.models.prediction import Prediction

ENDINGS = {"right": "_r", "left": "_l"}
_BOUND = re.compile(r"(_p\d\d)?$")


def both(generate: Callable[[str], Prediction]) -> Prediction:
    """One prediction of two legs.

    Args:
        generate: The prediction of one leg, `right` or `left`, from the same recording.

    Returns:
        Samples of all channels of both legs, which end in `_r` and `_l`; summaries have the names
        of the recording's laboratory where these tell the legs apart.

    Raises:
        DataError: If the results of the two legs have no time in common.
    """
    made = {leg: generate(leg) for leg in SIDES}
    first = next(iter(made.values())).like
    rate = first.rate
    start = max(part.like.start for part in made.values())
    stop = min(part.like.start + part.values.shape[1] / rate for part in made.values())
    count = round((stop - start) * rate)
    if count < 1:
        raise DataError(
            "the strides of the two legs have no time in common; generate them one by one (side=,"
            " --side)"
        )
    pieces = []
    for part in made.values():
        begin = round((start - part.like.start) * rate)
        pieces.append(part.values[:, begin : begin + count])
    values = np.concatenate(pieces, axis=-1)
    names = tuple(name + ENDINGS[leg] for leg, part in made.items() for name in part.like.channels)
    metadata = {
        key: "; ".join(f"{leg}: {part.metadata[key]}" for leg, part in made.items())
        for key in ("channel_mapping", "assumptions")
        if all(key in part.metadata for part in made.values())
    }
    like = replace(
        first,
        values=values[0],
        channels=names,
        units=tuple(unit for part in made.values() for unit in part.like.units),
        start=start,
        meta={**{k: v for k, v in first.meta.items() if k != "side"}, **metadata},
    )
    kept = [part.calibration for part in made.values()]
    calibration = None
    if all(kept):
        scales = np.concatenate([each.scales for each in kept if each], axis=1)
        one = next(each for each in kept if each)
        calibration = Calibration(names, one.levels, scales, one.subjects)
    return Prediction(values, like, calibration, metadata=metadata, inverse=_inverse(made))


def _inverse(made: dict[str, Prediction]) -> Callable[[Recording], Recording]:
    """Each leg's channels by the inverse of that leg; the names with endings where a laboratory's
    names have no side.
    """

    def inverse(recording: Recording) -> Recording:
        turned = []
        for leg, part in made.items():
            own = {
                name: base.removesuffix(ENDINGS[leg]) + name[len(base) :]
                for name in recording.channels
                if (base := _BOUND.sub("", name)).endswith(ENDINGS[leg])
            }
            one = recording.select(list(own)).rename(own)
            turned.append(part.inverse(one) if part.inverse else one)
        right, left = turned
        return right.join(left) if not set(right.channels) & set(left.channels) else recording

    return inverse
