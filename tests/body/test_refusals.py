"""Rates, variants and figures that make no sense are refused, also where they would give some
number.
"""

import numpy as np
import pytest

from jaxdiff.body import gait
from jaxdiff.body.humanml3d import LAYOUT_22, features_from_joints
from jaxdiff.body.skeleton import HUMANML3D
from jaxdiff.errors import ConfigError, DataError

HIP = np.sin(np.arange(300) / 5)
JOINTS = np.cumsum(HUMANML3D.offsets, axis=0) + np.zeros((4, 1, 1), np.float32)


@pytest.mark.parametrize("rate", [0.0, -20.0, float("nan")])
def test_a_rate_is_positive(rate):
    with pytest.raises(DataError, match="positive"):
        gait.cadence(HIP, rate)


def test_a_stride_has_two_ends():
    with pytest.raises(ConfigError, match="two points or more"):
        gait.normalise_strides(HIP, np.array([3, 5]), points=1)


def test_a_misspelt_variant_is_not_taken_for_the_other():
    with pytest.raises(ConfigError, match="'legacy' and 'fixed'; got 'fixd'"):
        features_from_joints(JOINTS, LAYOUT_22, "fixd")


def test_the_bones_of_another_figure():
    with pytest.raises(DataError, match=r"\(22, 3\); got \(21, 3\)"):
        features_from_joints(JOINTS, LAYOUT_22, "fixed", np.zeros((21, 3)))
