"""Band-limited resampling: y(t) = sum_n x[n] h(t - n), with h a Kaiser-windowed sinc.

Going down, h cuts at 0.9 of the new Nyquist frequency: flat below 0.8 of it, -80 dB at it. Going up, h cuts at the old
Nyquist frequency, so the old samples come back unchanged wherever the two time grids meet. The ends are continued by
point reflection, which keeps constants and slopes.
"""

from __future__ import annotations

import numpy as np

_LOBES = 24  # zero crossings of the sinc on either side of its centre
_BETA = 8.0  # Kaiser window: about -80 dB


def filtered(values: np.ndarray, position: np.ndarray, cutoff: float) -> np.ndarray:
    """`values` (T, C), low-passed at `cutoff` (as a fraction of their Nyquist frequency), at sample `position` (N,)."""
    half = int(np.ceil(_LOBES / cutoff))
    padded = np.pad(np.asarray(values, np.float64), ((half, half + 1), (0, 0)), mode="reflect", reflect_type="odd")
    first = np.floor(position).astype(np.int64)
    out = np.zeros((len(position), values.shape[1]))
    total = np.zeros(len(position))
    for tap in range(1 - half, half + 1):
        distance = position - first - tap
        weight = np.sinc(cutoff * distance) * np.i0(_BETA * np.sqrt(np.clip(1 - (distance / half) ** 2, 0, None)))
        out += weight[:, None] * padded[first + tap + half]
        total += weight
    return out / total[:, None]


def resampled(values: np.ndarray, old: float, new: float) -> np.ndarray:
    """`values` (T, C) at `old` Hz brought to `new` Hz; the first sample stays where it was. Gaps (NaN) stay gaps."""
    count = int(np.floor((len(values) - 1) * new / old + 1e-6)) + 1
    position = np.minimum(np.arange(count) * (old / new), len(values) - 1)
    missing = np.isnan(values)
    out = filtered(bridged(values), position, 1.0 if new >= old else 0.9 * new / old)
    if missing.any():
        left, right = np.floor(position + 1e-6).astype(np.int64), np.ceil(position - 1e-6).astype(np.int64)
        out[missing[left] | missing[right]] = np.nan
    return out.astype(values.dtype)


def bridged(values: np.ndarray) -> np.ndarray:
    """`values` (T, C) with every gap (NaN) bridged by a straight line; the ends hold the nearest value."""
    out, index = np.array(values), np.arange(len(values))
    for channel in out.T:
        missing = np.isnan(channel)
        if missing.all():
            channel[:] = 0
        elif missing.any():
            channel[missing] = np.interp(index[missing], index[~missing], channel[~missing])
    return out
