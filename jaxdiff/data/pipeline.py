"""Batches: a pure function of the step, iterated by grain.

A *source* turns example indices and one row of uniform numbers per example into arrays. Step `s`
takes the positions `s·B … s·B + B - 1` of an endless shuffled sequence of epochs, and a host keeps
its rows of that global batch. So what is trained on depends neither on the number of hosts nor on
threads, and the state of the whole pipeline is one number.

Why whole batches and not grain's example-by-example chain: the arrays fit in memory, and in batches
of 64 windows of 300 x 18 float32, on two cores, the chain source → shuffle → batch delivers 17 000
windows/s, a chain of indices 62 000, this 300 000 (`throughput` measures it). grain keeps what it
is made for: a prefetching thread and a position that can be restored.

A source that is `Gathered` only copies rows of arrays that stay the same. Where these fit, training
keeps them on the device and is sent the plans of the batches alone (`resident`).
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from jaxdiff.errors import CheckpointError, ConfigError, MissingExtra
from jaxdiff.typing import Resident

Batch = dict[str, Any]
UNIFORMS = 4


class Source(Protocol):
    """Examples that can be drawn many at a time."""

    def __len__(self) -> int: ...

    def __call__(self, index: np.ndarray, u: np.ndarray) -> Batch:
        """Examples `index` [b] as arrays with a leading axis b; `u` [b, 4] in [0, 1) determines all
        random choices.
        """
        ...


@runtime_checkable
class Gathered(Source, Protocol):
    """A source with `source(index, u) == source.gather(source.arrays, source.plan(index, u))`."""

    @property
    def arrays(self) -> Mapping[str, np.ndarray]: ...

    def plan(self, index: np.ndarray, u: np.ndarray) -> Batch:
        """Which rows of the arrays make the examples: int32 arrays with a leading axis b."""
        ...

    def gather(self, arrays: Mapping[str, Any], plan: Batch) -> Batch:
        """The batch of a plan; `arrays` and `plan` may be arrays of NumPy or traced ones of JAX."""
        ...


class Batches:
    """An endless (or `epochs` long) iterator over batches whose state can be saved and restored
    exactly.

    It gives the rows of host number `host` of `hosts`: this process's, among those JAX knows,
    unless stated otherwise.
    """

    def __init__(
        self,
        source: Source,
        batch_size: int,
        seed: int = 0,
        shuffle: bool = True,
        epochs: int | None = None,
        host: int | None = None,
        hosts: int | None = None,
    ):
        import jax

        try:
            import grain
        except ImportError:
            raise MissingExtra("reading batches for training", "train") from None

        host = jax.process_index() if host is None else host
        hosts = jax.process_count() if hosts is None else hosts
        if not len(source):
            raise ConfigError("cannot make batches: the source has no examples")
        if batch_size < 1 or batch_size % hosts:
            raise ConfigError(f"a batch of {batch_size} does not divide over {hosts} hosts")
        if not 0 <= host < hosts:
            raise ConfigError(f"host {host} of {hosts}: hosts count from 0")
        self.source, self._options = source, (batch_size, seed, shuffle, epochs, host, hosts)
        self._identity = {
            "examples": len(source),
            "batch_size": batch_size,
            "seed": seed,
            "shuffle": shuffle,
        }
        steps = _Steps(source, *self._options)
        dataset = grain.MapDataset.source(steps)  # pyright: ignore[reportArgumentType]
        self._steps = iter(
            dataset.to_iter_dataset(grain.ReadOptions(num_threads=1, prefetch_buffer_size=2))
        )

    def __iter__(self) -> Batches:
        return self

    def __next__(self) -> Batch:
        return next(self._steps)

    def get_state(self) -> dict[str, Any]:
        """The state to store: the number of batches returned, and the properties of their
        source.
        """
        return {"step": self._steps.get_state()["next_index"], **self._identity}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Continue with the batch that followed when `state` was taken."""
        for name, value in self._identity.items():
            if state.get(name) != value:
                raise CheckpointError(
                    f"the data pipeline was saved with {name} {state.get(name)}, not {value}"
                )
        self._steps.set_state({"next_index": int(state["step"])})

    def resident(self, limit: float) -> Resident | None:
        """These batches for training with the arrays on the device, from the same place on.

        Args:
          limit: bytes that the arrays may have.

        Returns:
          Arrays, function and plans; None if the source is not `Gathered` or its arrays are larger.
        """
        source = self.source
        if not limit or not isinstance(source, Gathered):
            return None
        arrays = dict(source.arrays)
        if sum(array.nbytes for array in arrays.values()) > limit:
            return None
        plans = Batches(_Plans(source), *self._options)
        plans.set_state(self.get_state())
        return Resident(arrays, source.gather, plans)


