"""A stroke leaves a weak side: smaller ranges, less load, less propulsion than the other, wherever
it is.
"""

import numpy as np
import pytest

from jaxdiff.body.walker.subjects import Walker, able_bodied, impaired, stroke_survivor


@pytest.mark.parametrize("severity", [0.4, 1.0])
@pytest.mark.parametrize("paretic", ["right", "left"])
def test_paretic_side_does_less(gait, severity, paretic):
    stride = gait(0.2, 0.0, impaired(Walker(), severity, paretic), f"stroke {severity} {paretic}")
    weak, other = (0, 1) if paretic == "right" else (1, 0)
    for joint in (0, 3, 6):
        assert np.ptp(stride.angle(weak, joint)) < np.ptp(stride.angle(other, joint)) - 1.0
    force = stride.forces.contact.force
    assert force[weak, 2].mean() < force[other, 2].mean() - 0.005
    push = np.maximum(force[:, 0], 0.0).mean(-1)
    assert push[weak] < push[other]
    assert (stride.stance[weak] <= 1).mean() < (stride.stance[other] <= 1).mean()


def test_severe_stroke_loads_and_pushes_unequally(gait):
    stride = gait(0.2, 0.0, impaired(Walker(), 1.0, "right"), "stroke 1.0 right")
    force = stride.forces.contact.force
    load = force[:, 2].mean(-1)
    push = np.maximum(force[:, 0], 0.0).mean(-1)
    assert load[0] / load.sum() == pytest.approx(0.47, abs=0.02)
    assert push[0] / push.sum() == pytest.approx(0.42, abs=0.03)


def test_sides_are_mirror_images(gait):
    right, left = (
        gait(0.25, 0.0, impaired(Walker(), 0.7, side), f"stroke 0.7 {side}")
        for side in ("right", "left")
    )
    for joint in (0, 3, 6):
        assert np.ptp(right.angle(0, joint)) == pytest.approx(np.ptp(left.angle(1, joint)), abs=0.3)
        assert np.ptp(right.angle(1, joint)) == pytest.approx(np.ptp(left.angle(0, joint)), abs=0.3)


def test_draws_are_as_described():
    rng = np.random.default_rng(0)
    people = [stroke_survivor(rng) for _ in range(600)]
    severity = np.array([walker.severity for walker in people])
    assert (
        severity.min() >= 0.25
        and severity.max() <= 1.0
        and severity.mean() == pytest.approx(0.625, abs=0.03)
    )
    assert np.mean([walker.paretic == "left" for walker in people]) == pytest.approx(
        11 / 19, abs=0.06
    )
    for walker in people:
        assert 1.6 - 0.7 * walker.severity <= walker.top_speed <= 1.6 - 0.42 * walker.severity
        assert 0.3 < walker.chosen_speed < walker.top_speed
    able = [able_bodied(rng) for _ in range(600)]
    assert np.mean([walker.leg_length for walker in able]) == pytest.approx(0.906, abs=0.01)
    assert np.std([np.log(walker.stride_factor) for walker in able]) == pytest.approx(
        0.045, rel=0.15
    )
    assert {walker.paretic for walker in able} == {""}
