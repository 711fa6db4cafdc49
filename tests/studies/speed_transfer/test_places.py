"""Where generated gait goes, and in what format: settled before any work."""

from pathlib import Path

import pytest

from jaxdiff.errors import ConfigError
from jaxdiff.studies.speed_transfer.generation import places


def test_files_are_named_after_the_input_or_the_output(tmp_path):
    walk = tmp_path / "walk.csv"
    assert places(walk, [0.6, 1.4]) == [tmp_path / "walk_0.60.csv", tmp_path / "walk_1.40.csv"]
    assert places(walk, [0.6], tmp_path / "made") == [tmp_path / "made" / "walk_0.60.csv"]
    assert places(walk, [0.6], tmp_path / "slow.mot") == [tmp_path / "slow.mot"]
    assert places(Path("walk.c3d"), [0.6, 1.4], "out/gait.mot") == [
        Path("out/gait_0.60.mot"),
        Path("out/gait_1.40.mot"),
    ]
    (tmp_path / "folder.csv").mkdir()
    assert places(walk, [0.6], tmp_path / "folder.csv") == [
        tmp_path / "folder.csv" / "walk_0.60.csv"
    ]


@pytest.mark.parametrize(
    "source, output", [("walk.c3d", None), ("walk.trc", "made"), ("walk.mat", None)]
)
def test_a_format_that_cannot_be_written_names_those_that_can(source, output):
    with pytest.raises(ConfigError, match=r"one of \.mot, .*such as --output walk\.csv"):
        places(Path(source), [0.6], output)
