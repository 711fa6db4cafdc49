"""From given signals to samples of all others: the law and the network together, without files or
units.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import jax
import numpy as np

from jaxdiff.errors import FileError
from jaxdiff.methods import gait_discrepancy
from jaxdiff.methods.gait import Settings, gait, parts_of
from jaxdiff.methods.gait_law import Law, Modality, Signals, from_params
from jaxdiff.methods.gait_posterior import Conditional
from jaxdiff.nets.gait_denoiser import Size
from jaxdiff.typing import Array, Params

STRIDES = 8
"""Strides per call of the network."""
SAMPLES = 32
"""Samples of each per call: with as many of both at every call there is one compiled program."""
POSTERIORS = 4
"""Masks whose posterior is kept, each about 10 MB."""


def settings_of(config: Mapping[str, Any]) -> Settings:
    """The method's settings of a config's `model` part."""
    return Settings(
        size=Size(config["width"], config["hidden"], config["blocks"]),
        alignment=config["alignment"],
        aligned=("angles", "moments", "grf", "emg", "imu"),
        steps=config["steps"],
        deterministic=config["deterministic"],
    )


def pairs(samples: int) -> int:
    """Number of draws that `opposite` makes samples of."""
    return (samples + 1) // 2


def opposite(noise: np.ndarray, samples: int) -> np.ndarray:
    """Antithetic noise: every draw, then its negative.

    The median of a few independent samples is off the distribution's by a fifth of its deviation;
    that of pairs of opposite samples is not.
    """
    both = np.stack([noise, -noise], axis=1)
    return both.reshape(-1, *noise.shape[1:])[:samples]


class Imputer:
    """Samples of complete strides given any part of them.

    Samples come in pairs of opposite noise; see `opposite`.

    Args:
      law: the Gaussian law.
      params: parameters of the network; None: the law alone.
      settings: of the method.
    """

    def __init__(self, law: Law, params: Params | None, settings: Settings):
        self.law, self.params, self.settings = law, params, settings
        self._method = gait(settings, parts_of(law.layout))
        self._programs: dict[int, Any] = {}
        self._posteriors: OrderedDict[bytes, Conditional] = OrderedDict()

    def _posterior(self, given: Signals) -> Conditional:
        """The law's posterior for a mask; the latest ones are kept, as files of one laboratory
        share their mask.
        """
        masks = [np.asarray(given[part.name], bool) for part in self.law.layout]
        key = np.packbits(np.concatenate([mask.ravel() for mask in masks])).tobytes()
        if key not in self._posteriors:
            self._posteriors[key] = self.law.condition(given)
            while len(self._posteriors) > POSTERIORS:
                self._posteriors.popitem(last=False)
        self._posteriors.move_to_end(key)
        return self._posteriors[key]

    def with_law(self, law: Law) -> Imputer:
        """The same network with another law of the same layout; compiled programs are shared."""
        other = Imputer(law, self.params, self.settings)
        other._method, other._programs = self._method, self._programs
        return other

    @classmethod
    def of(cls, params: Mapping[str, Any], metadata: Mapping[str, Any]) -> Imputer:
        """The imputer of a trained network's parameters and metadata.

        Raises:
          FileError: parameters of the network before the regression.
        """
        if "body_noisy" not in params["params"]:
            raise FileError(
                "these gait weights are of an earlier network; train or adapt the model again"
            )
        layout = [
            Modality(
                part["name"],
                tuple(part["channels"]),
                tuple(part["units"]),
                part["steps"],
                part["components"],
            )
            for part in metadata["layout"]
        ]
        discrepancy = gait_discrepancy.from_json(metadata.get("discrepancy", {}))
        doubt = metadata.get("doubt", {})
        law = from_params(params["fixed"], layout, metadata["shrinkage"], discrepancy, doubt)
        return cls(law, {"params": params["params"]}, settings_of(metadata["config"]["model"]))

    def coefficients(
        self,
        values: Signals,
        given: Signals,
        samples: int,
        seed: int = 0,
        steps: int = 0,
    ) -> np.ndarray:
        """Samples of the coefficients.

        Args:
          values: strides [N, steps, C] per modality; arbitrary where not given.
          given: masks [steps, C] per modality, the same for all strides.
          samples: number S of samples; sample s uses the same noise for every stride, so that it is
            one person.
          seed: of the samples.
          steps: of the sampler; 0 for the model's own number.

        Returns:
          Coefficients [S, N, K], float32.
        """
        posterior = self._posterior(given)
        clean = {
            part.name: np.where(given[part.name], np.nan_to_num(values[part.name]), 0.0)
            for part in self.law.layout
        }
        rows = posterior.condition(clean)
        count, width = rows["mean"].shape
        numbers = np.arange(pairs(samples), dtype=np.int32)
        keys = jax.vmap(jax.random.fold_in, (None, 0))(jax.random.key(seed), numbers)
        drawn = jax.vmap(lambda key: jax.random.normal(key, (width,)))(keys)
        noise = opposite(np.asarray(drawn), samples)
        if self.params is None:
            u = np.broadcast_to(noise[:, None], (samples, count, width))
        else:
            u = self._network(noise, rows, steps)
        root = posterior.root.astype(np.float32)
        return rows["mean"] + u @ root

    def _network(self, noise: np.ndarray, rows: Mapping[str, np.ndarray], steps: int) -> np.ndarray:
        """Whitened samples [S, N, K] from noise [S, K], by calls of one shape."""
        samples, count, width = len(noise), *rows["mean"].shape
        found, run = np.empty((samples, count, width), np.float32), self._program(steps)
        for first in range(0, count, STRIDES):
            last = min(first + STRIDES, count)
            pick = np.arange(first, first + STRIDES) % count
            condition = {name: value[pick] for name, value in rows.items()}
            for low in range(0, samples, SAMPLES):
                high = min(low + SAMPLES, samples)
                start = noise[np.arange(low, low + SAMPLES) % samples]
                condition["start"] = np.broadcast_to(start, (STRIDES, *start.shape))
                u = np.asarray(run(self.params, condition)).reshape(STRIDES, -1, width)
                found[low:high, first:last] = u[: last - first, : high - low].swapaxes(0, 1)
        return found

    def generate(self, params: Params, condition: Mapping[str, Array], steps: int = 0) -> Array:
        """Whitened samples of the network from `start` in the condition, [B, K] or [B, S, K], to be
        traced; see `methods.gait`.
        """
        return self._method.generate(params, None, condition, steps)

    def _program(self, steps: int) -> Any:
        if steps not in self._programs:
            self._programs[steps] = jax.jit(partial(self.generate, steps=steps))
        return self._programs[steps]

    def draw(
        self,
        values: Signals,
        given: Signals,
        samples: int,
        seed: int = 0,
        steps: int = 0,
        names: Sequence[str] = (),
    ) -> dict[str, np.ndarray]:
        """Samples of complete strides in physical units, [S, N, steps, C] per modality.

        Given samples come back as they are. Arguments as for `coefficients`; `names` are the
        modalities to return.
        """
        a = self.coefficients(values, given, samples, seed, steps)
        return self.decode(a, values, given, seed, names)

    def decode(
        self, a: np.ndarray, values: Signals, given: Signals, seed: int, names: Sequence[str] = ()
    ) -> dict[str, np.ndarray]:
        """Signals of coefficients [S, N, K] as recordings have them: with residuals, given samples
        put back.
        """
        rng = np.random.default_rng(seed)
        found = {}
        for part in self.law.layout:
            if names and part.name not in names:
                continue
            one = (part.name,)
            mask = np.asarray(given[part.name], bool)
            shape = pairs(len(a)), *a.shape[1:-1]
            left = {part.name: opposite(self.law.residual(rng, shape, one)[part.name], len(a))}
            if part.name in self.law.discrepancy:
                left[part.name] += self._deviations(part.name, a, values[part.name], mask, rng)
            x = self.law.decode(a, one, left)[part.name]
            if mask.any():
                x[..., mask] = np.asarray(values[part.name], np.float32)[..., mask]
            found[part.name] = x
        return found

    def _deviations(
        self, name: str, a: np.ndarray, values: np.ndarray, mask: np.ndarray, rng: Any
    ) -> np.ndarray:
        """Discrepancies of a modality, [S, N, steps, C]: one per sample for all strides of a
        recording.

        Where a part of a channel is given, they are drawn conditionally on that part, so that gaps
        are filled continuously.
        """
        law, samples = self.law, len(a)
        channels, width = law.directions[name].shape[1:]
        drawn = rng.standard_normal((pairs(samples), 1, channels, width), np.float32)
        xi = opposite(drawn, samples)
        partly = np.flatnonzero(mask.any(0) & ~mask.all(0))
        if len(partly):
            xi = np.repeat(xi, a.shape[1], axis=1)
            standard = law.standardise(name, values)
            for channel in partly:
                rows = mask[:, channel]
                fitted = a[..., law.slices[name]] @ law.basis[name][rows, channel].T
                seen = standard[:, rows, channel] - fitted
                mean, root = gait_discrepancy.posterior(
                    law.directions[name][rows, channel], law.noise[name][rows, channel], seen
                )
                xi[:, :, channel] = mean + xi[:, :, channel] @ root
        return law.deviation(name, xi)
