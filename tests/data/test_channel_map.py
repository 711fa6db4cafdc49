"""Names, units and mass that a user states about a file."""

import numpy as np
import pytest

from jaxdiff.data.channel_map import ChannelMap
from jaxdiff.data.recording import Recording
from jaxdiff.errors import ConfigError, DataError

FILE = Recording(np.ones((5, 3)), ("Fz", "knee_angle_r", "x"), ("", "", "m"), 100.0)


def test_names_units_and_mass_are_applied():
    found = ChannelMap({"Fz": "grf_normal"}, {"Fz": "N", "angle": "deg"}, 70.0)(FILE)
    assert found.channels == ("grf_normal", "knee_angle_r", "x")
    assert found.units == ("N", "deg", "m") and found.meta["mass"] == "70 kg"


def test_a_file_and_words_are_combined(tmp_path):
    (tmp_path / "a.yaml").write_text("rename: {Fz: grf_z}\nunits: {x: mm}\nmass: 60\n")
    words = ChannelMap.from_words(["Fz=grf_normal"], ["Fz=N"])
    found = words.over(ChannelMap.read(tmp_path / "a.yaml"))
    assert found == ChannelMap({"Fz": "grf_normal"}, {"x": "mm", "Fz": "N"}, 60.0)


@pytest.mark.parametrize(
    "text",
    [
        "- a",
        "colour: red",
        "rename: [a]",
        "units: {a: 3}",
        "mass: x",
        "mass: -1",
        "units: {a: parsec}",
    ],
)
def test_wrong_maps_are_refused(tmp_path, text):
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(ConfigError):
        ChannelMap.read(tmp_path / "a.yaml")


def test_absent_channels_and_odd_words_are_refused():
    with pytest.raises(DataError, match="no channel 'Fy' in the file; did you mean 'Fz'"):
        ChannelMap({"Fy": "a"})(FILE)
    with pytest.raises(ConfigError, match="--rename takes pairs"):
        ChannelMap.from_words(["Fz"])
