"""One optimiser step as a pure function of one device's share of a batch.

g = mean over the batch of dL/dp,   p, m = optimiser(p, m, g) if |g| is finite,   a = d a + (1 - d) p
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxdiff.errors import DataError
from jaxdiff.training.state import TrainState, Vectors, trainable, unpacked
from jaxdiff.typing import Array, Batch, Gather, Key, Method, Metrics


class WholeBatch(NamedTuple):
    """The `gather` that a loss is given: it collects over devices and micro-batches, and has a key
    that they share.
    """

    collect: Callable[[Array], Array]
    key: Key

    def __call__(self, z: Array) -> Array:
        """The rows `z` of every device and micro-batch, concatenated."""
        return self.collect(z)


@functools.partial(jax.tree_util.register_dataclass, data_fields=["array"], meta_fields=["names"])
@dataclass(frozen=True)
class Scalars(Mapping[str, Array]):
    """Named scalars in one array `(..., n)`: one transfer fetches them all."""

    array: Array
    names: tuple[str, ...]

    @staticmethod
    def of(values: Mapping[str, Array]) -> Scalars:
        """Stacks scalars as float32."""
        names = tuple(sorted(values))
        return Scalars(jnp.stack([jnp.asarray(values[n], jnp.float32) for n in names], -1), names)

    def __getitem__(self, name: str) -> Array:
        return self.array[..., self.names.index(name)]

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


class StepSettings(NamedTuple):
    """How a step averages, accumulates and is dispatched."""

    ema_decay: float = 0.999
    """Of the moving average after its warm-up: the n-th average uses
    `min(ema_decay, (1 + n) / (10 + n))`.
    """
    ema_every: int = 1
    """Steps between two updates of the moving average."""
    accumulate: int = 1
    """Micro-batches per step."""
    steps_per_dispatch: int = 1
    """Steps in one compiled program."""


DEFAULT = StepSettings()


def make_update(
    method: Method,
    optimizer: optax.GradientTransformation,
    settings: StepSettings = DEFAULT,
    axis: str | None = None,
) -> Callable[[TrainState, Batch, Array], tuple[TrainState, Scalars]]:
    """One optimiser step as a pure function of one device's share of the batch.

    A step whose gradient is not finite changes neither parameters nor optimiser and is counted. It
    is masked, not branched around: a branch would wait for the device.

    Args:
      method: the training objective.
      optimizer: acts on the dict of flat vectors.
      settings: moving average and accumulation.
      axis: name of the device axis; None on a single device.

    Returns:
      `(state, batch, rows) -> (state, metrics)`, where `rows (b,)` are the indices of the examples
      in the global batch.
    """

    def mean(tree: Any) -> Any:
        return jax.lax.pmean(tree, axis) if axis else tree

    def update(state: TrainState, batch: Batch, rows: Array) -> tuple[TrainState, Scalars]:
        key = jax.random.fold_in(state.key, state.step)
        keys = jax.vmap(jax.random.fold_in, (None, 0))(key, rows)
        objective = functools.partial(_objective, method, state, key)
        if settings.accumulate == 1:
            gather = functools.partial(_all_gather, axis)
            metrics, slopes = _gradients(objective, state, batch, keys, gather)
        else:
            metrics, slopes = _accumulated(objective, state, batch, keys, settings.accumulate, axis)
        metrics, slopes = mean((metrics, slopes))
        norm = optax.global_norm(slopes)
        finite = jnp.isfinite(norm)
        old = trainable(state.vectors), state.opt_state
        updates, opt_state = optimizer.update(slopes, old[1], old[0])
        new = optax.apply_updates(old[0], updates), opt_state
        changed, opt_state = jax.tree.map(lambda a, b: jnp.where(finite, a, b), new, old)
        vectors = {**state.vectors, **changed}
        step = state.step + 1
        skipped = jnp.where(finite, state.skipped * np.array([1, 0], np.int32), state.skipped + 1)
        metrics |= {"grad_norm": norm, "skipped": skipped[0], "skipped_in_a_row": skipped[1]}
        return state.replace(
            step=step,
            vectors=vectors,
            averages=_average(state.averages, vectors, step, settings),
            opt_state=opt_state,
            skipped=skipped,
        ), Scalars.of(metrics)

    return update


def _all_gather(axis: str | None, z: Array) -> Array:
    """Concatenates over the devices.

    Losses over gathered latents are the same on every device; `all_gather` sums their cotangents
    when transposed, and the mean over devices turns that sum back into the gradient of the one
    global loss.
    """
    return jax.lax.all_gather(z, axis, tiled=True) if axis else z


def _objective(
    method: Method,
    state: TrainState,
    key: Key,
    vectors: Vectors,
    batch: Batch,
    keys: Key,
    collect: Callable[[Array], Array],
) -> tuple[Array, Metrics]:
    params = unpacked(state.layout, {**state.vectors, **vectors})
    loss, metrics = method.loss(params, batch, keys, WholeBatch(collect, key), state.weights)
    return loss, {"loss": loss, **metrics}


def _gradients(
    objective: Callable[..., Any], state: TrainState, batch: Batch, keys: Key, gather: Gather
) -> tuple[Metrics, Vectors]:
    differentiate = jax.value_and_grad(objective, has_aux=True)
    (_, metrics), slopes = differentiate(trainable(state.vectors), batch, keys, gather)
    return metrics, slopes


def _accumulated(
    objective: Callable[..., Any],
    state: TrainState,
    batch: Batch,
    keys: Key,
    count: int,
    axis: str | None,
) -> tuple[Metrics, Vectors]:
    """The gradient of a batch in micro-batches, with contrasts over the whole batch.

    Where the loss gathers latents, a first pass computes those of all micro-batches without
    gradients. In the second, `gather` returns the whole batch with the rows of the current
    micro-batch recomputed; their cotangents are scaled by the number of micro-batches, since the
    mean over micro-batches follows.
    """
    if len(keys) % count:
        raise DataError(
            f"a batch of {len(keys)} on a device cannot be split into {count} micro-batches"
        )
    parts = jax.tree.map(lambda a: a.reshape(count, -1, *a.shape[1:]), (batch, keys))
    first = jax.tree.map(lambda a: a[0], parts)

    def latents(part: tuple[Batch, Key]) -> list[Array]:
        seen: list[Array] = []

        def note(z: Array) -> Array:
            seen.append(z)
            return jnp.concatenate([z] * count)

        objective(state.vectors, *part, note)
        return seen

    whole: list[Array] = []
    if jax.eval_shape(latents, first):
        whole = [z.reshape(-1, *z.shape[2:]) for z in jax.lax.map(latents, parts)]

    def one(index: Array, part: tuple[Batch, Key]) -> tuple[Metrics, Vectors]:
        places = iter(whole)

        def gather(z: Array) -> Array:
            if jnp.issubdtype(z.dtype, jnp.floating):
                still = jax.lax.stop_gradient(z)
                z = still + count * (z - still)
            all_rows = jax.lax.dynamic_update_slice_in_dim(next(places), z, index * len(z), 0)
            return _all_gather(axis, all_rows)

        return _gradients(objective, state, *part, gather)

    shapes = jax.eval_shape(one, jax.ShapeDtypeStruct((), jnp.int32), first)
    zeros = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes)
    total, _ = jax.lax.scan(
        lambda total, row: (jax.tree.map(jnp.add, total, one(*row)), None),
        zeros,
        (jnp.arange(count), parts),
    )
    return jax.tree.map(lambda a: a / count, total)


def _average(averages: Vectors, vectors: Vectors, step: Array, settings: StepSettings) -> Vectors:
    """The moving average; early on it forgets faster, so that a short training is not an average of
    its start.
    """
    n = (step // settings.ema_every).astype(jnp.float32)
    decay = jnp.minimum(settings.ema_decay, (1 + n) / (10 + n))
    moves = step % settings.ema_every == 0
    rate = jnp.where(moves, 1 - decay, 0).astype(jnp.float32)
    return {**averages, **optax.incremental_update(trainable(vectors), trainable(averages), rate)}
