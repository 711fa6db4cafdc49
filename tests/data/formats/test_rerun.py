"""Files for the Rerun viewer: what is logged, on a stand-in for its package, and the real one where
it is installed.
"""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from jaxdiff.body.skeleton import HUMANML3D
from jaxdiff.data import formats
from jaxdiff.data.recording import Recording
from jaxdiff.errors import MissingExtra

JOINTS = np.cumsum(HUMANML3D.offsets, 0)[None] + np.arange(4.0)[:, None, None]
MOTION = formats.joints_recording(JOINTS, HUMANML3D, 20.0)


@pytest.fixture
def logged(monkeypatch):
    """Everything that is logged: (path, archetype, time)."""
    found, now = [], [None]

    class Stream:
        def __init__(self, name):
            self.path = None

        def save(self, path):
            self.path = path

        def set_time(self, timeline, duration):
            now[0] = duration

        def log(self, path, what, static=False):
            found.append((path, what, now[0]))

        def flush(self):
            self.path.write_bytes(b"RRD")

        def disconnect(self):
            pass

    layer = SimpleNamespace(
        RecordingStream=Stream,
        ViewCoordinates=SimpleNamespace(RIGHT_HAND_Y_UP="y up"),
        Points3D=lambda points, radii: points,
        LineStrips3D=lambda strips: strips,
        Scalars=lambda value: value,
    )
    monkeypatch.setitem(sys.modules, "rerun", layer)
    return found


def test_motions_are_points_and_bones_in_time(logged, tmp_path):
    formats.write(tmp_path / "motion.rrd", MOTION)
    assert (tmp_path / "motion.rrd").read_bytes() == b"RRD"
    assert logged[0][1] == "y up"
    bones, joints = logged[-2:]
    assert bones[0] == "motion/bones" and len(bones[1]) == 21
    np.testing.assert_allclose(joints[1], JOINTS[-1])
    assert joints[2] == pytest.approx(0.15)


def test_signals_are_curves_without_their_gaps(logged, tmp_path):
    values = np.array([[1.0, 2.0], [np.nan, 3.0]])
    formats.write(tmp_path / "a.rrd", Recording(values, ("hip", "knee"), ("deg", "deg"), 100.0))
    assert [each[:2] for each in logged] == [("hip", 1.0), ("knee", 2.0), ("knee", 3.0)]


def test_without_the_package_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "rerun", None)
    with pytest.raises(MissingExtra, match="rerun"):
        formats.write(tmp_path / "motion.rrd", MOTION)
    assert not list(tmp_path.iterdir())


def test_the_package_itself(tmp_path):
    pytest.importorskip("rerun")
    formats.write(tmp_path / "motion.rrd", MOTION)
    assert (tmp_path / "motion.rrd").stat().st_size > 500
