"""A trained run as one pure function: `draw(seed, signal (B, L, C)) -> (B, L, D)`, both in physical units.

Normalisation, the keys of the examples, all steps of the sampler and the way back to units are inside, so what is compiled
or exported is the whole of it. Example n draws from `fold_in(key(seed), n)`, as in files generated with the same seed.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from jaxdiff.data import normalise
from jaxdiff.data.normalise import Normaliser
from jaxdiff.errors import ConfigError, DataError, nearest
from jaxdiff.training.checkpoint import load_params
from jaxdiff.typing import Array


class Sampler(NamedTuple):
    """`draw` and what its arrays mean."""

    draw: Callable[[Array, Array], Array]
    given: Normaliser
    """Channels and units of the signal that goes in."""
    made: Normaliser
    """Channels and units of what comes out."""
    length: int
    """Samples in a window, in and out."""
    strides: int
    """Strides in a window, which then begins at a heel strike; 0: the window is a piece of time."""
    rate: float
    """Hz; 0 where the window is strides."""
    method: str


def load(run: str | Path, given: str = "", steps: int = 0) -> Sampler:
    """The sampler of a run; `given` is the modality that goes in, `steps` those of the sampler if not as trained."""
    params, about = load_params(Path(run) / "checkpoints")
    method = about.get("method")
    if method not in SAMPLERS:
        raise ConfigError(f"runs of {method} cannot be exported or streamed; those of {', '.join(SAMPLERS)} can")
    return SAMPLERS[method](params, about, given, steps)


def _llma(params: dict, about: dict, given: str, steps: int) -> Sampler:
    from jaxdiff.methods.llma import llma
    from jaxdiff.studies.llma.preparation import method_settings

    names = {name: letter for letter, name in about["modalities"].items()}
    given = given or about["modalities"]["x"]
    if given not in names:
        raise DataError(f"the run has no modality {given!r}; {nearest(given, names)}")
    letter, length = names[given], int(about["length"])
    source, target = (normalise.from_state(about["normaliser"][m]) for m in (letter, {"x": "y", "y": "x"}[letter]))
    settings = method_settings(ConfigDict(about["config"]))
    method = llma(settings._replace(steps=steps or settings.steps), window=length)

    def draw(seed: Array, signal: Array) -> Array:
        rows = jnp.arange(signal.shape[0], dtype=jnp.int32)
        keys = jax.vmap(jax.random.fold_in, (None, 0))(jax.random.key(seed), rows)
        return target.inverse(method.generate(params, keys, {letter: source(signal)}))

    per_stride = about["samples_per_stride"]
    return Sampler(
        draw, source, target, length, length // per_stride if per_stride else 0, float(about["rate"] or 0), "llma"
    )


SAMPLERS: dict[str, Callable[[dict, dict, str, int], Sampler]] = {"llma": _llma}
"""By the method a checkpoint names."""
