"""Batches of simulated people, new ones in every batch: a training set that need not be stored.

    source = SimulatedPeople(batch_size=64, modalities=("angles", "moments"), seed=0)
    batch = next(source)              # {"angles": [64, 200, 26], "moments": [64, 200, 18], "speed": [64], ...}
    state = source.get_state()        # one number; set_state continues exactly there

People are drawn and simulated in groups. Batch `s` takes windows at random from group `s // reuse`,
so it is a pure function of seed and step. With `background` the next group is computed by another
process meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from jaxdiff.body.walker import batch as walker
from jaxdiff.errors import CheckpointError, ConfigError

SCALARS = ("speed", "slope", "stride_time")


class Population(NamedTuple):
    """What the people of a `SimulatedPeople` are like and do."""

    people: int = 16
    """People simulated at once."""
    tasks: int = 4
    strides: int = 4
    points: int = 100
    impaired: float = 0.3
    speeds: tuple[float, float] = (0.3, 2.2)
    slopes: tuple[float, float] = (-8.5, 8.5)
    level: float = 0.5
    """Share of the tasks on the level."""


def simulated_group(
    population: Population, modalities: Sequence[str], seed: int, number: int
) -> dict[str, np.ndarray]:
    """Group `number` of the people of a seed, simulated; see
    `jaxdiff.body.walker.batch.simulate`.
    """
    rng = np.random.default_rng([seed, 2, number])
    traits = walker.draw_people(rng, population.people, population.impaired)
    tasks = walker.draw_tasks(
        rng, traits, population.tasks, population.speeds, population.slopes, population.level
    )
    return walker.simulate(
        traits, tasks, population.strides, population.points, rng=rng, modalities=modalities
    )


class SimulatedPeople:
    """An endless iterator over batches of windows of consecutive strides; no person appears in two
    groups.

    A batch holds float32 [B, window·points, C] for every modality, the scalars "speed" (m/s),
    "slope" (degrees), "stride_time" (s), "mass" (kg) and "stature" (m) [B], and "subject" [B], a
    number of the person that no other person of the stream has.

    Args:
        batch_size: Windows per batch, over all hosts.
        modalities: Signals, of `walker.batch.MODALITIES`.
        window: Consecutive strides per example.
        seed: The stream; different seeds are different people.
        reuse: Batches drawn from one group of people.
        population: What the people are like and do.
        background: Simulate the next group in another process.
        host: Number of this host; it gets its rows of the batch.
        hosts: Number of hosts.

    Raises:
        ConfigError: If a window is longer than the trials, or the batch does not divide over the
            hosts.
    """

    def __init__(
        self,
        batch_size: int,
        modalities: Sequence[str] = ("angles", "moments", "grf"),
        window: int = 2,
        seed: int = 0,
        reuse: int = 4,
        population: Population | None = None,
        background: bool = False,
        host: int = 0,
        hosts: int = 1,
    ):
        population = population or Population()
        if not 1 <= window <= population.strides:
            raise ConfigError(
                f"a window of {window} strides does not fit into trials of {population.strides}"
            )
        if batch_size < 1 or reuse < 1 or batch_size % hosts or not 0 <= host < hosts:
            raise ConfigError(
                f"batch of {batch_size} used {reuse} times on host {host} of {hosts}: sizes must be"
                " positive, and the batch must divide over the hosts"
            )
        self.population, self.modalities = population, tuple(modalities)
        self._window, self._batch, self._reuse, self._seed = window, batch_size, reuse, seed
        self._rows = slice(host * batch_size // hosts, (host + 1) * batch_size // hosts)
        self._step = 0
        self._group: tuple[int, dict[str, np.ndarray]] | None = None
        self._next: tuple[int, Future] | None = None
        self._pool: ProcessPoolExecutor | None = None
        if background:
            import multiprocessing

            spawn = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(1, mp_context=spawn, initializer=_on_cpu)

    def __iter__(self) -> SimulatedPeople:
        return self

    def __next__(self) -> dict[str, np.ndarray]:
        batch = self._draw(self._step)
        self._step += 1
        return batch

    def _identity(self) -> dict[str, Any]:
        return {
            "seed": self._seed,
            "batch_size": self._batch,
            "window": self._window,
            "reuse": self._reuse,
            "modalities": list(self.modalities),
            "population": [list(v) if isinstance(v, tuple) else v for v in self.population],
        }

    def get_state(self) -> dict[str, Any]:
        """The number of batches handed out, and what they were batches of."""
        return {"step": self._step, **self._identity()}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Continue with the batch that would have come next when `state` was taken.

        Raises:
            CheckpointError: If the state is of another stream.
        """
        for name, value in self._identity().items():
            if state.get(name) != value:
                raise CheckpointError(
                    f"the stream of people was saved with {name} {state.get(name)}, not {value}"
                )
        self._step = int(state["step"])

    def close(self) -> None:
        """End the background process, if there is one."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None

    def _simulated(self, number: int) -> dict[str, np.ndarray]:
        if self._group is None or self._group[0] != number:
            args = self.population, self.modalities, self._seed
            if self._next is not None and self._next[0] == number:
                found = self._next[1].result()
            else:
                found = simulated_group(*args, number)
            self._group = number, found
            if self._pool is not None:
                self._next = number + 1, self._pool.submit(simulated_group, *args, number + 1)
        return self._group[1]

    def _draw(self, step: int) -> dict[str, np.ndarray]:
        number = step // self._reuse
        group = self._simulated(number)
        p = self.population
        rng = np.random.default_rng([self._seed, 3, step])
        shape = (p.people, p.tasks, p.strides - self._window + 1)
        order = rng.permutation(int(np.prod(shape)))
        person, task, stride = np.unravel_index(np.resize(order, self._batch)[self._rows], shape)
        batch = {}
        for name in self.modalities:
            parts = [group[name][person, task, stride + i] for i in range(self._window)]
            batch[name] = np.concatenate(parts, axis=1)
        for name in SCALARS:
            parts = [group[name][person, task, stride + i] for i in range(self._window)]
            batch[name] = np.mean(parts, axis=0).astype(np.float32)
        for name in ("mass", "stature"):
            batch[name] = group[name][person].astype(np.float32)
        batch["subject"] = (number * p.people + person).astype(np.int64)
        return batch


def _on_cpu() -> None:
    """The process that simulates in the background leaves accelerators to training."""
    import jax

    jax.config.update("jax_platforms", "cpu")
