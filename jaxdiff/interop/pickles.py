"""Reads the data in a pickle without running anything: an interpreter of the opcodes that plain
data need.

A pickle is a program for a stack machine that may call any function it can name. This machine knows
a closed list of names, all of them constructors of data (`values.CONSTRUCTORS`); every other name,
and every opcode that plain data do not need, raises `FileError`. Nothing is ever imported or looked
up.

Classes the caller lists in `records` become inert `Record`s: a name and the data that were stored
with it.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Collection
from typing import Any, BinaryIO

from jaxdiff.errors import FileError
from jaxdiff.interop.values import (
    CONSTRUCTORS,
    PLAIN_NAMES,
    STORAGES,
    Name,
    Numpy,
    Record,
    Storage,
    scalars,
)

_RECONSTRUCTORS = {"copyreg._reconstructor", "copy_reg._reconstructor"}
_MARK = object()


def read_pickle(
    file: BinaryIO,
    where: str,
    records: Collection[str] = (),
    storage: Callable[[Any], Storage] | None = None,
) -> Any:
    """The object of the pickle that starts at the file's position; the position ends behind it.

    `storage` turns the persistent ids of PyTorch files into storages.
    """
    try:
        return _run(file, where, records, storage)
    except FileError as error:
        raise error if where in str(error) else FileError(f"{where}: {error}") from error
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        MemoryError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        raise FileError(f"{where} is damaged or not a PyTorch checkpoint: {error}") from error


def _run(
    file: BinaryIO, where: str, records: Collection[str], storage: Callable[[Any], Storage] | None
) -> Any:
    stack: list[Any] = []
    memo: dict[int, Any] = {}

    def popped() -> list[Any]:
        """What lies above the topmost mark."""
        at = len(stack) - 1 - stack[::-1].index(_MARK)
        items = stack[at + 1 :]
        del stack[at:]
        return items

    def name(path: str) -> Name:
        known = (*CONSTRUCTORS, *STORAGES, *PLAIN_NAMES, *_RECONSTRUCTORS)
        if path not in known and path.rpartition(".")[2] not in records:
            raise FileError(
                f"{where} refers to {path!r}; only tensors, numbers, strings and plain containers"
                " are read"
            )
        return Name(path)

    def call(function: Any, arguments: Any) -> Any:
        path = function.path if isinstance(function, Name) else ""
        if path in CONSTRUCTORS:
            return CONSTRUCTORS[path](*arguments)
        if path in _RECONSTRUCTORS:
            return call(arguments[0], ())
        if path.rpartition(".")[2] in records:
            return Record(path, tuple(arguments))
        raise FileError(f"{where} tries to call {path or type(function).__name__!r}")

    def build(target: Any, state: Any) -> None:
        if isinstance(target, Record):
            target.state = state
        elif isinstance(target, Numpy):
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
            stack.append(_CONTAINERS[code](popped()))
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
            _expect(stack[-1], set, where).update(scalars(items))
        elif code == "SETITEM":
            value, key = stack.pop(), stack.pop()
            _expect(stack[-1], dict, where).update(_pairs([key, value]))
        elif code == "SETITEMS":
            items = popped()
            _expect(stack[-1], dict, where).update(_pairs(items))
        elif code in ("PUT", "BINPUT", "LONG_BINPUT"):
            memo[argument] = stack[-1]
        elif code == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif code in ("GET", "BINGET", "LONG_BINGET"):
            stack.append(memo[argument])
        elif code == "GLOBAL":
            stack.append(name(argument.replace(" ", ".")))
        elif code == "STACK_GLOBAL":
            attribute, module = (_expect(stack.pop(), str, where) for _ in range(2))
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


def _pairs(items: list[Any]) -> dict[Any, Any]:
    return dict(zip(scalars(items[::2]), items[1::2]))


_CONTAINERS: dict[str, Callable[[list[Any]], Any]] = {
    "LIST": list,
    "TUPLE": tuple,
    "DICT": _pairs,
    "FROZENSET": lambda items: frozenset(scalars(items)),
}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_LITERALS = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *(
        "STRING",
        "BINSTRING",
        "SHORT_BINSTRING",
        "UNICODE",
        "SHORT_BINUNICODE",
        "BINUNICODE",
        "BINUNICODE8",
    ),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
}


def _expect(value: Any, kind: type, where: str) -> Any:
    if not isinstance(value, kind):
        raise FileError(
            f"{where} is damaged: expected a {kind.__name__}, found a {type(value).__name__}"
        )
    return value
