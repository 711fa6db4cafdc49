"""CondUnet1D and its sizes.

Over time, channels last; a fresh network returns zero. What depends on the text alone (`context`)
is computed once, outside a sampler's loop; `both` evaluates the conditional and the unconditional
network as one doubled batch in which only the conditional half attends, for
`diffusion.guidance.combine`. The random bits of the blocks' dropout are drawn once for each
resolution.

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
from jaxdiff.nets.blocks.convolution import Conv1D, Upsample1D
from jaxdiff.nets.blocks.dense import Dense
from jaxdiff.nets.blocks.dropout import bits, stream
from jaxdiff.nets.blocks.embeddings import sinusoid
from jaxdiff.nets.unet import joint
from jaxdiff.nets.unet.blocks import Block, Modulation, Noise, only
from jaxdiff.nets.unet.joint import Context

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
        return joint.contexts(blocks, text, deterministic)

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
        length, batch = x.shape[-2], x.shape[:-2]
        if paired and not batch:
            x = x[None]
        first = len(x) if paired else 0
        stride = max(16, 2 ** len(self.multipliers))
        padded = -(-length // stride) * stride
        x = x if mask is None else jnp.where(mask[..., None], x, 0)
        lives = self._lives(mask, padded, stride)
        h = _pad_time(x, padded).astype(self.dtype)
        blocks = self._blocks()
        modulations = self._modulations(blocks, t, frames, mask, padded)
        contexts = [None] * len(blocks) if context is None else context
        noise = _Noises(self, deterministic)

        def both(a: Any, h: jax.Array) -> Any:
            """What is known of each example, for both copies of it."""
            each = a is not None and a.ndim == h.ndim and len(h) == 2 * len(a)
            return jnp.concatenate([a, a]) if paired and each else a

        def run(pair: int, h: jax.Array) -> jax.Array:
            level = self._levels()[pair]
            for i in (2 * pair, 2 * pair + 1):
                gain, shift = modulations[i]
                h = blocks[i](
                    h,
                    (both(gain, h), both(shift, h)),
                    contexts[i],
                    conditioned,
                    both(lives[level], h),
                    noise(level, h, blocks[i].width),
                    first,
                    deterministic,
                )
            return h

        levels, skips = len(self.multipliers), []
        for level in range(levels):
            h = run(level, h)
            skips.append(h)
            h = self.shrink[level](only(h, both(lives[level], h)))
        h = run(levels, h)
        for i, level in enumerate(reversed(range(levels))):
            h = self.grow[i](only(h, both(lives[level + 1], h)))
            h = run(levels + 1 + i, jnp.concatenate([h, skips[level]], -1))
        h = h[..., :length, :]
        return h.reshape(2, *batch, *h.shape[-2:]) if paired else h

    def output(self, h: jax.Array) -> jax.Array:
        """Hidden features to motion features, float32."""
        return self.final(h).astype(jnp.float32)

    def _apart(self, blocks: list[Block]) -> bool:
        """Whether blocks cannot share a product: their widths differ, or their parameters do not
        exist yet.
        """
        return self.is_initializing() or len({block.width for block in blocks}) > 1

    def _blocks(self) -> list[Block]:
        return [block for pair in (*self.downs, self.middle, *self.ups) for block in pair]

    def _levels(self) -> list[int]:
        """The level of every pair of blocks."""
        levels = len(self.multipliers)
        return [*range(levels + 1), *reversed(range(levels))]

    def _lives(self, mask: jax.Array | None, padded: int, stride: int) -> list[jax.Array | None]:
        """The frames `(..., T / 2^level, 1)` of every level that are kept, in blocks of `stride`;
        None where all are.
        """
        levels = range(len(self.multipliers) + 1)
        if mask is None:
            return [None for _ in levels]
        blocks = _pad_time(mask[..., None], padded).reshape(*mask.shape[:-1], -1, stride).any(-1)
        return [jnp.repeat(blocks, stride >> level, axis=-1)[..., None] for level in levels]

    def _modulations(
        self,
        blocks: list[Block],
        t: jax.Array,
        frames: jax.Array | None,
        mask: jax.Array | None,
        padded: int,
    ) -> dict[int, Modulation]:
        """Of every block, by the noise level and the condition of every frame."""
        levels = range(len(self.multipliers) + 1)
        time = mish(self.time_0(sinusoid(t, self.time_width)))
        time = mish(self.time_1(time))
        times = [time[..., None, :] for _ in levels]
        if frames is not None:
            local = frames if mask is None else jnp.where(mask[..., None], frames, 0)
            local = _pad_time(local, padded)
            for level in levels:
                times[level] = times[level] + local
                local = local.reshape(*local.shape[:-2], -1, 2, local.shape[-1]).mean(-2)
        found: dict[int, Modulation] = {}
        of = [level for level in self._levels() for _ in range(2)]
        for level in levels:
            # Without a condition of every frame all blocks see one embedding.
            same = [i for i in range(len(blocks)) if frames is None or of[i] == level]
            if same[0] not in found:
                group = [blocks[i] for i in same]
                if self._apart(group):
                    made = [block.residual.modulation(times[level]) for block in group]
                else:
                    made = joint.modulations(group, times[level])
                found.update(zip(same, made))
        return found


class _Noises:
    """Random bits for the dropout of blocks, drawn once for each resolution."""

    def __init__(self, network: CondUnet1D, deterministic: bool):
        self.network, self.none = network, deterministic or network.dropout == 0.0
        self.bits: dict[int, jax.Array] = {}
        self.used: Counter[int] = Counter()

    def __call__(self, level: int, h: jax.Array, width: int) -> Noise | None:
        if self.none:
            return None
        if level not in self.bits:
            self.bits[level] = bits(stream(self.network), (*h.shape[:-1], width))
        self.used[level] += 1
        return self.bits[level], self.used[level] - 1


def _pad_time(x: jax.Array, length: int) -> jax.Array:
    return jnp.pad(x, [(0, 0)] * (x.ndim - 2) + [(0, length - x.shape[-2]), (0, 0)])
