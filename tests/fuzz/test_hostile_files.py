"""The small files that exhausted version 1: each is read or refused within a second and without
much memory.
"""

import json
import time

import numpy as np
import pytest
from models.tiny import resident

from jaxdiff.data import formats
from jaxdiff.errors import Error
from jaxdiff.interop import files as weights
from jaxdiff.models import file


def mot_of_spaces():
    key = b"key" + b" " * 100_000 + b"= x" + b" " * 100_000 + b"\n"
    return b"walk\n" + 5 * key + b"endheader\ntime\ta\n0\t1\n0.01\t2\n"


def bvh_of_joints(depth=20_000):
    opening = b"".join(b"JOINT j%d\n{\nOFFSET 0 0 0\nCHANNELS 0\n" % i for i in range(depth))
    return b"HIERARCHY\nROOT r\n{\nOFFSET 0 0 0\nCHANNELS 0\n" + opening + b"}\n" * (depth + 1)


def csv_of_nanoseconds():
    return b"time,a\n" + b"".join(b"%.9f,%d\n" % (i * 1e-9, i) for i in range(2000))


def csv_of_quotes():
    return b"time,a\n0,1\n" + b'"' * 300_000 + b",2\n"


def safetensors(entries, size=4_000_000):
    header = json.dumps(entries).encode()
    return len(header).to_bytes(8, "little") + header + bytes(size)


def one_storage():
    entry = {"dtype": "F32", "shape": [1_000_000], "data_offsets": [0, 4_000_000]}
    return safetensors({f"layer{i}": entry for i in range(3000)})


def many_axes():
    entry = {"dtype": "F32", "shape": [1] * 50_000, "data_offsets": [0, 4]}
    return safetensors({"a": entry}, 4)


HOSTILE = {
    "a.mot": mot_of_spaces,
    "a.bvh": bvh_of_joints,
    "a.csv": csv_of_nanoseconds,
    "b.csv": csv_of_quotes,
    "a.safetensors": one_storage,
    "b.safetensors": many_axes,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_small_file_takes_little_time_and_memory(name, tmp_path):
    path = tmp_path / name
    path.write_bytes(HOSTILE[name]())
    readers = (
        (file.load, weights.read)
        if name.endswith("safetensors")
        else (formats.read, lambda p: formats.read(p, 50.0))
    )
    for read in readers:
        begin, before = time.process_time(), resident()
        try:
            read(path)
        except Error as error:
            assert "\n" not in str(error) and len(str(error)) < 2000
        assert time.process_time() - begin < 2 and resident() - before < 300


def test_files_of_equal_size_take_equal_time_whatever_they_announce(tmp_path):
    """Frames, rows and rates in a header are believed only where the file is as long as they
    say.
    """
    path = tmp_path / "a.trc"
    head = "PathFileType\t4\t(X/Y/Z)\ta\nDataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\n"
    rest = "60\t60\t{}\t{}\tmm\nFrame#\tTime\tA\t\t\n\t\tX1\tY1\tZ1\n1\t0\t1\t2\t3\n"
    for frames, markers in ((10**12, 1), (1, 10**12), (-1, -1)):
        path.write_text(head + rest.format(frames, markers))
        with pytest.raises(Error):
            formats.read(path)
    np.save(tmp_path / "a.npy", np.zeros((2, 22, 3)))
    content = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(content.replace(b"(2, 22, 3)", b"(2**40,)  "))
    with pytest.raises(Error):
        formats.read(tmp_path / "a.npy")
