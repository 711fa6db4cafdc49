"""A model as one pure function of arrays: `draw(seed, *inputs [B, ...]) -> [B, T, C]`, all in
physical units.

Normalisation, the keys of the examples, every step of the sampler and the way back to units are
inside, so that what is compiled or exported is the whole of it. Example n draws from
`fold_in(key(seed), n)`, as files generated with that seed do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdiff.deployment.signal import Signal
from jaxdiff.typing import Array, Key


class Program(NamedTuple):
    """`draw` and what its arrays mean.

    Attributes:
        draw: The function.
        inputs: Its arguments after the seed.
        output: What it returns.
        study: The study of its model.
        notes: Further JSON values needed to make inputs.
        calibration: Factors for the intervals of the output's channels
            (`models.calibration.Calibration`), or None.
        noise: Shapes of the standard-normal arrays that `from_noise` takes, without the batch axis.
        from_noise: `(*noise [B, ...], *inputs [B, ...]) -> [B, T, C]`, of which `draw` draws the
            noise; None where a program does not separate them.
    """

    draw: Callable[..., Array]
    inputs: tuple[Signal, ...]
    output: Signal
    study: str
    notes: Mapping[str, Any] = {}
    calibration: Any = None
    noise: tuple[tuple[int, ...], ...] = ()
    from_noise: Callable[..., Array] | None = None


def example_keys(seed: Array, count: int) -> Key:
    """One key per example, `[count]`; the first ones do not depend on `count`."""
    rows = jnp.arange(count, dtype=jnp.int32)
    return jax.vmap(jax.random.fold_in, (None, 0))(jax.random.key(seed), rows)
