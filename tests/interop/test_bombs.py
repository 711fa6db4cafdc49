"""Small files that ask for much: nothing that a file has nested is hashed or printed, no size in it
is taken at its word.
"""

import struct

import numpy as np
import pytest
from interop import writers

from jaxdiff.errors import FileError
from jaxdiff.interop.files import read
from jaxdiff.interop.parts import array
from jaxdiff.interop.values import Record

NESTED = b")" + b"2\x86" * 12
"""A tuple of two of the same tuple of two ...: harmless at 12 levels, endless at 60."""
DTYPE = b"cnumpy\ndtype\n(X\x02\x00\x00\x00u1\x89\x88tR"
STORAGE = b"(U\x07storagectorch\nFloatStorage\nU\x010U\x03cpuK\x01tQ"
BOMBS = {
    "key": b"}" + NESTED + b"K\x01s",
    "keys": b"}(" + NESTED + b"K\x01u",
    "old dict": b"(" + NESTED + b"K\x01d",
    "set": b"\x8f(" + NESTED + b"\x90",
    "frozen set": b"(" + NESTED + b"\x91",
    "set of a list": b"cbuiltins\nset\n](" + NESTED + b"e\x85R",
    "pairs": b"ccollections\nOrderedDict\n](" + NESTED + b"K\x01\x86e\x85R",
    "name": NESTED + b"X\x01\x00\x00\x00a\x93",
    "device": b"ctorch\ndevice\n(" + NESTED + b"tR",
    "kind of an array": b"cnumpy\ndtype\n(" + NESTED + b"\x89\x88tR",
    "shape": b"ctorch._utils\n_rebuild_tensor_v2\n("
    + STORAGE
    + b"K\x00"
    + NESTED
    + b"\x85K\x01\x85\x89)tR",
    "length of a number": b"cnumpy.core.multiarray\nscalar\n(" + DTYPE + b"K\x08tR",
    "length of an array": b"cnumpy.core.multiarray\n_reconstruct\n)R(K\x01K\x08\x85"
    + DTYPE
    + b"\x89K\x08tb",
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_what_a_pickle_has_nested_is_refused_where_it_would_be_hashed_printed_or_allocated(
    tmp_path, bomb
):
    for write in (writers.write_zip, writers.write_legacy):
        with pytest.raises(FileError, match="should be|expected a|not whole numbers"):
            read(
                write(
                    tmp_path / "x.pt", {"w": np.zeros(1, np.float32), "x": writers.Raw(BOMBS[bomb])}
                )
            )


def test_plain_keys_and_sets_are_still_read(tmp_path):
    body = b"ccollections\nOrderedDict\n](X\x01\x00\x00\x00aK\x01\x86K\x02N\x86e\x85R"
    tree = read(
        writers.write_zip(
            tmp_path / "x.pt", {"x": writers.Raw(body), "s": writers.Raw(b"\x8f(K\x01K\x02\x90")}
        )
    )
    assert tree["x"] == {"a": 1, 2: None} and tree["s"] == {1, 2}


def test_numbers_are_flat_lists_or_arrays():
    np.testing.assert_array_equal(array([1, 2.5]), [1, 2.5])
    for other in ([[1, 2]], [Record("a")], "12", {"a": 1}):
        with pytest.raises(FileError, match="numbers expected"):
            array(other)


def test_old_files_whose_list_of_storages_is_none(tmp_path):
    path = writers.write_legacy(tmp_path / "x.pt", {"w": np.zeros(1, np.float32)})
    whole = path.read_bytes()
    keys = whole.rindex(b"\x80\x02]")
    path.write_bytes(whole[:keys] + b"\x80\x02]]a." + struct.pack("<q", 1) + bytes(4))
    with pytest.raises(FileError, match="unknown or of another size"):
        read(path)


@pytest.mark.parametrize(
    "entry", ['"shape":[1],"data_offsets":[0.0,4.0]', '"shape":[1.0],"data_offsets":[0,4]']
)
def test_places_in_safetensors_are_whole_numbers(tmp_path, entry):
    header = ('{"w":{"dtype":"F32",' + entry + "}}").encode()
    (tmp_path / "x.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))
    with pytest.raises(FileError, match="not whole numbers"):
        read(tmp_path / "x.safetensors")
