"""What a checkpoint may hold: tensors, NumPy arrays and numbers, plain containers, and inert
records of anything else.

`CONSTRUCTORS` is the whole of what a pickle can call here. None of them hashes or prints what a
file has nested: a few bytes can describe nested pairs of the same pair, with 2^60 leaves.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import NoneType
from typing import Any

import ml_dtypes
import numpy as np

from jaxdiff.errors import FileError

AXES = 32
"""Most axes of a tensor."""


@dataclass(frozen=True)
class Name:
    """A dotted name that the pickle refers to."""

    path: str


@dataclass(eq=False)
class Record:
    """An object of a class we do not have: its name and its stored state."""

    name: str
    arguments: tuple[Any, ...] = ()
    state: Any = field(default_factory=dict)


@dataclass(eq=False)
class Storage:
    """The numbers of one or more tensors; `load` fetches them, one-dimensional."""

    dtype: np.dtype
    numel: int
    load: Callable[[], np.ndarray]


@dataclass(frozen=True, eq=False)
class Tensor:
    """A view of a storage, not read before `array` is called."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def array(self) -> np.ndarray:
        """The tensor, after checking that the view stays inside its storage."""
        if len(self.shape) > AXES:
            raise FileError(f"a tensor has {len(self.shape)} axes; at most {AXES} are read")
        numbers = (self.offset, *self.shape, *self.strides)
        if len(self.shape) != len(self.strides) or not all(
            type(n) is int and n >= 0 for n in numbers
        ):
            raise FileError(
                f"a tensor has the impossible shape {self.shape} and strides {self.strides}"
            )
        count = math.prod(self.shape)
        last = self.offset + sum((n - 1) * s for n, s in zip(self.shape, self.strides))
        if count > self.storage.numel or (count and last >= self.storage.numel):
            raise FileError(
                f"a tensor of shape {self.shape} reaches beyond its storage of {self.storage.numel}"
                " values"
            )
        data = self.storage.load()[self.offset :]
        size = data.dtype.itemsize
        view = np.lib.stride_tricks.as_strided(
            data, self.shape, [s * size for s in self.strides], writeable=False
        )
        return np.array(view)


STORAGES = {
    "torch.FloatStorage": np.dtype(np.float32),
    "torch.DoubleStorage": np.dtype(np.float64),
    "torch.HalfStorage": np.dtype(np.float16),
    "torch.BFloat16Storage": np.dtype(ml_dtypes.bfloat16),
    "torch.LongStorage": np.dtype(np.int64),
    "torch.IntStorage": np.dtype(np.int32),
    "torch.ShortStorage": np.dtype(np.int16),
    "torch.CharStorage": np.dtype(np.int8),
    "torch.ByteStorage": np.dtype(np.uint8),
    "torch.BoolStorage": np.dtype(np.bool_),
}


class Numpy:
    """A NumPy array (or a dtype of one): `BUILD` completes it."""

    def __init__(self, dtype: np.dtype | None = None):
        self.dtype = dtype
        self.value: Any = None

    def array(self) -> np.ndarray:
        """The array."""
        if self.value is None:
            raise FileError("a NumPy array without its numbers")
        return self.value

    def build(self, state: Any) -> None:
        if self.dtype is not None:
            self.dtype = self.dtype.newbyteorder(state[1])
        else:
            _, shape, dtype, fortran, data = state
            flat = np.frombuffer(_bytes(data), dtype.dtype)
            self.value = flat.reshape(shape, order="F" if fortran else "C").copy()


def scalars(items: Iterable[Any]) -> Iterable[Any]:
    """The same items, to be hashed or printed: strings and numbers."""
    items = list(items)
    for item in items:
        if not isinstance(item, (str, bytes, int, float, Name, NoneType)):
            raise FileError(f"a {type(item).__name__} where a string or a number should be")
    return items


def _dict(pairs: Iterable[Any] = (), *_: Any) -> dict[Any, Any]:
    pairs = list(pairs.items() if isinstance(pairs, dict) else pairs)
    return dict(zip(scalars(key for key, _ in pairs), (value for _, value in pairs)))


def _bytes(data: Any) -> bytes:
    if not isinstance(data, (bytes, bytearray)):
        raise FileError(f"a {type(data).__name__} where the bytes of a NumPy array should be")
    return bytes(data)


def _dtype(code: Any, *_: Any) -> Numpy:
    if not isinstance(code, str):
        raise FileError(f"a {type(code).__name__} where the kind of a NumPy array should be")
    dtype = np.dtype(code) if code[:1] in "<>=|biufc" else None
    if dtype is None or dtype.kind not in "biufc":
        raise FileError(f"a NumPy array of kind {code!r} where numbers should be")
    return Numpy(dtype)


def _device(kind: Any, *index: Any) -> str:
    return ":".join(map(str, scalars((kind, *index))))


def _encode(text: str, codec: str = "latin1") -> bytes:
    if codec not in ("latin1", "latin-1"):
        raise FileError(f"bytes encoded as {codec!r} instead of latin1")
    return text.encode("latin1")


def _tensor(storage: Any, offset: int, shape: Any, strides: Any, *_: Any) -> Tensor:
    if not isinstance(storage, Storage):
        raise FileError(f"a tensor without a storage, but {type(storage).__name__}")
    if not all(type(n) is int for n in (offset, *shape, *strides)):
        raise FileError("a tensor whose shape and strides are not whole numbers")
    return Tensor(storage, offset, tuple(shape), tuple(strides))


def _scalar(dtype: Numpy, data: Any) -> Any:
    return np.frombuffer(_bytes(data), dtype.dtype, 1)[0].item()


CONSTRUCTORS: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": _dict,
    "collections.Counter": _dict,
    "collections.defaultdict": lambda *_: {},
    "builtins.set": lambda items=(): set(scalars(items)),
    "__builtin__.set": lambda items=(): set(scalars(items)),
    "builtins.complex": complex,
    "_codecs.encode": _encode,
    "torch.Size": tuple,
    "torch.device": _device,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": lambda data, *_: data,
    "numpy.dtype": _dtype,
    **{f"numpy.{core}.multiarray._reconstruct": lambda *_: Numpy() for core in ("core", "_core")},
    **{f"numpy.{core}.multiarray.scalar": _scalar for core in ("core", "_core")},
}
PLAIN_NAMES = {
    "numpy.ndarray",
    "builtins.dict",
    "builtins.list",
    "builtins.int",
    "builtins.float",
    "builtins.object",
}
PLAIN_NAMES |= {
    f"torch.{name}"
    for name in [
        "float32",
        "float64",
        "float16",
        "bfloat16",
        "int64",
        "int32",
        "int16",
        "int8",
        "uint8",
        "bool",
    ]
}
"""Names that stand for themselves: types that other objects mention."""
