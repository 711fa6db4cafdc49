"""What the blocks of the U-Net need of the text and of the noise level, for all of them in one
product.

Parameters stay with their blocks and are joined when they are used. The blocks themselves are not
scanned: resolution and skips differ from level to level, so only the two blocks of a level could
share a scan, and only where the first has the width of the second (4 of 9 pairs of the released
size). That would shorten the program by a tenth and copy every parameter before it is used
(docs/performance.md has the counts).
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from jaxdiff.nets.blocks.film import modulated
from jaxdiff.nets.blocks.norm import normalise
from jaxdiff.nets.unet.blocks import Block, Modulation

Context = tuple[Any, ...]
"""What each block's attention needs of the text."""


def contexts(blocks: list[Block], text: jax.Array, deterministic: bool) -> Context:
    """The contexts of blocks of one width for the text tokens `(..., N, D)`."""
    dtype, heads, linear = blocks[0].dtype, blocks[0].heads, blocks[0].linear
    parts = [block.attend.variables["params"] for block in blocks]
    count, width, tokens = len(blocks), text.shape[-1], normalise(text)
    scale, bias = (_joined(parts, "text_norm", n).reshape(count, -1) for n in ("scale", "bias"))
    kernel = _joined(parts, "key_value", "kernel").reshape(width, count, -1)
    offset = jnp.einsum("gd,dgw->gw", bias, kernel).ravel() + _joined(parts, "key_value", "bias")
    kernel = (kernel * scale.T[..., None]).reshape(width, -1)
    both = tokens.astype(dtype) @ kernel.astype(dtype) + offset.astype(dtype)
    both = both.reshape(*both.shape[:-1], count, 2, heads, -1)
    shape = (*both.shape[:-4], count * heads, both.shape[-1])
    k, v = both[..., 0, :, :].reshape(shape), both[..., 1, :, :].reshape(shape)
    found = blocks[0].attend.attended(k, v, deterministic)
    split = [jnp.split(a, count, axis=-3 if linear else -2) for a in jax.tree.leaves(found)]
    return tuple(split[0]) if linear else tuple(zip(*split))


def modulations(blocks: list[Block], time: jax.Array) -> list[Modulation]:
    """The modulations of blocks of one width by one embedding `(..., 1 or T, time_width)`."""
    dtype = blocks[0].dtype
    parts, count = [block.residual.variables["params"] for block in blocks], len(blocks)
    kernel, bias = (_joined(parts, "time", name).astype(dtype) for name in ("kernel", "bias"))
    y = (time @ kernel + bias).reshape(*time.shape[:-1], count, 2, -1)
    s, b = (y[..., i, :].reshape(*time.shape[:-1], -1) for i in (0, 1))
    scale, shift = (_joined(parts, "norm_0", name) for name in ("scale", "bias"))
    return list(zip(*(jnp.split(a, count, -1) for a in modulated(scale, shift, s, b))))


def _joined(parts: list[Any], module: str, name: str) -> jax.Array:
    """A parameter of many modules, one after the other along its last axis."""
    return jnp.concatenate([part[module][name] for part in parts], -1)
