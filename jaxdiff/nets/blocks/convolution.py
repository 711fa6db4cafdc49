"""Convolutions over time, channels last, with PyTorch's strides and zero padding, and GroupNorm of
single frames.

Conv1d, stride s, padding p:            y[j] = b + Σ_k x[s j + k - p] W[k]
ConvTranspose1d, kernel 4, stride 2, padding 1:   y[2i + k - 1] += x[i] W[k]

XLA's own convolution is used but where channels are many on a CPU (`winograd`): a product over
unfolded frames is as fast forwards, a third slower in training where frames are many, and faster
only where weights outnumber frames. The transposed convolution is one product over two unfolded
frames, since each output frame has exactly two terms; as a convolution of two taps its gradient is
eight times slower on a CPU.
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdiff.nets.blocks import winograd
from jaxdiff.nets.blocks.dense import product
from jaxdiff.nets.blocks.norm import along, normalise


def conv1d(x: jax.Array, kernel: jax.Array, stride: int = 1, padding: int = 0) -> jax.Array:
    """Convolution of `x (..., T, in)` with `kernel (k, in, out)`, zero padded by `padding` on both
    sides.
    """
    flat = x.reshape(-1, *x.shape[-2:])
    if stride == 1 and winograd.pays(x, kernel):
        y = winograd.convolve(flat, kernel, padding)
        return y.reshape(*x.shape[:-2], *y.shape[-2:])
    layout = ("NWC", "WIO", "NWC")
    y = jax.lax.conv_general_dilated(
        flat, kernel, (stride,), [(padding, padding)], dimension_numbers=layout
    )
    return y.reshape(*x.shape[:-2], *y.shape[-2:])


class Conv1D(nn.Module):
    """`conv1d` with a bias; the default padding keeps the length at stride 1."""

    features: int
    kernel_size: int
    stride: int = 1
    padding: int | None = None
    kernel_init: Any = nn.initializers.lecun_normal()
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        shape = (self.kernel_size, x.shape[-1], self.features)
        kernel = self.param("kernel", self.kernel_init, shape, jnp.float32)
        bias = self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32)
        padding = self.kernel_size // 2 if self.padding is None else self.padding
        y = conv1d(x.astype(self.dtype), kernel.astype(self.dtype), self.stride, padding)
        return y + along(bias.astype(self.dtype), y)


class Upsample1D(nn.Module):
    """The transposed convolution of kernel 4, stride 2, padding 1:
    `(..., T, in) -> (..., 2T, features)`.

    `y[2j-1] = x[j-1] W[2] + x[j] W[0]` and `y[2j] = x[j-1] W[3] + x[j] W[1]`: one product of two
    frames at a time gives both.
    """

    features: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        init = nn.initializers.variance_scaling(2.0, "fan_in", "truncated_normal")
        kernel = self.param("kernel", init, (4, x.shape[-1], self.features), jnp.float32)
        bias = self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32)
        taps = kernel.reshape(2, 2, -1, self.features)[::-1].swapaxes(1, 2)
        taps = taps.reshape(-1, 2 * self.features).astype(self.dtype)
        x, still = x.astype(self.dtype), [(0, 0)] * (x.ndim - 2)
        before, after = (jnp.pad(x, [*still, ends, (0, 0)]) for ends in ((1, 0), (0, 1)))
        y = product(jnp.concatenate([before, after], -1), taps)
        y = y.reshape(*x.shape[:-2], -1, self.features)[..., 1:-1, :]
        return y + along(bias.astype(self.dtype), y)


class FrameGroupNorm(nn.Module):
    """GroupNorm of each frame by itself: statistics over the channels of a group, never over
    time.
    """

    groups: int
    dtype: Any = jnp.float32

    def __call__(self, x: jax.Array) -> jax.Array:
        scale, bias = self.affine(x.shape[-1])
        y = normalise(x.reshape(*x.shape[:-1], self.groups, -1))
        y = y.reshape(x.shape)
        return (y * along(scale, y) + along(bias, y)).astype(self.dtype)

    @nn.compact
    def affine(self, channels: int) -> tuple[jax.Array, jax.Array]:
        """Scale and bias of the channels."""
        return (
            self.param("scale", nn.initializers.ones, (channels,), jnp.float32),
            self.param("bias", nn.initializers.zeros, (channels,), jnp.float32),
        )
