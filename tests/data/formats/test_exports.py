"""Exports of Vicon Nexus, Qualisys Track Manager and Visual3D, in their documented layouts."""

import numpy as np
import pytest

from jaxdiff.data import channels
from jaxdiff.data.formats import read
from jaxdiff.data.recording import Event
from jaxdiff.errors import FileError

VICON = """Trajectories
100
,,Anna:LASI,,,Anna:RASI,,
Frame,Sub Frame,X,Y,Z,X,Y,Z
,,mm,mm,mm,mm,mm,mm
5,0,1,2,3,4,5,6
6,0,1,2,3,,,
7,0,1,2,3,4,5,6

Model Outputs
100
,,Anna:RHipAngles,,,Anna:RHipMoment,,
Frame,Sub Frame,X,Y,Z,X,Y,Z
,,deg,deg,deg,N.mm/kg,N.mm/kg,N.mm/kg
5,0,10,2,3,400,5,6
6,0,20,2,3,500,5,6
7,0,30,2,3,600,5,6

Events
100
Subject,Context,Name,Time (s),Description
Anna,Right,Foot Strike,0.05,The instant the heel strikes the ground
Anna,Left,Foot Off,0.06,The instant the toe leaves the ground
"""
DEVICES = """Devices
1000
,,Imported AMTI OR6 #1 - Force,,
Frame,Sub Frame,Fx,Fy,Fz
,,N,N,N
""" + "\n".join(f"{i // 10 + 5},{i % 10},1,2,{i}" for i in range(200))
QUALISYS = (
    "NO_OF_FRAMES\t3\nNO_OF_CAMERAS\t8\nNO_OF_MARKERS\t2\nFREQUENCY\t200\nNO_OF_ANALOG\t0\n"
    "DATA_INCLUDED\t3D\nEVENT\tRight Foot Strike\t2\t0.005\nMARKER_NAMES\tRHEE\tLHEE\n"
)
VISUAL3D = (
    "\ta.c3d\ta.c3d\n\tRIGHT_HIP_ANGLE\tRIGHT_KNEE_ANGLE\n\tLINK_MODEL_BASED\tLINK_MODEL_BASED\n"
    "\tORIGINAL\tORIGINAL\nITEM\tX\tX\n"
)


def written(tmp_path, text, name):
    (tmp_path / name).write_text(text)
    return tmp_path / name


def test_vicon_sections_become_one_recording_with_events(tmp_path):
    found = read(written(tmp_path, VICON, "a.csv"))
    assert found.rate == 100 and found.start == pytest.approx(0.04)
    assert found.channels[3:8] == ("RASI_x", "RASI_y", "RASI_z", "RHipAngles_x", "RHipAngles_y")
    assert np.isnan(found["RASI_x"][1]) and found.units[6:12] == ("deg",) * 3 + ("N.mm/kg",) * 3
    assert found.events == (Event(0.05, "foot_strike", "right"), Event(0.06, "foot_off", "left"))
    model = channels.match(found, ("hip_flexion", "hip_extension_moment"), ("deg", "N m/kg"))
    np.testing.assert_allclose(model.recording.values, [[10, 0.4], [20, 0.5], [30, 0.6]])


def test_vicon_devices_keep_their_rate_and_join_at_the_lowest(tmp_path):
    alone = read(written(tmp_path, DEVICES, "a.csv"))
    assert alone.rate == 1000 and alone.start == pytest.approx(0.04) and len(alone) == 200
    both = read(written(tmp_path, VICON.replace("Events", DEVICES + "\n\nEvents"), "b.csv"))
    assert both.rate == 100 and len(both) == 3 and both.units[-1] == "N"


@pytest.mark.parametrize(
    "head", ["", "Frame\tTime\tRHEE X\tRHEE Y\tRHEE Z\tLHEE X\tLHEE Y\tLHEE Z\n"]
)
def test_qualisys_markers_with_and_without_frame_and_time(tmp_path, head):
    rows = [[1, 2, 3, 4, 5, 6], [1, 2, 3, 0, 0, 0], [1, 2, 3, 4, 5, 6]]
    lead = ["1\t0.0\t", "2\t0.005\t", "3\t0.01\t"] if head else [""] * 3
    body = "\n".join(a + "\t".join(map(str, row)) for a, row in zip(lead, rows))
    found = read(written(tmp_path, QUALISYS + head + body + "\n", "a.tsv"))
    assert found.rate == 200 and found.channels[:3] == ("RHEE_x", "RHEE_y", "RHEE_z")
    assert np.isnan(found.values[1, 3:]).all() and set(found.units) == {"mm"}
    assert found.events == (Event(0.005, "foot_strike", "right"),)


def test_visual3d_needs_a_rate(tmp_path):
    path = written(tmp_path, VISUAL3D + "1\t10\t-5\n2\t12\t-60\n", "a.txt")
    found = read(path, 100)
    assert found.channels == ("RIGHT_HIP_ANGLE_X", "RIGHT_KNEE_ANGLE_X")
    with pytest.raises(FileError, match="does not state its rate"):
        read(path)


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("Trajectories\n100", "Trajectories\nfast", "line 2: the rate in Hz"),
        ("Frame,Sub Frame,X,Y,Z,X,Y,Z", "no", "no row 'Frame,Sub Frame"),
        ("Context", "Side", "events have the columns"),
        ("\n6,0,1,", "\n6,0,one,", "'one'"),
    ],
)
def test_what_is_wrong_with_a_vicon_export_is_said(tmp_path, old, new, match):
    assert old in VICON
    with pytest.raises(FileError, match=match):
        read(written(tmp_path, VICON.replace(old, new), "a.csv"))
