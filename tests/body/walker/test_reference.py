"""The reference subject against published numbers: a test vector, and a Fourier table over speeds
and slopes.
"""

import csv
from pathlib import Path

import numpy as np
import pytest

from jaxdiff.body.walker.completion import complete
from jaxdiff.body.walker.curves import fourier
from jaxdiff.body.walker.dynamics import footprint
from jaxdiff.body.walker.model import COORDINATES
from jaxdiff.body.walker.prescription import prescribe
from jaxdiff.body.walker.projection import PLACE, project
from jaxdiff.body.walker.subjects import Walker

TENTHS = np.arange(0, 150, 15)
VECTOR = {
    "hip": [23.6, 22.4, 15.9, 3.3, -5.7, -11.1, -5.4, 10.6, 21.8, 26.4],
    "knee": [1.9, 13.7, 16.9, 7.9, 5.6, 12.5, 34.7, 55.6, 45.4, 18.7],
    "ankle": [0.5, -5.6, 3.7, 6.8, 13.2, 15.7, -7.5, -12.5, 3.6, 2.6],
    "hip moment": [0.17, 0.49, 0.45, 0.12, -0.09, -0.55, -0.24, -0.11, -0.03, 0.25],
    "knee moment": [-0.17, 0.40, 0.18, -0.29, -0.38, 0.03, 0.09, 0.08, -0.07, -0.15],
    "ankle moment": [0.01, -0.16, 0.43, 0.82, 1.15, 1.22, 0.02, -0.02, 0, 0],
    "normal": [0, 1.08, 1.04, 0.79, 0.97, 1.06, 0.04, 0, 0, 0],
    "forward": [0, -0.17, -0.07, -0.03, 0.05, 0.19, 0.01, 0, 0, 0],
}
TABLE_ERROR = {
    "hip_flexion_r": 0.24,
    "knee_flexion_r": 0.38,
    "ankle_dorsiflexion_r": 0.29,
    "hip_adduction_r": 0.06,
    "pelvis_tx": 0.3,
    "pelvis_ty": 0.3,
    "pelvis_tz": 0.3,
    "trunk_pitch": 0.1,
}
"""Degrees, and thousandths of a leg length."""
PRESSURE = [-0.4, 4.8, 11.0, 12.0, 11.8]


def test_reference_vector(gait):
    stride = gait(0.4, 0.0)
    force = stride.forces.contact.force[0]
    got = {
        **{name: stride.angle(0, joint) for name, joint in (("hip", 0), ("knee", 3), ("ankle", 6))},
        **{
            f"{name} moment": stride.moment(0, joint)
            for name, joint in (("hip", 0), ("knee", 3), ("ankle", 6))
        },
        "normal": force[2],
        "forward": force[0],
    }
    for name, expected in VECTOR.items():
        tolerance = 0.5 if name in ("hip", "knee", "ankle") else 0.05 if "moment" in name else 0.02
        np.testing.assert_allclose(got[name][TENTHS], expected, atol=tolerance, err_msg=name)


def test_reference_centre_of_pressure(gait):
    stride = gait(0.4, 0.0)
    ahead = (
        stride.forces.contact.pressure[0, 0]
        - footprint(stride.forces.motion.pose, stride.stance)[0, 0]
    )
    np.testing.assert_allclose(91.7 * ahead[TENTHS[1:6]], PRESSURE, atol=0.3)


def test_reference_foot_placement():
    unknowns = project(prescribe(Walker(), 0.4, 0.0))
    np.testing.assert_allclose(unknowns[PLACE:], 0.3641, atol=1e-4)


@pytest.fixture(scope="module")
def table():
    """Curve name to {(term, harmonic): nine coefficients}."""
    curves: dict[str, dict[tuple[str, int], np.ndarray]] = {}
    with open(Path(__file__).parent / "reference_gait.csv") as file:
        rows = csv.reader(file)
        next(rows)
        for curve, term, harmonic, *numbers in rows:
            curves.setdefault(curve, {})[term, int(harmonic)] = np.array(numbers, float)
    return curves


@pytest.mark.parametrize(
    "u, b", [(0.2, 0), (0.3, 7.5), (0.4, -10), (0.4, 0), (0.4, 10), (0.5, -5), (0.6, 0)]
)
def test_fourier_table(table, u, b):
    """The table is a regression over many gaits; agreement is within one and a half times its own
    error.
    """
    coefficients = complete(p := prescribe(Walker(), u, b), project(p))
    phase = np.arange(96) / 96
    q = dict(zip(COORDINATES, (fourier(phase, 12) @ coefficients).T))
    q["trunk_pitch"] = q["pelvis_pitch"] + q["lumbar_pitch"]
    s, up, down = (u - 0.4) / 0.2, max(b, 0) / 10, max(-b, 0) / 10
    monomials = np.array([1, s, s * s, up, down, s * up, s * down, down**2, up**2])
    for name, terms in table.items():
        expected = sum(
            (numbers @ monomials) * (np.cos if term == "a" else np.sin)(2 * np.pi * k * phase)
            for (term, k), numbers in terms.items()
        )
        got = q[name] * (1e3 if name.startswith("pelvis") else np.rad2deg(1.0))
        assert np.sqrt(np.mean((got - expected) ** 2)) < 1.5 * TABLE_ERROR[name], name
