"""The noise of pose estimators: of the size asked for, of the kinds promised, from the seed
alone.
"""

import numpy as np
import pytest

from jaxdiff.body.actions import simulate_clip
from jaxdiff.body.corruption import CLEAN, ESTIMATOR, corrupt
from jaxdiff.body.skeleton import KIT
from jaxdiff.errors import DataError
from jaxdiff.metrics.physical import skating

STILL = np.zeros((4000, 22, 3), np.float32)


def test_no_corruption_changes_nothing_and_a_seed_says_all():
    joints = simulate_clip("walk", 0).joints
    np.testing.assert_array_equal(corrupt(joints, 20.0, 1, CLEAN), joints)
    one, other = corrupt(joints, 20.0, 1), corrupt(joints, 20.0, 2)
    np.testing.assert_array_equal(one, corrupt(joints, 20.0, 1))
    assert (
        one.shape == joints.shape and one.dtype == np.float32 and np.abs(one - other).max() > 0.01
    )


def test_jitter_has_the_size_asked_for_and_grows_along_the_limbs():
    noise = corrupt(STILL, 20.0, 0, CLEAN._replace(jitter=0.02))
    deviation = noise.std((0, 2))
    np.testing.assert_allclose(deviation.mean(), 0.02, rtol=0.03)
    assert deviation[0] < deviation[4] < deviation[7] < deviation[10]


def test_part_of_the_jitter_lasts():
    def kept(memory):
        noise = corrupt(STILL, 20.0, 0, CLEAN._replace(jitter=0.02, memory=memory))
        return float((noise[1:] * noise[:-1]).mean() / np.square(noise).mean())

    np.testing.assert_allclose(
        [kept(0.0), kept(0.5), kept(1.0)], np.exp(-0.5) * np.array([0, 0.5, 1]), atol=0.02
    )


def test_drift_moves_the_body_as_one_with_the_root_of_time():
    paths = [corrupt(STILL[:401], 20.0, seed, CLEAN._replace(drift=0.05)) for seed in range(60)]
    assert max(np.ptp(path, axis=1).max() for path in paths) < 1e-6
    spread = np.std([path[:, 0] for path in paths], axis=(0, 2))
    np.testing.assert_allclose(spread[[100, 400]], 0.05 * np.sqrt([5, 20]), rtol=0.25)


def test_dropped_frames_hold_the_last_pose_for_the_share_asked_for():
    ramp = STILL + np.arange(len(STILL), dtype=np.float32)[:, None, None]
    seen = corrupt(ramp, 20.0, 0, CLEAN._replace(dropped=0.2, spell=0.2))[:, 0, 0]
    lost = seen != ramp[:, 0, 0]
    np.testing.assert_allclose(lost.mean(), 0.2, atol=0.05)
    assert (np.diff(seen)[lost[1:]] == 0).all()
    spells = np.diff(np.flatnonzero(np.diff(np.pad(lost, 1).astype(int))))[::2]
    np.testing.assert_allclose(spells.mean(), 4, rtol=0.2)


def test_skating_slides_the_planted_feet_of_a_walker_and_nobody_who_stands():
    walk = simulate_clip("run", 1).joints
    strong = CLEAN._replace(skate=0.6)
    slid = [skating(corrupt(walk, 20.0, seed, strong))[0].mean() for seed in range(5)]
    assert np.mean(slid) > skating(walk)[0].mean() + 0.02
    still = np.repeat(walk[:1], 50, axis=0)
    np.testing.assert_array_equal(corrupt(still, 20.0, 0, strong), still)
    np.testing.assert_allclose(corrupt(walk, 20.0, 0, strong)[..., 1], walk[..., 1], atol=1e-6)


def test_each_kind_has_a_stream_of_its_own():
    joints, both = simulate_clip("walk", 0).joints, CLEAN._replace(jitter=0.01, drift=0.1)
    together = corrupt(joints, 20.0, 7, both) - corrupt(joints, 20.0, 7, CLEAN._replace(drift=0.1))
    alone = corrupt(joints, 20.0, 7, CLEAN._replace(jitter=0.01)) - joints
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_the_skeleton_must_fit():
    with pytest.raises(DataError, match="21, 3"):
        corrupt(STILL, 20.0, 0, ESTIMATOR, KIT)
