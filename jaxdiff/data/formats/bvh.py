"""BVH: a skeleton and its motion as channels per joint, in any rotation order, with positions for
any joint.

The rotation of a joint is the product of its rotation channels in the order in which they are
listed; its place in the parent's frame is its OFFSET, of which position channels replace the
components they name. A file does not state its unit of length: `scale` (metres per unit) does, 0.01
for the usual centimetres.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from jaxdiff.body import rotations as rot
from jaxdiff.body.skeleton import Skeleton, along_tree, hang
from jaxdiff.data.formats import files
from jaxdiff.errors import DataError

JOINTS = 1000
"""Most joints of a skeleton."""
_CHANNELS = {
    f"{axis}{kind}".lower(): f"{axis}{kind}" for axis in "XYZ" for kind in ("position", "rotation")
}


@dataclass(frozen=True)
class Bvh:
    """The contents of a BVH file. Joints are in the order of the file, depth first; numbers are
    those of the file.
    """

    names: tuple[str, ...]
    parents: tuple[int, ...]
    offsets: np.ndarray
    """(J, 3), in file units."""
    ends: Mapping[int, np.ndarray]
    """Offset of the end site, for the joints that have one."""
    channels: tuple[tuple[str, ...], ...]
    """Per joint, such as ("Xposition", ..., "Zrotation", ...)."""
    motion: np.ndarray
    """(T, number of channels), degrees and file units."""
    frame_time: float
    """Seconds."""
    scale: float = 0.01
    """Metres per unit of length."""

    @property
    def rate(self) -> float:
        """Frames a second. Frame times are printed with few digits; a rate next to a whole number
        is that number.
        """
        whole = round(1 / self.frame_time)
        return float(whole) if abs(whole * self.frame_time - 1) < 1e-4 else 1 / self.frame_time

    @property
    def skeleton(self) -> Skeleton:
        """The joints at rest, in metres."""
        return Skeleton(self.names, self.parents, self.offsets * self.scale)

    def pose(self, rate: float | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Local rotations (T, J, 4) as quaternions (w, x, y, z), and places in the parent's frame
        (T, J, 3) in metres.

        With `rate`, interpolated to it: rotations along great circles, places along straight lines.
        """
        turn = np.zeros((len(self.motion), len(self.names), 4))
        turn[..., 0] = 1
        place = np.repeat(self.offsets[None], len(self.motion), axis=0)
        column = 0
        for j, channels in enumerate(self.channels):
            for channel in channels:
                axis, values = "XYZ".index(channel[0]), self.motion[:, column]
                if channel.endswith("position"):
                    place[:, j, axis] = values
                else:
                    turn[:, j] = rot.multiply(
                        turn[:, j], rot.about("xyz"[axis], np.radians(values))
                    )
                column += 1
        place = place * self.scale
        if rate is None or rate == self.rate:
            return turn, place
        if not 0 < rate <= 100 * self.rate:
            raise DataError(f"cannot resample from {self.rate:g} Hz to {rate:g} Hz")
        position = np.arange(int(np.floor((len(turn) - 1) * rate / self.rate + 1e-6)) + 1) * (
            self.rate / rate
        )
        before = np.minimum(np.floor(position + 1e-9).astype(np.int64), len(turn) - 1)
        after, part = np.minimum(before + 1, len(turn) - 1), (position - before)[:, None, None]
        step = rot.axis_angle_from_quaternion(
            rot.multiply(rot.conjugate(turn[before]), turn[after])
        )
        turn = rot.multiply(turn[before], rot.quaternion_from_axis_angle(part * step))
        return turn, place[before] + part * (place[after] - place[before])

    def joints(self, rate: float | None = None) -> np.ndarray:
        """Joint positions in the world, (T, J, 3) in metres; with `rate`, at that rate."""
        turn, place = self.pose(rate)
        world = along_tree(self.parents, rot.multiply, turn)
        return hang(self.parents, rot.rotate(world[:, list(self.parents)], place), place[:, 0])


