"""CondUnet1D, the text-conditioned U-Net of StableMoFusion (Huang et al. 2024): the backbone of
BioVAE.

Over time, channels last. Each block is a residual convolution and a residual cross-attention to the
text:

    h = Mish(GN(conv x) (1 + scale) + shift),   [scale | shift] = Linear(Mish(time)),   h = Mish(GN(conv h)) + skip x
    h = h + attend(LN h, LN text)

GN acts on single frames. The attention is linear, `softmax_d(q) (softmax_n(k)ᵀ v)`, or ordinary
softmax attention; neither has an output projection. Unconditional samples skip the attention
altogether, so no null text exists and the unconditional output cannot depend on the text. A fresh
network returns zero.

What depends on the text alone (`context`) is computed once, outside a sampler's loop; `both`
evaluates the conditional and the unconditional network as one doubled batch in which only the
conditional half attends, for `diffusion.guidance.combine`.

What the blocks need of the text and of the noise level is computed for all of them in one product
each, and the random bits of their dropout once for each resolution. The blocks themselves are not
scanned: resolution and skips differ from level to level, so only the two blocks of a level could
share a scan, and only where the first has the width of the second (4 of 9 pairs of the released
size). That would shorten the program by a tenth and copy every parameter before it is used
(docs/performance.md has the counts).

A mask (true on valid frames) makes a padded clip behave as the clip alone: frames beyond its
length, rounded up to the block of 16 that the clip alone would be padded to, are zero before every
convolution.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdiff.nets.blocks.activations import mish
from jaxdiff.nets.blocks.attention import applied, attention
from jaxdiff.nets.blocks.convolution import Conv1D, Upsample1D
from jaxdiff.nets.blocks.dense import Dense
from jaxdiff.nets.blocks.dropout import Dropout, bits, masked, stream
from jaxdiff.nets.blocks.embeddings import sinusoid
from jaxdiff.nets.blocks.film import FrameNormMish, modulated, norm_mish
from jaxdiff.nets.blocks.norm import LayerNorm, normalise, softmax

Context = tuple[Any, ...]
"""What each block's attention needs of the text."""
Modulation = tuple[jax.Array, jax.Array]
"""Gain and shift of a block's first norm."""
Noise = tuple[jax.Array, int]
"""Random bits for dropout, shared by the blocks of a resolution, and a block's number among them."""

PRESETS: dict[str, dict[str, Any]] = {
    "full": {"base": 512, "time_width": 512},
    "medium": {"base": 128, "time_width": 256},
    "small": {"base": 64, "time_width": 128},
    "compact": {
        "base": 32,
        "multipliers": (2, 2, 2),
        "time_width": 64,
        "heads": 4,
        "groups": 8,
    },
    "mini": {"base": 32, "multipliers": (2, 2), "time_width": 64, "heads": 4, "groups": 8},
    "tiny": {"base": 16, "multipliers": (1,), "time_width": 32, "heads": 4, "groups": 4},
}
"""Sizes by name; `full` is the released one, with 263 features for HumanML3D and 251 for KIT-ML.
`tiny` is for tests: it has one level, since what they show does not lie in the depth and the seconds
of compilation do.
"""


class ResidualBlock(nn.Module):
    """Two convolutions with per-frame GroupNorm, the first modulated by the noise level, and a
    skip.
    """

    width: int
    kernel_size: int
    groups: int
    dropout: float
    dtype: Any

    def setup(self) -> None:
        zeros = nn.initializers.zeros
        self.time = Dense(2 * self.width, kernel_init=zeros, dtype=self.dtype)
        self.conv_0 = Conv1D(self.width, self.kernel_size, dtype=self.dtype)
        self.norm_0 = FrameNormMish(self.groups, self.dtype)
        self.conv_1 = Conv1D(self.width, self.kernel_size, kernel_init=zeros, dtype=self.dtype)
        self.norm_1 = FrameNormMish(self.groups, self.dtype)
        self.skip = Dense(self.width, dtype=self.dtype)

    def modulation(self, time: jax.Array) -> Modulation:
        """Gain and shift `(..., 1 or T, width)` of the first norm at a noise level."""
        s, b = jnp.split(self.time(time), 2, -1)
        return modulated(*self.norm_0.affine(self.width), s, b)

    def __call__(
        self, x: jax.Array, modulation: Modulation, live: jax.Array | None, noise: Noise | None
    ) -> jax.Array:
        h = norm_mish(self.conv_0(_only(x, live)), *modulation, self.groups)
        h = self.norm_1(self.conv_1(_only(h, live)))
        h = h if noise is None else masked(h, noise[0], self.dropout, noise[1])
        return h + (self.skip(x) if x.shape[-1] != self.width else x)


