"""Encoder and decoder layers on fused projections and `scaled_dot_product_attention`, PyTorch's
fastest on a CPU.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Attention(nn.Module):
    """Multi-head attention with one weight for query, key and value."""

    def __init__(self, width: int, heads: int, dropout: float):
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.in_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_bias = nn.Parameter(torch.empty(3 * width))
        self.out = nn.Linear(width, width)

    def forward(
        self, query: Tensor, key: Tensor | None = None, value: Tensor | None = None
    ) -> Tensor:
        """Self-attention; over a memory where `key` is given; with values of their own where
        `value` is.
        """
        width = query.shape[-1]
        w, b = self.in_weight, self.in_bias
        if key is None:
            q, k, v = F.linear(query, w, b).chunk(3, -1)
        elif value is None:
            q = F.linear(query, w[:width], b[:width])
            k, v = F.linear(key, w[width:], b[width:]).chunk(2, -1)
        else:
            q, k = F.linear(query, w[: 2 * width], b[: 2 * width]).chunk(2, -1)
            v = F.linear(value, w[2 * width :], b[2 * width :])
        q, k, v = (a.unflatten(-1, (self.heads, -1)).transpose(1, 2) for a in (q, k, v))
        y = F.scaled_dot_product_attention(
            q, k, v, dropout_p=self.dropout if self.training else 0.0
        )
        return self.out(y.transpose(1, 2).flatten(2))


class FeedForward(nn.Module):
    """`W2 act(W1 x)`."""

    def __init__(self, width: int, ff: int, activation: Callable[[Tensor], Tensor], dropout: float):
        super().__init__()
        self.linear1, self.linear2 = nn.Linear(width, ff), nn.Linear(ff, width)
        self.activation, self.forget = activation, nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear2(self.forget(self.activation(self.linear1(x))))


class Layer(nn.Module):
    """A layer of an encoder, or of a decoder where `memory`."""

    def __init__(
        self,
        width: int,
        heads: int,
        ff: int,
        activation,
        dropout: float,
        norm_first: bool,
        memory: bool,
    ):
        super().__init__()
        self.attention = Attention(width, heads, dropout)
        self.memory_attention = Attention(width, heads, dropout) if memory else None
        self.feed = FeedForward(width, ff, activation, dropout)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.norm3 = nn.LayerNorm(width) if memory else None
        self.forget, self.norm_first = nn.Dropout(dropout), norm_first

    def forward(self, x: Tensor, memory: Tensor | None = None) -> Tensor:
        parts = [self.attention, self.feed]
        if self.memory_attention is not None:
            parts.insert(1, lambda h: self.memory_attention(h, memory))
        for part, norm in zip(parts, (self.norm1, self.norm2, self.norm3)):
            x = (
                x + self.forget(part(norm(x)))
                if self.norm_first
                else norm(x + self.forget(part(x)))
            )
        return x


class Stack(nn.Module):
    """Layers under the names `layers_0 …`, and a norm at the end where `final_norm`."""

    def __init__(
        self,
        layers: int,
        width: int,
        *options,
        norm_first: bool,
        final_norm: bool,
        memory: bool = False,
    ):
        super().__init__()
        self.names = [f"layers_{i}" for i in range(layers)]
        for name in self.names:
            self.add_module(name, Layer(width, *options, norm_first=norm_first, memory=memory))
        self.norm = nn.LayerNorm(width) if final_norm else None

    def forward(self, x: Tensor, memory: Tensor | None = None) -> Tensor:
        for name in self.names:
            x = getattr(self, name)(x, memory)
        return x if self.norm is None else self.norm(x)


def sinusoid(t: Tensor, width: int, interleaved: bool = True) -> Tensor:
    """Sinusoids of noise levels `(B,)`: sines and cosines in turns, or one after the other
    (GaitDynamics).
    """
    if interleaved:
        frequency = torch.exp(
            torch.arange(0, width, 2, dtype=torch.float32, device=t.device)
            * (-math.log(10000.0) / width)
        )
    else:
        half = width // 2
        frequency = torch.exp(
            torch.arange(half, dtype=torch.float32, device=t.device)
            * (-math.log(10000.0) / (half - 1))
        )
    angle = t.float()[:, None] * frequency
    if interleaved:
        return torch.stack([angle.sin(), angle.cos()], -1).flatten(1)
    return torch.cat([angle.sin(), angle.cos()], -1)
