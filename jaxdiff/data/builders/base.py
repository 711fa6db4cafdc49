"""The base of all data set builders: one kind of example, so that one loader reads them all.

An example is a trial: signals (time, channels) by modality with channel names and units, rate,
subject, task, side, and what else is known. Builders are tensorflow-datasets builders that need no
TensorFlow: array_record files, read as a random-access data source. A subclass says which
modalities it has and yields `example(...)`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import tensorflow_datasets as tfds

from jaxdiff.data.units import canonical
from jaxdiff.errors import DataError, FileError

SPLIT = "trials"  # one split: training and test subjects are chosen by jaxdiff.data.splits

Modalities = Mapping[str, tuple[Sequence[str], Sequence[str]]]
"""modality -> (channel names, units)."""
_JOINTS = ("hip", "knee", "ankle", "foot", "pelvis")
LEG: Modalities = {
    "angles": ([f"{joint}_{axis}" for joint in _JOINTS for axis in "xyz"], ["deg"] * 15),
    "moments": (
        [f"{joint}_{axis}_moment" for joint in _JOINTS[:3] for axis in "xyz"],
        ["N m/kg"] * 9,
    ),
    "grf": ([f"grf_{axis}" for axis in "xyz"], ["N/kg"] * 3),
}
"""Angles, moments and ground reaction force of one leg, in three axes each."""
T = TypeVar("T")


class Builder(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # pyright: ignore
    """Base of all builders. Subclasses set `description`, `homepage`, `citation`, `licence`, and
    `source` if they read files.
    """

    VERSION = tfds.core.Version("1.0.0")
    description = ""
    homepage = ""
    citation = ""
    licence = ""
    source = ""
    """What to put into the manual directory and where to get it; empty if nothing is needed."""
    progress = True
    compact = False
    """Whether signals are stored as 16-bit integers with one scale per channel and trial."""
    # where checksums of downloads would lie; finding it needs a package tfds forgets to require
    code_path = None

    @classmethod
    def configured(cls, **settings: Any) -> Any:
        """The builder config for the settings passed to `load`; most data sets have none."""
        if settings:
            raise TypeError(f"it has no settings (got {', '.join(settings)})")
        return None

    def modalities(self) -> Modalities:
        """Channel names and units of every modality."""
        raise NotImplementedError

    def examples(self, root: Path) -> Iterator[dict[str, Any]]:
        """The trials, from the files under `root` if the builder reads any."""
        raise NotImplementedError

    def track(self, items: Sequence[T]) -> Iterable[T]:
        """The items, with a progress bar."""
        from rich.console import Console
        from rich.progress import track

        return track(
            items, f"preparing {self.name}", console=Console(stderr=True), disable=not self.progress
        )

    def need(self, path: Path) -> Path:
        """The path, if it exists."""
        if not path.exists():
            raise FileError(f"{self.name} needs {path}, which does not exist. {self.source}")
        return path

    def _info(self) -> tfds.core.DatasetInfo:
        text, texts = tfds.features.Text(), tfds.features.Sequence(tfds.features.Text())
        modalities = self.modalities()
        features = {
            **dict.fromkeys(
                ("trial", "subject", "task", "side", "paretic", "split", "channels", "units"), text
            ),
            **dict.fromkeys(("rate", "speed", "incline"), _array((), np.float64)),
            "transition": tfds.features.Scalar(np.bool_),
            "signals": {
                name: _array((None, len(names)), np.int16 if self.compact else np.float32)
                for name, (names, _) in modalities.items()
            },
            "time": _array((None,), np.float64),
            "stride": _array((None,), np.int32),
            **(
                {"scales": {m: _array((2, len(n)), np.float32) for m, (n, _) in modalities.items()}}
                if self.compact
                else {}
            ),
            "captions": texts,
            "tokens": texts,
        }
        return tfds.core.DatasetInfo(
            builder=self,
            description=self.description,
            homepage=self.homepage,
            citation=self.citation,
            features=tfds.features.FeaturesDict(features),
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        root = Path(dl_manager.manual_dir) if self.source else Path()
        return {SPLIT: self._generate_examples(root)}

    def _generate_examples(self, root: Path) -> Iterator[tuple[int, dict[str, Any]]]:
        modalities = self.modalities()
        channels = json.dumps({name: list(channels) for name, (channels, _) in modalities.items()})
        units = json.dumps(
            {name: [canonical(unit) for unit in units] for name, (_, units) in modalities.items()}
        )
        number = -1
        for number, trial in enumerate(self.examples(root)):
            for name, (names, _) in modalities.items():
                shape = trial["signals"][name].shape
                if shape[1:] != (len(names),):
                    raise DataError(
                        f"trial {trial['trial']!r}: {name} has shape {shape}, not (T, {len(names)})"
                    )
            stored = compacted(trial) if self.compact else trial
            yield number, {**stored, "channels": channels, "units": units}
        if number < 0:
            raise DataError(f"{self.name} is empty: no trial was found. {self.source}".rstrip())

    @property
    def MANUAL_DOWNLOAD_INSTRUCTIONS(
        self,
    ) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.source


def _array(shape: tuple[int | None, ...], dtype: type) -> tfds.features.Tensor:
    """An array stored as bytes: several times faster than a list of numbers, and float64 stays
    float64.
    """
    return tfds.features.Tensor(shape=shape, dtype=dtype, encoding=tfds.features.Encoding.BYTES)


def fingerprint(*parts: Any) -> str:
    """A short hash of settings or contents, so that data prepared from others are kept under
    another name.
    """
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:10]


def compacted(trial: Mapping[str, Any]) -> dict[str, Any]:
    """The example with every channel as 16-bit integers between its least and greatest value."""
    signals, scales = {}, {}
    for name, values in trial["signals"].items():
        if not np.isfinite(values).all():
            raise DataError(f"trial {trial['trial']!r}: {name} has values that are not finite")
        low, high = values.min(0), values.max(0)
        step = np.maximum((high - low) / 65535.0, np.finfo(np.float32).tiny)
        signals[name] = (np.rint((values - low) / step) - 32768).astype(np.int16)
        scales[name] = np.stack([step, low + 32768 * step]).astype(np.float32)
    return {**trial, "signals": signals, "scales": scales}


def decoded(stored: Mapping[str, Any]) -> dict[str, Any]:
    """An example as it was before it was stored."""
    example: dict[str, Any] = {
        name: value.decode() if isinstance(value, bytes) else value
        for name, value in stored.items()
    }
    for name in ("captions", "tokens"):
        example[name] = [text.decode() for text in stored[name]]
    for name in ("channels", "units"):
        example[name] = json.loads(example[name])
    if "scales" in example:
        scales = example.pop("scales")
        example["signals"] = {
            name: values * scales[name][0] + scales[name][1]
            for name, values in example["signals"].items()
        }
    return example
