"""Band-limited resampling: y(t) = sum_n x[n] h(t - n), with h a Kaiser-windowed sinc.

Going down, h cuts at 0.9 of the new Nyquist frequency: flat below 0.8 of it, -80 dB at it. Going
up, h cuts at the old Nyquist frequency, so the old samples come back unchanged wherever the two
time grids meet. The ends are continued by point reflection, which keeps constants and slopes.
"""

from __future__ import annotations

import numpy as np

from jaxdiff.data.gaps import bridged
from jaxdiff.errors import DataError

# zero crossings of the sinc on either side of its centre; many, for a narrow band of transition
_LOBES = 24
# few, so that little of the signal feels its ends: flat below 0.7 of the cutoff, gone above 1.3
_SMOOTH_LOBES = 8
_BETA = 8.0  # Kaiser window: about -80 dB


def _kernel(distance: np.ndarray, cutoff: float, half: int) -> np.ndarray:
    """h at distances of up to `half` samples, up to a factor; `cutoff` is a fraction of the Nyquist
    frequency.
    """
    return np.sinc(cutoff * distance) * np.i0(
        _BETA * np.sqrt(np.clip(1 - (distance / half) ** 2, 0, None))
    )


def _continued(values: np.ndarray, half: int) -> np.ndarray:
    if half > 16 * len(values) + 1000:
        raise DataError(
            f"{len(values)} samples are too few for a filter that reaches over {half} of them; the"
            " rate or the cutoff is hardly that of a measurement"
        )
    return np.pad(
        np.asarray(values, np.float64),
        ((half, half + 1), (0, 0)),
        mode="reflect",
        reflect_type="odd",
    )


def smoothed(values: np.ndarray, cutoff: float) -> np.ndarray:
    """Zero-phase low-pass of values [T, C] without gaps.

    Args:
        values: Samples.
        cutoff: Fraction of their Nyquist frequency.

    Raises:
        DataError: If there are too few samples for the cutoff.
    """
    half = int(np.ceil(_SMOOTH_LOBES / cutoff))
    kernel, padded = _kernel(np.arange(-half, half + 1.0), cutoff, half), _continued(values, half)
    size = len(padded) + len(kernel)
    spectrum = np.fft.rfft(padded, size, axis=0) * np.fft.rfft(kernel / kernel.sum(), size)[:, None]
    return np.fft.irfft(spectrum, size, axis=0)[2 * half : 2 * half + len(values)].astype(
        values.dtype
    )


def resampled(values: np.ndarray, old: float, new: float) -> np.ndarray:
    """Values [T, C] at another rate; the first sample keeps its time and gaps (NaN) stay gaps.

    Args:
        values: Samples.
        old: Their rate in Hz.
        new: The rate of the result in Hz.

    Raises:
        DataError: If there are too few samples for the ratio of the rates.
    """
    count = int(np.floor((len(values) - 1) * new / old + 1e-6)) + 1
    position = np.minimum(np.arange(count) * (old / new), len(values) - 1)
    missing = np.isnan(values)
    cutoff = 1.0 if new >= old else 0.9 * new / old
    half = int(np.ceil(_LOBES / cutoff))
    padded, first = _continued(bridged(values), half), np.floor(position).astype(np.int64)
    out, total = np.zeros((count, values.shape[1])), np.zeros(count)
    # Rates with a simple ratio meet at few phases between two samples; the kernel is evaluated once for each.
    phases, which = np.unique(np.round(position - first, 13), return_inverse=True)
    for tap in range(1 - half, half + 1):
        weight = _kernel(phases - tap, cutoff, half)[which]
        out += weight[:, None] * padded[first + tap + half]
        total += weight
    out /= total[:, None]
    if missing.any():
        left, right = (
            np.floor(position + 1e-6).astype(np.int64),
            np.ceil(position - 1e-6).astype(np.int64),
        )
        out[missing[left] | missing[right]] = np.nan
    return out.astype(values.dtype)
