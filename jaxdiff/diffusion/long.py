"""Sequences longer than the training window, by joint denoising of overlapping windows.

At every step each window yields its own estimate of the clean sample, and estimates are blended
where windows overlap (MultiDiffusion, Bar-Tal et al. 2023, applied to x0 and along time). All
windows continue from the same blended sample, so their estimates become consistent at the seams;
blending finished windows would merely hide the inconsistency.
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
    """Extend a denoiser of windows [..., window, C] to sequences [..., T, C].

    Args:
      denoise: `(x_t, t, *conditions) -> x0_hat` of one window; it is vmapped over windows, so
        conditions captured in its closure are shared by all of them.
      window: frames per window.
      overlap: frames shared by neighbouring windows.
      *conditions: arrays [..., T, K] aligned with the sequence, which are cut into the same
        windows.

    Returns:
      A denoiser of sequences.

    Raises:
      ConfigError: if the overlap is not smaller than the window.
      DataError: if a sequence is shorter than the window.
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
    """Mean frame-to-frame difference at window boundaries relative to that elsewhere; 1 if seams
    are invisible.

    Args:
      x: sequences [..., T, C].
      window: frames per window.
      overlap: frames shared by neighbouring windows.

    Returns:
      The ratio of the two means.
    """
    starts = _starts(x.shape[-2], window, overlap)
    length = x.shape[-2]
    seam = np.isin(np.arange(1, length), np.concatenate([starts, starts + window]))
    if not 0 < seam.sum() < length - 1:
        raise DataError(
            f"{length} frames in windows of {window} contain no seam, or nothing but seams"
        )
    jump = jnp.linalg.norm(jnp.diff(x, axis=-2), axis=-1)
    return jnp.mean(jump[..., seam]) / jnp.mean(jump[..., ~seam])


def _starts(length: int, window: int, overlap: int) -> np.ndarray:
    """First frames of the windows that cover the sequence; the last one is shifted to end with the
    sequence.
    """
    if not 0 <= overlap < window:
        raise ConfigError(
            f"overlap must be between 0 and {window - 1} frames for a window of {window}; got"
            f" {overlap}"
        )
    if length < window:
        raise DataError(f"a sequence of {length} frames is shorter than the window of {window}")
    stride = window - overlap
    return np.minimum(np.arange(0, length - overlap, stride), length - window)


def _weights(frames: np.ndarray, overlap: int) -> np.ndarray:
    """Blending weights [windows, window]: linear cross-fades over the overlap that sum to one at
    every frame.
    """
    inside = np.arange(1, frames.shape[1] + 1)
    fade = np.minimum(np.minimum(inside, inside[::-1]), overlap + 1) / (overlap + 1)
    total = np.bincount(frames.ravel(), np.broadcast_to(fade, frames.shape).ravel())
    return fade / total[frames]
