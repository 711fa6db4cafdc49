"""Converted weights on disk: `params.npz`, one plain float32 array per parameter, and `config.json`,
what they belong to.

The npz keys are `<network>/<path of the parameter>`; arrays that are not parameters (a normaliser)
are under `extras/`. The JSON names each network's class, its fields and the shapes of its inputs.
Neither file can hold code.
"""

from __future__ import annotations

import dataclasses
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from jaxdiff.disk import atomic, write_text
from jaxdiff.errors import FileError, nearest
from jaxdiff.interop.keys import shapes
from jaxdiff.nets.clip_text import ClipText
from jaxdiff.nets.film_transformer import FiLMTransformer, Refinement
from jaxdiff.nets.mdm import MDM
from jaxdiff.nets.mia import MuscleTransformer
from jaxdiff.nets.smoothnet import SmoothNet
from jaxdiff.nets.t2m_evaluators import MotionEncoder, MovementEncoder, TextEncoder
from jaxdiff.nets.text_head import TextHead
from jaxdiff.nets.unet import CondUnet1D

FORMAT = 1
NETWORKS: dict[str, type[nn.Module]] = {
    kind.__name__: kind
    for kind in (
        *(CondUnet1D, TextHead, ClipText, MDM, FiLMTransformer, Refinement),
        *(MovementEncoder, MotionEncoder, TextEncoder, SmoothNet, MuscleTransformer),
    )
}
_NOT_CONFIG = {"parent", "name", "dtype"}


class Weights(NamedTuple):
    """A network and its parameters, as `network.apply(params, ...)` takes them; `inputs` are shapes
    it accepts.
    """

    network: Any
    params: Any
    inputs: tuple[jax.ShapeDtypeStruct, ...]


@dataclass(frozen=True)
class Converted:
    """The networks of one checkpoint by name, and arrays that came with them."""

    source: str
    networks: dict[str, Weights]
    extras: dict[str, np.ndarray] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Weights:
        if name not in self.networks:
            raise FileError(
                f"these weights of {self.source} hold no {name!r}; {nearest(name, self.networks)}"
            )
        return self.networks[name]


def settings(network: Any) -> dict[str, Any]:
    """The fields that define a network."""
    return {
        f.name: getattr(network, f.name)
        for f in dataclasses.fields(network)
        if f.name not in _NOT_CONFIG
    }


def save(converted: Converted, out: str | Path) -> Path:
    """Writes a folder (or `<name>.npz` and `<name>.json` if `out` ends in .npz); returns the path
    of the npz.
    """
    out = Path(out)
    arrays = out if out.suffix == ".npz" else out / "params.npz"
    flat = {f"extras/{name}": value for name, value in converted.extras.items()}
    config: dict[str, Any] = {"format": FORMAT, "source": converted.source, "networks": {}}
    for name, weights in converted.networks.items():
        flat |= {
            f"{name}/{path}": value
            for path, value in flatten_dict(weights.params["params"], sep="/").items()
        }
        config["networks"][name] = {
            "class": type(weights.network).__name__,
            "fields": settings(weights.network),
            "inputs": [[str(np.dtype(i.dtype)), list(i.shape)] for i in weights.inputs],
        }
    try:
        arrays.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"{arrays} cannot be written: {error.strerror or error}") from error
    with atomic(arrays) as file:
        np.savez(file, allow_pickle=False, **flat)
    write_text(_config_path(arrays), json.dumps(config, indent=1))
    return arrays


def load(path: str | Path) -> Converted:
    """Reads what `save` wrote: a folder, or the npz in it. Keys and shapes are checked against the
    networks.
    """
    path = Path(path)
    arrays = path / "params.npz" if path.is_dir() else path
    config = _read_config(_config_path(arrays))
    try:
        with np.load(arrays, allow_pickle=False) as file:
            flat = {key: file[key] for key in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise FileError(f"{arrays} is not a file of converted weights: {error}") from error
    networks = {}
    for name, entry in config["networks"].items():
        network, inputs = _network(arrays, name, entry)
        wanted = shapes(network, inputs)
        got = {
            key.removeprefix(f"{name}/"): value
            for key, value in flat.items()
            if key.startswith(f"{name}/")
        }
        if {key: value.shape for key, value in got.items()} != wanted:
            odd = sorted(
                k
                for k in wanted.keys() | got.keys()
                if k not in got or got[k].shape != wanted.get(k)
            )
            raise FileError(
                f"{arrays}: {name} does not fit its configuration, see {', '.join(odd[:8])}"
            )
        params = jax.tree.map(jnp.asarray, unflatten_dict(got, sep="/"))
        networks[name] = Weights(network, {"params": params}, inputs)
    extras = {
        key.removeprefix("extras/"): value
        for key, value in flat.items()
        if key.startswith("extras/")
    }
    return Converted(config["source"], networks, extras)


def _network(
    where: Path, name: str, entry: Mapping[str, Any]
) -> tuple[Any, tuple[jax.ShapeDtypeStruct, ...]]:
    try:
        kind = NETWORKS[entry["class"]]
        fields = {key: tuple(v) if isinstance(v, list) else v for key, v in entry["fields"].items()}
        inputs = tuple(
            jax.ShapeDtypeStruct(tuple(shape), np.dtype(dtype)) for dtype, shape in entry["inputs"]
        )
        return kind(**fields), inputs
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FileError(f"{where}: the configuration of {name!r} is damaged: {error}") from error


def _config_path(arrays: Path) -> Path:
    return (
        arrays.with_name("config.json")
        if arrays.name == "params.npz"
        else arrays.with_suffix(".json")
    )


def _read_config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text())
        if config["format"] != FORMAT:
            raise FileError(
                f"{path} has format {config['format']}, this version reads {FORMAT}: convert again"
            )
        return {"source": str(config["source"]), "networks": dict(config["networks"])}
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise FileError(f"{path} is not the configuration of converted weights: {error}") from error
