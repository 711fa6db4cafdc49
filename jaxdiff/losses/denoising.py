"""The denoising loss and its weights over noise levels.

`L = w_t · mean_{valid frames, channels} c_d (x_hat - x)²` for one example of shape (T, D), where
the target x is the clean signal, the noise or the velocity. In the speed-transfer paper (II.D.3)
the channel weights are 1, 2, 1 for hip, knee, ankle; they are used as given, not normalised.

Errors of a clean signal recovered from predicted noise grow as `1/SNR`, `SNR = alpha²/sigma²`
(24777 at the last step of the linear schedule), so losses on recovered signals are weighted by
`alpha²` or by min-SNR (Hang et al. 2023).
"""

from __future__ import annotations

import jax.numpy as jnp

from jaxdiff.errors import ConfigError, nearest
from jaxdiff.typing import Array


def masked_mean(values: Array, mask: Array | None = None) -> Array:
    """Mean over valid frames.

    Args:
      values: one example [T, ...].
      mask: valid frames [T]; None for all.

    Returns:
      A scalar, 0 if no frame is valid.
    """
    if mask is None:
        return values.mean()
    valid = mask.astype(values.dtype)
    frames = values.reshape(values.shape[0], -1).mean(-1)
    return (frames * valid).sum() / jnp.maximum(valid.sum(), 1)


def denoising(
    x_hat: Array, x: Array, mask: Array | None = None, channel_weights: Array | None = None
) -> Array:
    """Mean squared error of one example.

    Args:
      x_hat: estimate [T, D].
      x: target [T, D].
      mask: valid frames [T]; None for all.
      channel_weights: weights [D], used as given, not normalised.

    Returns:
      A scalar.
    """
    error = jnp.square(x_hat - x)
    return masked_mean(error if channel_weights is None else error * channel_weights, mask)


def alpha_bar_weight(alpha: Array) -> Array:
    """`alpha_bar = alpha²`, the share of signal power: 1 for a clean signal, 0 for noise."""
    return jnp.square(alpha)


def min_snr_weight(alpha: Array, sigma: Array, gamma: float = 5.0, prediction: str = "x0") -> Array:
    """Weight of the loss of a prediction that weights the error of x0 by `min(SNR, gamma)`.

    Args:
      alpha: signal level.
      sigma: noise level.
      gamma: largest weight of the error of x0.
      prediction: `x0`, `eps` or `v`.

    Returns:
      `min(SNR, gamma)` times 1 for x0, 1/SNR for the noise, 1/(SNR + 1) for the velocity; finite
      for sigma or alpha 0.

    Raises:
      ConfigError: unknown prediction.
    """
    signal, noise = jnp.square(alpha), jnp.square(sigma)
    clipped = jnp.minimum(signal, gamma * noise)  # min(SNR, gamma) sigma²
    scale = {"x0": noise, "eps": signal, "v": signal + noise}
    if prediction not in scale:
        raise ConfigError(f"no prediction {prediction!r}; {nearest(prediction, scale)}")
    limit = {"x0": gamma, "eps": 1.0, "v": 0.0}[
        prediction
    ]  # the quotient where its denominator vanishes
    denominator = scale[prediction]
    return jnp.where(denominator > 0, clipped / jnp.where(denominator > 0, denominator, 1), limit)
