"""Transformer encoder and decoder layers as PyTorch defines them: post-norm (`norm_first=False`)

    h = norm1(h + attend(h)),   h = norm2(h + W2 act(W1 h))

or pre-norm, `h = h + attend(norm1(h))` and so on. LayerNorm has eps 1e-5; dropout acts on the
attention weights, after attention, after the activation and after the second linear map. Masks are
true where a query may attend.

Stacks are scanned (`stacked`): the parameters of all layers are one tree, `layers`, with a leading
axis, so the size of a program and its compilation time do not grow with depth.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxdiff.nets.backend import backend
from jaxdiff.nets.blocks.attention import MultiHeadAttention
from jaxdiff.nets.blocks.dropout import Dropout
from jaxdiff.nets.blocks.dropout import layer as numbered
from jaxdiff.nets.blocks.norm import LayerNorm


def stacked(layer: type[nn.Module], depth: int, *options: Any) -> Callable[..., jax.Array]:
    """A stack of `depth` equal layers as one scan; call it within a module's `nn.compact` method.

    Args:
      layer: a module class whose call is `(x, *shared) -> x`, where `shared` is the same for all
        layers.
      depth: number of layers.
      options: the fields of every layer.

    Returns:
      `(x, *shared) -> x`. The parameters are under `layers`, each with a leading axis of length
      `depth`.
    """
    if not depth:
        return lambda x, *shared: x

    def one(module: nn.Module, x: jax.Array, index: jax.Array, shared: Any) -> tuple[Any, None]:
        with numbered(index):  # tells the layers' dropout apart, without splitting the key
            return module(x, *shared), None

    scan = nn.scan(
        one,
        variable_axes={"params": 0, "intermediates": 0},
        split_rngs={"params": True, "dropout": False},
        in_axes=(0, nn.broadcast),
        length=depth,
        # A CPU compiles a loop no faster, and copies the parameters of each layer out of the stack.
        unroll=depth if backend() == "cpu" else 1,
    )
    indices = np.arange(depth, dtype=np.uint32)
    return lambda x, *shared: scan(layer(*options, name="layers"), x, indices, shared)[0]


class FeedForward(nn.Module):
    """`W2 act(W1 x)`."""

    ff: int
    activation: Callable[[jax.Array], jax.Array] = nn.relu
    dropout: float = 0.0
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, deterministic: bool = True) -> jax.Array:
        h = self.activation(nn.Dense(self.ff, dtype=self.dtype, name="linear1")(x))
        h = Dropout(self.dropout)(h, deterministic)
        return nn.Dense(x.shape[-1], dtype=self.dtype, name="linear2")(h)


class EncoderLayer(nn.Module):
    """Self-attention and a feed-forward network, each with a residual sum and a norm."""

    heads: int
    ff: int
    activation: Callable[[jax.Array], jax.Array] = nn.relu
    norm_first: bool = False
    dropout: float = 0.0
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self, x: jax.Array, mask: jax.Array | None = None, deterministic: bool = True
    ) -> jax.Array:
        attend = MultiHeadAttention(self.heads, self.dropout, self.dtype, name="attention")
        feed = FeedForward(self.ff, self.activation, self.dropout, self.dtype, name="feed")
        parts = [
            lambda h: attend(h, mask=mask, deterministic=deterministic),
            lambda h: feed(h, deterministic),
        ]
        return _residuals(self, x, parts, deterministic)


class DecoderLayer(nn.Module):
    """Self-attention, attention over a memory and a feed-forward network, each with a residual sum
    and a norm.
    """

    heads: int
    ff: int
    activation: Callable[[jax.Array], jax.Array] = nn.relu
    norm_first: bool = False
    dropout: float = 0.0
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self,
        x: jax.Array,
        memory: jax.Array,
        mask: jax.Array | None = None,
        memory_mask: jax.Array | None = None,
        deterministic: bool = True,
    ) -> jax.Array:
        attend = MultiHeadAttention(self.heads, self.dropout, self.dtype, name="attention")
        recall = MultiHeadAttention(self.heads, self.dropout, self.dtype, name="memory_attention")
        feed = FeedForward(self.ff, self.activation, self.dropout, self.dtype, name="feed")
        parts = [
            lambda h: attend(h, mask=mask, deterministic=deterministic),
            lambda h: recall(h, memory, mask=memory_mask, deterministic=deterministic),
            lambda h: feed(h, deterministic),
        ]
        return _residuals(self, x, parts, deterministic)


class Encoder(nn.Module):
    """A stack of encoder layers, with a norm at the end where `final_norm`."""

    layers: int
    heads: int
    ff: int
    activation: Callable[[jax.Array], jax.Array] = nn.relu
    norm_first: bool = False
    final_norm: bool = False
    dropout: float = 0.0
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self, x: jax.Array, mask: jax.Array | None = None, deterministic: bool = True
    ) -> jax.Array:
        options = (self.heads, self.ff, self.activation, self.norm_first, self.dropout, self.dtype)
        x = stacked(EncoderLayer, self.layers, *options)(x, mask, deterministic)
        return LayerNorm(dtype=self.dtype, name="norm")(x) if self.final_norm else x


class Decoder(nn.Module):
    """A stack of decoder layers over one memory, with a norm at the end where `final_norm`."""

    layers: int
    heads: int
    ff: int
    activation: Callable[[jax.Array], jax.Array] = nn.relu
    norm_first: bool = False
    final_norm: bool = False
    dropout: float = 0.0
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self,
        x: jax.Array,
        memory: jax.Array,
        mask: jax.Array | None = None,
        memory_mask: jax.Array | None = None,
        deterministic: bool = True,
    ) -> jax.Array:
        options = (self.heads, self.ff, self.activation, self.norm_first, self.dropout, self.dtype)
        x = stacked(DecoderLayer, self.layers, *options)(
            x, memory, mask, memory_mask, deterministic
        )
        return LayerNorm(dtype=self.dtype, name="norm")(x) if self.final_norm else x


def _residuals(layer: Any, x: jax.Array, parts: list[Callable], deterministic: bool) -> jax.Array:
    """Adds the output of each part to its input, with the norm before the part or after the sum."""
    for i, part in enumerate(parts, start=1):
        norm = LayerNorm(dtype=layer.dtype, name=f"norm{i}")
        dropout = Dropout(layer.dropout)
        if layer.norm_first:
            x = x + dropout(part(norm(x)), deterministic)
        else:
            x = norm(x + dropout(part(x), deterministic))
    return x
