"""Newton and energy of the batched walker as numbers: what is recorded against the motion of all
segments.

python -m benchmarks.walker.checks [--people=32]

The solved gaits are moved once more by `kinematics.newton_euler`. Forces and centres of pressure as
they are recorded must carry the whole wrench (residual at the root) but for the moments that soft
tissue takes; without it, the whole. Joint powers, the two lumbar and shoulder powers that are not
recorded, and the power of the ground on the feet must add up to the change of mechanical energy.
"""

from __future__ import annotations

import argparse

import jax
import numpy as np

from jaxdiff.body.walker import kinematics
from jaxdiff.body.walker.batch import (
    CHANNELS,
    draw_people,
    draw_tasks,
    simulate,
    solve_gaits,
)
from jaxdiff.body.walker.curves import fourier
from jaxdiff.body.walker.grid import DEGREE
from jaxdiff.body.walker.instruments import ideal
from jaxdiff.body.walker.kinematics import FEET, MARGIN, NAMES
from jaxdiff.body.walker.model import GRAVITY, OUTWARD, SEGMENTS
from jaxdiff.body.walker.planar import body
from jaxdiff.body.walker.stance import stride_time
from jaxdiff.body.walker.traits import dimensionless
from jaxdiff.body.walker.whole import HARMONICS

POINTS = 100


def balance(people: int = 32, seed: int = 0, rigid: bool = False) -> dict[str, np.ndarray]:
    """Residuals of one gait each of many people, healthy and impaired.

    Args:
        people: Number of people.
        seed: Their seed.
        rigid: Without soft tissue, the feet carry every moment that the motion demands.

    Returns:
        "force" (body weights) and "moment" (body weight times leg length): largest residual at the
        root per gait; "spread": root mean square of the moment over the stride; "energy" (W/kg):
        mean over the stride of the power that is not accounted for;
        "power" (W/kg): root mean square of the recorded joint powers, for comparison.
    """
    rng = np.random.default_rng([seed, 7])
    t = ideal(draw_people(rng, people, impaired=0.5))
    t = t._replace(
        knee_floor=t.knee_floor - 90.0
    )  # no soft stop, so that angles are the Fourier series
    if rigid:
        t = t._replace(soft_tissue=np.zeros(people))
    tasks = draw_tasks(rng, t, 1)._replace(wander=np.zeros((people, 1)))
    out = simulate(
        t,
        tasks,
        1,
        POINTS,
        rng=rng,
        modalities=("grf", "cop", "moments", "powers"),
        variability=0.0,
    )
    u, b = dimensionless(t, tasks.speed)[:, 0], tasks.slope[:, 0]
    factor = t.stride_factor * tasks.cadence[:, 0]
    with jax.enable_x64(True):
        return {
            name: np.asarray(values)
            for name, values in _residuals(t, factor, u, b, solve_gaits(t, factor, u, b), out)
        }


def _residuals(t, factor, u, b, coefficients, out):
    second = np.sqrt(t.leg_length / GRAVITY)
    basis = fourier(np.arange(-MARGIN, POINTS + MARGIN) / POINTS, HARMONICS)
    q = np.einsum("pk,mkc->cmp", basis, coefficients)
    rate = np.broadcast_to((POINTS / np.asarray(stride_time(factor, u, b)))[:, None], q.shape[1:])
    slope = DEGREE * b[:, None]
    sizes = kinematics.proportions(body(t))
    pose = kinematics.forward(q, sizes)
    motion = kinematics.newton_euler(q, rate, slope, sizes)
    half, inner = MARGIN // 2, slice(MARGIN // 2, -(MARGIN // 2))

    def column(modality: str, name: str) -> np.ndarray:
        return out[modality][:, 0, 0, :, CHANNELS[modality].index(name)].astype(float)

    def speed(values) -> np.ndarray:
        return np.asarray(rate[:, inner] * kinematics.difference(values))[..., half:-half]

    weight = GRAVITY * t.leg_length[:, None]
    force, moment, ground = 0.0, 0.0, 0.0
    for leg, (foot, side) in enumerate(zip(FEET, "rl")):
        sideways = -OUTWARD[leg]
        rows = [column("grf", f"grf_{name}_{side}") for name in ("forward", "medial", "normal")]
        push = np.stack([rows[0], sideways * rows[1], rows[2]]) / GRAVITY
        ankle = np.asarray(motion.joint[foot])
        at = np.stack(
            [
                ankle[0] + column("cop", f"cop_forward_{side}") / t.leg_length[:, None],
                ankle[1] + sideways * column("cop", f"cop_medial_{side}") / t.leg_length[:, None],
                0.0 * ankle[0],
            ]
        )
        force, moment = force + push, moment + np.cross(at, push, axis=0)
        spin = np.asarray(motion.spin[foot])
        slip = speed(pose.joint[foot]) + np.cross(spin, at - ankle, axis=0)
        ground = ground + (push * slip).sum(0)
    lacking = force - np.asarray(motion.total)
    twist = (moment - np.asarray(motion.moment))[:2]
    free = -(moment - np.asarray(motion.moment))[2]  # not recorded: carried by free moments
    share = np.stack([column("grf", f"grf_normal_{side}") for side in "rl"])
    share = share / share.sum(0)
    turning = np.stack([np.asarray(motion.spin[foot][2]) for foot in FEET])
    ground = ground + free * (share * turning).sum(0)

    carried, joints = 0.0, 0.0
    for i in range(len(NAMES)):
        centre = np.stack([np.asarray(c) for c in pose.centre[i]])
        carried = carried + (np.asarray(motion.force[i]) * speed(centre)).sum(0)
        carried = carried + (np.asarray(motion.couple[i]) * np.asarray(motion.spin[i])).sum(0)
    for name, distal in (
        ("trunk", ("trunk", "arm_r", "arm_l")),
        ("arm_r", ("arm_r",)),
        ("arm_l", ("arm_l",)),
    ):
        i = NAMES.index(name)
        torque = 0.0
        for segment in distal:
            k = NAMES.index(segment)
            arm = np.asarray(motion.centre[k] - motion.joint[i])
            torque = torque + np.asarray(motion.couple[k])
            torque = torque + np.cross(arm, np.asarray(motion.force[k]), axis=0)
        relative = np.asarray(motion.spin[i] - motion.spin[SEGMENTS[i].parent])
        joints = joints + (torque * relative).sum(0)
    legs = sum(
        column("powers", f"{joint}_power_{s}") for s in "rl" for joint in ("hip", "knee", "ankle")
    )
    scale = weight / second[:, None]
    lost = scale * (carried - joints - ground) - legs
    yield "force", np.abs(lacking).max((0, 2))
    yield "moment", np.abs(twist).max((0, 2))
    yield "spread", np.sqrt(np.square(twist).sum(0).mean(-1))
    yield "energy", np.abs(lost.mean(-1))
    yield "power", np.sqrt(np.square(legs).mean(-1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=32)
    args = parser.parse_args()
    kinds = {"as drawn": balance(args.people), "rigid": balance(args.people, rigid=True)}
    heads = [f"{statistic}, {kind}" for kind in kinds for statistic in ("median", "largest")]
    print("| quantity | " + " | ".join(heads) + " |\n|---|" + "---|" * len(heads))
    for name in kinds["rigid"]:
        cells = [
            f"{statistic(found[name]):.2g}"
            for found in kinds.values()
            for statistic in (np.median, np.max)
        ]
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
