"""How PyTorch and this library lay out the same parameter.

A layout joins one or more PyTorch arrays (several where we fuse what PyTorch keeps apart) into one
of ours, and splits ours again. Linear `(out, in)` becomes `(in, out)`, Conv1d `(out, in, k)`
becomes `(k, in, out)`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

Arrays = list[np.ndarray]


class Layout(NamedTuple):
    """`join(pieces) -> ours` and its inverse `split(ours, number of pieces)`."""

    join: Callable[[Arrays], np.ndarray]
    split: Callable[[np.ndarray, int], Arrays]


PLAIN = Layout(np.concatenate, np.split)
"""The same on both sides; several pieces follow one another on the first axis."""
LINEAR = Layout(lambda pieces: np.concatenate(pieces).T, lambda a, n: np.split(a.T, n))
CONV = Layout(lambda pieces: pieces[0].transpose(2, 1, 0), lambda a, _: [a.transpose(2, 1, 0)])
CONV_TRANSPOSE = Layout(
    lambda pieces: pieces[0].transpose(2, 0, 1), lambda a, _: [a.transpose(1, 2, 0)]
)
POINTWISE = Layout(lambda pieces: pieces[0][:, :, 0].T, lambda a, _: [a.T[:, :, None]])
"""A convolution of kernel 1, which is a Linear here."""
PLANE = Layout(
    lambda pieces: pieces[0][:, 0].transpose(2, 1, 0), lambda a, _: [a.transpose(2, 1, 0)[:, None]]
)
"""A Conv2d `(out, 1, in, k)` whose height is the number of channels: a Conv1d in disguise."""
BOTH_WAYS = Layout(np.stack, lambda a, _: list(a))
BOTH_WAYS_LINEAR = Layout(
    lambda pieces: np.stack([p.T for p in pieces]), lambda a, _: [p.T for p in a]
)
"""Forward and backward direction, separate in PyTorch, stacked here."""
STATES = Layout(lambda pieces: pieces[0][:, 0], lambda a, _: [a[:, None]])
"""Learned starting states `(directions, 1, hidden)`."""
