"""The cores of a CPU as devices of their own, for work that needs no communication between them.

Sharing a small operation among all cores takes longer than computing it on one. Generation and
folds, whose members are independent, are up to 1.7 times as fast with one core each. A training step is
not: its devices would each hold the state, update it, and wait for each other's gradients.
"""

from __future__ import annotations

import os
from contextlib import suppress

import jax

from jaxdiff.nets.backend import backend

MOST = 8
"""Devices at most, since each holds a copy of the parameters."""


def as_devices() -> None:
    """Makes every core a device, unless the user has said how many there are or JAX has looked for
    them already.
    """
    said = "device_count" in os.environ.get("XLA_FLAGS", "") or jax.config.jax_num_cpu_devices > 0
    if not said and hasattr(os, "sched_getaffinity"):
        with suppress(RuntimeError):
            jax.config.update("jax_num_cpu_devices", min(MOST, len(os.sched_getaffinity(0))))


def are_devices() -> bool:
    """Whether the devices are cores of one CPU, separated by `as_devices`."""
    return jax.config.jax_num_cpu_devices > 1 and backend() == "cpu"
