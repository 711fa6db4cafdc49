"""The table of formats in docs/data.md, cell by cell: each claim is tried on a small file."""

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from jaxdiff.body.skeleton import HUMANML3D
from jaxdiff.data import formats
from jaxdiff.data.formats import joints_recording
from jaxdiff.data.recording import Event, Recording
from tests.data.formats import made
from tests.fuzz.targets import QUALISYS, VICON, VISUAL3D

PAGE = Path(__file__).parents[3] / "docs" / "data.md"
COLUMNS = ("read", "write", "names", "units", "events")
EVENTS = (Event(0.05, "foot_strike", "right"),)
SIGNALS = Recording(
    np.random.default_rng(0).normal(size=(9, 2)) * 30,
    ("hip_flexion_r", "pelvis_tx"),
    ("deg", "m"),
    100.0,
)


def skeleton():
    joints = np.cumsum(HUMANML3D.offsets, 0)[None] + np.zeros((4, 1, 1))
    return joints_recording(joints.astype(np.float32), HUMANML3D, 20.0)


class Row(NamedTuple):
    """How a format is tried: a recording to write, or the bytes of a file with its true names and
    units.
    """

    extensions: tuple[str, ...]
    recording: Callable[[], Recording] | None = None
    content: Callable[[], bytes] | None = None
    names: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    rate: float | None = None


def poses():
    buffer = io.BytesIO()
    np.savez(buffer, joints=np.zeros((4, 22, 3)), fps=20.0)
    return buffer.getvalue()


def trc(folder):
    return made.write_samples(folder)[".trc"].read_bytes()


ROWS = {
    "OpenSim `.mot` `.sto`": Row((".mot", ".sto"), lambda: SIGNALS),
    "OpenSim `.trc`": Row((".trc",), None, None, ("R.ASIS_x",), ("mm",)),
    "`.c3d`: markers, model outputs, force plates, analog": Row((".c3d",), lambda: SIGNALS),
    "AddBiomechanics `.b3d`": Row(
        (".b3d",),
        None,
        lambda: made.made_b3d((("w", 4),))[0],
        ("pelvis_tx", "hip_flexion_r"),
        ("m", "rad"),
    ),
    "`.bvh`": Row((".bvh",), skeleton),
    "`.csv` `.tsv` `.txt` tables": Row((".csv", ".tsv", ".txt"), lambda: SIGNALS),
    "Vicon Nexus export": Row(
        (".csv",), None, VICON.encode, ("RHipAngles_x", "RHipAngles_y"), ("deg", "deg")
    ),
    "Qualisys export": Row((".tsv",), None, QUALISYS.encode, ("RHEE_x",), ("mm",)),
    "Visual3D export": Row(
        (".txt",), None, VISUAL3D.encode, ("RIGHT_HIP_ANGLE_X",), ("deg",), 100.0
    ),
    "`.parquet`": Row((".parquet",), lambda: SIGNALS),
    "`.npz` recording": Row((".npz",), lambda: SIGNALS),
    "`.npz` joints or SMPL parameters (AMASS)": Row((".npz",), None, poses, ("pelvis_x",), ("m",)),
    "`.npy` of HumanML3D and KIT-ML": Row((".npy",), skeleton),
}


def table():
    """The rows of the page: format -> the words of its cells."""
    lines = re.findall(
        r"^\|(.+)\|$", PAGE.read_text(encoding="utf-8").split("## Formats")[1], re.MULTILINE
    )
    cells = [[cell.strip() for cell in line.split("|")] for line in lines]
    head = next(i for i, row in enumerate(cells) if tuple(row[1:]) == COLUMNS)
    body = []
    for row in cells[head + 2 :]:
        if len(row) != 6:
            break
        body.append(row)
    return {row[0]: tuple(row[1:]) for row in body}


def test_the_table_has_every_format_once():
    assert set(table()) == set(ROWS)
    tried = {extension for row in ROWS.values() for extension in row.extensions}
    assert tried == set(formats.READERS)


@pytest.mark.parametrize("name", ROWS)
def test_every_cell_is_true(name, tmp_path):
    row, claims = ROWS[name], dict(zip(COLUMNS, table()[name]))
    assert set(claims.values()) <= {"yes", "no"}
    for extension in row.extensions:
        path = tmp_path / f"a{extension}"
        if row.recording is not None:
            recording = row.recording()
            from dataclasses import replace

            formats.write(path, replace(recording, events=EVENTS))
            names, units = recording.channels, recording.units
        else:
            (tmp_path / "samples").mkdir(exist_ok=True)
            path.write_bytes(row.content() if row.content else trc(tmp_path / "samples"))
            names, units = row.names, row.units
        assert (claims["write"] == "yes") == (row.recording is not None)
        found = formats.read(path, row.rate)
        assert (claims["read"] == "yes") == bool(len(found))
        shared = dict(zip(found.channels, found.units))
        assert (claims["names"] == "yes") == (set(names) <= set(found.channels))
        same = all(shared.get(n, "").lower() == u for n, u in zip(names, units))
        assert (claims["units"] == "yes") == same, (found.units, units)
        assert (claims["events"] == "yes") == bool(found.events)
        if claims["events"] == "yes" and row.recording is not None:
            assert found.events == EVENTS
