"""Feet stand on the belt, loads are where feet are, and a symmetric or scaled walker walks as it
should.
"""

import numpy as np
import pytest

from jaxdiff.body.walker.dynamics import footprint
from jaxdiff.body.walker.model import ARM, BALL_POINT, GRAVITY, LEG
from jaxdiff.body.walker.subjects import Walker

TASKS = [(u, b) for u in (0.27, 0.4) for b in (-10.0, 0.0, 10.0)]


@pytest.mark.parametrize("u, b", TASKS)
def test_load_lies_under_the_foot(gait, u, b):
    stride = gait(u, b)
    contact = stride.forces.contact
    prints = footprint(stride.forces.motion.pose, stride.stance)
    assert contact.force[:, 2].min() >= 0.0
    for leg, s in enumerate(stride.stance):
        loaded = (s > 0.05) & (s < 0.95)
        ahead, aside = 91.7 * (contact.pressure[leg, :2] - prints[leg])[:, loaded]
        assert ahead.min() > -7.0 and ahead.max() < 20.0
        assert np.abs(aside).max() < 1.2
        force = contact.force[leg][:, contact.force[leg, 2] > 0.05]
        assert (np.hypot(force[0], force[1]) / force[2]).max() < 0.7


@pytest.mark.parametrize("u, b", TASKS)
def test_stance_foot_sticks(gait, u, b):
    stride = gait(u, b)
    for leg, s in enumerate(stride.stance):
        still = (s > 0.20) & (s < 0.92)
        place, velocity = stride.foot_points(leg, BALL_POINT)
        scale = np.sqrt(GRAVITY * stride.walker.leg_length)
        assert 917 * np.sqrt(np.mean(place[2, still] ** 2)) < 3.0
        assert scale * np.sqrt(np.mean((velocity[:2, still] ** 2).sum(0))) < 0.06


@pytest.mark.parametrize("u, b", [(0.4, 0.0), (0.33, -10.0)])
def test_symmetric_walker_is_symmetric(gait, u, b):
    stride = gait(u, b)
    half = np.roll(np.arange(150), -75)
    np.testing.assert_allclose(stride.q[LEG[1]][:, half], stride.q[LEG[0]], atol=1e-6)
    np.testing.assert_allclose(stride.q[ARM[1]][half], stride.q[ARM[0]], atol=1e-12)
    force = stride.forces.contact.force
    np.testing.assert_allclose(force[1][:, half], force[0] * np.array([[1], [-1], [1]]), atol=1e-6)


def test_mass_changes_nothing_per_kilogram(gait):
    light, heavy = (gait(0.4, 0.0, Walker(mass=m), f"mass {m}") for m in (50.0, 100.0))
    np.testing.assert_array_equal(light.moment(0, 6), heavy.moment(0, 6))
    np.testing.assert_array_equal(light.forces.contact.force, heavy.forces.contact.force)


def test_size_scales_by_similarity(gait):
    """The same u means the same angles and forces; moments per kilogram grow with the leg."""
    small, tall = (
        gait(0.4, 0.0, Walker(leg_length=length), f"leg {length}") for length in (0.8, 1.0)
    )
    np.testing.assert_array_equal(small.q, tall.q)
    np.testing.assert_allclose(small.moment(0, 6) / 0.8, tall.moment(0, 6), atol=1e-12)


def test_trends_of_the_reference(gait):
    """What grows with speed and slope in people grows here."""

    def features(u: float, b: float) -> dict[str, float]:
        stride = gait(u, b)
        force, hip, knee = stride.forces.contact.force[0], stride.moment(0, 0), stride.moment(0, 3)
        return {
            "first peak": force[2, 8:40].max(),
            "braking": -force[0].min(),
            "propulsion": force[0].max(),
            "ankle": stride.moment(0, 6).max(),
            "knee": knee[:45].max(),
            "hip flexor": -hip[45:100].min(),
            "hip extensor": hip[:60].max(),
            "cadence": 1.0 / stride.period,
        }

    slow, middle, fast = (features(u, 0.0) for u in (0.27, 0.33, 0.40))
    for name in ("first peak", "braking", "propulsion", "ankle", "knee", "hip flexor", "cadence"):
        assert slow[name] < middle[name] < fast[name], name
    slopes = {b: features(0.33, b) for b in (-10.0, -5.0, 0.0, 5.0, 10.0)}
    assert slopes[0.0]["hip extensor"] < slopes[5.0]["hip extensor"] < slopes[10.0]["hip extensor"]
    assert slopes[0.0]["knee"] < slopes[5.0]["knee"] < slopes[10.0]["knee"]
    assert slopes[0.0]["knee"] < slopes[-5.0]["knee"] < slopes[-10.0]["knee"]
