"""Simulated full-body motion with captions: the text-to-motion chain without gated data.

Every clip is drawn from its own random stream, so it depends on its seed alone: not on how many
clips are drawn, nor in what order. The motions are hand-made and say nothing about people; they
obey geometry (constant bones, planted feet) and ballistics in flight, not muscles.
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from jaxdiff.body.actions import exercises, gestures, jumps, locomotion
from jaxdiff.body.actions.captions import captions
from jaxdiff.body.actions.draws import Draft, pick
from jaxdiff.body.actions.pose import Pose, joints_from_pose
from jaxdiff.body.actions.tracks import FPS, drift
from jaxdiff.body.humanml3d import LAYOUT_22, canonical
from jaxdiff.errors import ConfigError, nearest


class Clip(NamedTuple):
    """One motion on the 22 joints of HumanML3D: y up, on the floor, starting at the origin, facing
    +z.
    """

    joints: np.ndarray
    """(T, 22, 3) float32, metres."""
    captions: tuple[str, ...]
    action: str
    attributes: dict[str, str]
    fps: float = FPS


def _styled(
    gesture: Callable[[np.random.Generator], Draft],
) -> Callable[[np.random.Generator], Draft]:
    """A gesture in some bearing: upright, tired or proud."""

    @functools.wraps(gesture)
    def draw(rng: np.random.Generator) -> Draft:
        style = pick(rng, ("neutral", "neutral", "neutral", "tired", "proud"))
        pose, attributes = gesture(rng)
        bend, nod, spread = {"neutral": (0, 0, 0), "tired": (15, 20, -2), "proud": (-6, -8, 4)}[
            style
        ]
        pose.trunk[:, 1] += np.radians(bend)
        pose.head[:, 1] += np.radians(nod)
        pose.arms[..., 0] += np.radians(bend)
        pose.arms[..., 1] += np.radians(spread)
        return pose, {**attributes, "style": style}

    return draw


_DRAWS: dict[str, Callable[[np.random.Generator], Draft]] = {
    draw.__name__: draw
    for draw in (
        locomotion.walk,
        locomotion.run,
        locomotion.walk_backwards,
        locomotion.sidestep,
        locomotion.turn,
        locomotion.circle,
        locomotion.stop_and_go,
        locomotion.turn_back,
        locomotion.march,
        exercises.squat,
        exercises.balance,
        exercises.kick,
        exercises.lunge,
        exercises.sit_down,
        exercises.pick_up,
        jumps.jump,
        jumps.jumping_jacks,
        jumps.hop,
        _styled(gestures.wave),
        _styled(gestures.raise_arms),
        _styled(gestures.clap),
        _styled(gestures.bow),
        _styled(gestures.punch),
        _styled(gestures.throw),
        _styled(gestures.side_bend),
        _styled(gestures.look_around),
    )
}
ACTIONS: tuple[str, ...] = tuple(_DRAWS)


def simulate_clip(action: str, seed: int) -> Clip:
    """One clip of an action; speed, direction, side, style and so on are drawn from the seed."""
    if action not in _DRAWS:
        raise ConfigError(f"no simulated action {action!r}; {nearest(action, ACTIONS)}")
    return _draw(action, np.random.default_rng([seed, zlib.crc32(action.encode())]))


def simulate_motions(
    count: int, seed: int = 0, progress: Callable[[int, int], None] | None = None
) -> Iterator[Clip]:
    """`count` clips, every action equally often, in random order; `progress(done, count)` is called
    after each.
    """
    for index in range(count):
        block, place = divmod(index, len(ACTIONS))
        order = np.random.default_rng([seed, 0, block]).permutation(len(ACTIONS))
        yield _draw(ACTIONS[order[place]], np.random.default_rng([seed, 1, index]))
        if progress is not None:
            progress(index + 1, count)


def _draw(action: str, rng: np.random.Generator) -> Clip:
    pose, attributes = _DRAWS[action](rng)
    _liven(pose, rng)
    joints, _ = canonical(joints_from_pose(pose), LAYOUT_22)
    return Clip(joints.astype(np.float32), captions(rng, action, attributes), action, attributes)


def _liven(pose: Pose, rng: np.random.Generator) -> None:
    """Add postural sway."""
    t = np.arange(len(pose.root)) / FPS
    pose.trunk += drift(rng, t, np.radians([1.0, 0.8, 0.7]))
    pose.head += drift(rng, t, np.radians([2.0, 1.5, 0.8]))
    pose.arms += drift(rng, t, np.radians(np.full((2, 4), 1.6)))
    pose.root += drift(rng, t, np.array([0.004, 0.0, 0.004]))
