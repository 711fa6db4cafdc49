"""Simulated strides for training, calibration and tests: people drawn afresh for each."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxdiff.data.units import canonical
from jaxdiff.disk import atomic
from jaxdiff.errors import FileError
from jaxdiff.studies.gait.strides import Strides
from jaxdiff.typing import Config

POINTS = 100
"""Samples of a stride."""
SCALARS = ("speed", "slope", "mass", "stature", "stride_time")
SCALAR_UNITS = ("m/s", "deg", "kg", "m", "s")
EVENTS = ("foot_off_r", "foot_strike_l", "foot_off_l")
"""Phases of the right stride, 0 to 1."""
SIGNALS = ("angles", "moments", "grf", "cop", "emg", "imu")
SPLITS = {"train": 0, "calibration": 1, "test": 2}
CHUNK = 50


def kept(config: Config, split: str, folder: Path) -> Strides:
    """The strides of a split, simulated once and kept in a folder as float16.

    Args:
      config: the config's `data` part. With `folders`, none are simulated: the people trained on
        are those that other runs kept there, the held-out ones those of the first folder.
      split: as for `simulated`.
      folder: of the run; a file made with another config or an earlier walker is replaced.
    """
    from jaxdiff.body.walker.people import VERSION

    own = config.to_dict()
    if others := own.pop("folders", ""):
        folders = [Path(name.strip()) for name in others.split(",")]
        return joined(folders if split == "train" else folders[:1], split)
    path, wanted = folder / f"{split}.npz", json.dumps({**own, "walker": VERSION}, sort_keys=True)
    if path.exists():
        with np.load(path, allow_pickle=False) as file:
            if str(file["config"]) == wanted:
                return _strides(_arrays(file))
    found = simulated(
        config, split, lambda done, total: print(f"{split}: {done} of {total} people", flush=True)
    )
    folder.mkdir(parents=True, exist_ok=True)
    halves: dict[str, Any] = {
        name: array.astype(np.float16) for name, array in found.values.items()
    }
    with atomic(path) as file:
        np.savez(file, config=wanted, subject=found.subject, **halves)
    return found


def joined(folders: Sequence[Path], split: str) -> Strides:
    """The strides of a split that `kept` left in some folders, their people numbered anew.

    Args:
      folders: `data` folders of runs, of other seeds or with another version of the walker.
      split: as for `simulated`.

    Raises:
      FileError: A folder lacks the split.
    """
    parts, people = [], 0
    for folder in folders:
        path = folder / f"{split}.npz"
        if not path.exists():
            raise FileError(f"{path} does not exist; data.folders names `data` folders of runs")
        with np.load(path, allow_pickle=False) as file:
            arrays = _arrays(file)
        _, subject = np.unique(arrays["subject"], return_inverse=True)
        parts.append({**arrays, "subject": people + subject})
        people += subject.max() + 1
    return _strides({name: np.concatenate([part[name] for part in parts]) for name in parts[0]})


def _arrays(file: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays of a kept file."""
    return {name: file[name] for name in file if name != "config"}


def simulated(
    config: Config, split: str, progress: Callable[[int, int], None] | None = None
) -> Strides:
    """Strides of the simulated people of a split.

    Args:
      config: the config's `data` part.
      split: `train`, `calibration` or `test`; the last two share `held_out` people.
      progress: called with `(done, total)` people.

    Returns:
      Angles, moments, ground reactions with centres of pressure, EMG, IMU, scalars and events;
      subjects are numbered within the split.
    """
    from jaxdiff.body.walker import batch

    total = config.people if split == "train" else max(1, config.held_out // 2)
    parts: list[dict[str, np.ndarray]] = []
    for first in range(0, total, CHUNK):
        count = min(CHUNK, total - first)
        rng = np.random.default_rng([config.seed, SPLITS[split], first])
        traits = batch.draw_people(rng, count, impaired=config.impaired)
        tasks = batch.draw_tasks(rng, traits, config.tasks)
        out = batch.simulate(
            traits, tasks, strides=config.strides, points=POINTS, rng=rng, modalities=SIGNALS
        )
        parts.append(_flat(out, first, rng, config.offset))
        if progress:
            progress(first + count, total)
    return _strides({name: np.concatenate([part[name] for part in parts]) for name in parts[0]})


def _strides(arrays: dict[str, np.ndarray]) -> Strides:
    """Strides of arrays by modality, and `subject`."""
    from jaxdiff.body.walker.batch import CHANNELS, UNITS

    values = {
        name: np.asarray(array, np.float32) for name, array in arrays.items() if name != "subject"
    }
    channels = {name: tuple(CHANNELS[name]) for name in SIGNALS}
    units = {name: tuple(canonical(unit) for unit in UNITS[name]) for name in SIGNALS}
    channels["grf"] += channels.pop("cop")
    units["grf"] += units.pop("cop")
    channels |= {"scalars": SCALARS, "events": EVENTS}
    units |= {"scalars": SCALAR_UNITS, "events": ("1",) * len(EVENTS)}
    return Strides(values, arrays["subject"], channels, units)


def _flat(out: dict, first: int, rng: np.random.Generator, offset: float) -> dict[str, np.ndarray]:
    """Strides [N, steps, C] of a chunk of people [P, tasks, strides, steps, C]."""
    people, tasks, strides = out["stride_time"].shape
    each = tasks * strides
    found: dict[str, np.ndarray] = {
        name: np.asarray(out[name], np.float32).reshape(people * each, POINTS, -1)
        for name in SIGNALS
    }
    found["grf"] = np.concatenate([found["grf"], found.pop("cop")], axis=2)
    error = offset * rng.standard_normal((people, 1, found["angles"].shape[2]))
    found["angles"] += np.repeat(error, each, axis=0).astype(np.float32)
    person = [np.repeat(out[name], each) for name in ("mass", "stature")]
    columns = [out["speed"].ravel(), out["slope"].ravel(), *person, out["stride_time"].ravel()]
    found["scalars"] = np.stack(columns, axis=-1).astype(np.float32)[:, None]
    found["events"] = np.asarray(out["events"], np.float32).reshape(people * each, 1, -1)
    found["subject"] = np.repeat(first + np.arange(people), each)
    return found
