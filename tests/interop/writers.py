"""Writes checkpoint files byte by byte, as PyTorch and safetensors would, so that the tests need
neither.
"""

import json
import struct
import zipfile

import ml_dtypes
import numpy as np

STORAGE = {
    np.dtype(np.float32): "FloatStorage",
    np.dtype(np.float64): "DoubleStorage",
    np.dtype(np.float16): "HalfStorage",
    np.dtype(ml_dtypes.bfloat16): "BFloat16Storage",
    np.dtype(np.int64): "LongStorage",
    np.dtype(np.int32): "IntStorage",
    np.dtype(np.uint8): "ByteStorage",
    np.dtype(np.bool_): "BoolStorage",
}
SAFE = {
    np.dtype(np.float32): "F32",
    np.dtype(np.float16): "F16",
    np.dtype(np.int64): "I64",
    np.dtype(np.bool_): "BOOL",
}
SAFE |= {np.dtype(ml_dtypes.bfloat16): "BF16"}


class Raw(bytes):
    """Opcodes to be put in place of a value."""


class View:
    """A tensor that is a strided view of an array."""

    def __init__(self, base, offset, shape, strides):
        self.base, self.offset, self.shape, self.strides = base, offset, shape, strides


class Pickle:
    """A protocol-2 pickle of plain values and arrays; arrays go to `self.storages`."""

    def __init__(self):
        self.storages = {}
        self.ids = {}

    def dump(self, value):
        return b"\x80\x02" + self.value(value) + b"."

    def value(self, v):
        if isinstance(v, Raw):
            return bytes(v)
        if v is None or isinstance(v, bool):
            return {None: b"N", True: b"\x88", False: b"\x89"}[v]
        if isinstance(v, int):
            size = v.bit_length() // 8 + 1
            return (
                b"J" + struct.pack("<i", v)
                if abs(v) < 2**31
                else b"\x8a" + bytes([size]) + v.to_bytes(size, "little", signed=True)
            )
        if isinstance(v, float):
            return b"G" + struct.pack(">d", v)
        if isinstance(v, str):
            return b"X" + struct.pack("<I", len(v.encode())) + v.encode()
        if isinstance(v, tuple):
            return b"(" + b"".join(map(self.value, v)) + b"t"
        if isinstance(v, list):
            return b"](" + b"".join(map(self.value, v)) + b"e"
        if isinstance(v, dict):
            items = b"".join(self.value(k) + self.value(x) for k, x in v.items())
            return reduce_("collections OrderedDict", b")") + b"(" + items + b"u"
        view = (
            v
            if isinstance(v, View)
            else View(np.ascontiguousarray(v), 0, v.shape, c_strides(v.shape))
        )
        key = self.ids.setdefault(id(view.base), str(len(self.ids)))
        self.storages[key] = view.base
        kind = global_(f"torch {STORAGE[view.base.dtype]}")
        reference = (
            b"("
            + self.value("storage")
            + kind
            + b"".join(map(self.value, (key, "cpu", view.base.size)))
            + self.tail()
        )
        hooks = reduce_("collections OrderedDict", b")")
        middle = b"".join(
            map(self.value, (view.offset, tuple(view.shape), tuple(view.strides), False))
        )
        return reduce_(
            "torch._utils _rebuild_tensor_v2", b"(" + reference + b"tQ" + middle + hooks + b"t"
        )

    def tail(self):
        return b""


class LegacyPickle(Pickle):
    def tail(self):
        return b"N"


def global_(name):
    module, attribute = name.split(" ")
    return f"c{module}\n{attribute}\n".encode()


def reduce_(name, arguments):
    return global_(name) + arguments + b"R"


def c_strides(shape):
    return tuple(int(np.prod(shape[i + 1 :])) for i in range(len(shape)))


def write_zip(path, tree, root="archive", extra=None, big=False):
    pickle = Pickle()
    content = {
        "data.pkl": pickle.dump(tree),
        "byteorder": b"big" if big else b"little",
        "version": b"3\n",
        **(extra or {}),
    }
    for key, base in pickle.storages.items():
        content[f"data/{key}"] = (
            base.astype(base.dtype.newbyteorder(">")).tobytes() if big else base.tobytes()
        )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, data in content.items():
            archive.writestr(f"{root}/{name}", data)
    return path


def write_legacy(path, tree):
    pickle, plain = LegacyPickle(), Pickle()
    platform = {
        "protocol_version": 1001,
        "little_endian": True,
        "type_sizes": {"short": 2, "int": 4, "long": 4},
    }
    head = [0x1950A86A20F9469CFC6C, 1001, platform]
    data = b"".join(map(plain.dump, head)) + pickle.dump(tree) + plain.dump(list(pickle.storages))
    for base in pickle.storages.values():
        data += struct.pack("<q", base.size) + base.tobytes()
    path.write_bytes(data)
    return path


def write_safetensors(path, arrays):
    header, body = {"__metadata__": {"format": "pt"}}, b""
    for name, a in arrays.items():
        end = len(body) + a.nbytes
        header[name] = {
            "dtype": SAFE[a.dtype],
            "shape": list(a.shape),
            "data_offsets": [len(body), end],
        }
        body += a.tobytes()
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)
    return path
