"""Reads the data in a pickle without running anything: an interpreter of the opcodes that plain data need.

A pickle is a program for a stack machine that may call any function it can name. This machine knows a closed list of
names, all of them constructors of data written here (containers, numbers, NumPy arrays, PyTorch tensors); every other
name, and every opcode that plain data do not need, raises `FileError`. Nothing is ever imported or looked up.

Classes the caller lists in `records` become inert `Record`s: a name and the data that were stored with it.
"""

from __future__ import annotations

import math
import pickletools
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import ml_dtypes
import numpy as np

from jaxdiff.errors import FileError


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
        numbers = (self.offset, *self.shape, *self.strides)
        if len(self.shape) != len(self.strides) or not all(type(n) is int and n >= 0 for n in numbers):
            raise FileError(f"a tensor has the impossible shape {self.shape} and strides {self.strides}")
        count = math.prod(self.shape)
        last = self.offset + sum((n - 1) * s for n, s in zip(self.shape, self.strides))
        if count > self.storage.numel or (count and last >= self.storage.numel):
            raise FileError(f"a tensor of shape {self.shape} reaches beyond its storage of {self.storage.numel} values")
        data = self.storage.load()[self.offset :]
        size = data.dtype.itemsize
        view = np.lib.stride_tricks.as_strided(data, self.shape, [s * size for s in self.strides], writeable=False)
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


class _Array:
    """A NumPy array or dtype under construction: `BUILD` completes it."""

    def __init__(self, dtype: np.dtype | None = None):
        self.dtype = dtype
        self.value: Any = None

    def build(self, state: Any) -> None:
        if self.dtype is not None:
            self.dtype = self.dtype.newbyteorder(state[1])
        else:
            _, shape, dtype, fortran, data = state
            flat = np.frombuffer(bytes(data), dtype.dtype)
            self.value = flat.reshape(shape, order="F" if fortran else "C").copy()


def _dtype(code: Any, *_: Any) -> _Array:
    dtype = np.dtype(code) if isinstance(code, str) and code[:1] in "<>=|biufc" else None
    if dtype is None or dtype.kind not in "biufc":
        raise FileError(f"a NumPy array of kind {code!r} where numbers should be")
    return _Array(dtype)


def _encode(text: str, codec: str = "latin1") -> bytes:
    if codec not in ("latin1", "latin-1"):
        raise FileError(f"bytes encoded as {codec!r} instead of latin1")
    return text.encode("latin1")


def _tensor(storage: Any, offset: int, shape: Any, strides: Any, *_: Any) -> Tensor:
    if not isinstance(storage, Storage):
        raise FileError(f"a tensor without a storage, but {type(storage).__name__}")
    return Tensor(storage, offset, tuple(shape), tuple(strides))


def _scalar(dtype: _Array, data: bytes) -> Any:
    return np.frombuffer(bytes(data), dtype.dtype, 1)[0].item()


CONSTRUCTORS: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": dict,
    "collections.Counter": dict,
    "collections.defaultdict": lambda *_: {},
    "builtins.set": set,
    "__builtin__.set": set,
    "builtins.complex": complex,
    "_codecs.encode": _encode,
    "torch.Size": tuple,
    "torch.device": lambda *place: ":".join(map(str, place)),
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": lambda data, *_: data,
    "numpy.dtype": _dtype,
    **{f"numpy.{core}.multiarray._reconstruct": lambda *_: _Array() for core in ("core", "_core")},
    **{f"numpy.{core}.multiarray.scalar": _scalar for core in ("core", "_core")},
}
_PLAIN_NAMES = {"numpy.ndarray", "builtins.dict", "builtins.list", "builtins.int", "builtins.float", "builtins.object"}
_PLAIN_NAMES |= {
    f"torch.{name}"
    for name in ["float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool"]
}
_RECONSTRUCTORS = {"copyreg._reconstructor", "copy_reg._reconstructor"}
_MARK = object()


def read_pickle(
    file: BinaryIO, where: str, records: Collection[str] = (), storage: Callable[[Any], Storage] | None = None
) -> Any:
    """The object of the pickle that starts at the file's position; the position ends behind it.

    `storage` turns the persistent ids of PyTorch files into storages.
    """
    try:
        return _run(file, where, records, storage)
    except FileError:
        raise
    except (ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, TypeError, ValueError) as error:
        raise FileError(f"{where} is damaged or not a PyTorch checkpoint: {error}") from error


