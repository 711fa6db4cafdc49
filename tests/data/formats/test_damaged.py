"""Garbage, halves, foreign contents and lying headers are refused in one sentence; random damage is
in tests/fuzz.
"""

import os
import re
import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdiff.data import formats
from jaxdiff.errors import FileError

EXTENSIONS = sorted(set(formats.READERS) - {".txt"})
BINARY = (".c3d", ".b3d", ".parquet", ".npz", ".npy")
TEXT = [extension for extension in EXTENSIONS if extension not in BINARY]


def check(path, rate=None):
    """The recording, or one sentence that names the file."""
    try:
        recording = formats.read(path, rate)
    except FileError as error:
        assert (
            str(path) in str(error)
            and "\n" not in str(error)
            and len(str(error)) < len(str(path)) + 300
        )
        return str(error)
    assert recording.values.size and not np.isinf(recording.values).any()
    return None


@pytest.mark.parametrize("extension", EXTENSIONS)
@given(content=st.binary(max_size=600))
def test_garbage_is_refused(extension, tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / f"garbage{extension}"
    path.write_bytes(content)
    if extension not in (".csv", ".tsv"):
        assert check(path)
    check(path)


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_every_way_to_have_no_file_or_half_a_file(extension, samples, tmp_path):
    content = samples[extension].read_bytes()
    path = tmp_path / f"a{extension}"
    assert "does not exist" in check(path)
    path.mkdir()
    assert "folder" in check(path)
    path.rmdir()
    path.write_bytes(b"")
    assert "is empty" in check(path)
    for part in (0.1, 0.5, 0.9):
        path.write_bytes(content[: int(part * len(content))])
        assert check(path) or extension in (
            ".csv",
            ".tsv",
        )  # a table that ends at the end of a row is whole
    if extension in TEXT:
        path.write_bytes(b" \n\n")
        assert "white space" in check(path)
        path.write_bytes(content[:80] + b"\xff\xfe" + content[80:])
        assert re.search(r"line \d+: byte 0xff is not UTF-8", check(path))
        path.write_bytes(content[:80] + b"\0" + content[80:])
        assert re.search(r"line \d+: holds a NUL byte", check(path))


@pytest.mark.parametrize("extension", EXTENSIONS)
@pytest.mark.parametrize("other", EXTENSIONS)
def test_the_contents_of_another_format(extension, other, samples, tmp_path):
    path = tmp_path / f"a{extension}"
    path.write_bytes(samples[other].read_bytes())
    alike = [{".mot", ".sto"}, {".csv", ".tsv"}]
    if extension == other or {extension, other} in alike:
        assert check(path) is None
    else:
        assert check(path)


@pytest.mark.parametrize(
    ("extension", "old", "new"),
    [
        (".mot", b"nRows=9", b"nRows=100000000"),
        (".sto", b"nColumns=5", b"nColumns=100000000"),
        (".trc", b"      6\t2", b"      100000000\t2"),
        (".trc", b"      6\t2", b"      6\t100000000"),
        (".bvh", b"Frames: 5", b"Frames: 100000000"),
        (".bvh", b"CHANNELS 3", b"CHANNELS 100000000"),
    ],
)
def test_headers_that_promise_too_much_cost_nothing(extension, old, new, samples, tmp_path):
    content = samples[extension].read_bytes()
    assert old in content
    path = tmp_path / f"a{extension}"
    path.write_bytes(content.replace(old, new, 1))
    tracemalloc.start()
    said = check(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "100000000" in said and "line" in said and peak < 5e6


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_pipes_and_devices_are_not_opened(extension, tmp_path):
    path = tmp_path / f"a{extension}"
    os.mkfifo(path)
    assert "not a regular file" in check(path)
    path.unlink()
    path.symlink_to("/dev/zero")
    assert "not a regular file" in check(path)


def test_long_tables_with_gaps_take_linear_time(tmp_path):
    seconds = []
    for rows in (5_000, 40_000):
        path = tmp_path / "a.csv"
        cells = ("", "1.5", "2.25", "-3")
        lines = (f"{i / 100},{cells[i % 4]},{i}" for i in range(rows))
        path.write_text("time,a,b\n" + "\n".join(lines))
        begin = time.process_time()
        recording = formats.read(path)
        recording.fill_gaps(0.05)
        assert len(recording) == rows and len(recording.gaps()) == rows // 4
        seconds.append(time.process_time() - begin)
    assert seconds[1] < 30 * seconds[0] + 0.5
