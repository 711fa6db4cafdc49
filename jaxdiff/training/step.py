"""One training step, and the only place that knows how many devices share it.

`make_step` runs a per-replica update under `jax.pmap` with a replicated, donated state;
`make_fold_step` runs many independent trainings (folds, seeds, ablations) as one program;
`make_generate` spreads a batch of conditions over the devices. Every example has its own key,
`fold_in(fold_in(key, step), row)`, so its random numbers do not depend on how many devices or hosts
share the batch.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
import optax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxdiff.errors import DataError
from jaxdiff.nets.backend import backend, unoptimised
from jaxdiff.training import cores
from jaxdiff.training.state import TrainState
from jaxdiff.training.update import DEFAULT, Scalars, StepSettings, make_update
from jaxdiff.typing import Array, Batch, Device, Key, Method, Resident

AXIS = "devices"
StepFunction = Callable[[TrainState, Batch], tuple[TrainState, Scalars]]


def _dispatch(update: Callable, steps: int, resident: Resident | None) -> Callable:
    """`(state, arrays, batch, rows)` to state and metrics: `steps` updates in one program.

    Batches, rows and metrics have a leading axis of that length if it is not 1. With resident data
    the batches are plans. What is gathered is a value of its own (the barrier), so that the step is
    compiled as for batches of the host and differs from it by rounding at most.
    """

    def one(state: TrainState, arrays: Any, batch: Any, rows: Array) -> tuple[TrainState, Scalars]:
        if resident:
            batch = jax.lax.optimization_barrier(dict(resident.gather(arrays, batch)))
        return update(state, batch, rows)

    if steps == 1:
        return one
    return lambda state, arrays, batches, rows: jax.lax.scan(
        lambda s, x: one(s, arrays, *x), state, (batches, rows)
    )


def _split(batch: Any, parts: int, axis: int) -> Any:
    """Cuts axis `axis` of every array into `parts` and moves the parts to the front."""

    def cut(a):
        if a.shape[axis] % parts:
            raise DataError(
                f"a batch of {a.shape[axis]} cannot be shared by {parts} devices; make it a"
                f" multiple of {parts}"
            )
        a = a.reshape(*a.shape[:axis], parts, -1, *a.shape[axis + 1 :])
        return np.moveaxis(a, axis, 0) if axis else a

    return jax.tree.map(cut, batch)


def _named(devices: list[Device]) -> list[Device] | None:
    """The `devices` argument of `pmap`: on several hosts it accepts only its default, all of
    them.
    """
    return None if jax.process_count() > 1 else devices


def _together() -> list[Device]:
    """The devices that share a step by default: all of them, or one if they are the cores of one
    CPU, which XLA uses anyway.
    """
    return jax.devices()[:1] if cores.are_devices() else jax.devices()


def make_step(
    method: Method,
    optimizer: optax.GradientTransformation,
    settings: StepSettings = DEFAULT,
    *,
    devices: Sequence[Device] | None = None,
    resident: Resident | None = None,
) -> StepFunction:
    """The training step on several devices.

    Args:
      method: the training objective.
      optimizer: acts on the dict of flat vectors.
      settings: moving average, accumulation and dispatch.
      devices: all of them by default; one, where they are the cores of one CPU.
      resident: data whose arrays are placed on every device; batches are then its plans.

    Returns:
      `(state, batch) -> (state, metrics)`. `batch` holds this host's share, leaves `(b, ...)`, or
      `(K, b, ...)` with K = `steps_per_dispatch` > 1. The state is replicated and donated: use the
      one that is returned.
    """
    devices = list(devices or _together())
    local = [device for device in devices if device.process_index == jax.process_index()]
    update, steps_per_dispatch = (
        make_update(method, optimizer, settings, AXIS),
        settings.steps_per_dispatch,
    )
    replicated = NamedSharding(Mesh(np.array(local), (AXIS,)), PartitionSpec())
    run = jax.pmap(
        _dispatch(update, steps_per_dispatch, resident),
        axis_name=AXIS,
        in_axes=(None, None, 0, 0),
        out_axes=None,
        donate_argnums=0,
        devices=_named(devices),
    )
    batch_axis = int(steps_per_dispatch > 1)
    arrays = jax.device_put(resident.arrays if resident else {}, replicated)

    def step(state: TrainState, batch: Batch) -> tuple[TrainState, Scalars]:
        placed = state.step.sharding
        if not isinstance(placed, NamedSharding) or len(placed.device_set) != len(devices):
            state = jax.device_put(
                state, replicated
            )  # else the first call would trace for another placement
        size = jax.tree.leaves(batch)[0].shape[batch_axis]
        rows = np.arange(size, dtype=np.int32) + jax.process_index() * size
        rows = np.broadcast_to(rows, (steps_per_dispatch, size)) if batch_axis else rows
        return run(state, arrays, *_split((dict(batch), rows), len(local), batch_axis))

    return step


def make_fold_step(
    method: Method,
    optimizer: optax.GradientTransformation,
    settings: StepSettings = DEFAULT,
    *,
    devices: Sequence[Device] | None = None,
    resident: Resident | None = None,
) -> StepFunction:
    """The step of F independent trainings as one program, the folds spread over the devices.

    Folds that share a device are batched; on a CPU, which a single fold keeps busy, they run one
    after another in the working memory of one.

    Args:
      method: the training objective.
      optimizer: acts on the dict of flat vectors.
      settings: moving average, accumulation and dispatch.
      devices: all of them by default.
      resident: data whose arrays are placed on the devices of their folds; batches are then its
        plans.

    Returns:
      `(state, batch) -> (state, metrics)`. Every leaf of the state and of the metrics has a leading
      axis F; batches are `(F, b, ...)`, or `(F, K, b, ...)`. Make the state with `jax.vmap(init)`
      over keys, weights and batches.
    """
    devices = list(devices or jax.devices())
    steps_per_dispatch = settings.steps_per_dispatch
    update = make_update(method, optimizer, settings)
    one = _dispatch(update, steps_per_dispatch, resident)
    batch_axis = 1 + int(steps_per_dispatch > 1)

    def share(
        state: TrainState, arrays: Any, batch: Batch, rows: Array
    ) -> tuple[TrainState, Scalars]:
        if backend() == "cpu":
            return jax.lax.map(lambda fold: one(*fold, rows), (state, arrays, batch))
        return jax.vmap(one, in_axes=(0, 0, 0, None))(state, arrays, batch, rows)

    @functools.cache
    def program(used: int) -> tuple[NamedSharding, Any, Callable]:
        mesh, folds = Mesh(np.array(devices[:used]), ("folds",)), PartitionSpec("folds")
        spread = jax.shard_map(
            share,
            mesh=mesh,
            in_specs=(folds, folds, folds, PartitionSpec()),
            out_specs=folds,
            check_vma=False,
        )
        placed = NamedSharding(mesh, folds)
        arrays = jax.device_put(resident.arrays if resident else {}, placed)
        return placed, arrays, jax.jit(spread, donate_argnums=0)

    def step(state: TrainState, batch: Batch) -> tuple[TrainState, Scalars]:
        folds, size = state.step.shape[0], jax.tree.leaves(batch)[0].shape[batch_axis]
        used = max(n for n in range(1, len(devices) + 1) if folds % n == 0)
        placed, arrays, run = program(used)
        rows = np.arange(size, dtype=np.int32)
        rows = np.broadcast_to(rows, (steps_per_dispatch, size)) if steps_per_dispatch > 1 else rows
        state, batch = jax.device_put((state, dict(batch)), placed)
        return run(state, arrays, batch, rows)

    return step


def make_generate(
    generate: Callable[..., Any], devices: Sequence[Device] | None = None, *, once: bool = False
) -> Callable[[Any, Key, Any], Any]:
    """Generation with the batch of conditions spread over this host's devices.

    Args:
      generate: `(params, keys, condition) -> samples`, called with a share of the batch and one key
        per example, so the samples do not depend on the number of devices.
      devices: this host's by default.
      once: for programs that run for less time than they take to compile: on a CPU, they run on one
        device and are compiled without optimisation, in half the time.

    Returns:
      `(params, key, condition) -> samples`. Batches that do not divide evenly are padded and cut
      again; small ones leave devices idle.
    """
    devices = list(devices or jax.local_devices())
    quickly = unoptimised() if once and jax.process_count() == 1 else {}
    devices = devices[:1] if quickly else devices

    @functools.cache
    def program(parts: int) -> Callable:
        if quickly:
            each = jax.vmap(generate, in_axes=(None, 0, 0))
            return jax.jit(each, compiler_options=quickly)
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
