"""What is written of a generated motion: constant bone lengths and feet that stay where they stand.

A network's joints keep neither. `rigid` fits one skeleton to the whole motion and turns it by local
rotations; `planted` then holds the ankle and the ball of the foot still while they are in contact,
by moving the ankle and solving the knee for it (two bones, in the plane the knee already bends in),
and lowers the pelvis where a leg would be too short. The result is rotations of a skeleton, so a
BVH file and the joint positions are the same motion. `violation` says how far the network itself
was from that.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from jaxdiff.body import rotations as rot
from jaxdiff.body.fit import fit_rotations
from jaxdiff.body.humanml3d import Layout
from jaxdiff.body.limbs import bent, filled, hangs, length
from jaxdiff.body.skeleton import Skeleton, bone_lengths, forward_kinematics
from jaxdiff.errors import DataError

SLOW = 0.35
"""m/s: a joint of the foot that is faster is not planted ..."""
LABELLED = 0.9
"""... where contacts are labelled: the speed below which motion features call it contact, at 20 Hz.
"""
LOW = 0.07
"""Metres above the joint's own lowest level: a joint of the foot that is higher is not planted."""
DRIFT = 0.12
"""Metres: a contact that moves farther is divided."""


class Rigid(NamedTuple):
    """A motion of constant bones: a skeleton, its rotations, and where its root is."""

    skeleton: Skeleton
    rotations: np.ndarray
    """Local, `(T, J, 4)`."""
    root: np.ndarray
    """`(T, 3)` in metres."""
    rate: float

    @property
    def joints(self) -> np.ndarray:
        """Positions `(T, J, 3)` in metres."""
        return forward_kinematics(self.skeleton, self.rotations, self.root)

    def resample(self, rate: float) -> Rigid:
        """The same motion at another rate: the root linearly, rotations along the shortest arc."""
        if rate <= 0:
            raise DataError(f"a motion is resampled to a positive rate in Hz; got {rate}")
        frames = len(self.root)
        place = np.arange(int((frames - 1) / self.rate * rate + 1e-9) + 1) * self.rate / rate
        low = np.minimum(place.astype(int), max(frames - 2, 0))
        high = np.minimum(low + 1, frames - 1)
        share = (place - low)[:, None]
        root = self.root[low] * (1 - share) + self.root[high] * share
        first, second = self.rotations[low], self.rotations[high]
        step = rot.axis_angle_from_quaternion(rot.multiply(rot.conjugate(first), second))
        turned = rot.multiply(first, rot.quaternion_from_axis_angle(step * share[..., None]))
        return Rigid(self.skeleton, turned, root, rate)


def rigid(joints: np.ndarray, layout: Layout, rate: float) -> Rigid:
    """The motion `(T, J, 3)` in metres on one skeleton with its median bone lengths."""
    joints = np.asarray(joints, np.float64)
    skeleton, turned = fit_rotations(joints, layout.skeleton)
    return Rigid(skeleton, turned, joints[:, 0], rate)


def cleaned(
    joints: np.ndarray, layout: Layout, rate: float, contacts: np.ndarray | None = None
) -> Rigid:
    """Constant bones and planted feet.

    Args:
      joints: Positions `(T, J, 3)` in metres, y up.
      layout: The skeleton and its feet.
      rate: Frames per second.
      contacts: Whether each of `layout.feet` is in contact, `(T, 4)`, as motion features say; None
        to go by speed and height alone.

    Returns:
      The motion as rotations of one skeleton.
    """
    still = rigid(joints, layout, rate)
    return rigid(planted(still.joints, layout, rate, contacts), layout, rate)


def reaching(motion: Rigid, target: np.ndarray, weight: np.ndarray, layout: Layout) -> Rigid:
    """The motion with wrists and ankles at their targets, as far as its limbs reach.

    Args:
      motion: a motion of constant bones.
      target: where joints should be, `(T, J, 3)` in metres.
      weight: which joints have a target, `(T, J, 3)`; those of all three axes count.
      layout: the skeleton.

    Returns:
      The motion, its knees and elbows solved for the targets; corrections fade before and after
      them.
    """
    joints, names = np.array(motion.joints), layout.skeleton.names
    parents, whole = layout.skeleton.parents, np.asarray(weight).min(-1) > 0.5
    ends = [j for j, name in enumerate(names) if name.endswith(("_wrist", "_ankle"))]
    for end in (j for j in ends if whole[:, j].any()):
        middle, top = parents[end], parents[parents[end]]
        off = np.where(whole[:, [end]], np.asarray(target)[:, end] - joints[:, end], np.nan)
        below = [j for j in range(len(parents)) if hangs(parents, j, end)]
        offsets = joints[:, below] - joints[:, [end]]
        place = joints[:, end] + filled(off)
        joints[:, middle], joints[:, end] = bent(
            joints[:, top], joints[:, middle], joints[:, end], place
        )
        joints[:, below] = joints[:, [end]] + offsets
    return rigid(joints, layout, motion.rate)


