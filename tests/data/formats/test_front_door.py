"""One read, one write, chosen by the extension; what is there is never lost."""

import os

import numpy as np
import pytest

from jaxdiff.data import formats
from jaxdiff.disk import atomic
from jaxdiff.errors import FileError


def test_every_format_reads_its_sample(samples):
    for extension in set(formats.READERS) - {".txt"}:
        recording = formats.read(samples[extension])
        assert recording.values.size and len(recording.channels) == recording.values.shape[1]


def test_formats_that_keep_names_and_numbers_agree(samples, gait):
    for extension in (".mot", ".sto", ".csv", ".tsv", ".npz"):
        found = formats.read(samples[extension])
        assert np.array_equal(found.values, gait.values, equal_nan=True), extension
        assert (found.channels, found.units, found.rate, found.start) == (
            gait.channels,
            gait.units,
            100.0,
            0.5,
        )


def test_every_format_comes_at_the_rate_asked_for(samples):
    for extension in set(formats.READERS) - {".txt", ".npy"}:
        assert formats.read(samples[extension], rate=50.0).rate == 50


def test_the_extension_decides_in_any_case(tmp_path, gait):
    formats.write(tmp_path / "A.MOT", gait)
    assert formats.read(str(tmp_path / "A.MOT")).channels == gait.channels


@pytest.mark.parametrize("name", ["a.xyz", "a", "a.pkl", ""])
def test_unknown_extensions_name_the_supported_ones(tmp_path, gait, name):
    for act in (
        lambda: formats.read(tmp_path / name),
        lambda: formats.write(tmp_path / name, gait),
    ):
        with pytest.raises(FileError, match=r"supported.*\.mot.*\.npz"):
            act()


def test_what_is_only_read_says_so(tmp_path, gait):
    for name in ("a.b3d", "a.trc"):
        with pytest.raises(FileError, match="cannot write"):
            formats.write(tmp_path / name, gait)


def test_a_failed_write_leaves_the_old_file(tmp_path, gait, monkeypatch):
    path = tmp_path / "a.npz"
    formats.write(path, gait)
    before = path.read_bytes()

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", full)
    with pytest.raises(FileError, match="No space left"):
        formats.write(path, gait)
    monkeypatch.undo()
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(FileError, match="No space left"):
        formats.write(tmp_path / "a.npz", gait)
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["a.npz"]


def test_an_interrupted_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic(path) as file:
        file.write(b"half of the n")
        raise KeyboardInterrupt
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["a.csv"]


def test_a_folder_that_is_not_there(tmp_path, gait):
    for extension in (".mot", ".csv", ".npz"):
        with pytest.raises(FileError, match="cannot be written"):
            formats.write(tmp_path / "nowhere" / f"a{extension}", gait)


def test_new_files_are_as_readable_as_any(tmp_path, gait):
    (tmp_path / "plain").write_text("")
    formats.write(tmp_path / "a.csv", gait)
    assert (tmp_path / "a.csv").stat().st_mode == (tmp_path / "plain").stat().st_mode
