"""The body that goes with footsteps: how pelvis, trunk, head and arms move along a path, in various
manners.

Everything periodic follows one phase, pi per step, interpolated between the landings of the feet.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jaxdiff.body.actions.pose import SIDE, STANCE, Pose, standing
from jaxdiff.body.actions.steps import Path, Rhythm, beside, steps_along, walk_feet
from jaxdiff.body.actions.tracks import ease, smooth


@dataclass(frozen=True)
class Manner:
    """How the body goes along with its steps; angles in degrees."""

    swing: float = 24.0
    """Of the arms."""
    elbow: float = 18.0
    spread: float = 8.0
    """Of the arms, away from the body."""
    lean: float = 3.0
    nod: float = 0.0
    crouch: float = 0.0
    """Metres the pelvis is carried lower."""
    bob: float = 0.018
    sway: float = 0.02
    roll: float = 3.0
    """Of the pelvis, up on the standing side."""
    turn: float = 5.0
    """Of the pelvis about the vertical; the shoulders turn the other way."""
    width: float = 0.0
    """Added to the distance of the feet from the midline."""
    speed: float = 1.0
    """Factor on the walking speed."""
    height: float = 1.0
    """Factor on the height of the steps."""


STYLES = {
    "neutral": Manner(),
    "tired": Manner(swing=10, elbow=8, lean=16, nod=22, bob=0.012, turn=3, speed=0.75, height=0.9),
    "proud": Manner(swing=32, elbow=14, lean=-5, nod=-8, bob=0.024, turn=6, speed=1.08, spread=12),
    "happy": Manner(
        swing=38, elbow=32, lean=0, nod=-4, bob=0.035, sway=0.03, turn=8, speed=1.05, height=1.25
    ),
    "sneaky": Manner(
        swing=8,
        elbow=75,
        lean=26,
        nod=-14,
        crouch=0.13,
        bob=0.01,
        speed=0.55,
        height=1.4,
        spread=16,
    ),
    "stiff": Manner(
        swing=3, elbow=4, lean=-1, bob=0.006, sway=0.008, roll=0, turn=0, speed=0.85, spread=5
    ),
    "unsteady": Manner(
        swing=14, elbow=26, lean=6, sway=0.06, roll=6, turn=6, width=0.05, speed=0.7, spread=20
    ),
}


def travel(
    t: np.ndarray,
    course: Path,
    rhythm: Rhythm,
    manner: Manner,
    moves: list[tuple[float, float]],
    first: int,
) -> Pose:
    """The pose of a body that moves along `course` in the intervals `moves`."""
    rhythm = rhythm._replace(
        width=rhythm.width + manner.width, height=rhythm.height * manner.height
    )
    steps = steps_along(course, rhythm, moves, first)
    place, heading = course.at(moves[0][0])
    offsets = np.stack([SIDE * rhythm.width, STANCE[:, 1]], axis=-1)
    pose = standing(len(t))
    pose.feet, pose.soles = walk_feet(
        t, beside(place, heading, offsets), heading + SIDE * rhythm.toe_out, steps
    )

    lands = np.array([step.land for step in steps])
    lands = np.concatenate([lands[:1] - rhythm.step, lands, lands[-1:] + rhythm.step])
    phase = np.pi * np.interp(t, lands, np.arange(len(lands)) + first - 1.0)
    support = phase - np.pi * rhythm.duty
    moving = smooth(
        np.sum([ease((t - a) / 0.5) - ease((t - b + 0.3) / 0.5) for a, b in moves], axis=0), 1.5
    )
    ahead = smooth(np.clip(np.interp(t, course.time, course.forward) / 0.8, -1, 1), 2)

    place, heading = course.at(t)
    left = moving * manner.sway * np.cos(support)
    pose.root[:, [0, 2]] = beside(place, heading, np.stack([left, 0 * left], axis=-1))
    running = rhythm.duty < 0.5
    bounce = np.cos(2 * support) * (-1 if running else 1)
    pose.root[:, 1] += moving * (manner.bob * (bounce - (0 if running else 1)) - manner.crouch)
    turn = np.radians(manner.turn) * ahead * np.cos(phase)
    pose.pelvis[:, 0] = heading - turn
    pose.pelvis[:, 1] = np.radians(0.25 * manner.lean)
    pose.pelvis[:, 2] = np.radians(manner.roll) * moving * np.cos(support)
    pose.trunk[:, 0] = 2.2 * turn
    pose.trunk[:, 1] = np.radians(0.75 * manner.lean)
    pose.trunk[:, 2] = pose.pelvis[:, 2]
    pose.head[:, 0] = -1.2 * turn
    pose.head[:, 1] = np.radians(manner.nod - 0.6 * manner.lean)
    arm = np.radians(manner.swing) * ahead[:, None] * -SIDE * np.cos(phase - 0.25)[:, None]
    pose.arms[..., 0] = arm + np.radians(4) * moving[:, None] + np.radians(0.6 * manner.lean)
    pose.arms[..., 1] = np.radians(manner.spread)
    pose.arms[..., 3] = np.radians(manner.elbow) + 0.5 * np.maximum(arm, -0.2)
    return pose


def throughout(t: np.ndarray, rng: np.random.Generator) -> list[tuple[float, float]]:
    """One move that began before the first frame and ends after the last, at a random phase."""
    return [(-2.5 - rng.random(), t[-1] + 2.0)]


def walking(speed: float) -> Rhythm:
    """Step time falls with speed as people's does: about 0.66 s at 0.7 m/s, 0.5 s at 1.6 m/s."""
    return Rhythm(step=0.56 * (1.2 / max(speed, 0.4)) ** 0.35, duty=0.57 - 0.03 * (speed - 1.2))
