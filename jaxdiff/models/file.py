"""A trained network as one file: a safetensors container with a JSON card in its header.

    8 bytes     length of the header, little-endian
    header      JSON: {"__metadata__": {"jaxdiff": "<JSON>"}, "a/b/kernel": {dtype, shape, data_offsets}, ...}
    data        the arrays, one after the other

The `jaxdiff` entry holds the format's version, the study, the metadata, and the SHA-256 of metadata
and data. Any reader of safetensors opens the file; nothing in it is code.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jaxdiff.disk import atomic
from jaxdiff.errors import ConfigError, FileError
from jaxdiff.models.trained import Trained
from jaxdiff.typing import Params

FORMAT = 1
LARGEST_HEADER = 64 << 20
DTYPES = {
    "F16": np.float16,
    "F32": np.float32,
    "F64": np.float64,
    "I32": np.int32,
    "I64": np.int64,
    "U8": np.uint8,
    "U32": np.uint32,
    "BOOL": np.bool_,
}
_CODES = {np.dtype(kind): code for code, kind in DTYPES.items()}


def save(
    path: str | Path, trained: Trained, dtype: str = "float32", kernel_bits: int | None = None
) -> Path:
    """Write a trained network to one file.

    Args:
        path: File to write; an existing one is replaced once the new one is complete.
        trained: Parameters and metadata.
        dtype: `"float32"`, or `"float16"` for half the size (read back as float32).
        kernel_bits: Significant bits that kernels are rounded to, so that archives (wheels, Git)
            compress them; all of them if None.

    Returns:
        The path.

    Raises:
        ConfigError: If `dtype` is neither, or a parameter exceeds the range of float16.
    """
    if dtype not in ("float16", "float32"):
        raise ConfigError(f"a model is saved as 'float16' or 'float32', not {dtype!r}")
    arrays = {}
    for name, value in flatten(trained.params).items():
        array = np.asarray(value)
        if np.issubdtype(array.dtype, np.floating) or array.dtype.name == "bfloat16":
            if kernel_bits is not None and name.endswith("kernel"):
                array = _rounded(array, kernel_bits)
            kept = array.astype(dtype)
            if not np.isfinite(kept).all():
                raise ConfigError(f"{name} is not finite in {dtype}; the model cannot be saved")
            array = kept
        arrays[name] = np.ascontiguousarray(array)
    data = b"".join(array.tobytes() for array in arrays.values())
    card = json.dumps(dict(trained.metadata), sort_keys=True)
    about = {
        "format": FORMAT,
        "study": trained.study,
        "metadata": card,
        "sha256": _digest(trained.study, card, data),
    }
    entries: dict[str, Any] = {}
    offset = 0
    for name, array in arrays.items():
        entries[name] = {
            "dtype": _CODES[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [offset, offset + array.nbytes],
        }
        offset += array.nbytes
    about["entries"] = _sum_of(entries)
    header: dict[str, Any] = {"__metadata__": {"jaxdiff": json.dumps(about)}, **entries}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path = Path(path)
    with atomic(path) as file:
        file.write(len(text).to_bytes(8, "little") + text + data)
    return path


def load(path: str | Path) -> Trained:
    """Read what `save` wrote and verify its checksum.

    Args:
        path: A `.safetensors` file.

    Returns:
        The trained network, its floating-point parameters in float32.

    Raises:
        FileError: If the file is missing, damaged, or not a model of jaxdiff.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror or error}") from error
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or not 0 < length <= min(LARGEST_HEADER, len(content) - 8):
        raise FileError(f"{path} is not a safetensors file")
    data = memoryview(content)[8 + length :]
    try:
        header = json.loads(content[8 : 8 + length])
        about = json.loads(header.pop("__metadata__")["jaxdiff"])
        version, study, card = int(about["format"]), str(about["study"]), str(about["metadata"])
        digest = str(about["sha256"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise FileError(
            f"{path} has no card of jaxdiff; weights of other programs are converted with "
            "`jaxdiff weights convert`"
        ) from None
    if version > FORMAT:
        raise FileError(f"{path} has format {version}; this version of jaxdiff reads {FORMAT}")
    # Files of the first days of 0.2 have no digest of the header's entries.
    if _digest(study, card, data) != digest or about.get("entries", "") not in (
        "",
        _sum_of(header),
    ):
        raise FileError(f"{path} is damaged: its SHA-256 does not match its content")
    try:
        if sum(e["data_offsets"][1] - e["data_offsets"][0] for e in header.values()) > len(data):
            raise ValueError("arrays share their bytes")
        arrays = {name: _array(entry, data) for name, entry in header.items()}
        metadata = json.loads(card)
        params = unflatten(arrays)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise FileError(f"{path} is damaged: {error}") from None
    return Trained(study, params, metadata, path)


def flatten(tree: Params, above: str = "") -> dict[str, Any]:
    """Nested dictionaries as one, the keys joined by `/`."""
    flat = {}
    for name, value in tree.items():
        if "/" in str(name):
            raise ConfigError(f"the parameter {name!r} has a slash in its name")
        inside = isinstance(value, Mapping)
        flat |= flatten(value, f"{above}{name}/") if inside else {f"{above}{name}": value}
    return flat


def unflatten(flat: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse of `flatten`."""
    tree: dict[str, Any] = {}
    for path, value in flat.items():
        *above, name = path.split("/")
        place = tree
        for part in above:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise ValueError(f"the array {path!r} lies within another one")
        place[name] = value
    return tree


def _rounded(array: np.ndarray, bits: int) -> np.ndarray:
    mantissa, exponent = np.frexp(array.astype(np.float64))
    return np.ldexp(np.round(np.ldexp(mantissa, bits)), exponent - bits)


def _array(entry: Mapping[str, Any], data: memoryview) -> np.ndarray:
    begin, end = entry["data_offsets"]
    dtype, shape = np.dtype(DTYPES[entry["dtype"]]), tuple(entry["shape"])
    if not 0 <= begin <= end <= len(data) or end - begin != dtype.itemsize * math.prod(shape):
        raise ValueError("an array lies outside the file")
    array = np.frombuffer(data[begin:end], dtype).reshape(shape)
    return array.astype(np.float32 if np.issubdtype(dtype, np.floating) else dtype)


def _sum_of(entries: Mapping[str, Any]) -> str:
    """SHA-256 of the names, types, shapes and places of all arrays."""
    return hashlib.sha256(json.dumps(entries, sort_keys=True).encode()).hexdigest()


def _digest(study: str, card: str, data: bytes | memoryview) -> str:
    digest = hashlib.sha256(f"{study}\n{card}\n".encode())
    digest.update(data)
    return digest.hexdigest()
