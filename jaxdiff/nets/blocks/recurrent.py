"""Bidirectional GRU and LSTM with PyTorch's gates, on sequences of unequal length.

    GRU    r, z = σ(W_i x + b_i + W_h h + b_h),  n = tanh(W_in x + b_in + r (W_hn h + b_hn)),  h' = (1 - z) n + z h
    LSTM   i, f, o = σ(...),  g = tanh(...),  c' = f c + i g,  h' = o tanh(c')                  (order i, f, g, o)

Both directions advance in one scan: the backward one reads the sequence reversed within its own length, so it starts
at the last valid step. Beyond its length a sequence keeps its state, and its outputs are zero.
"""

from __future__ import annotations

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp


class BiGRU(nn.Module):
    """One bidirectional GRU layer: `(x (..., T, D)) -> (y (..., T, 2 hidden), last states (2, ..., hidden))`.

    `initial` (2, ..., hidden) holds the forward and the backward starting state, zero by default; `lengths` is `(...)`.
    """

    hidden: int

    @nn.compact
    def __call__(
        self, x: jax.Array, initial: jax.Array | None = None, lengths: jax.Array | None = None
    ) -> tuple[jax.Array, jax.Array]:
        def step(carry: tuple[jax.Array], gate: jax.Array, recall: jax.Array) -> tuple[jax.Array]:
            (h,) = carry
            r, z = jnp.split(jax.nn.sigmoid(gate[..., : 2 * self.hidden] + recall[..., : 2 * self.hidden]), 2, -1)
            n = jnp.tanh(gate[..., 2 * self.hidden :] + r * recall[..., 2 * self.hidden :])
            return ((1 - z) * n + z * h,)

        start = None if initial is None else (initial,)
        y, (h,) = _both_ways(self, x, step, 3, 1, start, lengths)
        return y, h


class BiLSTM(nn.Module):
    """Bidirectional LSTM layers: `x (..., T, D) -> (y (..., T, 2 hidden), (h, c))`, states `(2 layers, ..., hidden)`.

    `initial` is such a pair; states are ordered layer 0 forward, layer 0 backward, layer 1 forward and so on.
    """

    hidden: int
    layers: int = 1

    @nn.compact
    def __call__(
        self,
        x: jax.Array,
        initial: tuple[jax.Array, jax.Array] | None = None,
        lengths: jax.Array | None = None,
    ) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
        def step(carry: tuple[jax.Array, jax.Array], gate: jax.Array, recall: jax.Array):
            i, f, g, o = jnp.split(gate + recall, 4, -1)
            c = jax.nn.sigmoid(f) * carry[1] + jax.nn.sigmoid(i) * jnp.tanh(g)
            return jax.nn.sigmoid(o) * jnp.tanh(c), c

        last = []
        for layer in range(self.layers):
            pair = slice(2 * layer, 2 * layer + 2)
            start = None if initial is None else (initial[0][pair], initial[1][pair])
            x, state = _both_ways(self, x, step, 4, 2, start, lengths, suffix=f"_{layer}")
            last.append(state)
        h, c = (jnp.concatenate(states) for states in zip(*last))
        return x, (h, c)


def _both_ways(
    module: nn.Module,
    x: jax.Array,
    step: Callable,
    gates: int,
    states: int,
    initial: tuple[jax.Array, ...] | None,
    lengths: jax.Array | None,
    suffix: str = "",
) -> tuple[jax.Array, tuple[jax.Array, ...]]:
    """Runs `step(carry, input gates, recurrent gates)` forwards and backwards; `carry[0]` is the output."""
    hidden: int = module.hidden  # type: ignore[attr-defined]
    inputs, length, lead = x.shape[-1], x.shape[-2], x.shape[:-2]
    init = nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform", batch_axis=(0,))
    w_input = module.param(f"input_kernel{suffix}", init, (2, inputs, gates * hidden), jnp.float32)
    w_hidden = module.param(f"hidden_kernel{suffix}", init, (2, hidden, gates * hidden), jnp.float32)
    b_input = module.param(f"input_bias{suffix}", nn.initializers.zeros, (2, gates * hidden), jnp.float32)
    b_hidden = module.param(f"hidden_bias{suffix}", nn.initializers.zeros, (2, gates * hidden), jnp.float32)

    time = jnp.arange(length)
    ends = jnp.full(lead, length) if lengths is None else jnp.asarray(lengths)
    valid = time < ends[..., None]
    mirror = jnp.where(valid, ends[..., None] - 1 - time, time)

    def reverse(a: jax.Array) -> jax.Array:
        return jnp.take_along_axis(a, mirror[..., None], axis=-2) if lengths is not None else jnp.flip(a, -2)

    x = x.astype(jnp.float32)
    across = (slice(None),) + (None,) * len(lead)
    gate = jnp.einsum("d...ti,dig->td...g", jnp.stack([x, reverse(x)]), w_input) + b_input[across]
    if initial is None:
        initial = (jnp.zeros((2, *lead, hidden), jnp.float32),) * states

    def advance(carry, now):
        gate_t, valid_t = now
        recall = jnp.einsum("d...h,dhg->d...g", carry[0], w_hidden) + b_hidden[across]
        moved = step(carry, gate_t, recall)
        if lengths is None:
            return moved, moved[0]
        kept = tuple(jnp.where(valid_t[..., None], new, old) for new, old in zip(moved, carry))
        return kept, jnp.where(valid_t[..., None], moved[0], 0.0)

    last, y = jax.lax.scan(advance, initial, (gate, jnp.moveaxis(valid, -1, 0)))
    forward, backward = jnp.moveaxis(y, 0, -2)
    return jnp.concatenate([forward, reverse(backward)], -1), last
