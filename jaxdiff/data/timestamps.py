"""Time stamps of samples: the rate that uniform ones have, and even samples from those that are not."""

from __future__ import annotations

import numpy as np

from jaxdiff.errors import DataError


class StampError(DataError):
    """A time stamp that is missing, out of order or not uniform; `sample` counts from 0."""

    def __init__(self, sample: int, what: str):
        super().__init__(f"sample {sample + 1}: {what}")
        self.sample, self.what = sample, what


def evenly_sampled(
    time: np.ndarray, values: np.ndarray, irregular: bool = False
) -> tuple[np.ndarray, float]:
    """Samples at one rate, from samples with two time stamps or more.

    Args:
        time: Time stamps [T] in seconds.
        values: Samples [T, C].
        irregular: Interpolate where the stamps are not uniform, at their mean rate.

    Returns:
        Samples [T, C] from the first stamp on, and their rate in Hz.

    Raises:
        StampError: If the stamps are not uniform and `irregular` is false.
    """
    found = _uniform_rate(time)
    if found is not None:
        return values, found
    if not irregular:
        step = np.diff(time)
        usual = np.median(step)
        i = int(np.argmax(np.abs(step - usual))) + 1
        what = f"time is not uniform: a step of {step[i - 1]:.6g} s among steps of {usual:.6g} s"
        raise StampError(i, what + "; give the rate to resample to")
    rate = (len(time) - 1) / (time[-1] - time[0])
    even = time[0] + np.arange(len(time)) / rate
    columns = [np.interp(even, time, channel) for channel in values.T]
    return np.stack(columns, axis=1).astype(values.dtype), rate


def check_order(time: np.ndarray) -> None:
    """Raises a StampError where a stamp [T] is missing or does not come after the one before."""
    absent = np.flatnonzero(~(np.abs(time) < 1e9))
    if len(absent):
        raise StampError(int(absent[0]), f"{time[absent[0]]} s is no usable time stamp")
    back = np.flatnonzero(np.diff(time) < 1e-9)
    if len(back):
        i = int(back[0]) + 1
        raise StampError(i, f"time does not increase: {time[i - 1]} s, then {time[i]} s")


def _uniform_rate(time: np.ndarray) -> float | None:
    """The rate of uniform time stamps, as the roundest number that explains them; None if they are
    not uniform.
    """
    index, step = np.arange(len(time)), (time[-1] - time[0]) / (len(time) - 1)
    decimals = next((d for d in range(10) if np.array_equal(np.round(time, d), time)), None)
    rounding = 0.0 if decimals is None else 10.0**-decimals
    residual = np.abs(time - time[0] - index * step).max()
    if residual > min(max(0.05 * step, rounding), 0.25 * step):
        return None
    # Stamps printed with few decimals leave room for a round rate; exact ones do not.
    tolerance = min(rounding, 3 * residual) + 1e-10 * step + 4 * np.spacing(np.abs(time).max())
    for digits in range(-1, 10):
        rate = round(1 / step, digits)
        if rate > 0 and np.abs(time - time[0] - index / rate).max() <= tolerance:
            return rate
    return float(1 / step)
