"""The numerical tools against closed forms and scipy."""

import numpy as np
import pytest

from jaxdiff.body.walker import curves

PHASE = np.arange(96) / 96


def test_fourier_fit_inverts_the_basis():
    coefficients = np.random.default_rng(0).standard_normal((25, 3))
    np.testing.assert_allclose(
        curves.fourier_fit(curves.fourier(PHASE, 12) @ coefficients, 12), coefficients, atol=1e-12
    )


def test_spectral_derivatives_are_exact_for_harmonics():
    wave, quarter = (np.cos(2 * np.pi * 5 * PHASE + shift) for shift in (0.3, 0.3 + np.pi / 2))
    np.testing.assert_allclose(
        curves.spectral_derivative(96, 1) @ wave, 10 * np.pi * quarter, atol=1e-10
    )
    np.testing.assert_allclose(
        curves.spectral_derivative(96, 2) @ wave, -((10 * np.pi) ** 2) * wave, atol=1e-8
    )


def test_difference_is_of_eighth_order():
    def error(n: int) -> float:
        x = np.arange(n) / n
        got = n * curves.difference(np.sin(2 * np.pi * x))
        return np.abs(got - 2 * np.pi * np.cos(2 * np.pi * x[4:-4])).max()

    assert np.log2(error(20) / error(40)) == pytest.approx(8.0, abs=0.3)


def test_smoothstep():
    x = np.linspace(-1, 2, 301)
    s = curves.smoothstep(x)
    assert s[0] == 0.0 and s[-1] == 1.0 and np.all(np.diff(s) >= 0)
    np.testing.assert_allclose(s + s[::-1], 1.0, atol=1e-15)


def test_pchip_equals_scipy():
    interpolate = pytest.importorskip("scipy.interpolate")
    rng = np.random.default_rng(1)
    knots, values = np.sort(rng.uniform(0, 1, 9)), rng.standard_normal(9)
    values[4] = values[3]
    many = interpolate.PchipInterpolator(
        np.concatenate([knots - 1, knots, knots + 1]), np.tile(values, 3)
    )
    shuffled = rng.permutation(9)
    got = curves.periodic_pchip(knots[shuffled], values[shuffled], PHASE)
    np.testing.assert_allclose(got, many(PHASE), atol=1e-12)


def test_natural_spline_equals_scipy():
    interpolate = pytest.importorskip("scipy.interpolate")
    knots, values = np.array([-10.0, -4.0, 0.0, 5.0, 10.0]), np.array([1.0, -2.0, 0.5, 3.0, 2.0])
    at = np.linspace(-10, 10, 41)
    expected = interpolate.CubicSpline(knots, values, bc_type="natural")(at)
    np.testing.assert_allclose(curves.natural_spline(knots, at) @ values, expected, atol=1e-12)
    assert curves.natural_spline(np.array([0.0]), at).shape == (41, 1)


def test_lagrange_reproduces_polynomials():
    knots, at = np.array([0.22, 0.30, 0.38, 0.46]), np.linspace(0.2, 0.5, 13)
    np.testing.assert_allclose(curves.lagrange(knots, at) @ knots**3, at**3, atol=1e-14)


def test_stride_spline_is_smooth_and_keeps_lines():
    x = np.linspace(2.0, 8.0, 6001)
    np.testing.assert_allclose(curves.stride_spline(np.arange(12.0) + 0.5, x), x, atol=1e-12)
    bend = np.diff(curves.stride_spline(np.random.default_rng(0).standard_normal(12), x), 2) * 1e6
    assert np.abs(np.diff(bend)).max() < 0.02, "the second derivative must not jump"


def test_low_pass_keeps_slow_and_stops_fast():
    taps = curves.low_pass(0.04, 150)
    n = np.arange(-150, 151)

    def gain(frequency: float) -> float:
        return abs((taps * np.cos(2 * np.pi * frequency * n)).sum())

    assert gain(0.0) == pytest.approx(1.0)
    assert gain(6 / 200) == pytest.approx(1.0, abs=2e-3)
    assert max(gain(f / 200) for f in np.arange(10, 100)) < 1e-3
