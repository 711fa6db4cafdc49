"""The reference subject's gaits without any variability, shared by the tests of the walker."""

from typing import NamedTuple

import numpy as np
import pytest

from jaxdiff.body.walker.completion import complete
from jaxdiff.body.walker.curves import difference
from jaxdiff.body.walker.model import FEET, GRAVITY, LEG, forward
from jaxdiff.body.walker.nodes import BASIS, STRIDE
from jaxdiff.body.walker.prescription import prescribe
from jaxdiff.body.walker.projection import project
from jaxdiff.body.walker.subjects import Walker
from jaxdiff.body.walker.timing import duty, leg_phase, stance_and_swing, stride_time
from jaxdiff.body.walker.trials import CORE, SPARE, Kinetics, Walk, kinetics


class Stride(NamedTuple):
    """One periodic right stride, 150 samples, with velocities."""

    walker: Walker
    u: float
    slope: float
    period: float
    q: np.ndarray
    speed: np.ndarray
    acceleration: np.ndarray
    forces: Kinetics
    stance: np.ndarray

    def moment(self, leg: int, joint: int) -> np.ndarray:
        """Internal moment in Nm/kg; joints 0, 3, 6 are hip, knee, ankle in the sagittal plane."""
        return -self.forces.torques[LEG[leg, joint]] * GRAVITY * self.walker.leg_length

    def angle(self, leg: int, joint: int) -> np.ndarray:
        return np.rad2deg(self.q[LEG[leg, joint]])

    def foot_points(self, leg: int, point) -> tuple[np.ndarray, np.ndarray]:
        """A point of the foot and its velocity relative to the belt."""
        three = forward(np.tile(self.q, 3)).point(FEET[leg], point)
        rate = STRIDE / self.period
        velocity = rate * difference(three)[:, STRIDE - 4 : 2 * STRIDE - 4]
        velocity[0] += self.u
        return three[:, :STRIDE], velocity


def _take(tree, keep):
    if isinstance(tree, np.ndarray):
        return tree[..., keep]
    return type(tree)(*(_take(part, keep) for part in tree))


@pytest.fixture(scope="session")
def gait():
    """`gait(u, b, walker)`: the periodic gait at speed u on a slope of b degrees."""
    solved = {}
    reference = Walker()

    def solve(u: float, b: float, walker: Walker = reference, key: str = "reference") -> Stride:
        if (u, b, key) not in solved:
            p = prescribe(walker, u, b)
            coefficients = complete(p, project(p))
            q = np.tile((BASIS @ coefficients).T, 1 + 2 * SPARE)
            n = q.shape[1]
            period = float(stride_time(walker, u, b))
            rate = STRIDE / period
            time = (np.arange(n) / rate - period) * np.sqrt(walker.leg_length / GRAVITY)
            flat = np.ones(n)
            forces = kinetics(Walk(walker, 1, time, u * flat, u * flat, b * flat, rate * flat, q))
            keep = slice(SPARE * STRIDE - CORE.start, SPARE * STRIDE - CORE.start + STRIDE)
            speed = rate * difference(q)
            acceleration = rate * difference(speed)[..., keep]
            stance, _ = stance_and_swing(
                leg_phase(walker, np.arange(STRIDE) / STRIDE), duty(walker, np.full(STRIDE, u))
            )
            solved[u, b, key] = Stride(
                walker=walker,
                u=u,
                slope=np.deg2rad(b),
                period=period,
                q=q[:, :STRIDE],
                speed=speed[..., keep.start + 4 : keep.stop + 4],
                acceleration=acceleration,
                forces=_take(forces, keep),
                stance=stance,
            )
        return solved[u, b, key]

    return solve
