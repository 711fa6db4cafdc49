"""Normalisers: `y = (x - offset) / scale` per channel, fitted on training subjects only and kept
with the model.

Min-max scaling (LLMA, appendix) maps the range seen in training to [low, high]; z-scores (speed
transfer, III.B; text to motion) map it to mean 0 and deviation 1. Both are the same affine map and
invert exactly. HumanML3D's convention is z-scores whose deviation is averaged over groups of like
features; StableMoFusion trains with some of the deviations (root velocities, root height, contacts)
divided by 5, which amplifies these features.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from jaxdiff.data.trials import Trials
from jaxdiff.errors import ConfigError, DataError, nearest

KINDS = ("minmax", "zscore")
TINY = float(np.finfo(np.float32).tiny)
"""Spreads below the smallest normal float32 count as none: processors flush them to zero."""
LOUD = ("turn", "root_velocity", "root_height", "contacts")


@dataclass(frozen=True)
class Normaliser:
    """An affine map per channel. Works on NumPy and JAX arrays, (…, channels)."""

    kind: str
    offset: np.ndarray
    scale: np.ndarray
    channels: tuple[str, ...]
    units: tuple[str, ...]

    def __call__(self, x: Any) -> Any:
        """Normalised values of physical ones."""
        return (x - self.offset) / self.scale

    def inverse(self, y: Any) -> Any:
        """Physical values of normalised ones."""
        return y * self.scale + self.offset

    def emphasised(self, features: Iterable[slice | int], bias: float) -> Normaliser:
        """The same with the scale of some features divided by `bias`, so that they weigh `bias`
        times more in a loss.
        """
        scale = self.scale.copy()
        for feature in features:
            scale[feature] /= np.float32(bias)
        return replace(self, scale=scale)

    def spread(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Centre and deviation of each channel in training; of min-max scaling, half of the
        half-range is the deviation.
        """
        share = 0.5 if self.kind == "minmax" else 1.0
        return tuple(map(float, self.offset)), tuple(float(share * s) for s in self.scale)

    def state(self) -> dict[str, Any]:
        """The normaliser as plain lists and texts; JSON keeps every bit of a float32."""
        return {
            "kind": self.kind,
            "offset": self.offset.tolist(),
            "scale": self.scale.tolist(),
            "channels": list(self.channels),
            "units": list(self.units),
        }


def from_state(state: Mapping[str, Any]) -> Normaliser:
    """The normaliser from its `state()`."""
    offset, scale = (np.asarray(state[name], np.float32) for name in ("offset", "scale"))
    return Normaliser(
        str(state["kind"]), offset, scale, tuple(state["channels"]), tuple(state["units"])
    )


def fit_values(
    values: np.ndarray,
    channels: Sequence[str],
    units: Sequence[str],
    kind: str = "minmax",
    low: float = -1.0,
    high: float = 1.0,
    groups: Sequence[slice] = (),
) -> Normaliser:
    """Fits a normaliser to values [frames, channels]. Gaps (NaN) are ignored; a constant channel is
    only shifted.
    """
    if kind not in KINDS:
        raise ConfigError(f"no normaliser {kind!r}; {nearest(kind, KINDS)}")
    values = np.asarray(values).reshape(-1, len(channels))
    seen = np.isfinite(values).any(axis=0)
    if not seen.all():
        missing = [channels[int(i)] for i in np.flatnonzero(~seen)]
        raise DataError(f"cannot fit a normaliser: no finite value in channel {', '.join(missing)}")
    if kind == "minmax":
        smallest, largest = (
            np.nanmin(values, axis=0).astype(np.float64),
            np.nanmax(values, axis=0).astype(np.float64),
        )
        scale = (largest - smallest) / (high - low)
        constant = scale < TINY
        offset = np.where(constant, smallest, smallest - low * scale)
    else:
        offset, scale = (
            np.nanmean(values, axis=0, dtype=np.float64),
            np.nanstd(values, axis=0, dtype=np.float64),
        )
        # A float32 constant has a deviation of a few rounding errors, not of exactly zero.
        constant = scale <= np.maximum(1e-6 * np.abs(offset), TINY)
        scale = np.where(constant, 0.0, scale)
        for group in groups:
            scale[group] = scale[group].mean()
        constant = scale == 0
    scale = np.where(constant, 1.0, scale)
    return Normaliser(
        kind,
        np.asarray(offset, np.float32),
        scale.astype(np.float32),
        tuple(channels),
        tuple(units),
    )


def fit(
    trials: Trials, kind: str = "minmax", modalities: Iterable[str] = (), **settings: Any
) -> dict[str, Normaliser]:
    """One normaliser per modality, fitted on the given trials; pass those of the training subjects
    only.
    """
    return {
        name: fit_values(
            trials.frames(name), trials.channels[name], trials.units[name], kind, **settings
        )
        for name in modalities or trials.signals
    }


def fit_motion(trials: Trials, modality: str = "motion", bias: float = 5.0) -> Normaliser:
    """The normaliser of HumanML3D-like features: z-scores by group, with `bias` times the weight on
    root and contacts.
    """
    from jaxdiff.body.humanml3d import joint_count, slices

    groups = slices(joint_count(trials.modality(modality)))  # pyright: ignore[reportArgumentType]
    normaliser = fit(trials, "zscore", [modality], groups=tuple(groups.values()))[modality]
    return normaliser.emphasised([groups[name] for name in LOUD], bias)


def apply(normalisers: Mapping[str, Normaliser], trials: Trials) -> Trials:
    """The trials in normalised units, computed once so that the loader only copies."""
    for name, normaliser in normalisers.items():
        if (
            normaliser.channels != trials.channels.get(name)
            or normaliser.units != trials.units[name]
        ):
            raise DataError(
                f"the normaliser of {name!r} is for channels {normaliser.channels} in"
                f" {normaliser.units}; these trials have {trials.channels.get(name)} in"
                f" {trials.units.get(name)}"
            )
    trials = trials.compact()
    signals = {name: normaliser(trials.modality(name)) for name, normaliser in normalisers.items()}
    units = {name: ("1",) * len(normaliser.channels) for name, normaliser in normalisers.items()}
    return replace(trials, signals={**trials.signals, **signals}, units={**trials.units, **units})
