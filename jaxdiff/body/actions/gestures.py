"""Things done with arms and trunk; the feet stay where they are, but for one step of the
thrower.
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
    rounds,
    vary,
)
from jaxdiff.body.actions.pose import LEFT, RIGHT, SIDE, standing
from jaxdiff.body.actions.steps import Step, walk_feet
from jaxdiff.body.actions.tracks import ease, keys, pulses


def wave(rng: np.random.Generator) -> Draft:
    pace, side = pick(rng, PACES), pick(rng, ("left", "right", "right", "both"))
    seconds = rng.uniform(2.5, 5.5)
    t = frames(seconds + 1.0)
    pose = standing(len(t), vary(rng, 0.1, 0.2))
    up, down = 0.25 + 0.3 * rng.random(), t[-1] - vary(rng, 0.9, 0.2)
    share = ease((t - up) / 0.7) - ease((t - down) / 0.75)
    beat = {"slow": 0.9, "normal": 1.5, "fast": 2.2}[pace]
    swing = np.sin(2 * np.pi * beat * (t - up)) * (
        ease((t - up - 0.4) / 0.4) - ease((t - down + 0.2) / 0.4)
    )
    bring(pose, SIDES[side], share, 15, vary(rng, 88), 85, vary(rng, 75))
    for limb in SIDES[side]:
        pose.arms[:, limb, 3] += np.radians(vary(rng, 26)) * swing
        pose.arms[:, limb, 1] += np.radians(5) * swing
    tilt = np.radians(3) * share * (0 if side == "both" else SIDE[SIDES[side][0]])
    pose.trunk[:, 2] -= tilt
    pose.head[:, 2] += tilt
    return pose, {"speed": pace, "side": side}


def raise_arms(rng: np.random.Generator) -> Draft:
    pace, side = pick(rng, PACES), pick(rng, ("left", "right", "both", "both"))
    direction, height = pick(rng, ("front", "side")), pick(rng, ("shoulder height", "overhead"))
    rise, hold = vary(rng, 0.8) * TEMPO[pace], rng.uniform(0.2, 0.7)
    starts, t = repeats(rng, 3, 2 * rise + hold + 0.25)
    pose = standing(len(t), vary(rng, 0.1, 0.2))
    share = pulses(t, starts, rise, hold, rise)
    angle = vary(rng, 86 if height == "shoulder height" else 165, 0.04)
    target = (angle, 6, 0, 6) if direction == "front" else (0, angle, 25, 6)
    bring(pose, SIDES[side], share, *target)
    pose.trunk[:, 1] -= np.radians(4) * share
    return pose, {
        "speed": pace,
        "side": side,
        "direction": direction,
        "height": height,
        "count": str(len(starts)),
    }


def clap(rng: np.random.Generator) -> Draft:
    pace = pick(rng, PACES)
    period = {"slow": 0.85, "normal": 0.55, "fast": 0.36}[pace]
    count = rounds(rng, 3, 9, period, around=2.4)
    begin = 0.9 + 0.3 * rng.random()
    t = frames(begin + count * period + 1.1)
    end = begin + count * period
    pose = standing(len(t), vary(rng, 0.1, 0.2))
    share = ease((t - begin + 0.75) / 0.75) - ease((t - end - 0.05) / 0.8)
    bring(pose, (LEFT, RIGHT), share, vary(rng, 42), 4, -16, vary(rng, 82))
    together = 0.5 - 0.5 * np.cos(2 * np.pi * np.clip((t - begin) / period, 0, count))
    pose.arms[..., 2] -= np.radians(22) * together[:, None]
    return pose, {"speed": pace, "count": str(count)}


def bow(rng: np.random.Generator) -> Draft:
    pace, depth = pick(rng, PACES), pick(rng, ("slight", "deep"))
    down, hold = vary(rng, 0.9) * TEMPO[pace], rng.uniform(0.3, 1.2)
    starts, t = repeats(rng, 1, 2 * down + hold + 0.3)
    pose = standing(len(t), 0.08)
    share = pulses(t, starts, down, hold, down)
    angle = np.radians(vary(rng, 24 if depth == "slight" else 68))
    pose.pelvis[:, 1] += 0.42 * angle * share
    pose.trunk[:, 1] += 0.58 * angle * share
    pose.head[:, 1] += 0.25 * angle * share
    pose.root[:, 2] -= 0.16 * angle * share
    pose.arms[..., 0] += 0.35 * angle * share[:, None]
    return pose, {"speed": pace, "depth": depth}


def punch(rng: np.random.Generator) -> Draft:
    pace, side = pick(rng, PACES), pick(rng, ("left", "right", "both"))
    period = {"slow": 1.1, "normal": 0.75, "fast": 0.5}[pace]
    starts, t = repeats(rng, 3, period, before=0.9, each=2 if side == "both" else 1)
    pose = standing(len(t), 0.12)
    pose.feet[:, LEFT, 2] += 0.16
    pose.feet[:, RIGHT, 2] -= 0.16
    guard = ease((t - starts[0] + 0.75) / 0.6) - ease((t - starts[-1] - period) / 0.6)
    pose.root[:, 1] -= 0.05 * guard
    bring(pose, (LEFT, RIGHT), guard, 38, 12, -18, 122)
    order = [LEFT, RIGHT] if side == "both" else list(SIDES[side])
    for limb in (LEFT, RIGHT):
        mine = [start for i, start in enumerate(starts) if order[i % len(order)] == limb]
        out = pulses(t, mine, 0.34 * period, 0.06 * period, 0.5 * period)
        bring(pose, (limb,), out, 86, -4, 0, 10)
        pose.trunk[:, 0] -= SIDE[limb] * np.radians(24) * out
        pose.head[:, 0] += SIDE[limb] * np.radians(20) * out
        pose.root[:, 2] += 0.05 * out
    return pose, {"speed": pace, "side": side, "count": str(len(starts))}


def throw(rng: np.random.Generator) -> Draft:
    pace, side = pick(rng, PACES), pick(rng, ("left", "right", "right"))
    (limb,) = SIDES[side]
    other, sign, tempo = 1 - limb, SIDE[limb], TEMPO[pace]
    begin = 0.3 + 0.3 * rng.random()
    back, go = begin + 0.75 * tempo, begin + 1.05 * tempo
    release, follow = go + 0.28 * tempo, go + 0.65 * tempo
    t = frames(follow + vary(rng, 1.3))
    pose = standing(len(t), 0.1)
    stride = vary(rng, 0.38)
    place = pose.feet[0, other][[0, 2]] + [0, stride]
    step = Step(
        other, back - 0.3 * tempo, go + 0.08, place, pose.soles[0, other, 0], 0.11, 0.5, -0.2
    )
    pose.feet, pose.soles = walk_feet(t, pose.feet[0][:, [0, 2]], pose.soles[0, :, 0], [step])
    rest = [3, 9, 0, 14]
    path = [(begin, rest), (back, [-12, 88, 78, 92]), (go, [-10, 96, 92, 105])]
    path += [(release, [70, 80, 30, 38]), (follow, [62, -4, -22, 24]), (follow + 0.8, rest)]
    pose.arms[:, limb] = np.radians(keys(t, *path))
    lead = keys(t, (begin, 0.0), (back, 1.0), (release, 0.25), (follow + 0.3, 0.0))
    bring(pose, (other,), lead, 70, 12, 0, 25)
    twist = keys(t, (begin, 0.0), (back, -34.0), (go, -30.0), (follow, 30.0), (follow + 0.9, 0.0))
    pose.trunk[:, 0] = np.radians(sign * twist)
    pose.head[:, 0] = -0.9 * pose.trunk[:, 0]
    pose.trunk[:, 1] = np.radians(
        keys(t, (begin, 0.0), (back, -9.0), (follow, 16.0), (follow + 0.8, 2.0))
    )
    pose.root[:, 2] += keys(
        t, (begin, 0.0), (back, -0.05), (follow, 0.62 * stride), (follow + 0.7, 0.5 * stride)
    )
    return pose, {"speed": pace, "side": side}


def side_bend(rng: np.random.Generator) -> Draft:
    pace, side = pick(rng, PACES), pick(rng, ("left", "right"))
    down, hold = vary(rng, 0.95) * TEMPO[pace], rng.uniform(0.3, 0.8)
    starts, t = repeats(rng, 3, 2 * down + hold + 0.2)
    pose = standing(len(t), 0.17)
    (limb,) = SIDES[side]
    share = pulses(t, starts, down, hold, down)
    pose.trunk[:, 2] += SIDE[limb] * np.radians(vary(rng, 34)) * share
    pose.pelvis[:, 2] -= SIDE[limb] * np.radians(5) * share
    pose.root[:, 0] -= SIDE[limb] * 0.05 * share
    bring(pose, (limb,), share, 3, 40, 0, 12)
    bring(pose, (1 - limb,), share, 4, vary(rng, 160, 0.05), 20, 20)
    return pose, {"speed": pace, "side": side, "count": str(len(starts))}


def look_around(rng: np.random.Generator) -> Draft:
    pace, side = pick(rng, PACES), pick(rng, ("left", "right"))
    period = vary(rng, 1.1) * TEMPO[pace]
    begin = 0.3 + 0.3 * rng.random()
    t = frames(begin + 3 * period + 0.6)
    pose = standing(len(t), vary(rng, 0.1, 0.2))
    (limb,) = SIDES[side]
    wide = vary(rng, 55) * SIDE[limb]
    turn = keys(
        t,
        (begin, 0.0),
        (begin + 0.7 * period, wide),
        (begin + period, wide),
        (begin + 2.1 * period, -wide),
        (begin + 2.3 * period, -wide),
        (begin + 3 * period, 0.0),
    )
    pose.head[:, 0] = np.radians(0.75 * turn)
    pose.trunk[:, 0] = np.radians(0.45 * turn)
    shade = pulses(t, [begin], 0.7 * period, 1.4 * period, 0.7 * period)
    bring(pose, (limb,), shade, 62, 28, -42, 128)
    return pose, {"speed": pace, "side": side}