def _run(file: BinaryIO, where: str, records: Collection[str], storage: Callable[[Any], Storage] | None) -> Any:
    stack: list[Any] = []
    memo: dict[int, Any] = {}

    def popped() -> list[Any]:
        """What lies above the topmost mark."""
        at = len(stack) - 1 - stack[::-1].index(_MARK)
        items = stack[at + 1 :]
        del stack[at:]
        return items

    def name(path: str) -> Name:
        known = (*CONSTRUCTORS, *STORAGES, *_PLAIN_NAMES, *_RECONSTRUCTORS)
        if path not in known and path.rpartition(".")[2] not in records:
            raise FileError(f"{where} refers to {path!r}; only tensors, numbers, strings and plain containers are read")
        return Name(path)

    def call(function: Any, arguments: Any) -> Any:
        path = function.path if isinstance(function, Name) else repr(function)
        if path in CONSTRUCTORS:
            return CONSTRUCTORS[path](*arguments)
        if path in _RECONSTRUCTORS and isinstance(arguments[0], Name):
            return call(arguments[0], ())
        if isinstance(function, Name) and path.rpartition(".")[2] in records:
            return Record(path, tuple(arguments))
        raise FileError(f"{where} tries to call {path!r}")

    def build(target: Any, state: Any) -> None:
        if isinstance(target, Record):
            target.state = state
        elif isinstance(target, _Array):
            target.build(state)
        elif not isinstance(target, dict):  # a state dict carries its metadata as an attribute
            raise FileError(f"{where} sets attributes of a {type(target).__name__}")

    argument: Any
    for opcode, argument, _ in pickletools.genops(file):
        code = opcode.name
        if code in ("PROTO", "FRAME"):
            pass
        elif code == "STOP":
            return stack.pop()
        elif code == "MARK":
            stack.append(_MARK)
        elif code == "POP":
            stack.pop()
        elif code == "POP_MARK":
            popped()
        elif code == "DUP":
            stack.append(stack[-1])
        elif code in _CONSTANTS:
            stack.append(_CONSTANTS[code])
        elif code in _LITERALS:
            stack.append(argument)
        elif code in ("EMPTY_DICT", "EMPTY_LIST", "EMPTY_SET"):
            stack.append({"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_SET": set}[code]())
        elif code in ("LIST", "TUPLE", "DICT", "FROZENSET"):
            items = popped()
            pairs = dict(zip(items[::2], items[1::2])) if code == "DICT" else None
            stack.append(
                pairs if pairs is not None else {"LIST": list, "TUPLE": tuple, "FROZENSET": frozenset}[code](items)
            )
        elif code in ("TUPLE1", "TUPLE2", "TUPLE3"):
            n = int(code[-1])
            stack[-n:] = [tuple(stack[-n:])]
        elif code == "APPEND":
            item = stack.pop()
            _expect(stack[-1], list, where).append(item)
        elif code == "APPENDS":
            items = popped()
            _expect(stack[-1], list, where).extend(items)
        elif code == "ADDITEMS":
            items = popped()
            _expect(stack[-1], set, where).update(items)
        elif code == "SETITEM":
            value, key = stack.pop(), stack.pop()
            _expect(stack[-1], dict, where)[key] = value
        elif code == "SETITEMS":
            items = popped()
            _expect(stack[-1], dict, where).update(zip(items[::2], items[1::2]))
        elif code in ("PUT", "BINPUT", "LONG_BINPUT"):
            memo[argument] = stack[-1]
        elif code == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif code in ("GET", "BINGET", "LONG_BINGET"):
            stack.append(memo[argument])
        elif code == "GLOBAL":
            stack.append(name(argument.replace(" ", ".")))
        elif code == "STACK_GLOBAL":
            attribute, module = stack.pop(), stack.pop()
            stack.append(name(f"{module}.{attribute}"))
        elif code in ("REDUCE", "NEWOBJ"):
            arguments, function = stack.pop(), stack.pop()
            stack.append(call(function, arguments))
        elif code == "BUILD":
            state = stack.pop()
            build(stack[-1], state)
        elif code == "BINPERSID" and storage is not None:
            stack.append(storage(stack.pop()))
        else:
            raise FileError(f"{where} uses the pickle opcode {code}, which plain data do not need")
    raise FileError(f"{where} ends in the middle of a pickle")


_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_LITERALS = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
}


def _expect(value: Any, kind: type, where: str) -> Any:
    if not isinstance(value, kind):
        raise FileError(f"{where} is damaged: a {type(value).__name__} stands where a {kind.__name__} should be")
    return value