class TextAttention(nn.Module):
    """Attention from frames to text tokens; `context` is its share that the frames do not enter."""

    width: int
    heads: int
    linear: bool
    dropout: float
    dtype: Any

    def setup(self) -> None:
        self.norm = LayerNorm(dtype=self.dtype)
        self.text_norm = LayerNorm(dtype=self.dtype)
        self.query = Dense(self.width, dtype=self.dtype)
        self.key_value = Dense(2 * self.width, dtype=self.dtype)
        self.forget = Dropout(self.dropout)

    def context(self, text: jax.Array, deterministic: bool) -> Any:
        """`softmax_n(k)ᵀ v (..., heads, d, d)` of the tokens, or their keys and values."""
        k, v = (self._heads(a) for a in jnp.split(self.key_value(self.text_norm(text)), 2, -1))
        return self.attended(k, v, deterministic)

    def attended(self, k: jax.Array, v: jax.Array, deterministic: bool) -> Any:
        """What a context keeps of the keys and values `(..., N, heads, d)`, those of any number of
        blocks as heads.
        """
        if not self.linear:
            return k, v
        k = jax.nn.softmax(k.astype(jnp.float32), axis=-3).astype(self.dtype)
        return self.forget(jnp.einsum("...nhd,...nhe->...hde", k, v), deterministic)

    def __call__(self, x: jax.Array, context: Any, deterministic: bool) -> jax.Array:
        q = self._heads(self.query(self.norm(x)))
        if self.linear:
            q = softmax(q)
            y = applied(q, context)
        else:
            key = None if deterministic or self.dropout == 0.0 else stream(self)
            y = attention(q, *context, dropout=self.dropout, key=key)
        return y.reshape(x.shape)

    def _heads(self, a: jax.Array) -> jax.Array:
        return a.reshape(*a.shape[:-1], self.heads, self.width // self.heads)


class Block(nn.Module):
    """A residual block, then attention to the text for the samples that have one."""

    width: int
    kernel_size: int
    groups: int
    heads: int
    linear: bool
    dropout: float
    dtype: Any

    def setup(self) -> None:
        self.residual = ResidualBlock(
            self.width, self.kernel_size, self.groups, self.dropout, self.dtype
        )
        self.attend = TextAttention(self.width, self.heads, self.linear, self.dropout, self.dtype)

    def __call__(
        self,
        x: jax.Array,
        modulation: Modulation,
        context: Any,
        conditioned: jax.Array | None,
        live: jax.Array | None,
        noise: Noise | None,
        first: int,
        deterministic: bool,
    ) -> jax.Array:
        h = self.residual(x, modulation, live, noise)
        if context is None:
            return h
        if first:
            y = self.attend(h[:first], context, deterministic)
            if len(h) == first:
                return jnp.concatenate([h + y, h])
            return h + jnp.pad(y, [(0, first)] + [(0, 0)] * (h.ndim - 1))
        y = self.attend(h, context, deterministic)
        return h + (
            y if conditioned is None else jnp.where(jnp.asarray(conditioned)[..., None, None], y, 0)
        )


class CondUnet1D(nn.Module):
    """The denoiser `(x (..., T, features), t (...), text (..., N, D)) -> (..., T, features)`,
    float32.

    `text=None` is the unconditional network; `conditioned (...)` says which samples of a batch
    attend to their text.
    """

    features: int
    base: int = 512
    multipliers: tuple[int, ...] = (2, 2, 2, 2)
    time_width: int = 512
    kernel_size: int = 5
    groups: int = 8
    heads: int = 8
    linear: bool = True
    dropout: float = 0.1
    dtype: Any = jnp.float32

    def setup(self) -> None:
        widths = [self.base * m for m in self.multipliers]
        shared = (self.kernel_size, self.groups, self.heads, self.linear, self.dropout, self.dtype)

        def pair(width: int) -> list[Block]:
            return [Block(width, *shared), Block(width, *shared)]

        self.time_0 = Dense(4 * self.time_width, dtype=self.dtype)
        self.time_1 = Dense(self.time_width, dtype=self.dtype)
        self.downs = [pair(width) for width in widths]
        self.shrink = [Conv1D(width, 3, stride=2, dtype=self.dtype) for width in widths]
        self.middle = pair(widths[-1])
        self.grow = [Upsample1D(width, self.dtype) for width in reversed(widths)]
        self.ups = [pair(width) for width in reversed(widths)]
        self.final = Dense(self.features, kernel_init=nn.initializers.zeros, dtype=self.dtype)

    def __call__(
        self,
        x: jax.Array,
        t: jax.Array,
        text: jax.Array | None = None,
        conditioned: jax.Array | None = None,
        mask: jax.Array | None = None,
        deterministic: bool = True,
    ) -> jax.Array:
        context = None if text is None else self.context(text, deterministic)
        return self.denoise(x, t, context, conditioned, mask, deterministic)

    def context(self, text: jax.Array, deterministic: bool = True) -> Context:
        """What the blocks need of the text tokens `(..., N, D)`: constant over the steps of a
        sampler.

        In training, attention's dropout acts on it here.
        """
        blocks = self._blocks()
        if self._apart(blocks):
            return tuple(block.attend.context(text, deterministic) for block in blocks)
        parts = [block.attend.variables["params"] for block in blocks]
        count, width, tokens = len(blocks), text.shape[-1], normalise(text)
        scale, bias = (_joined(parts, "text_norm", n).reshape(count, -1) for n in ("scale", "bias"))
        kernel = _joined(parts, "key_value", "kernel").reshape(width, count, -1)
        offset = jnp.einsum("gd,dgw->gw", bias, kernel).ravel() + _joined(
            parts, "key_value", "bias"
        )
        kernel = (kernel * scale.T[..., None]).reshape(width, -1)
        both = tokens.astype(self.dtype) @ kernel.astype(self.dtype) + offset.astype(self.dtype)
        both = both.reshape(*both.shape[:-1], count, 2, self.heads, -1)
        shape = (*both.shape[:-4], count * self.heads, both.shape[-1])
        k, v = both[..., 0, :, :].reshape(shape), both[..., 1, :, :].reshape(shape)
        found = blocks[0].attend.attended(k, v, deterministic)
        split = [
            jnp.split(a, count, axis=-3 if self.linear else -2) for a in jax.tree.leaves(found)
        ]
        return tuple(split[0]) if self.linear else tuple(zip(*split))

    def modulations(self, blocks: list[Block], time: jax.Array) -> list[Modulation]:
        """Of blocks that see the same embedding `(..., 1 or T, time_width)` of the noise level, in
        one product.
        """
        if self._apart(blocks):
            return [block.residual.modulation(time) for block in blocks]
        parts, count = [block.residual.variables["params"] for block in blocks], len(blocks)
        kernel, bias = (
            _joined(parts, "time", name).astype(self.dtype) for name in ("kernel", "bias")
        )
        y = (time @ kernel + bias).reshape(*time.shape[:-1], count, 2, -1)
        s, b = (y[..., i, :].reshape(*time.shape[:-1], -1) for i in (0, 1))
        scale, shift = (_joined(parts, "norm_0", name) for name in ("scale", "bias"))
        return list(zip(*(jnp.split(a, count, -1) for a in modulated(scale, shift, s, b))))

    def _apart(self, blocks: list[Block]) -> bool:
        """Whether blocks cannot share a product: their widths differ, or their parameters do not
        exist yet.
        """
        return self.is_initializing() or len({block.width for block in blocks}) > 1

    def denoise(
        self,
        x: jax.Array,
        t: jax.Array,
        context: Context | None = None,
        conditioned: jax.Array | None = None,
        mask: jax.Array | None = None,
        deterministic: bool = True,
    ) -> jax.Array:
        """The network on a text already turned into a `context`."""
        return self.output(self.hidden(x, t, context, conditioned, mask, deterministic))

    def both(
        self,
        x: jax.Array,
        t: jax.Array,
        context: Context,
        mask: jax.Array | None = None,
    ) -> jax.Array:
        """The conditional and the unconditional estimate, `(2, ..., T, features)`, of one doubled
        batch.
        """
        return self.output(self.hidden(x, t, context, mask=mask, paired=True))

    def hidden(
        self,
        x: jax.Array,
        t: jax.Array,
        context: Context | None = None,
        conditioned: jax.Array | None = None,
        mask: jax.Array | None = None,
        deterministic: bool = True,
        paired: bool = False,
        frames: jax.Array | None = None,
    ) -> jax.Array:
        """The last hidden features `(..., T, base * multipliers[0])`, before `output`.

        `paired`: the result `(2, ..., T, width)` is that of the conditional and of the
        unconditional copy of one batch. They part at the first attention; what comes before is
        computed once.
        `frames (..., T, time_width)` is a condition of every frame, added to the embedding of the
        noise level and averaged over time at coarser levels.
        """
        levels, length, batch = len(self.multipliers), x.shape[-2], x.shape[:-2]
        if paired and not batch:
            x = x[None]
        first = len(x) if paired else 0
        stride = max(16, 2**levels)
        blocks = -(-length // stride)
        if mask is None:
            lives: list[jax.Array | None] = [None] * (levels + 1)
        else:
            x = jnp.where(mask[..., None], x, 0)
            alive = (
                _pad_time(mask[..., None], blocks * stride)
                .reshape(*mask.shape[:-1], blocks, stride)
                .any(-1)
            )
            lives = [
                jnp.repeat(alive, stride >> level, axis=-1)[..., None]
                for level in range(levels + 1)
            ]
        h = _pad_time(x, blocks * stride).astype(self.dtype)

        time = mish(self.time_0(sinusoid(t, self.time_width)))
        time = mish(self.time_1(time))
        times = [time[..., None, :]] * (levels + 1)
        if frames is not None:
            local = _pad_time(
                frames if mask is None else jnp.where(mask[..., None], frames, 0), blocks * stride
            )
            for level in range(levels + 1):
                times[level] = times[level] + local
                local = local.reshape(*local.shape[:-2], -1, 2, local.shape[-1]).mean(-2)
        every = self._blocks()
        contexts = [None] * len(every) if context is None else context
        levelwise = [*range(levels + 1), *reversed(range(levels))]  # of the pairs of blocks
        modulations: dict[int, Modulation] = {}
        for level in range(levels + 1):
            # Without a condition of every frame all blocks see one embedding.
            same = [i for i in range(len(every)) if frames is None or levelwise[i // 2] == level]
            if same[0] not in modulations:
                found = self.modulations([every[i] for i in same], times[level])
                modulations.update(zip(same, found))

        noises: dict[int, jax.Array] = {}
        used: Counter[int] = Counter()

        def noise(level: int, h: jax.Array, width: int) -> Noise | None:
            if deterministic or self.dropout == 0.0:
                return None
            if level not in noises:
                noises[level] = bits(stream(self), (*h.shape[:-1], width))
            used[level] += 1
            return noises[level], used[level] - 1

        def both(a: Any, h: jax.Array) -> Any:
            """What is known of each example, for both copies of it."""
            each = a is not None and a.ndim == h.ndim and len(h) == 2 * len(a)
            return jnp.concatenate([a, a]) if paired and each else a

        def run(pair: int, h: jax.Array) -> jax.Array:
            level = levelwise[pair]
            for i in (2 * pair, 2 * pair + 1):
                gain, shift = modulations[i]
                h = every[i](
                    h,
                    (both(gain, h), both(shift, h)),
                    contexts[i],
                    conditioned,
                    both(lives[level], h),
                    noise(level, h, every[i].width),
                    first,
                    deterministic,
                )
            return h

        skips = []
        for level in range(levels):
            h = run(level, h)
            skips.append(h)
            h = self.shrink[level](_only(h, both(lives[level], h)))
        h = run(levels, h)
        for i, level in enumerate(reversed(range(levels))):
            h = self.grow[i](_only(h, both(lives[level + 1], h)))
            h = run(levels + 1 + i, jnp.concatenate([h, skips[level]], -1))
        h = h[..., :length, :]
        return h.reshape(2, *batch, *h.shape[-2:]) if paired else h

    def output(self, h: jax.Array) -> jax.Array:
        """Hidden features to motion features, float32."""
        return self.final(h).astype(jnp.float32)

    def _blocks(self) -> list[Block]:
        return [block for pair in (*self.downs, self.middle, *self.ups) for block in pair]


def _joined(parts: list[Any], module: str, name: str) -> jax.Array:
    """A parameter of many modules, one after the other along its last axis."""
    return jnp.concatenate([part[module][name] for part in parts], -1)


def _only(h: jax.Array, live: jax.Array | None) -> jax.Array:
    return h if live is None else jnp.where(live, h, 0)


def _pad_time(x: jax.Array, length: int) -> jax.Array:
    return jnp.pad(x, [(0, 0)] * (x.ndim - 2) + [(0, length - x.shape[-2]), (0, 0)])
