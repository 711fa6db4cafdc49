"""Filters: against SciPy and against what each is for."""

import numpy as np
import pytest

from jaxdiff.errors import ConfigError, DataError
from jaxdiff.methods.filters import gaussian, one_euro, savitzky_golay

RNG = np.random.default_rng(0)
SIGNAL = RNG.normal(size=(40, 3, 2)).astype(np.float32)
TIME = np.arange(200) / 50


@pytest.mark.parametrize("deviation", [0.5, 2.0, 15.0])
def test_gaussian_is_scipys(deviation):
    ndimage = pytest.importorskip("scipy.ndimage")
    expected = ndimage.gaussian_filter1d(
        SIGNAL.astype(np.float64), deviation, axis=0, mode="nearest"
    )
    np.testing.assert_allclose(gaussian(SIGNAL, deviation), expected, atol=1e-5)


@pytest.mark.parametrize("window, order", [(5, 2), (9, 3), (39, 4), (1, 0)])
def test_savitzky_golay_is_scipys(window, order):
    signal = pytest.importorskip("scipy.signal")
    expected = signal.savgol_filter(SIGNAL.astype(np.float64), window, order, axis=0)
    np.testing.assert_allclose(savitzky_golay(SIGNAL, window, order), expected, atol=2e-5)


def test_savitzky_golay_leaves_polynomials_of_its_order_alone():
    t = np.linspace(-1, 1, 30)[:, None]
    cubic = (t**3 - 2 * t + 0.5).astype(np.float32)
    np.testing.assert_allclose(savitzky_golay(cubic, 9, 3), cubic, atol=1e-5)


@pytest.mark.parametrize("beta", [0.0, 0.7])
def test_one_euro_is_two_first_order_low_passes_one_setting_the_others_cutoff(beta):
    share = lambda cutoff: 1 / (1 + 50 / (2 * np.pi * cutoff))  # noqa: E731
    expected, speed = [SIGNAL[0]], 0
    for before, x in zip(SIGNAL, SIGNAL[1:]):
        speed = speed + share(1.5) * ((x - before) * 50 - speed)
        expected.append(expected[-1] + share(2.0 + beta * np.abs(speed)) * (x - expected[-1]))
    np.testing.assert_allclose(one_euro(SIGNAL, 50.0, 2.0, beta, 1.5), expected, atol=1e-5)


def test_one_euro_follows_the_fast_and_stills_the_slow():
    noise = 0.01 * RNG.normal(size=TIME.shape)
    still = np.asarray(one_euro((noise)[:, None], 50.0, 0.5, beta=5.0))[50:]
    assert still.std() < 0.4 * noise.std()
    swing = np.sin(2 * np.pi * 2 * TIME)[:, None]
    lag = [
        np.abs(np.asarray(one_euro(swing, 50.0, 0.5, beta)) - swing)[50:].mean()
        for beta in (0.0, 1.0, 5.0)
    ]
    assert lag[0] > lag[1] > lag[2] and lag[2] < lag[0] / 4


def test_constants_pass_and_nonsense_does_not():
    constant = np.full((20, 4), 3.0, np.float32)
    for y in (gaussian(constant, 2.0), savitzky_golay(constant, 5, 2), one_euro(constant, 20.0)):
        np.testing.assert_allclose(y, constant, rtol=1e-6)
    with pytest.raises(ConfigError, match="odd"):
        savitzky_golay(SIGNAL, 6, 2)
    with pytest.raises(DataError, match="shorter"):
        savitzky_golay(SIGNAL, 51, 2)
    with pytest.raises(ConfigError, match="above 0"):
        gaussian(SIGNAL, 0.0)
