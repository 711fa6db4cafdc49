"""A damaged file gives its recording or one FileError: no other exception, no huge allocation, no broken process."""

import re
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdiff.data import formats
from jaxdiff.errors import FileError

EXTENSIONS = sorted(set(formats.READERS) - {".txt"})
TEXT = [extension for extension in EXTENSIONS if extension not in (".c3d", ".npz", ".npy")]


@st.composite
def damages(draw):
    """A function bytes -> damaged bytes."""
    kind = draw(
        st.sampled_from(
            ["cut", "flip", "head", "drop line", "repeat line", "number", "insert", "remove"]
        )
    )
    at, size = draw(st.floats(0, 1, exclude_max=True)), draw(st.integers(1, 60))
    byte, bits = (
        draw(st.integers(0, 255)),
        draw(st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=6)),
    )
    number = draw(
        st.sampled_from(
            [b"100000000", b"-1", b"0", b"nan", b"1e999", b"", b"x", b"9" * 30, b"1_0", b"65535"]
        )
    )

    def damage(content: bytes) -> bytes:
        i = int(at * len(content))
        lines = content.split(b"\n")
        n = int(at * len(lines))
        if kind == "cut":
            return content[:i]
        if kind in ("flip", "head") and content:
            damaged, reach = (
                bytearray(content),
                len(content) if kind == "flip" else min(len(content), 700),
            )
            for place in bits:
                damaged[int(place * reach)] = byte
            return bytes(damaged)
        if kind == "drop line":
            return b"\n".join(lines[:n] + lines[n + 1 :])
        if kind == "repeat line":
            return b"\n".join(lines[: n + 1] + lines[n:])
        if kind == "number":
            found = list(re.finditer(rb"-?\d+(\.\d+)?", content))
            spot = found[int(at * len(found))] if found else re.match(b"", content)
            return content[: spot.start()] + number + content[spot.end() :]
        if kind == "insert":
            return content[:i] + bytes([byte]) * size + content[i:]
        return content[:i] + content[i + size :]

    return damage


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


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("extension", EXTENSIONS)
@settings(max_examples=100)
@given(
    damages=st.lists(damages(), min_size=1, max_size=2), rate=st.sampled_from([None, None, 50.0])
)
def test_damaged_files_read_or_say_why_not(extension, samples, tmp_path_factory, damages, rate):
    content = samples[extension].read_bytes()
    for damage in damages:
        content = damage(content)
    path = tmp_path_factory.getbasetemp() / f"damaged{extension}"
    path.write_bytes(content)
    check(path, rate)


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
