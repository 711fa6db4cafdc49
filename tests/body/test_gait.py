"""Gait events on signals with known events, cadence against the reference numbers, strides against
closed forms.
"""

import numpy as np
import oracles
import pytest

from jaxdiff.body import gait
from jaxdiff.errors import ConfigError, DataError


def hip_angle(frequency, rate=100.0, seconds=30.0, phase=0.3, noise=0.0, seed=0):
    """A hip-like angle: one deep minimum a cycle, and a plateau with a small dip in swing."""
    x = 2 * np.pi * frequency * np.arange(int(rate * seconds)) / rate + phase
    angle = 10 + 20 * np.cos(x) + 6 * np.cos(2 * x + 2.6) + 2 * np.cos(5 * x)
    return angle + noise * np.random.default_rng(seed).normal(size=x.shape)


def test_golden_cadence():
    golden = oracles.under(oracles.arrays("metrics"), "cadence")
    rate, duration = float(golden["fs"]), float(golden["duration"])
    for hip, minima, span, window, true in zip(
        *(golden[key] for key in ("hip", "minima", "span", "window", "true")), strict=True
    ):
        for side, expected in zip(hip, minima):
            expected = expected[expected >= 0]
            np.testing.assert_array_equal(gait.hip_extension_peaks(side, rate), expected)
        for form, value in [("span", span), ("window", window)]:
            sides = [
                gait.cadence_from_minima(side[side >= 0], rate, duration, form) for side in minima
            ]
            assert np.mean(sides) == pytest.approx(value, abs=1e-9)
            assert gait.cadence(hip, rate, form) == pytest.approx(value, abs=1e-9)
        assert gait.cadence(hip, rate) == pytest.approx(true, abs=0.1)


@pytest.mark.parametrize("frequency", [0.45, 0.7, 1.0, 1.6])
@pytest.mark.parametrize("rate", [20.0, 100.0])
@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_one_peak_a_cycle_at_any_cadence(frequency, rate, noise):
    hip = hip_angle(frequency, rate, noise=noise)
    assert gait.stride_duration(hip, rate) == pytest.approx(
        1 / frequency, abs=1.5 / rate + 0.01 * noise
    )
    peaks = gait.hip_extension_peaks(hip, rate)
    assert (
        np.abs(np.diff(peaks) / rate * frequency - 1).max()
        < 0.05 + 2 / rate * frequency + 0.05 * noise
    )
    assert gait.cadence(hip, rate) == pytest.approx(120 * frequency, abs=0.5 + 0.5 * noise)


def test_a_pure_hertz_is_120_steps_a_minute():
    hip = np.sin(2 * np.pi * np.arange(3000) / 100)
    assert gait.cadence(hip, 100.0) == 120
    assert gait.cadence(hip, 100.0, "window") == pytest.approx(120 * 29 / 30)
    assert gait.cadence(np.stack([hip, hip]), 100.0) == 120


def test_strikes_are_half_a_cycle_after_hip_extension():
    hip = np.cos(2 * np.pi * np.arange(1000) / 100)
    np.testing.assert_allclose(gait.hip_extension_peaks(hip, 100.0), np.arange(50, 1000, 100))
    np.testing.assert_allclose(gait.strikes_from_hip(hip, 100.0), np.arange(100, 1000, 100))


@pytest.mark.parametrize("treadmill", [True, False])
def test_the_foot_strikes_where_it_is_furthest_ahead(treadmill):
    time = np.arange(600) / 60
    forward = np.array([0.6, 0, 0.8])
    pelvis = forward * (0 if treadmill else 1.2) * time[:, None]
    foot = pelvis + forward * 0.3 * np.sin(2 * np.pi * time)[:, None]
    np.testing.assert_allclose(
        gait.strikes_from_foot(foot, pelvis, forward, 60.0), np.arange(15, 600, 60)
    )


def test_signals_without_cycles_have_no_events():
    turn = np.pi * np.arange(600) / 40
    slow = np.cos(turn) + 0.6 * np.cos(2 * turn)  # strides of 4 s; uncorrelated below 3 s
    for hip in [np.zeros(100), np.linspace(0, 1, 100), np.ones(3), slow]:
        assert (
            len(gait.hip_extension_peaks(hip, 20.0)) == 0
            and len(gait.strikes_from_hip(hip, 20.0)) == 0
        )
        assert np.isnan(gait.cadence(hip, 20.0))
    assert np.isnan(gait.cadence_from_minima([3], 20.0, 10.0))


def test_flat_bottoms_count_once():
    hip = np.tile([3.0, 2, 1, 1, 1, 2, 3, 4, 4, 4], 10)
    np.testing.assert_array_equal(gait.hip_extension_peaks(hip, 10.0), np.arange(3, 100, 10))


def test_strides_on_101_points():
    time = np.arange(500) / 100
    values = np.stack([time, np.sin(2 * np.pi * time)], axis=-1)
    strides = gait.normalise_strides(values, np.array([50, 150, 250.5]))
    assert strides.shape == (2, 101, 2)
    np.testing.assert_allclose(strides[0, :, 0], np.linspace(0.5, 1.5, 101))
    np.testing.assert_allclose(strides[1, :, 0], np.linspace(1.5, 2.505, 101))
    np.testing.assert_allclose(strides[0, :, 1], np.sin(2 * np.pi * strides[0, :, 0]), atol=1e-9)
    assert gait.normalise_strides(values[:, 0], np.array([0, 499])).shape == (1, 101)
    assert gait.normalise_strides(values, np.zeros(0)).shape == (0, 101, 2)
    same = gait.normalise_strides(values[:101], np.array([0, 100]))
    np.testing.assert_allclose(same[0], values[:101], atol=1e-12)


def test_impossible_requests_speak():
    with pytest.raises(ConfigError, match="'spam'"):
        gait.cadence(hip_angle(1.0), 100.0, "spam")
    with pytest.raises(DataError, match="499"):
        gait.normalise_strides(np.zeros(500), np.array([10, 600]))
    with pytest.raises(DataError, match="finite"):
        gait.hip_extension_peaks(np.full(100, np.nan), 20.0)
