"""Bring your own lab: any directory of CSV, npz, OpenSim, C3D or BVH files and one small YAML (see recipe.py)."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from jaxdiff.data.builders.base import Builder, Modalities, example, fingerprint
from jaxdiff.data.builders.recipe import BRACES, Recipe, read_recipe
from jaxdiff.data.formats import read
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

    @classmethod
    def configured(cls, recipe: Any = None, root: Any = None) -> Config:
        """`recipe` is the YAML file; the recordings are beside it, or in `root`. A changed file is prepared anew."""
        if recipe is None:
            raise ConfigError("folder needs recipe=FILE.yaml, which says what the recordings are")
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
                    f"{self.recipe.path}: {name} has {len(channels)} channels, but {len(units)} units"
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
                opened[file] = read(root / file, recipe.rate)
            asked = (
                modality.channels.values() if isinstance(modality.channels, Mapping) else channels
            )
            part = opened[file].select(list(asked))
            scale = [factor(old, new, mass) if old else 1.0 for old, new in zip(part.units, units)]
            parts[name] = dataclasses.replace(
                part, values=part.values * np.asarray(scale, np.float32)
            )
        signals, rate, start = together(parts, path)
        captions = _lines(root / recipe.filled(recipe.captions, fields)) if recipe.captions else []
        time = start + np.arange(len(next(iter(signals.values())))) / rate
        return example(signals=signals, rate=rate, time=time, captions=captions, **about)

    def _unpacked(self, path: str) -> Iterator[dict[str, Any]]:
        """The trials packed in one npz."""
        recipe = self.recipe
        arrays: dict[str, Any] = {
            name: self._packed(path, m.array) for name, m in recipe.modalities.items()
        }
        if recipe.offsets:
            edges = self._packed(path, recipe.offsets)
            arrays = {
                name: np.split(array[: edges[-1]], edges[1:-1]) for name, array in arrays.items()
            }
        count = len(next(iter(arrays.values())))
        named = {
            name
            for text in (*recipe.fields.values(), recipe.captions, recipe.drop)
            for name in BRACES.findall(str(text))
        }
        columns = {name: self._packed(path, name) for name in named}
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
        try:
            with np.load(self.builder_config.root / path, allow_pickle=False) as file:
                if name not in file:
                    raise DataError(
                        f"{self.recipe.path}: {path} has no array {name!r} (it has {', '.join(file.files)})"
                    )
                return file[name]
        except (OSError, ValueError) as error:
            raise FileError(
                f"{path} cannot be read as an npz file of plain arrays: {error}"
            ) from None


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(f"{path} has no captions: {error}") from None
    return [line.strip() for line in text.splitlines() if line.strip()]


def together(
    parts: Mapping[str, Recording], path: str
) -> tuple[dict[str, np.ndarray], float, float]:
    """Recordings of one trial on one time axis: only the time that all of them cover."""
    rates = sorted({part.rate for part in parts.values()})
    if len(rates) > 1:
        raise DataError(
            f"{path}: the modalities have the rates {rates} Hz; give rate, and they are resampled"
        )
    start = max(part.start for part in parts.values())
    skip = {name: round((start - part.start) * rates[0]) for name, part in parts.items()}
    frames = min(len(part.values) - skip[name] for name, part in parts.items())
    if frames < 1:
        raise DataError(f"{path}: the modalities have no time in common")
    signals = {name: part.values[skip[name] : skip[name] + frames] for name, part in parts.items()}
    return signals, rates[0], start
