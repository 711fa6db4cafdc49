"""LLMA's network of one direction: encoder on the noisy signal, decoder on the condition (see
`nets/cross_modal.py`).
"""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.pytorch.transformer import Stack, sinusoid


class Body(nn.Module):
    def __init__(self, width: int, heads: int, layers: int, ff: int, dropout: float):
        super().__init__()
        self.time1, self.time2 = nn.Linear(width, width), nn.Linear(width, width)
        options = (layers, width, heads, ff, partial(F.gelu, approximate="tanh"), dropout)
        self.encoder = Stack(*options, norm_first=True, final_norm=True)
        self.decoder = Stack(*options, norm_first=True, final_norm=True, memory=True)


class Ends(nn.Module):
    """The linear maps in or out, under the name they have in our trees."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.Dense_0 = nn.Linear(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.Dense_0(x)


class CrossModal(nn.Module):
    """`(x_t (B, L, d), t (B,), condition (B, L, d')) -> x0_hat`."""

    def __init__(self, channels: int, given: int, size, tokens: int, places: np.ndarray):
        super().__init__()
        self.size = size
        self.body = Body(size.width, size.heads, size.layers, size.ff, size.dropout)
        self.noisy = Ends(size.patch * channels, size.width)
        self.condition = Ends(size.patch * given, size.width)
        self.out = Ends(size.width, size.patch * channels)
        self.register_buffer("places", torch.from_numpy(places))

    def forward(self, x_t: Tensor, t: Tensor, given: Tensor) -> Tensor:
        batch, length, channels = x_t.shape
        noisy = self.noisy(x_t.reshape(batch, length // self.size.patch, -1))
        condition = self.condition(given.reshape(batch, length // self.size.patch, -1))
        time = self.body.time2(F.silu(self.body.time1(sinusoid(t, self.size.width))))
        place = self.places + time[:, None]
        tokens = self.body.decoder(condition + place, self.body.encoder(noisy + place))
        return self.out(tokens).reshape(batch, length, channels)
