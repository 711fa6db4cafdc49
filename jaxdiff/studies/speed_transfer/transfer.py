"""A trained model applied to a cohort: gaits in degrees and seconds in, gaits at other speeds out.

    x_tgt_hat(t) = x_src(tau(t)) + r_hat(phi(tau(t))),   tau(t) = ratio t

with the cadence ratio of the population's law; where gaits are sequences in time (`align = "none"`), tau(t) = t and r_hat
is a function of time. Without a residual, and at the source's own cadence, the source comes back exactly.
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
from jaxdiff.studies.run import Run
from jaxdiff.studies.speed_transfer import alignment, population
from jaxdiff.studies.speed_transfer.data import Form, Gaits, change, prepared, speeds, window
from jaxdiff.training.step import make_generate
from jaxdiff.typing import Params

BATCH = 64


class Transfer(NamedTuple):
    """A network with its settings, normaliser and population."""

    params: Params
    settings: method.Settings
    form: Form
    normaliser: Normaliser
    population: population.Population

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

        `normaliser` (cohort, 2, C) replaces offset and scale of each gait, `who` (N,) are gaits to encode in place of the
        source: a control.
        """
        wanted = sorted({*source.tolist(), *(source if who is None else who).tolist()})
        whole = dict(zip(wanted, prepared(gaits.select(np.array(wanted)), self.form)))
        affine = np.stack([self.normaliser.offset, self.normaliser.scale])
        affine = (
            np.broadcast_to(affine, (len(gaits), *affine.shape))
            if normaliser is None
            else normaliser
        )

        def sequences(rows: np.ndarray) -> np.ndarray:
            offset, scale = np.moveaxis(affine[rows], 1, 0)[:, :, None]
            return (np.stack([window(whole[row], self.form) for row in rows]) - offset) / scale

        asked = speeds(gaits, source, target_speed, self.form, self.population)
        scale, given = affine[source, 1][:, None], sequences(source)
        base = given + change(gaits, source, target_speed, self.form, self.population) / scale
        condition = {"source": given, "base": base, "speeds": asked}
        if who is not None:
            condition["who"] = sequences(who)
        moved = (self.generate(condition, seed) - given) * scale
        return np.stack([self.play(gaits, s, v, r) for s, v, r in zip(source, target_speed, moved)])

    def generate(self, condition: Mapping[str, np.ndarray], seed: int) -> np.ndarray:
        """Generate from normalised conditions, a batch at a time."""
        run = make_generate(method.speed_transfer(self.settings).generate)
        count = len(condition["source"])
        size = min(BATCH, count)
        parts = []
        for begin in range(0, count, size):
            rows = np.arange(begin, begin + size) % count
            part = {
                name: jnp.asarray(value[rows], jnp.float32) for name, value in condition.items()
            }
            parts.append(np.asarray(run(self.params, jax.random.key(seed + begin), part)))
        return np.concatenate(parts)[:count]

    def play(
        self, gaits: Gaits, source: int, target_speed: float, residual: np.ndarray
    ) -> np.ndarray:
        """Add a residual in degrees, (frames, C), to the source: (T, C)."""
        if self.form.align == "none":
            return gaits.values[source] + residual
        own = gaits.clocks[source]
        ratio = self.population.ratio(float(gaits.speed[source]), float(target_speed))
        phase = alignment.retimed_phase(own, ratio, gaits.values.shape[1])
        strides = self.form.frames // self.form.points
        change = alignment.curve_at(residual, (phase - np.ceil(own.phase[0])) / strides)
        return (alignment.warp(own, phase) + change).astype(np.float32)

    def embed(self, sequences: np.ndarray) -> np.ndarray:
        """The embeddings (N, width) of sequences in degrees (N, frames, C) of this model's form."""
        run = jax.jit(lambda p, x: method.embed(self.settings, p, x))
        return np.asarray(run(self.params, jnp.asarray(self.normaliser(sequences), jnp.float32)))


def about(
    settings: method.Settings, form: Form, normaliser: Normaliser, people: population.Population
) -> dict[str, Any]:
    """Metadata from which `load` makes a `Transfer`."""
    plain = {
        **settings._asdict(),
        "size": settings.size._asdict(),
        "dtype": jnp.dtype(settings.dtype).name,
    }
    return {
        "method": "speed_transfer",
        "model": plain,
        "form": form._asdict(),
        "normaliser": normaliser.state(),
        "population": people.state(),
        "channels": list(normaliser.channels),
        "units": list(normaliser.units),
    }


def load(run: str | Path) -> tuple[Transfer, Mapping[str, Any]]:
    """The model of a run's best checkpoint, and its metadata."""
    trained = Run.open(run).trained()
    found = trained.metadata
    if found.get("method") != "speed_transfer" or "bend" not in found.get("population", {}):
        raise CheckpointError(
            f"{run} holds no model of speed transfer, or one of another version; train it again"
        )
    return from_about(trained.params, found), found


def from_about(params: Params, said: Mapping[str, Any]) -> Transfer:
    """The model with these parameters and metadata."""
    plain = dict(said["model"])
    plain.update(size=Size(**plain["size"]), dtype=jnp.dtype(plain["dtype"]).type)
    plain.update({name: tuple(plain[name]) for name in ("channel_weights", "residual_scale")})
    settings, form = method.Settings(**plain), Form(**said["form"])
    people, scales = (
        population.from_state(said["population"]),
        normalise.from_state(said["normaliser"]),
    )
    return Transfer(params, settings, form, scales, people)
