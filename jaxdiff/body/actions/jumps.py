"""Leaving the ground: in flight the pelvis and the feet follow the parabola of gravity."""

from __future__ import annotations

import numpy as np

from jaxdiff.body.actions.draws import PACES, SIDES, Draft, bring, frames, pick, rounds, vary
from jaxdiff.body.actions.exercises import lift
from jaxdiff.body.actions.pose import LEFT, RIGHT, SIDE, standing
from jaxdiff.body.actions.tracks import FPS, ease, hermite, pulses

GRAVITY = 9.81


def _fly(
    t: np.ndarray, flights: list[tuple[float, float]], crouch: float, rise: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pelvis height change, height of the feet, and share of heel rise (T,) of ballistic flights
    (takeoff, landing).

    One cubic through standing, crouch, takeoff and landing with speeds +-g T/2: in flight it is the
    parabola itself.
    """
    nodes = [(flights[0][0] - 2.1 * rise, 0.0, 0.0)]
    for off, land in flights:
        speed = GRAVITY * (land - off) / 2
        nodes += [(off - rise, -crouch, 0.0), (off, 0.04, speed), (land, 0.04, -speed)]
    nodes += [
        (flights[-1][1] + 0.8 * rise, -0.75 * crouch, 0.0),
        (flights[-1][1] + 2.2 * rise, 0.0, 0.0),
    ]
    times, heights, speeds = zip(*nodes)
    height = hermite(t, times, heights, speeds)
    feet, heels = np.zeros_like(t), np.zeros_like(t)
    for off, land in flights:
        u = np.clip((t - off) / (land - off), 0, 1)
        feet += GRAVITY * (land - off) ** 2 / 2 * u * (1 - u)
        heels += ease((t - off + 0.6 * rise) / (0.6 * rise)) - ease((t - land + 0.05) / 0.2)
    return height, feet, heels


def _on_frame(time: float) -> float:
    """The nearest frame: feet leave and meet the ground in whole frames."""
    return round(time * FPS) / FPS


def _flights(begin: float, count: int, flight: float, ground: float) -> list[tuple[float, float]]:
    flight, ground = _on_frame(flight), _on_frame(ground)
    return [
        (begin + i * (flight + ground), begin + i * (flight + ground) + flight)
        for i in range(count)
    ]


def _across(
    t: np.ndarray, flights: list[tuple[float, float]], signs: list[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Ground the feet cover: one unit a flight, at constant speed; and the same for the body, which
    leads and lags.
    """
    feet, body = np.zeros_like(t), np.zeros_like(t)
    for (off, land), sign in zip(flights, signs):
        feet += sign * np.clip((t - off) / (land - off), 0, 1)
        body += sign * ease((t - off + 0.3) / (land - off + 0.6))
    return feet, body


def jump(rng: np.random.Generator) -> Draft:
    direction, height = pick(rng, ("up", "forward")), pick(rng, ("low", "high"))
    count = int(rng.integers(1, 4))
    flight = 0.4 if height == "low" else pick(rng, (0.5, 0.55))
    flights = _flights(_on_frame(rng.uniform(1.0, 1.4)), count, flight, vary(rng, 0.75))
    t = frames(flights[-1][1] + vary(rng, 1.0))
    pose = standing(len(t), vary(rng, 0.11, 0.2))
    crouch = 0.2 if height == "low" else 0.32
    change, feet, heels = _fly(t, flights, crouch, 0.32)
    reach = rng.uniform(0.35, 0.7) if direction == "forward" else 0.0
    feet_ahead, body_ahead = _across(t, flights, [1] * count)
    pose.root[:, 1] += change
    pose.root[:, 2] += reach * body_ahead
    pose.feet[..., 2] += reach * feet_ahead[:, None]
    pose.feet[..., 1] += feet[:, None]
    pose.soles[..., 1] += np.radians(48) * heels[:, None]
    low = np.maximum(-change, 0)
    pose.root[:, 2] -= 0.35 * low
    pose.pelvis[:, 1] += 0.9 * low
    pose.trunk[:, 1] += 1.2 * low
    pose.head[:, 1] -= low
    before = pulses(t, [off - 0.7 for off, _ in flights], 0.4, 0.0, 0.3)
    during = pulses(t, [off - 0.22 for off, _ in flights], 0.3, 0.05, 0.6)
    bring(pose, (LEFT, RIGHT), before, -38, 14, 0, 12)
    bring(pose, (LEFT, RIGHT), during, vary(rng, 120 if height == "high" else 70), 14, 0, 25)
    return pose, {"direction": direction, "height": height, "count": str(count)}


def jumping_jacks(rng: np.random.Generator) -> Draft:
    pace = pick(rng, PACES)
    ground = {"slow": 0.5, "normal": 0.35, "fast": 0.2}[pace]
    count = rounds(rng, 2, 6, 2 * (0.3 + ground), around=1.9)
    flights = _flights(_on_frame(rng.uniform(0.7, 1.0)), 2 * count, 0.3, ground)
    t = frames(flights[-1][1] + vary(rng, 0.8))
    pose = standing(len(t), 0.08)
    change, feet, heels = _fly(t, flights, 0.07, min(0.2, 0.6 * ground))
    apart, spread = _across(t, flights, [1, -1] * count)
    pose.root[:, 1] += change
    pose.feet[..., 0] += SIDE * vary(rng, 0.2) * apart[:, None]
    pose.feet[..., 1] += feet[:, None]
    pose.soles[..., 1] += np.radians(35) * heels[:, None]
    bring(pose, (LEFT, RIGHT), spread, 4, vary(rng, 155, 0.04), 15, 14)
    return pose, {"speed": pace, "count": str(count)}


def hop(rng: np.random.Generator) -> Draft:
    side, count = pick(rng, ("left", "right")), int(rng.integers(2, 7))
    (limb,) = SIDES[side]
    other = 1 - limb
    begin = _on_frame(rng.uniform(1.3, 1.6))
    flights = _flights(begin, count, 0.3, vary(rng, 0.4))
    t = frames(flights[-1][1] + vary(rng, 1.2))
    pose = standing(len(t))
    change, feet, heels = _fly(t, flights, 0.09, 0.22)
    single = ease((t - begin + 1.05) / 0.5) - ease((t - flights[-1][1] - 0.35) / 0.5)
    pose.root[:, 1] += change - 0.02 * single
    pose.root[:, 0] += SIDE[limb] * 0.085 * single
    pose.feet[:, limb, 1] += feet
    pose.soles[:, limb, 1] += np.radians(38) * heels
    end = flights[-1][1]
    lift(
        pose,
        t,
        other,
        (begin - 0.95, begin - 0.35),
        (end + 0.3, end + 0.85),
        (0.02, 0.30, -0.22),
        60,
    )
    pose.feet[:, other, 1] += feet
    pose.trunk[:, 2] += SIDE[limb] * np.radians(4) * single
    bring(pose, (LEFT, RIGHT), single, 12, vary(rng, 38, 0.3), 0, 40)
    return pose, {"side": side, "count": str(count)}
