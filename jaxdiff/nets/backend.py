"""The backend that programs are written for: the only place that queries it, and that a test can
override.

A few operations have one implementation per backend (fused attention, Winograd convolutions, folds
on one device). Which one is traced depends on `backend()`. `override` changes its result, and JAX
retraces programs under it, so that the GPU's program can be lowered and counted on a machine
without a GPU:

    with backend.override("gpu"):
        program = jax.jit(step).trace(state, batch).lower(lowering_platforms=("cuda",))
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, get_args

import jax

from jaxdiff.errors import ConfigError, nearest

Backend = Literal["cpu", "gpu", "tpu"]

_override = jax.make_user_context(default_value=None)
"""Part of the key of JAX's caches: a program traced for one backend is not reused for another.
"""


def backend() -> Backend:
    """The backend in use, as JAX reports it, or the one set by `override`.

    Returns:
      `"cpu"`, `"gpu"` (CUDA or ROCm) or `"tpu"`.
    """
    return _override.value or jax.default_backend()  # type: ignore[return-value]


def unoptimised() -> dict[str, str]:
    """Compiler options of programs that run for less time than they take to compile.

    Returns:
      Options for `jax.jit(..., compiler_options=...)`; none but on a CPU.
    """
    return {"xla_backend_optimization_level": "0"} if backend() == "cpu" else {}


@contextmanager
def override(name: Backend) -> Iterator[None]:
    """Makes `backend` return `name` within the context.

    Args:
      name: `"cpu"`, `"gpu"` or `"tpu"`.

    Raises:
      ConfigError: if there is no backend of that name.
    """
    if name not in get_args(Backend):
        raise ConfigError(f"no backend {name!r}; {nearest(name, get_args(Backend))}")
    with _override(name):
        yield
