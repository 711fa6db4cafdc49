"""CondUnet1D of StableMoFusion, channels first as PyTorch's convolutions want it (see
`nets/unet/`).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.pytorch.transformer import Stack, sinusoid


class FrameNorm(nn.Module):
    """GroupNorm of single frames, `(B, T, C)`."""

    def __init__(self, groups: int, width: int):
        super().__init__()
        self.groups = groups
        self.weight, self.bias = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        return F.group_norm(x.flatten(0, 1), self.groups, self.weight, self.bias, 1e-5).view_as(x)


class Residual(nn.Module):
    def __init__(
        self, inputs: int, width: int, kernel: int, groups: int, time: int, dropout: float
    ):
        super().__init__()
        self.time = nn.Linear(time, 2 * width)
        self.conv_0 = nn.Conv1d(inputs, width, kernel, padding=kernel // 2)
        self.conv_1 = nn.Conv1d(width, width, kernel, padding=kernel // 2)
        self.norm_0, self.norm_1 = FrameNorm(groups, width), FrameNorm(groups, width)
        self.skip = nn.Linear(inputs, width) if inputs != width else None
        self.forget = nn.Dropout(dropout)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        scale, shift = self.time(time)[:, None].chunk(2, -1)
        h = self.conv_0(x.transpose(1, 2)).transpose(1, 2)
        h = F.mish(self.norm_0(h) * (1 + scale) + shift)
        h = self.conv_1(h.transpose(1, 2)).transpose(1, 2)
        h = self.forget(F.mish(self.norm_1(h)))
        return h + (x if self.skip is None else self.skip(x))


class TextAttention(nn.Module):
    """Linear attention from frames to text tokens."""

    def __init__(self, width: int, heads: int, text: int, dropout: float):
        super().__init__()
        self.heads = heads
        self.norm, self.text_norm = nn.LayerNorm(width), nn.LayerNorm(text)
        self.query, self.key_value = nn.Linear(width, width), nn.Linear(text, 2 * width)
        self.forget = nn.Dropout(dropout)

    def context(self, text: Tensor) -> Tensor:
        k, v = (
            a.unflatten(-1, (self.heads, -1))
            for a in self.key_value(self.text_norm(text)).chunk(2, -1)
        )
        return torch.einsum("bnhd,bnhe->bhde", k.softmax(1), v)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        q = self.query(self.norm(x)).unflatten(-1, (self.heads, -1)).softmax(-1)
        return torch.einsum("bthd,bhde->bthe", q, self.forget(context)).flatten(2)


class Block(nn.Module):
    def __init__(
        self,
        inputs: int,
        width: int,
        kernel: int,
        groups: int,
        heads: int,
        time: int,
        text: int,
        dropout: float,
    ):
        super().__init__()
        self.residual = Residual(inputs, width, kernel, groups, time, dropout)
        self.attend = TextAttention(width, heads, text, dropout)

    def forward(
        self, x: Tensor, time: Tensor, context: Tensor, conditioned: Tensor | None
    ) -> Tensor:
        """The first samples, one per context, attend to their text (where `conditioned`); the
        others do not.
        """
        h = self.residual(x, time)
        if conditioned is not None:
            return h + self.attend(h, context) * conditioned[:, None, None]
        seen = h[: len(context)]
        return torch.cat([seen + self.attend(seen, context), h[len(context) :]])


class CondUnet1D(nn.Module):
    """`denoise(x (B, T, F), t (B,), contexts)`; `contexts(text (B', N, D))` once a sample, B' the
    conditional ones.
    """

    def __init__(
        self,
        features: int,
        base: int,
        time_width: int,
        multipliers=(2, 2, 2, 2),
        kernel_size=5,
        groups=8,
        heads=8,
        text=256,
        dropout=0.1,
    ):
        super().__init__()
        self.levels, self.time_width = len(multipliers), time_width
        widths = [base * m for m in multipliers]
        shared = (kernel_size, groups, heads, time_width, text, dropout)
        self.time_0, self.time_1 = (
            nn.Linear(time_width, 4 * time_width),
            nn.Linear(4 * time_width, time_width),
        )
        before, self.order = features, []

        def block(name: str, inputs: int, width: int) -> None:
            self.add_module(name, Block(inputs, width, *shared))
            self.order.append(name)

        for i, width in enumerate(widths):
            block(f"downs_{i}_0", before, width)
            block(f"downs_{i}_1", width, width)
            self.add_module(f"shrink_{i}", nn.Conv1d(width, width, 3, stride=2, padding=1))
            before = width
        block("middle_0", before, before)
        block("middle_1", before, before)
        for i, width in enumerate(reversed(widths)):
            self.add_module(f"grow_{i}", nn.ConvTranspose1d(before, width, 4, stride=2, padding=1))
            block(f"ups_{i}_0", 2 * width, width)
            block(f"ups_{i}_1", width, width)
            before = width
        self.final = nn.Linear(before, features)

    def contexts(self, text: Tensor) -> list[Tensor]:
        return [getattr(self, name).attend.context(text) for name in self.order]

    def forward(
        self, x: Tensor, t: Tensor, contexts: list[Tensor], conditioned: Tensor | None = None
    ) -> Tensor:
        frames, stride = x.shape[1], max(16, 2**self.levels)
        h = F.pad(x, (0, 0, 0, -frames % stride))
        time = F.mish(self.time_1(F.mish(self.time_0(sinusoid(t, self.time_width)))))
        each = iter(contexts)
        skips = []
        for i in range(self.levels):
            for j in range(2):
                h = getattr(self, f"downs_{i}_{j}")(h, time, next(each), conditioned)
            skips.append(h)
            h = getattr(self, f"shrink_{i}")(h.transpose(1, 2)).transpose(1, 2)
        for j in range(2):
            h = getattr(self, f"middle_{j}")(h, time, next(each), conditioned)
        for i in range(self.levels):
            h = getattr(self, f"grow_{i}")(h.transpose(1, 2)).transpose(1, 2)
            h = torch.cat([h, skips.pop()], -1)
            for j in range(2):
                h = getattr(self, f"ups_{i}_{j}")(h, time, next(each), conditioned)
        return self.final(h[:, :frames])


class TextHead(nn.Module):
    """StableMoFusion's trainable head on frozen text features."""

    def __init__(self, inputs: int, width: int, layers: int, heads: int, ff: int, dropout: float):
        super().__init__()
        self.embed, self.norm = nn.Linear(inputs, width), nn.LayerNorm(width)
        self.encoder = Stack(
            layers, width, heads, ff, F.gelu, dropout, norm_first=False, final_norm=False
        )

    def forward(self, tokens: Tensor) -> Tensor:
        return self.norm(self.encoder(self.embed(tokens)))
