"""The distance to the nearest training clip, where the answer is known."""

import numpy as np
import pytest

from jaxdiff.errors import DataError
from jaxdiff.metrics.memorisation import EVERY, STRIDE, WINDOW, nearest

RNG = np.random.default_rng(0)
KNOWN = [RNG.normal(size=(frames, 63)) for frames in (40, 64, 20)]


def test_a_repeated_clip_has_no_distance_and_a_moved_one_that_of_its_joints():
    copied, moved = KNOWN[1][2 * STRIDE :], KNOWN[0] + np.array([0.03, 0.04, 0.0] * 21)
    np.testing.assert_allclose(nearest([copied, moved], KNOWN), [0, 0.05], atol=2e-3)


def test_another_motion_is_far():
    other = RNG.normal(size=(WINDOW, 63))
    differences = [
        np.sqrt(((clip[i : i + WINDOW : EVERY] - other[::EVERY]) ** 2).sum(-1).mean() / 21)
        for clip in KNOWN[:2]
        for i in range(0, len(clip) - WINDOW + 1, STRIDE)
    ]
    np.testing.assert_allclose(nearest([other], KNOWN), min(differences), rtol=1e-4)


def test_motions_of_less_than_a_window_are_refused():
    with pytest.raises(DataError, match="32 frames"):
        nearest([KNOWN[2]], KNOWN)
