"""Reads the golden files: numbers produced by the reference implementations, with the settings that
produced them.

The folder is `tests/golden/`, or whatever the environment variable JAXDIFF_GOLDEN names: another
set of the same layout (other seeds, sizes, settings) runs through the same tests.
"""

import json
import os
from pathlib import Path

import numpy as np

FOLDER = Path(os.environ.get("JAXDIFF_GOLDEN") or Path(__file__).parent / "golden")


def arrays(name: str) -> dict[str, np.ndarray]:
    """All arrays of `<name>.npz`."""
    with np.load(FOLDER / f"{name}.npz", allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


def meta(name: str) -> dict:
    """The `meta_json` of `<name>.npz`: cases and settings."""
    return json.loads(str(arrays(name)["meta_json"]))


def settings(name: str) -> dict:
    """The `cfg/*` entries of `<name>.npz` as plain Python values."""
    return {
        key[4:]: value.tolist() for key, value in arrays(name).items() if key.startswith("cfg/")
    }


def under(tree: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """The entries below `prefix/`, without it."""
    return {
        key[len(prefix) + 1 :]: value for key, value in tree.items() if key.startswith(prefix + "/")
    }


def table(name: str) -> dict:
    """The contents of `<name>.json`."""
    return json.loads((FOLDER / f"{name}.json").read_text())
