"""Many hosts: each runs the same program on its share of the data."""

from __future__ import annotations

import os

import jax

from jaxdiff.errors import ConfigError


def initialize(
    coordinator: str | None = None, num_processes: int | None = None, process_id: int | None = None
) -> bool:
    """Joins the other processes, named by the arguments or found from the cluster; false if there are none.

    Clusters that announce themselves: SLURM, Open MPI, TPU pods. Call it before JAX is used in any other way.
    """
    given = [coordinator, num_processes, process_id]
    if any(value is not None for value in given):
        if any(value is None for value in given):
            raise ConfigError(
                "several hosts need all of --coordinator=HOST:PORT, --num_processes and --process_id"
            )
        if not 0 <= process_id < num_processes:  # type: ignore[operator]
            raise ConfigError(f"--process_id must be in 0 … {num_processes - 1}, not {process_id}")  # type: ignore
        jax.distributed.initialize(coordinator, num_processes, process_id)
        return True
    if _announced():
        jax.distributed.initialize()
        return True
    return False


def _announced() -> bool:
    count = os.environ.get("OMPI_COMM_WORLD_SIZE") or os.environ.get("SLURM_STEP_NUM_TASKS") or "1"
    return int(count) > 1 or "," in os.environ.get("TPU_WORKER_HOSTNAMES", "")


def share(batch: int) -> slice:
    """This host's rows of a global batch of `batch` examples."""
    count, index = jax.process_count(), jax.process_index()
    if batch % count:
        raise ConfigError(
            f"a batch of {batch} cannot be shared by {count} hosts; make it a multiple of that"
        )
    return slice(index * batch // count, (index + 1) * batch // count)
