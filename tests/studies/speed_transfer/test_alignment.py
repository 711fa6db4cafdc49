"""Clocks and warps, on strides known in closed form."""

import numpy as np
import pytest
from studies.speed_transfer.walkers import RATE, angles, frequency, recording

from jaxdiff.body.gait import cadence
from jaxdiff.errors import DataError
from jaxdiff.studies.speed_transfer import alignment as al

SLOW, FAST = recording(0.6, begin=0.3), recording(1.6, begin=0.8)


@pytest.mark.parametrize("speed", [0.4, 1.0, 1.8])
@pytest.mark.parametrize("begin", [0.0, 0.31, 0.77])
def test_the_clock_counts_strides_from_the_hip_extension_peak(speed, begin):
    values = recording(speed, begin=begin)
    clock = al.clock(values, RATE)
    true = begin + frequency(speed) * np.arange(len(clock.phase)) / clock.rate
    error = clock.phase - true
    error -= np.round(error.mean())
    assert np.abs(error).max() < 0.03
    assert (np.diff(clock.phase) > 0).all()
    assert abs(clock.frequency / frequency(speed) - 1) < 0.005


def test_a_missed_peak_does_not_shift_the_count():
    """One hip-extension peak of the right leg is flattened: the strides after it keep their numbers."""
    values = recording(1.0)
    period = 1 / frequency(1.0)
    hole = slice(round((10 * period - 0.2) * RATE), round((10 * period + 0.2) * RATE))
    values[hole, al.RIGHT_HIP] = values[hole, al.RIGHT_HIP].max() + 15
    clock = al.clock(values, RATE)
    true = frequency(1.0) * np.arange(len(clock.phase)) / clock.rate
    error = clock.phase - true
    assert np.abs(error - np.round(error[0]))[-1000:].max() < 0.05


def test_too_few_strides_or_none_are_an_error():
    with pytest.raises(
        DataError, match=r"the walk shows \d hip-extension peaks of both legs; 6 are needed"
    ):
        al.clock(recording(1.0, seconds=2.0), RATE, "the walk")
    with pytest.raises(DataError, match="shows 0"):
        al.clock(np.zeros((600, 6), np.float32), RATE)


def test_at_its_own_cadence_a_gait_comes_back_exactly():
    for values in (SLOW, FAST):
        clock = al.clock(values, RATE)
        np.testing.assert_array_equal(
            al.warp(clock, al.retimed_phase(clock, 1.0, len(values))), values
        )


@pytest.mark.parametrize("ratio", [0.7, 1.2, 1.9])
def test_a_retimed_gait_has_the_cadence_and_the_shape(ratio):
    """Faster than its own recording lasts, it walks in a circle without a seam."""
    clock = al.clock(SLOW, RATE)
    phase = al.retimed_phase(clock, ratio, 600)
    out = al.warp(clock, phase)
    hips = [al.RIGHT_HIP, al.LEFT_HIP]
    assert (
        abs(cadence(out[:, hips].T, RATE) / cadence(SLOW[:, hips].T, RATE) - ratio) < 0.01 * ratio
    )
    true = angles(0.6, 0.3 + ratio * frequency(0.6) * np.arange(600) / RATE)
    assert np.abs(out - true).max() < 2.5  # 2 % of a stride at the steepest knee


def test_warping_onto_another_gaits_phase_leaves_only_the_change_of_shape():
    source, target = al.clock(SLOW, RATE), al.clock(FAST, RATE)
    out = al.warp(source, target.phase[:: al.FINER][:600])
    true = angles(0.6, 0.8 + frequency(1.6) * np.arange(600) / RATE)
    assert np.abs(out - true).max() < 2.5
    assert np.abs(FAST - out).max() < 0.6 * np.abs(FAST - SLOW).max()


def test_strides_lie_on_one_grid_of_phases_at_any_speed():
    grid = 30
    for speed, values in ((0.6, SLOW), (1.6, FAST)):
        strides = al.strides(al.clock(values, RATE), grid)
        assert strides.shape[1:] == (grid, 6)
        assert abs(len(strides) - 30 * frequency(speed)) <= 2
        error = strides - angles(speed, np.arange(grid) / grid)
        assert np.abs(error).max() < 2.5
        assert np.abs(error.mean(0)).max() < 1.0


def test_a_curve_is_periodic_and_linear_between_its_points():
    curve = np.random.default_rng(0).normal(size=(10, 2))
    np.testing.assert_allclose(al.curve_at(curve, np.arange(10) / 10 + 3), curve)
    np.testing.assert_allclose(al.curve_at(curve, np.array([-0.05]))[0], (curve[-1] + curve[0]) / 2)
