"""Bidirectional GRU and LSTM with PyTorch's gates, on sequences of unequal length.

    GRU    r, z = σ(W_i x + b_i + W_h h + b_h),  n = tanh(W_in x + b_in + r (W_hn h + b_hn)),  h' = (1 - z) n + z h
    LSTM   i, f, o = σ(...),  g = tanh(...),  c' = f c + i g,  h' = o tanh(c')                  (order i, f, g, o)

Both directions advance in one scan: the backward one reads the sequence reversed within its own
length, so it starts at the last valid step. Beyond its length a sequence keeps its state, and its
outputs are zero.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp


class BiGRU(nn.Module):
    """One bidirectional GRU layer:
    `(x (..., T, D)) -> (y (..., T, 2 hidden), last states (2, ..., hidden))`.

    `initial` (2, ..., hidden) holds the forward and the backward starting state, zero by default;
    `lengths` is `(...)`.
    """

    hidden: int

    @nn.compact
    def __call__(
        self, x: jax.Array, initial: jax.Array | None = None, lengths: jax.Array | None = None
    ) -> tuple[jax.Array, jax.Array]:
        w = _weights(self, x.shape[-1], self.hidden, gates=3)
        ways = _Ways(x, lengths)
        gates = jnp.einsum("d...ti,dig->td...g", ways.both, w.input_kernel) + ways.across(
            w.input_bias
        )
        recurrent_bias = ways.across(w.hidden_bias)

        def step(carry: tuple[jax.Array], gate: jax.Array) -> tuple[jax.Array]:
            (h,) = carry
            recall = jnp.einsum("d...h,dhg->d...g", h, w.hidden_kernel) + recurrent_bias
            r, z = jnp.split(jax.nn.sigmoid((gate + recall)[..., : 2 * self.hidden]), 2, -1)
            n = jnp.tanh(gate[..., 2 * self.hidden :] + r * recall[..., 2 * self.hidden :])
            return ((1 - z) * n + z * h,)

        y, (h,) = ways.run(step, (ways.zeros(self.hidden) if initial is None else initial,), gates)
        return y, h


class BiLSTM(nn.Module):
    """Bidirectional LSTM layers: `x (..., T, D) -> (y (..., T, 2 hidden), (h, c))`, states
    `(2 layers, ..., hidden)`.

    `initial` is such a pair; states are ordered layer 0 forward, layer 0 backward, layer 1 forward
    and so on.
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
        last = []
        for layer in range(self.layers):
            w = _weights(self, x.shape[-1], self.hidden, gates=4, suffix=f"_{layer}")
            ways = _Ways(x, lengths)
            # one product with [x, h] a step: gates computed beforehand would be more memory than work
            kernel = jnp.concatenate([w.input_kernel, w.hidden_kernel], 1)
            bias = ways.across(w.input_bias + w.hidden_bias)

            def step(
                carry: tuple[jax.Array, jax.Array],
                now: jax.Array,
                kernel: Any = kernel,
                bias: Any = bias,
            ):
                h, c = carry
                gates = jnp.einsum("d...k,dkg->d...g", jnp.concatenate([now, h], -1), kernel) + bias
                i, f, g, o = jnp.split(gates, 4, -1)
                c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
                return jax.nn.sigmoid(o) * jnp.tanh(c), c

            pair = slice(2 * layer, 2 * layer + 2)
            start = (
                (ways.zeros(self.hidden),) * 2
                if initial is None
                else (initial[0][pair], initial[1][pair])
            )
            x, state = ways.run(step, start, jnp.moveaxis(ways.both, -2, 0))
            last.append(state)
        h, c = (jnp.concatenate(states) for states in zip(*last))
        return x, (h, c)


class _Weights(NamedTuple):
    """Forward and backward weights, stacked."""

    input_kernel: jax.Array
    hidden_kernel: jax.Array
    input_bias: jax.Array
    hidden_bias: jax.Array


def _weights(module: nn.Module, inputs: int, hidden: int, gates: int, suffix: str = "") -> _Weights:
    kernel = nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform", batch_axis=(0,))
    zeros = nn.initializers.zeros
    shapes = [(kernel, (2, n, gates * hidden)) for n in (inputs, hidden)] + [
        (zeros, (2, gates * hidden))
    ] * 2
    return _Weights(
        *(
            module.param(name + suffix, init, s, jnp.float32)
            for name, (init, s) in zip(_Weights._fields, shapes)
        )
    )


class _Ways:
    """A sequence `(..., T, D)` read in both directions."""

    def __init__(self, x: jax.Array, lengths: jax.Array | None):
        self.lead, length = x.shape[:-2], x.shape[-2]
        self.valid = self.mirror = None
        if lengths is not None:
            time, ends = jnp.arange(length), jnp.asarray(lengths)[..., None]
            self.valid = time < ends
            self.mirror = jnp.where(self.valid, ends - 1 - time, time)[..., None]
        x = x.astype(jnp.float32)
        self.both = jnp.stack([x, self.reverse(x)])

    def reverse(self, a: jax.Array) -> jax.Array:
        """`a` backwards within its length."""
        return (
            jnp.flip(a, -2) if self.mirror is None else jnp.take_along_axis(a, self.mirror, axis=-2)
        )

    def across(self, bias: jax.Array) -> jax.Array:
        """A vector a direction `(2, n)`, broadcastable over the leading axes."""
        return bias.reshape(2, *(1,) * len(self.lead), -1)

    def zeros(self, hidden: int) -> jax.Array:
        return jnp.zeros((2, *self.lead, hidden), jnp.float32)

    def run(self, step: Callable[..., Any], initial: Any, xs: jax.Array) -> tuple[jax.Array, Any]:
        """Scans `step(carry, now)` over `xs (T, 2, ..., n)`; `carry[0]` is the output."""

        def advance(carry: Any, now: tuple[jax.Array, Any]) -> tuple[Any, jax.Array]:
            moved = step(carry, now[0])
            if now[1] is None:
                return moved, moved[0]
            live = now[1][..., None]
            kept = tuple(jnp.where(live, new, old) for new, old in zip(moved, carry))
            return kept, jnp.where(live, moved[0], 0.0)

        valid = None if self.valid is None else jnp.moveaxis(self.valid, -1, 0)
        last, y = jax.lax.scan(advance, initial, (xs, valid))
        forward, backward = jnp.moveaxis(y, 0, -2)
        return jnp.concatenate([forward, self.reverse(backward)], -1), last