def read_bvh(path: str | os.PathLike, scale: float = 0.01) -> Bvh:
    """Reads a skeleton and its motion.

    Args:
        path: The file.
        scale: Metres per unit of length in the file.

    Raises:
        FileError: If the file is damaged.
    """
    lines = files.read_lines(path)
    tree, motion = _hierarchy(path, lines)
    for j, name in enumerate(tree.names):
        if j not in tree.offsets or j not in tree.channels:
            raise files.bad(path, f"joint {name!r} has no OFFSET or no CHANNELS")
    frames, frame_time = _motion_header(path, lines, motion)
    body = [(i, line) for i, line in enumerate(lines[motion + 2 :], motion + 3) if line.strip()]
    if len(body) != frames or not body:
        raise files.bad(
            path, f"the header announces {frames} frames, the file has {len(body)}", motion + 1
        )
    channels = tuple(tree.channels[j] for j in range(len(tree.names)))
    columns = [f"{name} {channel}" for name, own in zip(tree.names, channels) for channel in own]
    if not columns:
        raise files.bad(path, "no joint has channels, so there is no motion")
    if len(tree.names) > 20 + 4 * len(columns):
        raise files.bad(path, f"{len(tree.names)} joints have {len(columns)} channels in all")
    table = files.numbers(path, body, columns, gaps=False)
    places = np.array([tree.offsets[j] for j in range(len(tree.names))])
    return Bvh(
        tuple(tree.names),
        tuple(tree.parents),
        places,
        tree.ends,
        channels,
        table,
        frame_time,
        scale,
    )


class _Tree(NamedTuple):
    """A hierarchy as it is read, joint by joint."""

    names: list[str]
    parents: list[int]
    offsets: dict[int, np.ndarray]
    ends: dict[int, np.ndarray]
    channels: dict[int, tuple[str, ...]]


def _hierarchy(path: str | os.PathLike, lines: list[str]) -> tuple[_Tree, int]:
    """The tree, and the number of the line MOTION."""
    tree = _Tree([], [], {}, {}, {})
    open_joints: list[int | None] = []  # the joints whose braces are open; None for an end site
    coming: list[int | None] = []  # what the next brace opens
    first = next(i for i, line in enumerate(lines, 1) if line.strip())
    if lines[first - 1].strip().upper() != "HIERARCHY":
        raise files.bad(
            path, f"a BVH file starts with HIERARCHY, not with {lines[first - 1][:40]!r}", first
        )
    for number, line in enumerate(lines[first:], first + 1):
        words = deque(line.replace("{", " { ").replace("}", " } ").split())
        while words:
            word = words.popleft()
            key, inside = word.upper(), open_joints[-1] if open_joints else None
            if key in ("ROOT", "JOINT", "END"):
                parts = []
                while words and words[0] != "{":
                    parts.append(words.popleft())
                name = " ".join(parts)
                if coming or (key != "ROOT" and inside is None) or (key == "ROOT" and tree.names):
                    what = (
                        f"{line.strip()[:60]!r} is out of place; joints and end sites stand inside"
                        " one ROOT"
                    )
                    raise files.bad(path, what, number)
                if key == "END":
                    coming.append(None)
                    continue
                if not name or name in tree.names:
                    raise files.bad(
                        path, f"the joint name {name[:60]!r} is empty or used twice", number
                    )
                if len(tree.names) >= JOINTS:
                    raise files.bad(path, f"has more than {JOINTS} joints", number)
                coming.append(len(tree.names))
                tree.names.append(name)
                tree.parents.append(-1 if inside is None else inside)
            elif key == "{" and coming:
                open_joints.append(coming.pop())
            elif key == "}" and open_joints:
                open_joints.pop()
            elif key == "OFFSET" and open_joints:
                offset = _vector(path, list(words), number)
                words.clear()
                if inside is not None:
                    tree.offsets[inside] = offset
                elif (parent := open_joints[-2]) is not None:
                    tree.ends[parent] = offset
            elif key == "CHANNELS" and inside is not None:
                tree.channels[inside] = _channels(path, list(words), number)
                words.clear()
            elif key == "MOTION" and tree.names and not open_joints:
                return tree, number
            else:
                raise files.bad(
                    path, f"{word[:40]!r} is not expected here in a BVH hierarchy", number
                )
    raise files.bad(
        path, "no line 'MOTION' after the hierarchy; the file is cut off or no BVH", len(lines)
    )