class _Plans:
    """A source of the plans of another."""

    def __init__(self, source: Gathered):
        self.source = source

    def __len__(self) -> int:
        return len(self.source)

    def __call__(self, index: np.ndarray, u: np.ndarray) -> Batch:
        return self.source.plan(index, u)


class _Steps:
    """Random access to batch number `step`, the interface of grain."""

    def __init__(self, source, batch_size, seed, shuffle, epochs, host, hosts):
        self.source, self.batch_size, self.seed = source, batch_size, seed
        self.total = None if epochs is None else epochs * len(source)
        self.rows = slice(host * batch_size // hosts, (host + 1) * batch_size // hosts)
        self.order = functools.lru_cache(maxsize=2)(self._shuffled if shuffle else self._as_given)

    def _shuffled(self, epoch: int) -> np.ndarray:
        return np.random.default_rng([self.seed, 0, epoch]).permutation(len(self.source))

    def _as_given(self, _: int) -> np.ndarray:
        return np.arange(len(self.source))

    def __len__(self) -> int:
        return 2**40 if self.total is None else math.ceil(self.total / self.batch_size)

    def __getitem__(self, step: int) -> Batch:
        first = step * self.batch_size
        last = (
            first + self.batch_size
            if self.total is None
            else min(first + self.batch_size, self.total)
        )
        position = np.arange(first, last)
        epoch, place = np.divmod(position, len(self.source))
        index = np.concatenate([self.order(int(e))[place[epoch == e]] for e in np.unique(epoch)])
        u = np.random.default_rng([self.seed, 1, step]).random((self.batch_size, UNIFORMS))[
            : len(index)
        ]
        return self.source(index[self.rows], u[self.rows])


class stack:
    """Batches of several iterators with a leading axis: the folds of a cross-validation trained as
    one computation.
    """

    def __init__(self, batches: Sequence[Any]):
        self._batches = tuple(batches)

    def __iter__(self) -> stack:
        return self

    def __next__(self) -> Batch:
        each = [next(batches) for batches in self._batches]
        return {name: np.stack([batch[name] for batch in each]) for name in each[0]}

    def get_state(self) -> dict[str, Any]:
        return {"folds": [batches.get_state() for batches in self._batches]}

    def set_state(self, state: Mapping[str, Any]) -> None:
        folds = state.get("folds", ())
        if len(folds) != len(self._batches):
            raise CheckpointError(
                f"the data pipeline was saved with {len(folds)} folds, not {len(self._batches)}"
            )
        for batches, fold in zip(self._batches, folds):
            batches.set_state(fold)

    def resident(self, limit: float) -> Resident | None:
        """As `Batches.resident`; the arrays of the folds are stacked, the shorter ones filled with
        zeros.
        """
        each = [batches.resident(limit) for batches in self._batches]
        found = [one for one in each if one is not None]
        if len(found) < len(each):
            return None
        names = found[0].arrays
        rows = {name: max(len(one.arrays[name]) for one in found) for name in names}
        size = sum(rows[n] * names[n][:1].nbytes for n in names) * len(found)
        if size > limit:
            return None

        def filled(array: np.ndarray, length: int) -> np.ndarray:
            return np.pad(array, [(0, length - len(array))] + [(0, 0)] * (array.ndim - 1))

        arrays = {n: np.stack([filled(one.arrays[n], rows[n]) for one in found]) for n in names}
        return Resident(arrays, found[0].gather, stack([one.plans for one in found]))


def rows(values: Any, first: Any, frames: np.ndarray | Any) -> Any:
    """Rows `first [b] + frames [T]` or `[b, T]` of `values [n, ...]`: `[b, T, ...]`, of NumPy or
    JAX arrays.
    """
    return values.take(first[:, None] + frames, axis=0, mode="clip")


def where(valid: Any, values: Any) -> Any:
    """`values [b, T, ...]`, zero where `valid [b, T]` is false, of NumPy or JAX arrays."""
    if isinstance(values, np.ndarray):
        return np.where(valid[..., None], values, np.float32(0))
    import jax.numpy as jnp

    return jnp.where(valid[..., None], values, np.float32(0))


def throughput(batches: Any, seconds: float = 2.0) -> dict[str, float]:
    """Throughput of a loader after a warm-up: `examples/s`, `ms/batch` and `MB/s`."""
    arrays = [next(batches) for _ in range(5)][-1].values()
    size, examples = sum(array.nbytes for array in arrays), min(array.size for array in arrays)
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds or not count:
        next(batches)
        count += 1
    each = (time.perf_counter() - start) / count
    return {"examples/s": examples / each, "ms/batch": 1e3 * each, "MB/s": size / each / 1e6}
