"""One training step, and the one place that knows how many devices share it.

`make_step` runs a per-replica update under `jax.pmap` with a replicated, donated state; `make_fold_step` runs many
independent trainings (folds, seeds, ablations) as one program; `make_generate` spreads a batch of conditions over the
devices. Every example has its own key, `fold_in(fold_in(key, step), row)`, so what is drawn for it does not depend on
how many devices or hosts share the batch.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxdiff.errors import DataError
from jaxdiff.nets.backend import backend
from jaxdiff.training import cores
from jaxdiff.training.state import TrainState
from jaxdiff.typing import Array, Batch, Device, Gather, Key, Method, Metrics

AXIS = "devices"
StepFunction = Callable[[TrainState, Batch], tuple[TrainState, Metrics]]


class WholeBatch(NamedTuple):
    """The `gather` that a loss is given: it collects over devices and micro-batches, and has a key they share."""

    collect: Callable[[Array], Array]
    key: Key

    def __call__(self, z: Array) -> Array:
        """The rows `z` of every device and micro-batch, concatenated."""
        return self.collect(z)


def make_update(
    method: Method,
    optimizer: optax.GradientTransformation,
    ema_decay: float = 0.999,
    ema_every: int = 1,
    accumulate: int = 1,
    axis: str | None = None,
) -> Callable[[TrainState, Batch, Array], tuple[TrainState, Metrics]]:
    """`(state, batch, rows) -> (state, metrics)`, pure; `rows` are the places of the examples in the global batch.

    Losses over gathered latents are the same on every device; `all_gather` sums their cotangents when transposed, and
    the mean over devices turns that sum back into the gradient of the one global loss.
    """

    def collect(z: Array) -> Array:
        return jax.lax.all_gather(z, axis, tiled=True) if axis else z

    def mean(tree: Any) -> Any:
        return jax.lax.pmean(tree, axis) if axis else tree

    def gradients(
        state: TrainState, batch: Batch, keys: Key, gather: Gather
    ) -> tuple[Metrics, Any]:
        def objective(params):
            loss, metrics = method.loss(params, batch, keys, gather, state.weights)
            return loss, {"loss": loss, **metrics}

        (_, metrics), grads = jax.value_and_grad(objective, has_aux=True)(state.params)
        return metrics, grads

    def accumulated(state: TrainState, batch: Batch, keys: Key, key: Key) -> tuple[Metrics, Any]:
        if accumulate == 1:
            return gradients(state, batch, keys, WholeBatch(collect, key))
        if len(keys) % accumulate:
            raise DataError(
                f"a batch of {len(keys)} examples per device cannot be split into {accumulate} micro-batches"
            )
        parts = jax.tree.map(lambda a: a.reshape(accumulate, -1, *a.shape[1:]), (batch, keys))

        def latents(batch: Batch, keys: Key) -> list[Array]:
            """What the loss gathers of one micro-batch, in the order of its calls."""
            found: list[Array] = []

            def record(z: Array) -> Array:
                found.append(collect(z))
                return found[-1]

            method.loss(state.params, batch, keys, WholeBatch(record, key), state.weights)
            return found

        every = jax.lax.scan(lambda none, part: (none, latents(*part)), None, parts)[1]

        def one(index: Array, batch: Batch, keys: Key) -> tuple[Metrics, Any]:
            calls = iter(every)

            def insert(z: Array) -> Array:
                """The gathered values of all micro-batches; only those of this one carry a gradient.

                It is scaled up because gradients are averaged over micro-batches, whereas each of them
                holds its own part only of the gradient of the one loss over the whole batch.
                """
                here, still = collect(z), jax.lax.stop_gradient(collect(z))
                here = still + accumulate * (here - still)
                whole = jax.lax.stop_gradient(next(calls)).at[index].set(here)
                return whole.reshape(-1, *whole.shape[2:])

            return gradients(state, batch, keys, WholeBatch(insert, key))

        first = jax.tree.map(lambda a: a[0], parts)
        zeros = jax.tree.map(
            lambda s: jnp.zeros(s.shape, s.dtype), jax.eval_shape(one, jnp.int32(0), *first)
        )
        total, _ = jax.lax.scan(
            lambda total, part: (jax.tree.map(jnp.add, total, one(part[0], *part[1])), None),
            zeros,
            (jnp.arange(accumulate), parts),
        )
        return jax.tree.map(lambda a: a / accumulate, total)

    def update(state: TrainState, batch: Batch, rows: Array) -> tuple[TrainState, Metrics]:
        step_key = jax.random.fold_in(state.key, state.step)
        keys = jax.vmap(jax.random.fold_in, (None, 0))(step_key, rows)
        metrics, grads = mean(accumulated(state, batch, keys, step_key))
        updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        step = state.step + 1
        move = jnp.where(step % ema_every == 0, 1.0 - ema_decay, 0.0).astype(jnp.float32)
        ema = optax.incremental_update(params, state.ema, move)
        metrics["grad_norm"] = optax.global_norm(grads)
        if isinstance(opt_state, optax.ApplyIfFiniteState):
            metrics["skipped"] = opt_state.total_notfinite
            metrics["skipped_in_a_row"] = opt_state.notfinite_count
        return state._replace(step=step, params=params, ema=ema, opt_state=opt_state), metrics

    return update


def _dispatch(update: Callable, steps: int) -> Callable:
    """`steps` updates in one program; batches and rows then have a leading axis of that length, and so have metrics."""
    if steps == 1:
        return update
    return lambda state, batches, rows: jax.lax.scan(
        lambda s, x: update(s, *x), state, (batches, rows)
    )


def _split(batch: Any, parts: int, axis: int) -> Any:
    """Cuts axis `axis` of every array into `parts` and moves the parts to the front."""

    def cut(a):
        if a.shape[axis] % parts:
            raise DataError(
                f"a batch of {a.shape[axis]} cannot be shared by {parts} devices; make it a multiple of that"
            )
        a = a.reshape(*a.shape[:axis], parts, -1, *a.shape[axis + 1 :])
        return np.moveaxis(a, axis, 0) if axis else a

    return jax.tree.map(cut, batch)


def _named(devices: list[Device]) -> list[Device] | None:
    """Devices as pmap wants to hear them: on several hosts it takes only its default, all of them."""
    return None if jax.process_count() > 1 else devices


def _together() -> list[Device]:
    """The devices that share a step unless others are given: all, and of the cores of a CPU one, which uses the others."""
    return jax.devices()[:1] if cores.are_devices() else jax.devices()


def make_step(
    method: Method,
    optimizer: optax.GradientTransformation,
    *,
    ema_decay: float = 0.999,
    ema_every: int = 1,
    accumulate: int = 1,
    steps_per_dispatch: int = 1,
    devices: Sequence[Device] | None = None,
) -> StepFunction:
    """The training step over all devices (one, of cores), or those given: `(state, batch) -> (state, metrics)`.

    `batch` holds this host's share, leaves `(b, ...)`, or `(K, b, ...)` with K = `steps_per_dispatch` > 1. The state is
    replicated and donated: use the one that comes back.
    """
    devices = list(devices or _together())
    local = [device for device in devices if device.process_index == jax.process_index()]
    update = make_update(method, optimizer, ema_decay, ema_every, accumulate, AXIS)
    replicated = NamedSharding(Mesh(np.array(local), (AXIS,)), PartitionSpec())
    run = jax.pmap(
        _dispatch(update, steps_per_dispatch),
        axis_name=AXIS,
        in_axes=(None, 0, 0),
        out_axes=None,
        donate_argnums=0,
        devices=_named(devices),
    )
    batch_axis = int(steps_per_dispatch > 1)

    def step(state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        placed = state.step.sharding
        if not isinstance(placed, NamedSharding) or len(placed.device_set) != len(devices):
            state = jax.device_put(
                state, replicated
            )  # else the first call would trace for another placement
        size = jax.tree.leaves(batch)[0].shape[batch_axis]
        rows = np.arange(size, dtype=np.int32) + jax.process_index() * size
        rows = np.broadcast_to(rows, (steps_per_dispatch, size)) if batch_axis else rows
        return run(state, *_split((dict(batch), rows), len(local), batch_axis))

    return step


def make_fold_step(
    method: Method,
    optimizer: optax.GradientTransformation,
    *,
    ema_decay: float = 0.999,
    ema_every: int = 1,
    accumulate: int = 1,
    steps_per_dispatch: int = 1,
    devices: Sequence[Device] | None = None,
) -> StepFunction:
    """The step of F independent trainings as one program, the folds spread over the devices.

    Folds that share a device are batched; on a CPU, which one keeps busy, they follow each other in the working memory
    of one. Every leaf of the state and of the metrics has a leading axis F; batches are `(F, b, ...)`, or
    `(F, K, b, ...)`. Make the state with `jax.vmap(init)` over keys, weights and batches.
    """
    devices = list(devices or jax.devices())
    update = make_update(method, optimizer, ema_decay, ema_every, accumulate)
    one, batch_axis = _dispatch(update, steps_per_dispatch), 1 + int(steps_per_dispatch > 1)

    def share(state: TrainState, batch: Batch, rows: Array) -> tuple[TrainState, Metrics]:
        if backend() == "cpu":
            return jax.lax.map(lambda fold: one(*fold, rows), (state, batch))
        return jax.vmap(one, in_axes=(0, 0, None))(state, batch, rows)

    @functools.cache
    def program(used: int) -> tuple[NamedSharding, Callable]:
        mesh, folds = Mesh(np.array(devices[:used]), ("folds",)), PartitionSpec("folds")
        spread = jax.shard_map(
            share,
            mesh=mesh,
            in_specs=(folds, folds, PartitionSpec()),
            out_specs=folds,
            check_vma=False,
        )
        return NamedSharding(mesh, folds), jax.jit(spread, donate_argnums=0)

    def step(state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        folds, size = state.step.shape[0], jax.tree.leaves(batch)[0].shape[batch_axis]
        used = max(n for n in range(1, len(devices) + 1) if folds % n == 0)
        placed, run = program(used)
        rows = np.arange(size, dtype=np.int32)
        rows = np.broadcast_to(rows, (steps_per_dispatch, size)) if steps_per_dispatch > 1 else rows
        return run(*jax.device_put((state, dict(batch)), placed), rows)

    return step


def make_generate(
    generate: Callable[..., Any], devices: Sequence[Device] | None = None
) -> Callable[[Any, Key, Any], Any]:
    """`(params, key, condition) -> samples`, the batch of conditions spread over this host's devices.

    `generate(params, keys, condition)` gets its share with one key per example, so the samples do not depend on the
    number of devices. Batches that do not divide evenly are filled up and cut again; small ones leave devices idle.
    """
    devices = list(devices or jax.local_devices())

    @functools.cache
    def program(parts: int) -> Callable:
        return jax.pmap(generate, in_axes=(None, 0, 0), out_axes=0, devices=_named(devices[:parts]))

    def spread(params: Any, key: Key, condition: Any) -> Any:
        size = jax.tree.leaves(condition)[0].shape[0]
        share = max(1, -(-size // len(devices)))
        parts = len(devices) if jax.process_count() > 1 else max(1, -(-size // share))
        padded = parts * share
        condition = jax.tree.map(
            lambda a: np.resize(np.asarray(a), (padded, *a.shape[1:])), condition
        )
        keys = jax.vmap(jax.random.fold_in, (None, 0))(key, np.arange(padded, dtype=np.int32))
        keys = keys.reshape(parts, -1)
        samples = program(parts)(params, keys, _split(condition, parts, 0))
        return jax.tree.map(lambda a: a.reshape(padded, *a.shape[2:])[:size], samples)

    return spread