def _vector(path: str | os.PathLike, words: list[str], line: int) -> np.ndarray:
    return files.numbers(
        path, [(line, " ".join(words))], ["x offset", "y offset", "z offset"], gaps=False
    )[0]


def _channels(path: str | os.PathLike, words: list[str], line: int) -> tuple[str, ...]:
    count = files.integer(path, words[0] if words else "", "the number of channels", line)
    known = tuple(_CHANNELS.get(word.lower(), "") for word in words[1:])
    positions = [channel for channel in known if channel.endswith("position")]
    if len(known) != count or "" in known or len(set(positions)) < len(positions):
        stated = " ".join(words[1:])[:60]
        raise files.bad(
            path,
            f"{count} channels such as Xposition or Zrotation are expected, not {stated!r}",
            line,
        )
    return known


def _motion_header(path: str | os.PathLike, lines: list[str], motion: int) -> tuple[int, float]:
    """`Frames: 50` and `Frame Time: 0.0333`, the two lines below MOTION."""
    values = []
    for i, key in ((motion, "frames"), (motion + 1, "frame time")):
        left, colon, right = (lines[i] if i < len(lines) else "").partition(":")
        if not colon or " ".join(left.split()).lower() != key:
            raise files.bad(path, f"'{key.title()}: ...' is expected", i + 1)
        values.append(right.strip())
    frames = files.integer(path, values[0], "the number of frames", motion + 1)
    frame_time = files.numbers(path, [(motion + 2, values[1])], ["frame time"], gaps=False)[0, 0]
    if not 1e-6 < frame_time < 1e6:
        raise files.bad(path, f"a frame time of {frame_time} s is impossible", motion + 2)
    return frames, float(frame_time)


def write_bvh(path: str | os.PathLike, bvh: Bvh) -> None:
    """The same numbers, in full."""
    if not np.isfinite(bvh.motion).all() or not bvh.motion.size:
        raise files.bad(path, "a motion that is empty or holds NaN or infinities cannot be written")
    for name in bvh.names:
        if (
            not name.isprintable()
            or " ".join(name.split()) != name
            or not name
            or set(name) & set("{}")
        ):
            raise files.bad(
                path, f"the joint name {name!r} does not fit into a BVH file; use plain words"
            )
    if len(set(bvh.names)) < len(bvh.names):
        raise files.bad(path, "two joints have the same name")
    children = [
        [j for j, parent in enumerate(bvh.parents) if parent == i] for i in range(len(bvh.names))
    ]
    lines, pending = ["HIERARCHY"], [(0, 0, False)]
    while pending:
        j, depth, closing = pending.pop()
        pad = "\t" * depth
        if closing:
            lines.append(pad + "}")
            continue
        lines += [f"{pad}{'JOINT' if depth else 'ROOT'} {bvh.names[j]}", pad + "{"]
        lines.append(f"{pad}\tOFFSET {_text(bvh.offsets[j])}")
        lines.append(f"{pad}\tCHANNELS {' '.join([str(len(bvh.channels[j])), *bvh.channels[j]])}")
        if j in bvh.ends:
            lines += [
                f"{pad}\tEnd Site",
                f"{pad}\t{{",
                f"{pad}\t\tOFFSET {_text(bvh.ends[j])}",
                f"{pad}\t}}",
            ]
        pending.append((j, depth, True))
        pending += [(child, depth + 1, False) for child in reversed(children[j])]
    lines += ["MOTION", f"Frames: {len(bvh.motion)}", f"Frame Time: {float(bvh.frame_time)!r}"]
    files.write_text(path, lines + [_text(frame) for frame in bvh.motion])


def _text(values: np.ndarray) -> str:
    return " ".join(map(repr, np.asarray(values, np.float64).tolist()))
