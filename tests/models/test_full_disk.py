"""A disk that is full while results are written: one sentence, the old file stays, no partial file
under its name.

The limit on the size of a file (`RLIMIT_FSIZE`) makes every write beyond it fail as on a full disk,
in C++ libraries too; `JAXDIFF_SMALL_DISK` names a real small file system to try instead
(docs/reliability.md).
"""

import os
import resource
from contextlib import contextmanager
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from models.tiny import trained

from jaxdiff.body.skeleton import HUMANML3D
from jaxdiff.data import formats
from jaxdiff.data.formats import joints_recording
from jaxdiff.data.recording import Recording
from jaxdiff.deployment import artefact
from jaxdiff.deployment.program import Program
from jaxdiff.deployment.signal import Signal
from jaxdiff.errors import FileError
from jaxdiff.interop import store
from jaxdiff.models import file
from jaxdiff.models.prediction import Prediction
from jaxdiff.report.page import Page
from jaxdiff.report.publish import Report, publish
from jaxdiff.report.tables import Table

ROOM = 20_000
"""Bytes."""
RANDOM = np.random.default_rng(0)
NAMES = (*(f"RHipAngles_{axis}" for axis in "xyz"), "a", "b", "c")
WALK = Recording(RANDOM.normal(size=(3000, 6)), NAMES, ("deg",) * 3 + ("N",) * 3, 100.0)
JOINTS = np.cumsum(HUMANML3D.offsets, 0)[None] + RANDOM.normal(size=(400, 1, 3))


@pytest.fixture
def folder(tmp_path):
    small = os.environ.get("JAXDIFF_SMALL_DISK")
    return Path(small) / tmp_path.name if small else tmp_path


@contextmanager
def full_disk():
    """Within it, no file grows beyond `ROOM`."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    if not os.environ.get("JAXDIFF_SMALL_DISK"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def refused(write, folder, old=()):
    """`write()` is refused in one sentence, and the folder holds the old files alone, as they
    were.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in old:
        (folder / name).write_bytes(b"old")
    with full_disk(), pytest.raises(FileError, match="cannot be written") as caught:
        write()
    assert "\n" not in str(caught.value)
    left = sorted(path for path in folder.rglob("*") if path.is_file())
    assert left == sorted(folder / name for name in old)
    assert all(path.read_bytes() == b"old" for path in left)


@pytest.mark.parametrize("extension", formats.WRITERS)
def test_recordings_and_predictions(folder, extension):
    if extension == ".rrd":
        pytest.importorskip("rerun")
    motion = joints_recording(JOINTS.astype(np.float32), HUMANML3D, 20.0)
    recording = motion if extension in (".bvh", ".npy") else WALK
    made = Prediction(recording.values[None], recording)
    path = folder / f"made{extension}"
    refused(lambda: made.write(path), folder)
    refused(lambda: formats.write(path, recording), folder, [path.name])


def test_saved_models(folder):
    path = folder / "model.safetensors"
    refused(lambda: file.save(path, trained()), folder, [path.name])


def test_exported_models(folder):
    pytest.importorskip("flatbuffers")
    weights = jnp.asarray(RANDOM.normal(size=(90, 90)), jnp.float32)
    signal = Signal("x", ("a",) * 90, ("1",) * 90, 100.0, 90)
    program = Program(lambda seed, x: x @ weights + seed, (signal,), signal, "llma")
    names = [artefact.PROGRAM, artefact.DESCRIPTION, "check.py", "example.py"]
    refused(lambda: artefact.save(program, folder), folder)
    refused(lambda: artefact.save(program, folder), folder, names)


def test_reports_and_their_tables(folder):
    table = Table("Errors", ("a",))
    for i in range(3000):
        table.row(f"row {i}", {"a": str(i)})
    page = Page("A report")
    page.table(table)
    places = [folder / name for name in "abc"]
    for place in places:
        place.mkdir(parents=True)
    refused(lambda: page.save(places[0] / "report.html"), places[0], ["report.html"])
    refused(lambda: table.save(places[1], "errors"), places[1], ["errors.md", "errors.csv"])
    report = Report("A report", tables={"errors": table})
    refused(lambda: publish(report, places[2]), places[2])


def test_converted_weights(folder):
    weights = store.Converted("a", {}, {"x": RANDOM.normal(size=10_000)})
    refused(lambda: store.save(weights, folder / "w"), folder)
