"""Things done with the whole body on or near the spot: squats, kicks, lunges, sitting down, picking
up.
"""

from __future__ import annotations

import numpy as np

from jaxdiff.body.actions.draws import (
    PACES,
    SIDES,
    TEMPO,
    Draft,
    bring,
    frames,
    pick,
    repeats,
    vary,
)
from jaxdiff.body.actions.pose import BONES, LEFT, REACH, RIGHT, SIDE, Pose, ball_to_ankle, standing
from jaxdiff.body.actions.steps import Step, walk_feet
from jaxdiff.body.actions.tracks import ease, keys, pulses


def _lower(pose: Pose, share: np.ndarray, drop: float) -> None:
    """Bends hips and knees so that the pelvis comes down by `drop`, and leans the trunk to stay
    above the feet.
    """
    pose.root[:, 1] -= drop * share
    pose.root[:, 2] -= 0.42 * drop * share
    pose.pelvis[:, 1] += 0.75 * drop * share
    pose.trunk[:, 1] += 1.05 * drop * share
    pose.head[:, 1] -= 0.9 * drop * share


def lift(
    pose: Pose, t, foot: int, up: tuple[float, float], down: tuple[float, float], to, pitch: float
) -> None:
    """Takes a foot off the ground to `to` = (outwards, up, ahead) from where it stands, and back to
    the same place.
    """
    share = ease((t - up[0]) / (up[1] - up[0])) - ease((t - down[0]) / (down[1] - down[0]))
    away = np.clip(1.25 * share - 0.25, 0, 1)
    pose.feet[:, foot, 0] += SIDE[foot] * to[0] * ease(away)
    pose.feet[:, foot, 1] += to[1] * share
    pose.feet[:, foot, 2] += to[2] * ease(away)
    pose.soles[:, foot, 1] += np.radians(pitch) * share


def squat(rng: np.random.Generator) -> Draft:
    pace, depth = pick(rng, PACES), pick(rng, ("half", "deep"))
    down, hold = vary(rng, 0.75) * TEMPO[pace], rng.uniform(0.05, 0.4)
    starts, t = repeats(rng, 4, 2 * down + hold + 0.15)
    pose = standing(len(t), vary(rng, 0.15, 0.15))
    pose.soles[..., 0] = SIDE * np.radians(22)
    share = pulses(t, starts, down, hold, down)
    _lower(pose, share, vary(rng, 0.24 if depth == "half" else 0.45))
    bring(pose, (LEFT, RIGHT), share, vary(rng, 82), 4, 0, 8)
    return pose, {"speed": pace, "depth": depth, "count": str(len(starts))}


def balance(rng: np.random.Generator) -> Draft:
    side, seconds = pick(rng, ("left", "right")), rng.uniform(1.2, 4.5)
    (limb,) = SIDES[side]
    up = 0.7 + 0.3 * rng.random()
    t = frames(up + seconds + 2.0)
    pose = standing(len(t))
    single = ease((t - up + 0.4) / 0.8) - ease((t - up - seconds) / 0.8)
    pose.root[:, 0] += SIDE[limb] * 0.088 * single
    behind = rng.random() < 0.4
    to = (0.0, 0.34, -0.28) if behind else (0.0, 0.40, 0.16)
    lift(
        pose,
        t,
        1 - limb,
        (up, up + 0.9),
        (up + seconds - 0.6, up + seconds + 0.3),
        to,
        70 if behind else 22,
    )
    pose.trunk[:, 2] += np.radians(3) * SIDE[limb] * single + np.radians(2) * single * np.sin(4 * t)
    bring(pose, (LEFT, RIGHT), single, 8, vary(rng, 72, 0.25), 0, 12)
    return pose, {"side": side}