def violation(
    joints: np.ndarray,
    layout: Layout,
    rate: float,
    contacts: np.ndarray | None = None,
    clean: Rigid | None = None,
) -> dict[str, float]:
    """How far a motion is from constant bones and planted feet.

    Args:
      joints: Positions `(T, J, 3)` in metres, y up.
      layout: The skeleton and its feet.
      rate: Frames per second.
      contacts: As for `cleaned`.
      clean: The motion that `cleaned` made of it, for `moved`.

    Returns:
      `bone_stretch`: deviation of bone lengths over time as a share of their mean, averaged over
        bones; `foot_slide`: mean horizontal speed in m/s of joints of the feet in contact; with
        `clean`, `moved`: mean distance in mm between its joints and these.
    """
    joints = np.asarray(joints, np.float64)
    lengths = bone_lengths(joints, layout.skeleton.parents)[:, 1:]
    stretch = (lengths.std(0) / np.maximum(lengths.mean(0), 1e-9)).mean()
    held = _held(joints, layout, rate, contacts)
    step = (
        np.linalg.norm(np.diff(joints[:, list(layout.feet)][..., [0, 2]], axis=0), axis=-1) * rate
    )
    both = held[1:] & held[:-1]
    slide = step[both].mean() if both.any() else 0.0
    found = {"bone_stretch": float(stretch), "foot_slide": float(slide)}
    if clean is not None:
        moved = np.linalg.norm(clean.joints - joints, axis=-1).mean()
        found["moved"] = float(1000 * moved)
    return found


def planted(
    joints: np.ndarray, layout: Layout, rate: float, contacts: np.ndarray | None = None
) -> np.ndarray:
    """The motion `(T, J, 3)` of constant bones with its feet held while they are in contact."""
    joints = np.array(joints, np.float64)
    held = _held(joints, layout, rate, contacts)
    parents = layout.skeleton.parents
    legs, wanted = [], []
    for i in (0, 2):
        heel, toe = layout.feet[i : i + 2]
        ankle = heel if "ankle" in layout.skeleton.names[heel] else parents[heel]
        targets = [_targets(joints[:, j], held[:, i + k]) for k, j in enumerate((heel, toe))]
        moves = [target - joints[:, j] for target, j in zip(targets, (heel, toe))]
        place = joints[:, ankle] + filled(np.where(np.isfinite(moves[0]), moves[0], moves[1]))
        foot = joints[:, toe] - joints[:, ankle]
        if ankle == heel:
            foot = foot + filled(targets[1] - place - foot)
        legs.append((parents[parents[ankle]], parents[ankle], ankle, toe))
        wanted.append((place, foot))
    joints[..., 1] -= _drop(joints, legs, [place for place, _ in wanted])[:, None]
    for (hip, knee, ankle, toe), (place, foot) in zip(legs, wanted):
        below = [j for j in range(len(parents)) if hangs(parents, j, ankle)]
        offsets = joints[:, below] - joints[:, [ankle]]
        size = length(joints[:, toe] - joints[:, ankle])[:, None]
        joints[:, knee], joints[:, ankle] = bent(
            joints[:, hip], joints[:, knee], joints[:, ankle], place
        )
        joints[:, below] = joints[:, [ankle]] + offsets
        joints[:, toe] = joints[:, ankle] + foot / np.maximum(length(foot)[:, None], 1e-9) * size
    return joints


def _held(
    joints: np.ndarray, layout: Layout, rate: float, contacts: np.ndarray | None
) -> np.ndarray:
    """Which joints of the feet stand still, `(T, 4)`: low, slow, and labelled where there are
    labels.
    """
    feet = joints[:, list(layout.feet)]
    step = np.linalg.norm(np.diff(feet, axis=0), axis=-1) * rate
    speed = np.maximum(
        np.pad(step, ((1, 0), (0, 0)), "edge"), np.pad(step, ((0, 1), (0, 0)), "edge")
    )
    if len(feet) < 3:
        speed = np.zeros(feet.shape[:2])
    level = np.quantile(feet[..., 1], 0.05, axis=0)
    held = (speed < (SLOW if contacts is None else LABELLED)) & (feet[..., 1] < level + LOW)
    if contacts is not None:
        held &= np.asarray(contacts)[: len(held)] > 0.5
    return held


def _targets(path: np.ndarray, held: np.ndarray) -> np.ndarray:
    """Where a joint is held in each frame, `(T, 3)`; NaN where it is free."""
    targets = np.full(path.shape, np.nan)
    for first, last in _runs(held):
        pieces = [(first, last)]
        while pieces:
            a, b = pieces.pop()
            spread = np.ptp(path[a:b], axis=0)
            if np.linalg.norm(spread) > DRIFT and b - a > 3:
                middle = (a + b) // 2
                pieces += [(a, middle), (middle, b)]
            elif b - a > 1:
                targets[a:b] = np.median(path[a:b], axis=0)
    return targets


def _runs(held: np.ndarray) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], held.astype(int), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist()))


def _drop(joints: np.ndarray, legs: list, places: list[np.ndarray]) -> np.ndarray:
    """How far the body is lowered in each frame so that both legs reach their feet."""
    drop = np.zeros(len(joints))
    for (hip, knee, ankle, _), place in zip(legs, places):
        reach = length(joints[:, hip] - joints[:, knee]) + length(
            joints[:, knee] - joints[:, ankle]
        )
        across = length((place - joints[:, hip])[:, [0, 2]])
        height = joints[:, hip, 1] - place[:, 1]
        most = np.sqrt(np.maximum((0.9995 * reach) ** 2 - across**2, 0))
        drop = np.maximum(drop, np.clip(height - most, 0, 0.1))
    if not drop.any():
        return drop
    window = np.stack([np.roll(np.pad(drop, 4, mode="edge"), k)[4:-4] for k in range(-2, 3)])
    kernel = np.exp(-0.5 * (np.arange(-3, 4) / 1.2) ** 2)
    smooth = np.convolve(np.pad(window.max(0), 3, mode="edge"), kernel / kernel.sum(), "valid")
    return np.maximum(smooth, drop)
