"""One trial as the example that every builder yields; free of tensorflow-datasets, which only
builders need.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxdiff.errors import DataError


def example(
    trial: str,
    signals: Mapping[str, np.ndarray],
    rate: float,
    subject: str,
    task: str = "",
    side: str = "",
    paretic: str = "",
    split: str = "",
    speed: float = math.nan,
    incline: float = math.nan,
    transition: bool = False,
    time: np.ndarray | None = None,
    stride: np.ndarray | None = None,
    captions: Sequence[str] = (),
    tokens: Sequence[str] = (),
) -> dict[str, Any]:
    """One trial as an example. Without `time` it is sampled at `rate` from 0 s; without `stride`
    strides are unknown (-1).
    """
    lengths = {name: len(values) for name, values in signals.items()}
    frames = min(lengths.values(), default=0)
    if not frames or set(lengths.values()) != {frames}:
        raise DataError(
            f"trial {trial!r}: the modalities need the same number of frames, not {lengths}"
        )
    return {
        "trial": trial,
        "subject": subject,
        "task": task,
        "side": side,
        "paretic": paretic,
        "split": split,
        "rate": float(rate),
        "speed": float(speed),
        "incline": float(incline),
        "transition": bool(transition),
        "signals": {name: np.asarray(values, np.float32) for name, values in signals.items()},
        "time": np.arange(frames) / rate if time is None else np.asarray(time, np.float64),
        "stride": np.full(frames, -1, np.int32) if stride is None else np.asarray(stride, np.int32),
        "captions": list(captions),
        "tokens": list(tokens),
    }