def kick(rng: np.random.Generator) -> Draft:
    pace, side = pick(rng, PACES), pick(rng, ("left", "right", "right"))
    direction, height = pick(rng, ("front", "front", "side")), pick(rng, ("low", "high"))
    (limb,) = SIDES[side]
    tempo = {"slow": 1.35, "normal": 1.0, "fast": 0.8}[pace]
    begin = 0.45 + 0.3 * rng.random()
    wind, hit, back, down = (begin + tempo * s for s in (0.5, 0.85, 1.3, 1.75))
    t = frames(down + vary(rng, 0.9))
    pose = standing(len(t))
    shift = -SIDE[limb] * 0.085
    single = ease((t - begin + 0.3) / 0.55) - ease((t - down + 0.25) / 0.6)
    pose.root[:, 0] += shift * single
    pose.root[:, 1] -= 0.025 * single
    rest = pose.feet[0, limb].copy()
    if direction == "front":
        swing, out, pitch = (
            vary(rng, 55 if height == "low" else 88, 0.05),
            4.0,
            -38 if height == "low" else -62,
        )
        chamber = rest + [0.0, 0.14, -0.30]
    else:
        swing, out, pitch = 8.0, vary(rng, 38 if height == "low" else 62, 0.05), -4
        chamber = rest + [0.0, 0.30, 0.10]
    hip = pose.root[0] + BONES[f"{side}_hip"] + [shift, -0.025, 0]
    target = _leg(hip, limb, swing, out, 0.985 * REACH, pitch)
    withdrawn = rest + [SIDE[limb] * 0.02, 0.24, 0.12]
    early, late = begin + 0.16 * tempo, down - 0.14 * tempo
    across = [
        (early, rest[[0, 2]]),
        (wind, chamber[[0, 2]]),
        (hit, target[[0, 2]]),
        (back, withdrawn[[0, 2]]),
        (late, rest[[0, 2]]),
    ]
    upward = [
        (begin, 0.0),
        (early, 0.07),
        (wind, chamber[1]),
        (hit, target[1]),
        (back, withdrawn[1]),
        (late, 0.05),
        (down, 0.0),
    ]
    pose.feet[:, limb, [0, 2]] = keys(t, *across)
    pose.feet[:, limb, 1] = keys(t, *upward)
    heel = 55 if direction == "front" else 20
    turned = keys(
        t, (begin - 0.2, 0.0), (early, 30.0), (wind, heel), (hit, pitch), (back, 10.0), (down, 0.0)
    )
    pose.soles[:, limb, 1] = np.radians(turned)
    effort = keys(t, (wind - 0.1, 0.0), (hit, 1.0), (back + 0.3, 0.0))
    high = 1.0 if height == "high" else 0.6
    if direction == "front":
        pose.pelvis[:, 1] -= np.radians(9) * high * effort
        pose.trunk[:, 1] -= np.radians(9) * high * effort
        bring(pose, (1 - limb,), effort, 38, 20, 0, 30)
        bring(pose, (limb,), effort, -28, 24, 0, 20)
    else:
        pose.pelvis[:, 2] += SIDE[limb] * np.radians(12) * high * effort
        pose.trunk[:, 2] -= SIDE[limb] * np.radians(24) * high * effort
        bring(pose, (LEFT, RIGHT), effort, 10, 34, 0, 45)
    return pose, {"speed": pace, "side": side, "direction": direction, "height": height}


def _leg(
    hip: np.ndarray, limb: int, swing: float, out: float, length: float, pitch: float
) -> np.ndarray:
    """The ball of the foot at the end of a leg that points `swing` forwards and `out` outwards
    (degrees).
    """
    swing, out = np.radians(swing), np.radians(out)
    ankle = hip + length * np.array(
        [SIDE[limb] * np.sin(out), -np.cos(out) * np.cos(swing), np.cos(out) * np.sin(swing)]
    )
    sole = np.radians([[0.0, pitch], [0.0, pitch]])
    return ankle - ball_to_ankle(sole)[limb]


