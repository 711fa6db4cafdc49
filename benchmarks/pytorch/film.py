"""GaitDynamics' denoiser (DanceDecoder): a transformer modulated by noise level and condition,
rotary positions.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.pytorch.transformer import Attention, FeedForward, sinusoid


class Layer(nn.Module):
    def __init__(self, width: int, heads: int, ff: int, condition: int, dropout: float):
        super().__init__()
        self.norm1, self.norm3 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.film1, self.film3 = nn.Linear(condition, 2 * width), nn.Linear(condition, 2 * width)
        self.attention = Attention(width, heads, dropout)
        self.feed = FeedForward(width, ff, F.gelu, dropout)
        self.forget = nn.Dropout(dropout)

    def forward(self, h: Tensor, c: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        n = self.norm1(h)
        a, b = n[..., 0::2], n[..., 1::2]
        r = torch.stack([a * cos - b * sin, b * cos + a * sin], -1).flatten(-2)
        for film, y in (
            (self.film1, lambda _: self.attention(r, r, n)),
            (self.film3, lambda h: self.feed(self.norm3(h))),
        ):
            scale, shift = film(c)[:, None].chunk(2, -1)
            h = h + (1 + scale) * self.forget(y(h)) + shift
        return h


class FiLMTransformer(nn.Module):
    """`(x (B, T, D), t (B,), condition (B, c)) -> (B, T, features)`."""

    def __init__(
        self,
        inputs: int,
        features: int,
        width: int,
        layers: int,
        heads: int,
        ff: int,
        time: int,
        condition: int,
        dropout: float,
        length: int,
    ):
        super().__init__()
        self.input, self.output = nn.Linear(inputs, width), nn.Linear(width, features)
        self.time_0, self.time_1 = nn.Linear(time, 4 * time), nn.Linear(4 * time, condition)
        self.names, self.time = [f"layers_{i}" for i in range(layers)], time
        for name in self.names:
            self.add_module(name, Layer(width, heads, ff, condition, dropout))
        angle = np.arange(length)[:, None] * 10000.0 ** (-np.arange(0, width, 2) / width)
        self.register_buffer("cos", torch.from_numpy(np.cos(angle).astype(np.float32)))
        self.register_buffer("sin", torch.from_numpy(np.sin(angle).astype(np.float32)))

    def forward(self, x: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        c = self.time_1(F.mish(self.time_0(sinusoid(t, self.time, interleaved=False))))
        c = F.mish(c + condition)
        h = self.input(x)
        for name in self.names:
            h = getattr(self, name)(h, c, self.cos, self.sin)
        return self.output(h)


class Subject(nn.Module):
    """Who walks: a bidirectional LSTM averaged over time, of length one."""

    def __init__(self, inputs: int, hidden: int, width: int):
        super().__init__()
        self.lstm = nn.LSTM(inputs, hidden, batch_first=True, bidirectional=True)
        self.out = nn.Linear(2 * hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        return F.normalize(self.out(self.lstm(x)[0].mean(1)), dim=-1)


class Speeds(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.layers_0, self.layers_2 = nn.Linear(4, width), nn.Linear(width, width)

    def forward(self, speeds: Tensor) -> Tensor:
        return self.layers_2(F.silu(self.layers_0(speeds)))


class ResidualDenoiser(nn.Module):
    """The network of speed transfer: `patch` samples of residual and source share a token."""

    def __init__(self, features: int, size, length: int):
        super().__init__()
        self.patch = size.patch
        self.subject = Subject(size.patch * features, size.lstm, size.condition)
        self.speed, self.join = (
            Speeds(size.condition),
            nn.Linear(2 * size.condition, size.condition),
        )
        self.backbone = FiLMTransformer(
            2 * size.patch * features, size.patch * features, size.width, size.layers, size.heads, size.ff, size.time,
            size.condition, size.dropout, length // size.patch,
        )  # fmt: skip

    def condition(self, source: Tensor, speeds: Tensor) -> Tensor:
        """Who walks and how fast: constant over the steps."""
        return self.join(torch.cat([self.subject(self.tokens(source)), self.speed(speeds)], -1))

    def tokens(self, x: Tensor) -> Tensor:
        return x.reshape(x.shape[0], x.shape[1] // self.patch, -1)

    def forward(self, r_t: Tensor, t: Tensor, source: Tensor, condition: Tensor) -> Tensor:
        return self.backbone(self.tokens(torch.cat([r_t, source], -1)), t, condition).reshape(
            r_t.shape
        )
