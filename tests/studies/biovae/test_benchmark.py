"""The refinement benchmark: on motions whose answers are known."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxdiff.body.actions import simulate_clip
from jaxdiff.body.corruption import CLEAN
from jaxdiff.diffusion import schedules
from jaxdiff.methods.motion_scale import Scale
from jaxdiff.studies.biovae.benchmark import (
    COLUMNS,
    FILTERS,
    benchmark,
    by_inversion,
    by_one_pass,
    table,
)

SCHEDULE = schedules.linear(1000, 1e-4, 0.02)
CLIPS = [simulate_clip(action, 0).joints[:48] for action in ("walk", "punch", "squat")]
UNIT = Scale(np.zeros(263, np.float32), np.ones(263, np.float32), 20.0)


def shrinking(x_t, t):
    """The exact denoiser of standard normal features."""
    return schedules.at(SCHEDULE, t)[0] * x_t


@pytest.fixture(scope="module")
def rows():
    return benchmark(CLIPS, {"nothing": lambda joints, rate: joints, **FILTERS}, seeds=(0, 1))


def test_the_truth_has_no_error_and_doing_nothing_is_the_corrupted_row(rows):
    truth, nothing = rows["truth"], rows["nothing"]
    assert (
        max(truth["mpjpe"][0], truth["accel_error"][0], truth["place"][0], nothing.pop("harm")[0])
        < 1e-3
    )
    assert nothing == rows["corrupted"] and len(nothing["mpjpe"]) == 2
    assert rows["corrupted"]["jerk"][0] > 2 * truth["jerk"][0]


def test_every_filter_brings_acceleration_nearer_the_truth_and_harms_clean_motion_a_little(rows):
    for name in FILTERS:
        assert rows[name]["accel_error"][0] < 0.5 * rows["corrupted"]["accel_error"][0], name
        assert 0 < rows[name]["harm"][0] < 40, name


def test_the_table_has_every_row_and_column(rows):
    text = table(rows, "Refinement", len(CLIPS)).markdown()
    assert all(name in text for name in (*rows, *COLUMNS.values()))


def test_inversion_and_the_same_way_back_cancel_as_steps_get_small_and_another_way_moves_the_motion():
    clip = CLIPS[0][:20]
    error = [
        np.abs(by_inversion(shrinking, shrinking, UNIT, 0.2, n)(clip, 20.0) - clip).max()
        for n in (50, 200)
    ]
    assert error[1] < error[0] / 2 < 0.05  # DDIM is of first order in its steps
    np.testing.assert_allclose(
        by_inversion(shrinking, shrinking, UNIT, 0.0)(clip, 20.0), clip, atol=2e-4
    )
    still = by_inversion(shrinking, lambda x_t, t: jnp.zeros_like(x_t), UNIT, 0.2)(clip, 20.0)
    assert np.abs(still - clip).max() > 0.1


def test_one_pass_moves_clean_motion_by_what_the_network_does_not_reproduce():
    clip = CLIPS[0][:20]
    for off in (0.0, 0.01):
        place = np.zeros(263, np.float32)
        place[3] = off  # height of the root

        def network(x_t, t, place=place):
            return x_t + place

        moved = by_one_pass(network, UNIT)(clip, 20.0) - clip
        np.testing.assert_allclose(moved[:, 0, 1], off, atol=2e-4)
    once = [by_one_pass(shrinking, UNIT, floor=floor)(clip, 20.0) for floor in (0.0, 0.2)]
    near, far = (np.abs(each - clip).max() for each in once)
    assert near < 0.01 < far  # the denoiser of standard normal features shrinks more at more noise


def test_it_is_the_corruption_asked_for():
    quiet = benchmark(CLIPS, {}, CLEAN, seeds=(0,))
    np.testing.assert_allclose(quiet["corrupted"]["mpjpe"], 0, atol=1e-3)