def lunge(rng: np.random.Generator) -> Draft:
    pace, side = pick(rng, PACES), pick(rng, ("left", "right"))
    (limb,) = SIDES[side]
    tempo = TEMPO[pace] * vary(rng, 1.0)
    swing, low = 0.55 * tempo, 0.45 * tempo
    starts, t = repeats(rng, 3, 2 * swing + 2 * low + 0.3)
    pose = standing(len(t), 0.1)
    length = vary(rng, 0.68)
    rest, heading = pose.feet[0, limb][[0, 2]], pose.soles[0, limb, 0]
    steps = []
    for start in starts:
        steps.append(
            Step(limb, start, start + swing, rest + [0, length], heading, 0.13, 0.5, -0.25)
        )
        steps.append(
            Step(
                limb,
                start + swing + 2 * low,
                start + 2 * swing + 2 * low,
                rest,
                heading,
                0.13,
                0.15,
                0.2,
            )
        )
    pose.feet, pose.soles = walk_feet(t, pose.feet[0][:, [0, 2]], pose.soles[0, :, 0], steps)
    forward = pulses(
        t,
        [start + 0.1 * tempo for start in starts],
        1.3 * swing,
        2 * low - 0.4 * swing,
        1.3 * swing,
    )
    down = pulses(
        t, [start + 0.4 * swing for start in starts], 0.6 * swing + low, 0.02, 0.6 * swing + low
    )
    pose.root[:, 2] += 0.46 * length * forward
    pose.root[:, 1] -= vary(rng, 0.32) * down
    pose.soles[:, 1 - limb, 1] += np.radians(58) * forward
    pose.trunk[:, 1] += np.radians(7) * down
    bring(pose, (LEFT, RIGHT), forward, 6, 26, -38, 92)
    return pose, {"speed": pace, "side": side, "count": str(len(starts))}


def sit_down(rng: np.random.Generator) -> Draft:
    pace, end = pick(rng, PACES), pick(rng, ("stays", "rises"))
    down, wait = vary(rng, 1.1) * TEMPO[pace], rng.uniform(1.0, 2.4)
    begin = 0.35 + 0.4 * rng.random()
    up = begin + down + wait
    t = frames(up + (down + 0.6 if end == "rises" else 0.0))
    pose = standing(len(t), vary(rng, 0.11, 0.2))
    seated = ease((t - begin) / down)
    bending = pulses(t, [begin - 0.05], 0.55 * down, 0.0, 0.6 * down)
    if end == "rises":
        seated -= ease((t - up) / down)
        bending += pulses(t, [up - 0.1], 0.5 * down, 0.0, 0.65 * down)
    pose.root[:, 1] -= vary(rng, 0.42, 0.05) * seated
    pose.root[:, 2] -= 0.36 * seated
    pose.pelvis[:, 1] += np.radians(24) * bending - np.radians(6) * seated
    pose.trunk[:, 1] += np.radians(20) * bending + np.radians(6) * seated
    pose.head[:, 1] -= np.radians(16) * bending
    bring(pose, (LEFT, RIGHT), seated, vary(rng, 26), 8, -14, vary(rng, 48))
    return pose, {"speed": pace, "end": end}


def pick_up(rng: np.random.Generator) -> Draft:
    pace, side = pick(rng, PACES), pick(rng, ("left", "right", "right", "both"))
    down, hold = vary(rng, 0.95) * TEMPO[pace], rng.uniform(0.15, 0.5)
    starts, t = repeats(rng, 1, 2 * down + hold + 0.7)
    pose = standing(len(t), vary(rng, 0.13, 0.15))
    share = pulses(t, starts, down, hold, down)
    _lower(pose, share, vary(rng, 0.43, 0.04))
    pose.trunk[:, 1] += np.radians(28) * share
    reach = pulses(t, [starts[0] + 0.15 * down], 0.8 * down, hold, 0.8 * down)
    bring(pose, SIDES[side], reach, vary(rng, 66), 3, -8, 8)
    bring(pose, tuple({LEFT, RIGHT} - set(SIDES[side])), reach, 30, 14, -10, 40)
    carry = ease((t - starts[0] - down - hold - 0.35 * down) / (0.8 * down))
    bring(pose, SIDES[side], carry, 12, 6, -12, vary(rng, 88))
    return pose, {"speed": pace, "side": side}
