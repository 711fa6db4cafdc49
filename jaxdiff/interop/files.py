"""Checkpoint files as data: PyTorch's zip and legacy formats and safetensors, distinguished by
content, not by suffix.

    zip          `<name>/data.pkl` holds the structure, `<name>/data/<key>` the numbers of one storage each
    legacy       five pickles (magic, version, platform, structure, storage keys), then per key a count and the numbers
    safetensors  a 64-bit length, a JSON header {name: {dtype, shape, data_offsets}}, the numbers

Tensors are memory-mapped and read on access.
"""

from __future__ import annotations

import json
import math
import mmap
import struct
import zipfile
import zlib
from collections.abc import Collection
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from jaxdiff.errors import FileError
from jaxdiff.interop.pickles import read_pickle
from jaxdiff.interop.values import AXES, STORAGES, Name, Storage, Tensor

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_SAFETENSORS = {
    "F64": np.float64, "F32": np.float32, "F16": np.float16, "BF16": ml_dtypes.bfloat16, "I64": np.int64, "I32": np.int32,
    "I16": np.int16, "I8": np.int8, "U8": np.uint8, "BOOL": np.bool_,
}  # fmt: skip


def read(path: str | Path, records: Collection[str] = ()) -> Any:
    """What a checkpoint file holds: containers, numbers, strings, and tensors (`Tensor.array()`
    reads one).

    No code in the file can run; anything but data raises `FileError`, except classes named in
    `records`, which become inert `Record`s.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror or error}") from error
    head = bytes(data[:9])
    if head[:4] == b"PK\x03\x04":
        return _zip(path, data, records)
    if len(head) == 9 and head[8:9] == b"{" and struct.unpack("<Q", head[:8])[0] <= size - 8:
        return _safetensors(path, data)
    if head[:1] == b"\x80":
        return _legacy(path, data, records)
    raise FileError(f"{path} is neither a PyTorch checkpoint nor a safetensors file")


def _zip(path: Path, data: Any, records: Collection[str]) -> Any:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = {info.filename: info for info in archive.infolist()}
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, struct.error) as error:
        raise FileError(f"{path} is truncated or damaged: {error}") from error
    structure = [name for name in entries if name.count("/") == 1 and name.endswith("/data.pkl")]
    if len(structure) != 1:
        raise FileError(f"{path} is a zip file but not a PyTorch checkpoint: it has no data.pkl")
    root = structure[0].removesuffix("data.pkl")
    if root + "constants.pkl" in entries:
        raise FileError(
            f"{path} is a TorchScript program, not a checkpoint: save its state_dict, or take"
            " safetensors"
        )

    def content(name: str) -> np.ndarray:
        info = entries.get(name)
        if info is None or info.compress_type != zipfile.ZIP_STORED:
            raise FileError(
                f"{path} lacks {name}, or has it compressed, which PyTorch never writes"
            )
        start = info.header_offset
        names = struct.unpack("<HH", data[start + 26 : start + 30].ljust(4, b"\0"))
        raw = np.frombuffer(data, np.uint8)[start + 30 + sum(names) :][: info.file_size]
        if raw.size != info.file_size or zlib.crc32(raw.data) != info.CRC:
            raise FileError(f"{path} is damaged: the checksum of {name} does not fit")
        return raw

    big = root + "byteorder" in entries and content(root + "byteorder").tobytes() == b"big"

    def storage(reference: Any) -> Storage:
        dtype, key, numel = _reference(path, reference)

        @cache
        def load() -> np.ndarray:
            return _numbers(
                path, content(f"{root}data/{key}"), dtype.newbyteorder(">") if big else dtype, numel
            )

        return Storage(dtype, numel, load)

    return read_pickle(BytesIO(content(structure[0]).tobytes()), str(path), records, storage)


def _legacy(path: Path, data: Any, records: Collection[str]) -> Any:
    where = str(path)
    magic = read_pickle(data, where, records)
    if magic != _LEGACY_MAGIC:
        raise FileError(f"{path} is a pickle but not a PyTorch checkpoint")
    version, platform = read_pickle(data, where, records), read_pickle(data, where, records)
    if (
        version != 1001
        or not isinstance(platform, dict)
        or not platform.get("little_endian", False)
    ):
        raise FileError(
            f"{path} was written in an unknown variant of PyTorch's old format: save it again"
        )
    loaded: dict[str, np.ndarray] = {}
    known: dict[str, Storage] = {}

    def storage(reference: Any) -> Storage:
        dtype, key, numel = _reference(path, reference)
        if len(reference) > 5 and reference[5] is not None:
            raise FileError(
                f"{path} holds views of storages, as PyTorch before 0.4 wrote them: save it again"
            )
        return known.setdefault(key, Storage(dtype, numel, lambda: _found(path, loaded, key)))

    tree = read_pickle(data, where, records, storage)
    keys = read_pickle(data, where, records)
    for key in keys if isinstance(keys, list) else []:
        count = struct.unpack("<q", data.read(8).ljust(8, b"\xff"))[0]
        wanted = known.get(key) if isinstance(key, str) else None
        if wanted is None or count != wanted.numel:
            raise FileError(
                f"{path} is truncated or damaged: a storage of {count} values is unknown or of"
                " another size"
            )
        raw = np.frombuffer(data, np.uint8)[data.tell() :][: count * wanted.dtype.itemsize]
        loaded[key] = _numbers(path, raw, wanted.dtype, count)
        data.seek(raw.size, 1)
    return tree


def _safetensors(path: Path, data: Any) -> dict[str, Tensor]:
    length = struct.unpack("<Q", data[:8])[0]
    try:
        header = json.loads(data[8 : 8 + length].decode("utf-8"))
        header.pop("__metadata__", None)
        body = np.frombuffer(data, np.uint8)[8 + length :]
        found = {name: _safe_tensor(path, body, name, **entry) for name, entry in header.items()}
        sizes = (tensor.storage.numel * tensor.storage.dtype.itemsize for tensor in found.values())
        if sum(sizes) > body.size:
            raise FileError(f"{path} is damaged: tensors share their bytes, which no writer does")
        return found
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        raise FileError(f"{path} has a damaged safetensors header: {error}") from error


def _safe_tensor(
    path: Path, body: np.ndarray, name: str, dtype: str, shape: list[int], data_offsets: list[int]
) -> Tensor:
    if dtype not in _SAFETENSORS:
        raise FileError(
            f"{path}: {name} has the type {dtype}, which is not among {', '.join(_SAFETENSORS)}"
        )
    kind = np.dtype(_SAFETENSORS[dtype])
    start, end = data_offsets
    if not all(type(n) is int for n in (start, end, *shape)):
        raise TypeError(f"{name} has places or a shape that are not whole numbers")
    if not 0 <= start <= end <= body.size:
        raise FileError(
            f"{path} is truncated or damaged: {name} lies at bytes {start} to {end} of {body.size}"
        )
    if len(shape) > AXES:
        raise FileError(f"{path} is damaged: {name} has {len(shape)} axes; at most {AXES} are read")
    numel = (end - start) // kind.itemsize
    if math.prod(shape) != numel or any(n < 0 for n in shape):
        raise FileError(f"{path} is damaged: {name} has shape {shape} but {end - start} bytes")
    strides = [math.prod(shape[i + 1 :]) for i in range(len(shape))]
    storage = Storage(kind, numel, lambda: _numbers(path, body[start:end], kind, numel))
    return Tensor(storage, 0, tuple(shape), tuple(strides))


def _reference(path: Path, reference: Any) -> tuple[np.dtype, str, int]:
    """The type, key and size of `("storage", type, key, device, size, ...)`."""
    word, name, key, _, numel = (
        (*reference, *[None] * 5)[:5] if isinstance(reference, tuple) else [None] * 5
    )
    kind = STORAGES.get(name.path) if word == "storage" and isinstance(name, Name) else None
    if kind is None or not isinstance(key, str) or type(numel) is not int or numel < 0:
        raise FileError(f"{path} refers to a storage of an unknown kind")
    return kind, key, numel


def _numbers(path: Path, raw: np.ndarray, dtype: np.dtype, numel: int) -> np.ndarray:
    if raw.size < numel * dtype.itemsize:
        raise FileError(
            f"{path} is truncated: a storage of {numel} values has only {raw.size} bytes"
        )
    return raw[: numel * dtype.itemsize].view(dtype)


def _found(path: Path, loaded: dict[str, np.ndarray], key: str) -> np.ndarray:
    if key not in loaded:
        raise FileError(f"{path} is truncated or damaged: storage {key!r} is missing")
    return loaded[key]
