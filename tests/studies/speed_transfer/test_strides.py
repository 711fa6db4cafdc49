"""Stride states: Fourier coefficients of the mean stride, whatever it was recorded with."""

import numpy as np
import pytest

from jaxdiff.errors import DataError
from jaxdiff.studies.speed_transfer import strides

from .walkers import angles


def smooth(phase):
    return angles(1.2, phase, manner=3.0)


def test_coefficients_return_the_curve():
    phase = np.arange(100) / 100
    found = strides.curves(strides.coefficients(smooth(phase)), 100)
    np.testing.assert_allclose(found, smooth(phase), atol=1e-9)


def test_mean_square_of_a_curve_is_the_sum_of_squared_coefficients():
    state = np.random.default_rng(0).normal(size=6 * strides.TERMS)
    curve = strides.curves(state, 200)
    np.testing.assert_allclose(np.square(curve).mean(0).sum(), np.square(state).sum(), rtol=1e-9)


@pytest.mark.parametrize("rate", [20.0, 60.0, 147.0])
def test_state_does_not_depend_on_the_rate(rate):
    frequency = 0.9
    phase = frequency * np.arange(round(8 * rate)) / rate
    strikes = np.arange(7) / frequency * rate
    found = strides.gait(smooth(phase), rate, strikes, 1.2)
    expected = strides.coefficients(smooth(np.arange(100) / 100))
    error = strides.curves(found.mean - np.append(expected, [0, 0, 0]), 50)
    assert np.abs(error).max() < {20.0: 1.5, 60.0: 0.2, 147.0: 0.05}[rate]
    np.testing.assert_allclose(
        found.mean[strides.STRIDE_TIME] * strides.SCALE[strides.STRIDE_TIME], np.log(1 / frequency)
    )
    assert found.strides == 6


def test_one_stride_is_a_gait_and_none_is_not():
    values = smooth(np.linspace(0, 1, 101))
    assert strides.gait(values, 100.0, [0, 100], 1.0).strides == 1
    with pytest.raises(DataError, match="one whole stride"):
        strides.gait(values, 100.0, [50], 1.0)


def test_mirroring_exchanges_the_legs_and_shifts_by_half_a_stride():
    phase = np.arange(100) / 100
    state = np.append(strides.coefficients(smooth(phase)), [1.0, 2.0, 3.0])
    turned = strides.curves(strides.mirrored(state), 100)
    np.testing.assert_allclose(
        turned, np.roll(np.roll(smooth(phase), 50, axis=0), 3, axis=1), atol=1e-9
    )
    np.testing.assert_allclose(strides.mirrored(strides.mirrored(state)), state)


def test_missing_channels_stay_missing():
    values = smooth(np.linspace(0, 3, 301))
    values[:, 3:] = np.nan
    found = strides.gait(values, 100.0, [0, 100, 200, 300], 1.0)
    legs = found.measured[: 6 * strides.TERMS].reshape(6, -1)
    assert legs[:3].all() and not legs[3:].any()
    assert not found.measured[strides.STATURE]
