"""A trained residual diffusion applied to a cohort: recordings in degrees in, recordings at other
speeds out.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdiff.data import normalise
from jaxdiff.data.normalise import Normaliser
from jaxdiff.errors import CheckpointError
from jaxdiff.methods import speed_transfer as method
from jaxdiff.nets.residual_denoiser import Size
from jaxdiff.studies.generation import in_chunks
from jaxdiff.studies.run import Run
from jaxdiff.studies.speed_transfer.data import Gaits
from jaxdiff.training.step import make_generate
from jaxdiff.typing import Params

OLD = (
    "{} holds a model of strides on a grid of phases, which this version of jaxdiff no longer has;"
    " train stride transfer (jaxdiff train speed_transfer:ship), or use the model with version 0.1"
)


class Transfer(NamedTuple):
    """A network with its settings and normaliser."""

    params: Params
    settings: method.Settings
    normaliser: Normaliser

    def __call__(
        self,
        gaits: Gaits,
        source: np.ndarray,
        target_speed: np.ndarray,
        seed: int = 0,
        normaliser: np.ndarray | None = None,
        who: np.ndarray | None = None,
    ) -> np.ndarray:
        """The gaits `source` (N,) of a cohort at `target_speed` (N,): (N, T, C) in degrees.

        `normaliser` (cohort, 2, C) replaces offset and scale of each gait, `who` (N,) are gaits to
        encode in place of the source: a control.
        """
        if normaliser is None:
            affine = np.stack([self.normaliser.offset, self.normaliser.scale])
            normaliser = np.broadcast_to(affine, (len(gaits), *affine.shape))

        def sequences(rows: np.ndarray) -> np.ndarray:
            offset, scale = np.moveaxis(normaliser[rows], 1, 0)[:, :, None]
            return ((gaits.values[rows] - offset) / scale).astype(np.float32)

        given = sequences(source)
        condition = {
            "source": given,
            "speeds": method.speed_vector(gaits.speed[source], target_speed),
        }
        if who is not None:
            condition["who"] = sequences(who)
        moved = (self.generate(condition, seed) - given) * normaliser[source, 1][:, None]
        return (gaits.values[source] + moved).astype(np.float32)

    def generate(self, condition: Mapping[str, np.ndarray], seed: int) -> np.ndarray:
        """Generate from normalised conditions, a batch at a time."""
        run = make_generate(method.speed_transfer(self.settings).generate)
        size = min(64, len(condition["source"]))
        return in_chunks(run, self.params, jax.random.key(seed), condition, size)

    def embed(self, sequences: np.ndarray) -> np.ndarray:
        """The embeddings (N, width) of sequences in degrees (N, T, C)."""
        run = jax.jit(lambda p, x: method.embed(self.settings, p, x))
        return np.asarray(run(self.params, jnp.asarray(self.normaliser(sequences), jnp.float32)))


def about(settings: method.Settings, normaliser: Normaliser) -> dict[str, Any]:
    """Metadata from which `load` makes a `Transfer`."""
    plain = {
        **settings._asdict(),
        "size": settings.size._asdict(),
        "dtype": jnp.dtype(settings.dtype).name,
    }
    return {
        "method": "speed_transfer",
        "model": plain,
        "normaliser": normaliser.state(),
        "channels": list(normaliser.channels),
        "units": list(normaliser.units),
    }


def load(run: str | Path) -> tuple[Transfer, Mapping[str, Any]]:
    """The model of a run's best checkpoint, and its metadata."""
    trained = Run.open(run).trained()
    if trained.metadata.get("method") != "speed_transfer":
        raise CheckpointError(f"{run} holds no residual diffusion between walking speeds")
    return from_about(trained.params, trained.metadata, run), trained.metadata


def from_about(params: Params, said: Mapping[str, Any], place: str | Path = "this") -> Transfer:
    """The model with these parameters and metadata.

    Raises:
        CheckpointError: A model of version 0.1 on a grid of phases; those in time are read.
    """
    if said.get("form", {}).get("align", "none") != "none" or _scaled(said["model"]):
        raise CheckpointError(OLD.format(place))
    plain = {k: v for k, v in said["model"].items() if k in method.Settings._fields}
    plain |= {"size": Size(**plain["size"]), "dtype": jnp.dtype(plain["dtype"]).type}
    plain["channel_weights"] = tuple(plain["channel_weights"])
    return Transfer(params, method.Settings(**plain), normalise.from_state(said["normaliser"]))


def _scaled(model: Mapping[str, Any]) -> bool:
    """Whether a model of version 0.1 scaled its residual or let it fade, as the paper does not."""
    return bool(model.get("near")) or set(model.get("residual_scale", (1.0,))) != {1.0}
