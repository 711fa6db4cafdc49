"""Dynamics of a clip: blind to pose and place, sharp on order, speed and standing still."""

import numpy as np
import pytest

from jaxdiff.body import rotations
from jaxdiff.body.actions import simulate_clip
from jaxdiff.body.humanml3d import LAYOUT_22
from jaxdiff.errors import DataError
from jaxdiff.metrics import dynamics

CLIPS = [
    simulate_clip(a, s).joints[:60] for a in ("walk", "wave", "jump", "kick") for s in range(3)
]
REAL = dynamics.rows_of(CLIPS, LAYOUT_22, 20.0)
SCALE = dynamics.scale(REAL)


def distance(clips):
    return dynamics.distance(dynamics.rows_of(clips, LAYOUT_22, 20.0), REAL, SCALE)


def test_every_number_has_a_name_and_turning_or_moving_a_clip_changes_none():
    assert REAL.shape == (len(CLIPS), len(dynamics.names()))
    turn = rotations.about("y", np.asarray(0.8))
    moved = [rotations.rotate(turn, clip) + np.array([3.0, 0, 1.0]) for clip in CLIPS]
    np.testing.assert_allclose(
        dynamics.rows_of(moved, LAYOUT_22, 20.0), REAL, atol=1e-3 * SCALE.max()
    )


def test_controls_are_far_and_small_noise_is_near():
    rng = np.random.default_rng(0)
    near = distance([clip + 1e-4 * rng.normal(size=clip.shape) for clip in CLIPS])
    controls = {
        "shuffled": [clip[rng.permutation(len(clip))] for clip in CLIPS],
        "frozen": [np.repeat(clip[:1], len(clip), 0) for clip in CLIPS],
        "other": CLIPS[3:] + CLIPS[:3],
        "slower": [np.repeat(clip[:30], 2, axis=0) for clip in CLIPS],
    }
    far = {name: distance(clips) for name, clips in controls.items()}
    assert near < 0.1 and min(far.values()) > 0.3, (near, far)


def test_clips_without_a_second_difference_are_refused():
    with pytest.raises(DataError, match="three frames"):
        dynamics.dynamics(CLIPS[0][:2], LAYOUT_22, 20.0)
