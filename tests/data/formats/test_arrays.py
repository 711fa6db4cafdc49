"""NumPy files: bit-exact, without pickle, without believing what a header claims."""

import io
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from jaxdiff.body.humanml3d import LAYOUT_21, LAYOUT_22, names
from jaxdiff.data.formats import joints_recording, read, write
from jaxdiff.data.formats.npz import arrays
from jaxdiff.data.recording import Recording
from jaxdiff.errors import FileError


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_recording_comes_back_bit_by_bit(tmp_path, dtype):
    values = np.random.default_rng(0).normal(size=(7, 3)).astype(dtype)
    values[2, 1] = np.nan
    before = Recording(
        values,
        ("a b", "time", "µ,\t"),
        ("°", "", "N m/kg"),
        148.148,
        -0.1,
        {"subject": "S 01", "x": ""},
    )
    write(tmp_path / "a.npz", before)
    after = read(tmp_path / "a.npz")
    assert after.values.dtype == dtype and after.values.tobytes() == values.tobytes()
    assert (after.channels, after.units, after.rate, after.start, after.meta) == (
        before.channels,
        before.units,
        before.rate,
        before.start,
        before.meta,
    )
    assert read(tmp_path / "a.npz", rate=74.074).rate == 74.074


def test_foreign_arrays_are_read_as_numpy_reads_them(tmp_path):
    random = np.random.default_rng(0)
    expected = {
        "fortran": np.asfortranarray(random.normal(size=(3, 4))),
        "big": np.arange(5, dtype=">i4"),
        "text": np.array([["left", "right"]]),
        "flag": np.array([True, False]),
        "empty": np.zeros((0, 3)),
        "scalar": np.float32(2),
        "folder/name": np.arange(3),
    }
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "a.npz", **expected)
        found = arrays(tmp_path / "a.npz")
        assert found.keys() == expected.keys()
        for key, value in expected.items():
            assert found[key].dtype == value.dtype and np.array_equal(found[key], value)


@pytest.mark.parametrize("layout", [LAYOUT_22, LAYOUT_21], ids=["humanml3d", "kit"])
@pytest.mark.parametrize("kind", ["joints", "features"])
def test_motion_comes_back_bit_by_bit(tmp_path, layout, kind):
    joints = len(layout.skeleton.names)
    shape = (6, joints, 3) if kind == "joints" else (6, 12 * joints - 1)
    values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    np.save(tmp_path / "a.npy", values)
    found = read(tmp_path / "a.npy")
    assert found.rate == layout.fps and read(tmp_path / "a.npy", rate=10.0).rate == 10
    assert len(set(found.channels)) == len(found.channels) and len(found.units) == len(
        found.channels
    )
    assert (found.channels == names(layout)) == (kind == "features")
    write(tmp_path / "b.npy", found)
    assert (tmp_path / "b.npy").read_bytes() == (tmp_path / "a.npy").read_bytes()


def npy(header: str, body: bytes = b"\0" * 80) -> bytes:
    text = header.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + body


def zipped(**members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return stream.getvalue()


LIES = [
    "{'descr': '<f8', 'fortran_order': False, 'shape': (100000000, 263)}",
    "{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999, 99999999)}",
    "{'descr': '<f8', 'fortran_order': False, 'shape': (-1, 263)}",
    "{'descr': '<U0', 'fortran_order': False, 'shape': (100000000000,)}",
    "{'descr': '|O', 'fortran_order': False, 'shape': (10,)}",
    "{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (10,)}",
    "{'descr': '<f8', 'shape': (10,)}",
    "{'descr': 'nonsense', 'fortran_order': False, 'shape': (10,)}",
    "(" * 100,
]


@pytest.mark.parametrize("header", LIES)
def test_headers_that_lie_cost_nothing(tmp_path, header):
    contents = {"a.npy": npy(header), "a.npz": zipped(values=npy(header))}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        tracemalloc.start()
        with pytest.raises(FileError, match=name):
            read(tmp_path / name)
        assert tracemalloc.get_traced_memory()[1] < 1e7
        tracemalloc.stop()


def test_objects_are_refused_without_unpickling(tmp_path):
    np.savez(tmp_path / "a.npz", values=np.array([{"a": 1}], dtype=object))
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object))
    for name in ("a.npz", "a.npy"):
        with pytest.raises(FileError, match="pickle"):
            read(tmp_path / name)


def test_a_bomb_is_refused(tmp_path):
    content = bytearray(
        zipped(values=npy("{'descr': '<f8', 'fortran_order': False, 'shape': (10,)}"))
    )
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = content.index(signature) + offset
        content[at : at + 4] = struct.pack("<I", 4_000_000_000)
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(FileError, match="claims to unpack"):
        read(tmp_path / "a.npz")


def test_other_contents_say_what_would_be_right(tmp_path):
    np.savez(tmp_path / "a.npz", angles=np.zeros(3))
    with pytest.raises(FileError, match="not a recording.*angles"):
        read(tmp_path / "a.npz")
    np.save(tmp_path / "a.npy", np.zeros((5, 24, 3)))
    with pytest.raises(FileError, match="22, 3"):
        read(tmp_path / "a.npy")
    np.save(tmp_path / "a.npy", np.full((5, 22, 3), np.nan))
    with pytest.raises(FileError, match="NaN"):
        read(tmp_path / "a.npy")
    with pytest.raises(FileError, match="npz instead"):
        write(tmp_path / "b.npy", Recording(np.zeros((2, 1)), ("a",), ("",), 1.0))
    joints = joints_recording(np.full((2, 22, 3), np.inf), LAYOUT_22.skeleton, 20.0)
    for name in ("b.npy", "b.npz", "b.csv", "b.mot", "b.bvh"):
        with pytest.raises(FileError):
            write(tmp_path / name, joints)
        assert not (tmp_path / name).exists()
