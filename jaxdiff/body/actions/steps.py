"""Footsteps: where each foot stands, when it lifts, and how it travels to its next place.

A foot on the ground does not move at all; heel rise turns it about its ball. In swing the ball
rises before it travels and lands after it has arrived, so that it never skates. Along a path a foot
is put down where the body will be in the middle of the stance that follows: forwards, backwards,
sideways and round a corner by one rule.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from jaxdiff.body.actions.pose import SIDE, STANCE
from jaxdiff.body.actions.tracks import ease, keys, smooth


class Step(NamedTuple):
    """One swing of one foot."""

    foot: int
    lift: float
    land: float
    place: np.ndarray
    """(x, z) of the ball of the foot from `land` on."""
    heading: float
    height: float = 0.12
    push: float = 0.0
    """Heel rise when the foot leaves the ground, radians."""
    strike: float = 0.0
    """Heel rise shortly before it lands; negative: toes up."""
    rise: float = 0.3
    """Share of the swing in which the foot gains its height."""
    fall: float = 0.34


def walk_feet(
    t: np.ndarray, places: np.ndarray, headings: np.ndarray, steps: list[Step]
) -> tuple[np.ndarray, np.ndarray]:
    """Balls of the feet (T, 2, 3) and soles (T, 2, 2) that start at `places` (2, [x, z]) and take
    `steps` in order.
    """
    feet, soles = np.zeros((len(t), 2, 3)), np.zeros((len(t), 2, 2))
    for foot in (0, 1):
        at, heading, free = places[foot], headings[foot], -np.inf
        ball, sole = feet[:, foot], soles[:, foot]
        ball[:, [0, 2]], sole[:, 0] = at, heading
        rises: list[tuple[float, float]] = [(min(t[0], steps[0].lift if steps else 0) - 1.0, 0.0)]
        for step in steps:
            if step.foot != foot:
                continue
            u = (t - step.lift) / (step.land - step.lift)
            share = ease((u - 0.05) / 0.9)
            turn = step.heading - heading
            ball[:, [0, 2]] += share[:, None] * (step.place - at)
            sole[:, 0] += share * turn
            # Round the bend (the sagitta of the arc) and round the standing leg.
            bow = (
                SIDE[foot] * min(0.12 * abs(turn), 0.12)
                - turn * float(np.hypot(*(step.place - at))) / 8
            )
            left = bow * 4 * share * (1 - share)
            ball[:, [0, 2]] += beside(
                np.zeros(2), heading + turn / 2, np.stack([left, 0 * left], axis=-1)
            )
            ball[:, 1] += (
                step.height * ease(u / step.rise) * (1 - ease((u - 1 + step.fall) / step.fall))
            )
            swing = step.land - step.lift
            early = max(step.lift - 0.7 * swing, 0.5 * (free + step.lift), rises[-1][0] + 0.01)
            rises += [(early, 0.0), (step.lift + 0.06 * swing, step.push)]
            rises += [(step.lift + 0.76 * swing, step.strike), (step.land + 0.02, 0.0)]
            at, heading, free = step.place, step.heading, step.land
        if len(rises) > 1:
            sole[:, 1] = smooth(keys(t, *rises), 0.6)
    return feet, soles


Rate = float | Callable[[np.ndarray], np.ndarray]
"""A constant, or a function of times."""
DT = 0.02


class Path(NamedTuple):
    """Where the body goes: samples every DT seconds."""

    time: np.ndarray
    place: np.ndarray
    """(N, [x, z])."""
    heading: np.ndarray
    forward: np.ndarray
    """Speed ahead, m/s."""
    sideways: np.ndarray
    """Speed to the left, m/s."""

    def at(self, t: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
        """Place (..., 2) and heading (...)."""
        place = np.stack([np.interp(t, self.time, axis) for axis in self.place.T], axis=-1)
        return place, np.asarray(np.interp(t, self.time, self.heading))


def path(
    seconds: float, forward: Rate, sideways: Rate = 0.0, turn: Rate = 0.0, margin: float = 3.0
) -> Path:
    """Integrates speeds (m/s) and turning rate (rad/s) from the origin at t = 0, `margin` seconds
    longer either way.
    """
    time = np.arange(-margin, seconds + margin, DT)
    ahead, left, turning = (
        np.broadcast_to(rate(time) if callable(rate) else rate, time.shape)
        for rate in (forward, sideways, turn)
    )

    def integral(rate: np.ndarray) -> np.ndarray:
        total = np.concatenate([[0.0], np.cumsum((rate[1:] + rate[:-1]) / 2)]) * DT
        return total - np.interp(0.0, time, total)

    heading = integral(turning)
    x = integral(ahead * np.sin(heading) + left * np.cos(heading))
    z = integral(ahead * np.cos(heading) - left * np.sin(heading))
    return Path(time, np.stack([x, z], axis=-1), heading, ahead, left)


def beside(place: np.ndarray, heading: np.ndarray | float, offset: np.ndarray) -> np.ndarray:
    """`place` plus `offset` = (left, ahead) as seen from `heading`; (..., 2)."""
    sin, cos = np.sin(heading), np.cos(heading)
    left, ahead = offset[..., 0], offset[..., 1]
    return place + np.stack([left * cos + ahead * sin, ahead * cos - left * sin], axis=-1)


class Rhythm(NamedTuple):
    """How the feet alternate and lift."""

    step: float
    """Seconds from one landing to the next."""
    duty: float = 0.57
    """Share of the stride a foot is on the ground."""
    width: float = 0.09
    height: float = 0.12
    push: float = 0.9
    strike: float = -0.3
    rise: float = 0.3
    fall: float = 0.34
    toe_out: float = 0.12


def steps_along(
    path: Path, rhythm: Rhythm, moves: list[tuple[float, float]], first: int = 0
) -> list[Step]:
    """Alternating steps while the body moves (each move from its first lift to its last
    landing).
    """
    steps, foot = [], first
    for begin, end in moves:
        count = max(round((end - begin) / rhythm.step), 2)
        time = (end - begin) / (count + 1 - 2 * rhythm.duty)
        swing = 2 * time * (1 - rhythm.duty)
        for k in range(count):
            lift = begin + k * time
            middle = lift + swing + time * rhythm.duty
            place, heading = path.at(middle)
            speed, drift = (
                np.interp(middle, path.time, rate) for rate in (path.forward, path.sideways)
            )
            side = 1 - 2 * foot
            offset = np.array(
                [
                    side * (rhythm.width + 0.5 * abs(drift) * time),
                    STANCE[0, 1] - 0.05 * min(speed, 1.6),
                ]
            )
            stride = 2 * time * np.hypot(speed, drift)
            vigour = float(np.clip(2 * time * abs(speed) / 0.9, 0, 1))
            steps.append(
                Step(
                    foot,
                    lift,
                    lift + swing,
                    beside(place, heading, offset),
                    float(heading + side * rhythm.toe_out),
                    rhythm.height * (0.8 + 0.2 * min(stride, 1.0)),
                    rhythm.push * (0.35 + 0.65 * vigour),
                    rhythm.strike * vigour,
                    rhythm.rise,
                    rhythm.fall,
                )
            )
            foot = 1 - foot
    return steps
