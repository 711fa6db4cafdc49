"""Motion longer than the training window: overlapping windows denoised together so that their seams agree.

At every step each window gives its own estimate of the clean sample, and where windows overlap the estimates are
blended (MultiDiffusion, Bar-Tal et al. 2023, on x0 and along time). As all windows continue from one blended sample,
they come to agree where they meet; blending finished windows instead would only hide that they do not.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from jaxdiff.errors import ConfigError, DataError
from jaxdiff.typing import Array, Denoiser


def stitch(
    denoise: Callable[..., Array], window: int, overlap: int, *conditions: Array
) -> Denoiser:
    """A Denoiser of windows `(…, window, C)` as one of long sequences `(…, T, C)`.

    The windows are an axis of their own under `vmap`: a condition that `denoise` holds is the same for all of them.
    Those that run along with the sequence, `conditions` of shape `(…, T, ·)`, are cut into the same windows and given to
    `denoise(x_t, t, *conditions)`.
    """

    def stitched(x_t: Array, t: Array) -> Array:
        frames = _starts(x_t.shape[-2], window, overlap)[:, None] + np.arange(window)
        parts = [condition[..., frames, :] for condition in conditions]
        over_windows = jax.vmap(denoise, in_axes=(-3, None, *[-3] * len(parts)), out_axes=-3)
        estimates = over_windows(x_t[..., frames, :], t, *parts)
        weights = _weights(frames, overlap).astype(estimates.dtype)
        return (
            jnp.zeros(x_t.shape, estimates.dtype)
            .at[..., frames, :]
            .add(weights[..., None] * estimates)
        )

    return stitched


def seam_ratio(x: Array, window: int, overlap: int) -> Array:
    """The mean jump between frames where a window begins or ends, over the mean jump elsewhere: 1 if no seam shows."""
    starts = _starts(x.shape[-2], window, overlap)
    length = x.shape[-2]
    seam = np.isin(np.arange(1, length), np.concatenate([starts, starts + window]))
    if not 0 < seam.sum() < length - 1:
        raise DataError(
            f"{length} frames in windows of {window} have no seam to compare with what lies between seams"
        )
    jump = jnp.linalg.norm(jnp.diff(x, axis=-2), axis=-1)
    return jnp.mean(jump[..., seam]) / jnp.mean(jump[..., ~seam])


def _starts(length: int, window: int, overlap: int) -> np.ndarray:
    """The first frames of windows that cover the sequence; the last one is moved back to end with it."""
    if not 0 <= overlap < window:
        raise ConfigError(
            f"windows of {window} frames overlap by 0 … {window - 1} of them, not {overlap}"
        )
    if length < window:
        raise DataError(f"a sequence of {length} frames is shorter than the window of {window}")
    stride = window - overlap
    return np.minimum(np.arange(0, length - overlap, stride), length - window)


def _weights(frames: np.ndarray, overlap: int) -> np.ndarray:
    """`(windows, window)`: each window fades in and out over the overlap, and the weights on a frame sum to one."""
    inside = np.arange(1, frames.shape[1] + 1)
    fade = np.minimum(np.minimum(inside, inside[::-1]), overlap + 1) / (overlap + 1)
    total = np.bincount(frames.ravel(), np.broadcast_to(fade, frames.shape).ravel())
    return fade / total[frames]
