"""Data sets of a laboratory: a directory of recordings and one small YAML (see recipe.py)."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from jaxdiff.data.builders.base import Builder, Modalities, fingerprint
from jaxdiff.data.builders.example import example
from jaxdiff.data.builders.pattern import BRACES
from jaxdiff.data.builders.recipe import Recipe
from jaxdiff.data.builders.recipe_file import read_recipe
from jaxdiff.data.formats import npz, read_one
from jaxdiff.data.formats.files import read_lines
from jaxdiff.data.recording import Recording
from jaxdiff.data.units import factor
from jaxdiff.errors import ConfigError, DataError, FileError


@dataclasses.dataclass(eq=False)
class Config(tfds.core.BuilderConfig):
    """The recipe, and the folder its files are in."""

    recipe: Any = None
    root: Path = Path()


class Folder(Builder):
    """The modalities that the recipe names."""

    name = "folder"
    description = "A directory of recordings described by a YAML file."
    licence = "yours"
    _kept: tuple[Path | None, dict[str, np.ndarray]] = (None, {})

    @classmethod
    def configured(cls, recipe: Any = None, root: Any = None) -> Config:
        """The config for a recipe.

        Args:
            recipe: The YAML file.
            root: Folder of the recordings; default: that of the recipe. Changed files are prepared
                again.
        """
        if recipe is None:
            raise ConfigError("folder needs recipe=FILE.yaml, which describes the recordings")
        path = Path(recipe).expanduser()
        folder, contents = Path(root).expanduser() if root else path.parent, read_recipe(path)
        states = [(name, (folder / name).stat()) for name in contents.used(folder)]
        changes = [(name, state.st_size, state.st_mtime_ns) for name, state in states]
        name = f"{contents.name}-{fingerprint(path.read_text(encoding='utf-8'), changes)}"
        return Config(name=name, recipe=contents, root=folder)

    @property
    def recipe(self) -> Recipe:
        return self.builder_config.recipe

    def modalities(self) -> Modalities:
        return self._named

    @functools.cached_property
    def _named(self) -> Modalities:
        found = {}
        for name, modality in self.recipe.modalities.items():
            channels = modality.channels
            if isinstance(channels, str) and BRACES.fullmatch(channels):
                channels = self._packed(self._first(), channels[1:-1]).tolist()
            channels = [channels] if isinstance(channels, str) else list(channels)
            if modality.array and self._packed(self._first(), modality.array).shape[-2:] == (
                len(channels),
                3,
            ):
                channels = [f"{joint}_{axis}" for joint in channels for axis in "xyz"]
            units = (
                [modality.units] * len(channels)
                if isinstance(modality.units, str)
                else list(modality.units)
            )
            if len(units) != len(channels):
                raise ConfigError(
                    f"{self.recipe.path}: {name} has {len(channels)} channels, but {len(units)}"
                    " units"
                )
            found[name] = channels, units
        return found

    def examples(self, root: Path) -> Iterator[dict[str, Any]]:
        for path, fields in self.track(self.recipe.matches(self.builder_config.root)):
            yield from (
                self._unpacked(path) if self.recipe.packed else [self._recorded(path, fields)]
            )

    def _recorded(self, path: str, fields: Mapping[str, str]) -> dict[str, Any]:
        """The trial in one file, with the modalities that are in others."""
        recipe, root, opened, parts = self.recipe, self.builder_config.root, {}, {}
        about = recipe.about(fields, path.rsplit(".", 1)[0])
        mass = about.pop("mass", None)
        for name, (channels, units) in self.modalities().items():
            modality = recipe.modalities[name]
            file = recipe.filled(modality.files, fields) if modality.files else path
            if file not in opened:
                opened[file] = read_one(recipe.place(root, file), recipe.rate)
            asked = (
                modality.channels.values() if isinstance(modality.channels, Mapping) else channels
            )
            part = opened[file].select(list(asked))
            scale = [factor(old, new, mass) if old else 1.0 for old, new in zip(part.units, units)]
            parts[name] = dataclasses.replace(
                part, values=part.values * np.asarray(scale, np.float32)
            )
        signals, rate, start = together(parts, path)
        captions = _lines(recipe.place(root, recipe.captions, fields)) if recipe.captions else []
        time = start + np.arange(len(next(iter(signals.values())))) / rate
        return example(signals=signals, rate=rate, time=time, captions=captions, **about)

    def _unpacked(self, path: str) -> Iterator[dict[str, Any]]:
        """The trials packed in one npz."""
        recipe = self.recipe
        arrays: dict[str, Any] = {
            name: self._packed(path, m.array) for name, m in recipe.modalities.items()
        }
        for name, array in arrays.items():
            if not np.issubdtype(array.dtype, np.number) or array.ndim < (
                2 if recipe.offsets else 3
            ):
                raise DataError(
                    f"{path}: the array of {name!r} must hold numbers with axes"
                    f" {'(time, channels)' if recipe.offsets else '(trials, time, channels)'}; it"
                    f" is {array.dtype} {array.shape}"
                )
        if recipe.offsets:
            edges = self._packed(path, recipe.offsets)
            last = min(len(array) for array in arrays.values())
            whole = np.issubdtype(edges.dtype, np.integer) and edges.ndim == 1 and len(edges) > 1
            if not whole or edges[0] != 0 or (np.diff(edges) < 1).any() or edges[-1] > last:
                raise DataError(
                    f"{path}: {recipe.offsets!r} must be whole numbers that rise from 0 to at most"
                    f" {last}"
                )
            arrays = {
                name: np.split(array[: edges[-1]], edges[1:-1]) for name, array in arrays.items()
            }
        count = len(next(iter(arrays.values())))
        named = {
            name
            for text in (*recipe.fields.values(), recipe.captions, recipe.drop)
            for name in BRACES.findall(str(text))
        }
        columns = {name: np.atleast_1d(self._packed(path, name)) for name in named}
        for name, column in {**columns, **arrays}.items():
            if len(column) != count:
                raise DataError(f"{path}: {name!r} has {len(column)} entries for {count} trials")
        for row in range(count):
            known = {name: column[row] for name, column in columns.items()}
            if recipe.drop and known[recipe.drop[1:-1]]:
                continue
            about = recipe.about(known, f"{path.rsplit('.', 1)[0]}/{row}")
            about.pop("mass", None)
            signals = {
                name: np.reshape(array[row], (len(array[row]), -1))
                for name, array in arrays.items()
            }
            captions = (
                np.atleast_1d(known[recipe.captions[1:-1]]).tolist() if recipe.captions else []
            )
            yield example(signals=signals, rate=float(recipe.rate or 0), captions=captions, **about)

    def _first(self) -> str:
        return self.recipe.matches(self.builder_config.root)[0][0]

    def _packed(self, path: str, name: str) -> np.ndarray:
        """One array of a packed file."""
        place = self.recipe.place(self.builder_config.root, path)
        if self._kept[0] != place:
            self._kept = place, npz.arrays(place)
        found = self._kept[1]
        if name not in found:
            raise DataError(
                f"{self.recipe.path}: {path} has no array {name!r} (it has {', '.join(found)})"
            )
        return found[name]


def _lines(path: Path) -> list[str]:
    try:
        return [line.strip() for line in read_lines(path) if line.strip()]
    except FileError as error:
        raise FileError(f"captions: {error}") from None


def together(
    parts: Mapping[str, Recording], path: str
) -> tuple[dict[str, np.ndarray], float, float]:
    """Recordings of one trial on one time axis: only the time that all of them cover."""
    rates = sorted({part.rate for part in parts.values()})
    if len(rates) > 1:
        raise DataError(
            f"{path}: the modalities have the rates {rates} Hz; state one under rate, to which they"
            " are resampled"
        )
    start = max(part.start for part in parts.values())
    skip = {name: round((start - part.start) * rates[0]) for name, part in parts.items()}
    frames = min(len(part.values) - skip[name] for name, part in parts.items())
    if frames < 1:
        raise DataError(f"{path}: the modalities have no time in common")
    signals = {name: part.values[skip[name] : skip[name] + frames] for name, part in parts.items()}
    return signals, rates[0], start
