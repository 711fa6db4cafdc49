"""Skeletons as data: a tree of joints with rest offsets."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Skeleton(NamedTuple):
    """A tree of joints. Parents come before children; the root's parent is -1; offsets in metres, y up."""

    names: tuple[str, ...]
    parents: tuple[int, ...]
    offsets: np.ndarray
