"""Periodic curves and curves over strides: the few numerical tools the walker is drawn with.

Phases run over [0, 1) of a stride, strides are numbered along a coordinate `x` whose integers are
heel strikes.
"""

from __future__ import annotations

import numpy as np

STENCIL = np.array([672.0, -168.0, 32.0, -3.0]) / 840.0
REACH = len(STENCIL)


def smoothstep(x: np.ndarray | float) -> np.ndarray:
    """`S(x) = x³(10 - 15x + 6x²)` with `x` clipped to [0, 1]: quintic, twice continuously
    differentiable.
    """
    x = np.clip(x, 0.0, 1.0)
    return x * x * x * (10.0 - 15.0 * x + 6.0 * x * x)


def fourier(phase: np.ndarray, harmonics: int) -> np.ndarray:
    """Basis (…, 1 + 2K): a constant, K cosines, K sines of the phase."""
    angle = 2.0 * np.pi * np.asarray(phase)[..., None] * np.arange(1, harmonics + 1)
    return np.concatenate([np.ones(angle.shape[:-1] + (1,)), np.cos(angle), np.sin(angle)], axis=-1)


def fourier_fit(curve: np.ndarray, harmonics: int) -> np.ndarray:
    """Least-squares coefficients (1 + 2K, …) of samples (N, …) taken uniformly over one period."""
    basis = fourier(np.arange(len(curve)) / len(curve), harmonics)
    coefficients = np.tensordot(basis, curve, axes=(0, 0)) * (2.0 / len(curve))
    coefficients[0] *= 0.5
    return coefficients


def spectral_derivative(n: int, order: int) -> np.ndarray:
    """The exact phase derivative of `n` uniform samples of one period, as a matrix (n, n)."""
    wave = 2.0j * np.pi * np.fft.fftfreq(n, 1.0 / n)
    return np.fft.ifft((wave**order)[:, None] * np.fft.fft(np.eye(n), axis=0), axis=0).real


def periodic_pchip(knots: np.ndarray, values: np.ndarray, phase: np.ndarray) -> np.ndarray:
    """Monotone cubic interpolation (Fritsch-Carlson) through points of a curve of period 1."""
    order = np.argsort(knots)
    x, y = knots[order], values[order]
    x = np.concatenate([x[-2:] - 1.0, x, x[:2] + 1.0])
    y = np.concatenate([y[-2:], y, y[:2]])
    h, slope = np.diff(x), np.diff(y) / np.diff(x)
    before, after = slope[:-1], slope[1:]
    w_before, w_after = h[:-1] + 2.0 * h[1:], 2.0 * h[:-1] + h[1:]
    monotone = before * after > 0.0
    safe_before, safe_after = np.where(monotone, before, 1.0), np.where(monotone, after, 1.0)
    tangent = np.where(
        monotone, (w_before + w_after) / (w_before / safe_before + w_after / safe_after), 0.0
    )
    x, y, h = x[1:-1], y[1:-1], h[1:-1]
    i = np.clip(np.searchsorted(x, phase, side="right") - 1, 0, len(h) - 1)
    t = (phase - x[i]) / h[i]
    hermite = (1 + 2 * t) * (1 - t) ** 2, t * (1 - t) ** 2, t**2 * (3 - 2 * t), t**2 * (t - 1)
    return (
        hermite[0] * y[i]
        + hermite[1] * h[i] * tangent[i]
        + hermite[2] * y[i + 1]
        + hermite[3] * h[i] * tangent[i + 1]
    )


def lagrange(knots: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Weights (…, n) of the polynomial through n knots."""
    n = len(knots)
    gap = np.asarray(at)[..., None] - knots
    weights = np.empty(gap.shape)
    for i in range(n):
        others = np.arange(n) != i
        weights[..., i] = np.prod(gap[..., others], axis=-1) / np.prod(knots[i] - knots[others])
    return weights


def natural_spline(knots: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Weights (…, n) of the natural cubic spline through n knots; constant where there is only
    one.
    """
    at = np.asarray(at)
    n = len(knots)
    if n == 1:
        return np.ones(at.shape + (1,))
    h = np.diff(knots)
    system, right = np.eye(n), np.zeros((n, n))
    for i in range(1, n - 1):
        system[i, i - 1 : i + 2] = h[i - 1], 2.0 * (h[i - 1] + h[i]), h[i]
        right[i, i - 1 : i + 2] = 6.0 / h[i - 1], -6.0 / h[i - 1] - 6.0 / h[i], 6.0 / h[i]
    curvature = np.linalg.solve(system, right)
    i = np.clip(np.searchsorted(knots, at, side="right") - 1, 0, n - 2)
    a, b = (knots[i + 1] - at) / h[i], (at - knots[i]) / h[i]
    bend = h[i] ** 2 / 6.0
    eye = np.eye(n)
    return (
        a[..., None] * eye[i]
        + b[..., None] * eye[i + 1]
        + ((a**3 - a) * bend)[..., None] * curvature[i]
        + ((b**3 - b) * bend)[..., None] * curvature[i + 1]
    )


def stride_spline(values: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Blend one value per stride (S, …) into a C² curve: the cubic B-spline, each value centred in
    its stride.
    """
    at = x - 0.5
    base = np.floor(at).astype(int)
    t = at - base
    weights = (1 - t) ** 3, 4 - 6 * t**2 + 3 * t**3, 1 + 3 * t + 3 * t**2 - 3 * t**3, t**3
    total = np.zeros(x.shape + values.shape[1:])
    for offset, weight in zip((-1, 0, 1, 2), weights):
        stride = np.clip(base + offset, 0, len(values) - 1)
        total += values[stride] * (weight / 6.0).reshape(x.shape + (1,) * (values.ndim - 1))
    return total


def difference(y: np.ndarray) -> np.ndarray:
    """Central difference of 8th order per sample, along the last axis; four samples shorter at each
    end.
    """
    n = y.shape[-1]
    inner = n - 2 * REACH
    total = np.zeros(y.shape[:-1] + (inner,))
    for k, weight in enumerate(STENCIL, start=1):
        total += weight * (
            y[..., REACH + k : REACH + k + inner] - y[..., REACH - k : REACH - k + inner]
        )
    return total


def low_pass(cutoff: float, half_width: int) -> np.ndarray:
    """A linear-phase FIR low-pass (Blackman-windowed sinc, unit gain at rest); `cutoff` in cycles
    per sample.
    """
    n = np.arange(-half_width, half_width + 1)
    taps = np.sinc(2.0 * cutoff * n) * np.blackman(2 * half_width + 3)[1:-1]
    return taps / taps.sum()
