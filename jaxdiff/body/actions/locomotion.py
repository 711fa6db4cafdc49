"""Getting about: each action draws a path and a manner, and travels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from jaxdiff.body.actions.draws import PACES, Draft, frames, pick, rounds, vary
from jaxdiff.body.actions.pose import LEFT, RIGHT
from jaxdiff.body.actions.steps import Rate, Rhythm, path
from jaxdiff.body.actions.tracks import ease, smooth
from jaxdiff.body.actions.travel import STYLES, Manner, throughout, travel, walking


def walk(rng: np.random.Generator) -> Draft:
    pace, style = pick(rng, PACES), pick(rng, ("neutral", "neutral", *STYLES))
    direction = pick(rng, ("straight", "straight", "left", "right"))
    manner = STYLES[style]
    speed = vary(rng, {"slow": 0.7, "normal": 1.1, "fast": 1.5}[pace]) * manner.speed
    rate = {"straight": 0.0, "left": 1.0, "right": -1.0}[direction] * rng.uniform(0.12, 0.22)
    t = frames(rng.uniform(2.5, 9.5))
    if style == "unsteady":
        wobble, phase = rng.uniform(0.5, 0.8), 2 * np.pi * rng.random()
        course = path(
            t[-1], speed, 0.0, lambda t: rate + 0.7 * np.sin(2 * np.pi * wobble * t + phase)
        )
    else:
        course = path(t[-1], speed, 0.0, rate)
    pose = travel(t, course, walking(speed), manner, throughout(t, rng), int(rng.integers(2)))
    return pose, {"speed": pace, "direction": direction, "style": style}


def run(rng: np.random.Generator) -> Draft:
    pace, direction = pick(rng, PACES), pick(rng, ("straight", "straight", "left", "right"))
    speed = vary(rng, {"slow": 2.0, "normal": 2.7, "fast": 3.4}[pace])
    quick = (speed - 2) / 1.4
    rhythm = Rhythm(
        step=0.37 - 0.045 * quick,
        duty=0.4 - 0.07 * quick,
        width=0.06,
        height=0.30 + 0.14 * quick,
        strike=-0.15,
        rise=0.4,
        fall=0.5,
        toe_out=0.08,
    )
    manner = Manner(
        swing=34 + 12 * quick,
        elbow=85,
        spread=10,
        lean=8 + 5 * quick,
        nod=-4,
        crouch=0.04,
        bob=0.035 + 0.01 * quick,
        sway=0.012,
        turn=8,
    )
    rate = {"straight": 0.0, "left": 1.0, "right": -1.0}[direction] * rng.uniform(0.15, 0.3)
    t = frames(rng.uniform(2.2, 5.5))
    pose = travel(
        t, path(t[-1], speed, 0.0, rate), rhythm, manner, throughout(t, rng), int(rng.integers(2))
    )
    return pose, {"speed": pace, "direction": direction}


def walk_backwards(rng: np.random.Generator) -> Draft:
    pace, style = pick(rng, PACES), pick(rng, ("neutral", "neutral", "tired", "sneaky", "unsteady"))
    manner = STYLES[style]
    speed = vary(rng, {"slow": 0.45, "normal": 0.75, "fast": 1.05}[pace]) * manner.speed
    rhythm = walking(speed + 0.2)._replace(push=0.3, strike=0.35)
    t = frames(rng.uniform(2.5, 8))
    manner = replace(manner, swing=0.5 * manner.swing)
    pose = travel(t, path(t[-1], -speed), rhythm, manner, throughout(t, rng), int(rng.integers(2)))
    return pose, {"speed": pace, "style": style}


def sidestep(rng: np.random.Generator) -> Draft:
    pace, direction = pick(rng, PACES), pick(rng, ("left", "right"))
    count = int(rng.integers(2, 7))
    sign = 1 if direction == "left" else -1
    step = vary(rng, {"slow": 0.62, "normal": 0.48, "fast": 0.36}[pace])
    length = vary(rng, 0.42)
    begin = rng.uniform(0.3, 0.8)
    end = begin + 2 * count * step
    t = frames(end + rng.uniform(0.4, 1.0))
    speed = _between(begin, end, sign * length / (2 * step), 0.8 * step)
    manner = Manner(swing=0, elbow=25, spread=14, bob=0.015, sway=0.0, turn=0, crouch=0.03)
    rhythm = Rhythm(step, 0.62, push=0.3, strike=0.0, height=0.1)
    pose = travel(
        t, path(t[-1], 0.0, speed), rhythm, manner, [(begin, end)], LEFT if sign > 0 else RIGHT
    )
    return pose, {"speed": pace, "direction": direction, "count": str(count)}


def turn(rng: np.random.Generator) -> Draft:
    pace, direction = pick(rng, PACES), pick(rng, ("left", "right"))
    amount = pick(rng, ("90", "180", "360"))
    sign = 1 if direction == "left" else -1
    step = vary(rng, {"slow": 0.6, "normal": 0.48, "fast": 0.38}[pace])
    begin = rng.uniform(0.3, 0.9)
    end = begin + step * {"90": 3, "180": 5, "360": 9}[amount]
    t = frames(end + rng.uniform(0.5, 1.3))
    course = path(
        t[-1],
        0.0,
        0.0,
        _between(begin, end, sign * np.radians(float(amount)) / (end - begin), step),
    )
    manner = Manner(swing=0, elbow=20, spread=10, bob=0.01, sway=0.02, turn=0)
    rhythm = Rhythm(step, 0.6, push=0.4, strike=0.0, height=0.1)
    pose = travel(t, course, rhythm, manner, [(begin, end)], LEFT if sign > 0 else RIGHT)
    rate = np.interp(t, course.time, np.gradient(course.heading, course.time))
    pose.head[:, 0] += 0.25 * smooth(rate, 3)
    return pose, {"speed": pace, "direction": direction, "amount": amount}


def circle(rng: np.random.Generator) -> Draft:
    pace, direction = pick(rng, PACES), pick(rng, ("left", "right"))
    style = pick(rng, ("neutral", "neutral", "tired", "proud", "happy", "sneaky"))
    manner = STYLES[style]
    speed = vary(rng, {"slow": 0.8, "normal": 1.1, "fast": 1.5}[pace]) * manner.speed
    t = frames(np.clip(2 * np.pi * rng.uniform(0.8, 1.3) / speed, 6.0, 9.8))
    rate = (1 if direction == "left" else -1) * 2 * np.pi * rng.uniform(0.9, 1.15) / t[-1]
    pose = travel(
        t,
        path(t[-1], speed, 0.0, rate),
        walking(speed),
        manner,
        throughout(t, rng),
        int(rng.integers(2)),
    )
    pose.trunk[:, 2] += np.sign(rate) * np.radians(3)
    return pose, {"speed": pace, "direction": direction, "style": style}


def stop_and_go(rng: np.random.Generator) -> Draft:
    pace, style = pick(rng, PACES), pick(rng, ("neutral", "neutral", "tired", "proud", "sneaky"))
    manner = STYLES[style]
    speed = vary(rng, {"slow": 0.75, "normal": 1.1, "fast": 1.45}[pace]) * manner.speed
    rhythm = walking(speed)
    stop, pause = rng.uniform(1.8, 3.2), rng.uniform(0.8, 1.8)
    t = frames(stop + pause + rng.uniform(1.8, 3.0))
    moves = [(-2.5 - rng.random(), stop), (stop + pause, t[-1] + 2.5)]
    ramp = 1.3 * rhythm.step
    course = path(
        t[-1],
        lambda t: speed * (1 - ease((t - stop + ramp) / ramp) + ease((t - stop - pause) / ramp)),
    )
    pose = travel(t, course, rhythm, manner, moves, int(rng.integers(2)))
    return pose, {"speed": pace, "style": style}


def turn_back(rng: np.random.Generator) -> Draft:
    pace, direction = pick(rng, PACES), pick(rng, ("left", "right"))
    speed = vary(rng, {"slow": 0.7, "normal": 1.1, "fast": 1.45}[pace])
    rhythm = walking(speed)
    middle, spell = rng.uniform(2.2, 3.6), 4 * rhythm.step
    t = frames(middle + spell + rng.uniform(1.6, 3.0))
    sign = 1 if direction == "left" else -1

    def forward(t: np.ndarray) -> np.ndarray:
        into, out = t - middle + 0.3 * spell, t - middle - 0.8 * spell
        return speed * (1 - 0.75 * (ease(into / (0.5 * spell)) - ease(out / (0.5 * spell))))

    turning = _between(middle, middle + spell, sign * np.pi / spell, 0.4 * spell)
    course = path(t[-1], forward, 0.0, turning)
    pose = travel(t, course, rhythm, STYLES["neutral"], throughout(t, rng), int(rng.integers(2)))
    return pose, {"speed": pace, "direction": direction}


def march(rng: np.random.Generator) -> Draft:
    pace = pick(rng, PACES)
    step = vary(rng, {"slow": 0.7, "normal": 0.52, "fast": 0.4}[pace])
    count = rounds(rng, 4, 12, step, around=1.6)
    begin = rng.uniform(0.2, 0.6)
    end = begin + count * step
    t = frames(end + rng.uniform(0.4, 1.0))
    rhythm = Rhythm(
        step, 0.56, 0.085, height=vary(rng, 0.36), push=0.6, strike=0.0, rise=0.5, fall=0.5
    )
    manner = Manner(swing=0, elbow=60, spread=10, bob=0.01, sway=0.03, turn=0, lean=0)
    first = int(rng.integers(2))
    pose = travel(t, path(t[-1], 0.0), rhythm, manner, [(begin, end)], first)
    lifted = smooth(pose.feet[..., 1], 1.0) / rhythm.height
    pose.arms[..., 0] += np.radians(38) * (lifted[:, ::-1] - lifted)
    return pose, {"speed": pace, "count": str(count)}


def _between(begin: float, end: float, rate: float, ramp: float) -> Rate:
    """A rate between two times with soft shoulders, whose integral is rate * (end - begin)."""
    factor = (end - begin) / (end - begin - ramp)
    return lambda t: factor * rate * (ease((t - begin) / ramp) - ease((t - end + ramp) / ramp))
