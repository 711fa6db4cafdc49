"""AddBiomechanics files: a made one, value for value, and a real one."""

import os
import struct
from pathlib import Path

import numpy as np
import pytest

from jaxdiff.data import channels
from jaxdiff.data.formats import read, read_one
from jaxdiff.errors import FileError
from tests.data.formats.made import entry, made_b3d

REAL = Path(os.environ.get("JAXDIFF_SHARED", "shared")) / "data" / "results.b3d"


@pytest.mark.parametrize("wrench", [False, True])
def test_every_array_of_a_made_file_returns(tmp_path, wrench):
    content, arrays = made_b3d(wrench=wrench)
    (tmp_path / "a.b3d").write_bytes(content)
    found = read(tmp_path / "a.b3d")
    assert [r.meta["trial"] for r in found] == ["walk", "run"]
    for recording, (pos, tau, force, place) in zip(found, arrays):
        assert recording.rate == 100 and recording.meta["mass"] == "60 kg"
        assert recording.meta["sex"] == "female" and recording.meta["age"] == "30"
        assert recording.meta["missing forces"] == "not over a force plate: 1"
        np.testing.assert_array_equal(recording.values[:, :3], pos)
        expected = np.concatenate([tau, force, place], axis=1)
        expected[0] = np.nan
        np.testing.assert_allclose(recording.values[:, 3:], expected, atol=1e-9)
        assert recording.channels[:4] == (
            *("pelvis_tx", "hip_flexion_r", "knee_angle_r"),
            "pelvis_tx_force",
        )
        assert recording.units[:5] == ("m", "rad", "rad", "N", "N m")


def test_one_trial_is_chosen_by_name_or_number(tmp_path):
    (tmp_path / "a.b3d").write_bytes(made_b3d()[0])
    assert len(read_one(tmp_path / "a.b3d", trial="run")) == 3
    assert len(read_one(tmp_path / "a.b3d", trial="1")) == 4
    with pytest.raises(FileError, match="holds 2 trials; name one of them .*walk, run"):
        read_one(tmp_path / "a.b3d")
    (tmp_path / "b.b3d").write_bytes(made_b3d((("walk", 4),))[0])
    assert read(tmp_path / "b.b3d").meta["trial"] == "walk"


def test_headers_that_promise_too_much_are_refused(tmp_path):
    content, _ = made_b3d()
    lies = [
        struct.pack("<Q", 2**60) + content[8:],
        content[:-20],
        content.replace(entry(3, 4) + entry(4, 0.01), entry(3, 100) + entry(4, 0.01)),
        content.replace(entry(4, 0.01), entry(4, 0.0)),
    ]
    for lie in lies:
        (tmp_path / "a.b3d").write_bytes(lie)
        with pytest.raises(FileError, match=r"a\.b3d"):
            read(tmp_path / "a.b3d")


@pytest.mark.skipif(not REAL.is_file(), reason="needs the shared data")
def test_a_real_file():
    first, second = read(REAL)
    assert (len(first), len(second), first.rate) == (132, 131, 100)
    assert first.meta["mass"] == "68 kg" and first.meta["trial"] == "walking2_segment_0"
    moments = ("hip_extension_moment", "knee_extension_moment", "ankle_plantarflexion_moment")
    for side in ("right", "left"):
        legs = channels.match(
            first, ("knee_flexion", "ankle_dorsiflexion"), ("deg",) * 2, side=side
        )
        assert 55 < legs.recording["knee_flexion"].max() < 95  # flexion positive, unlike gait2392
        torque = channels.match(first, moments, ("N m/kg",) * 3, side=side).recording
        assert 1 < torque["ankle_plantarflexion_moment"].max() < 2
        force = channels.match(first, ("grf_normal",), ("BW",), side=side).recording
        assert 0.95 < force["grf_normal"].max() < 1.2
