"""Files in, files out, by what the run's checkpoint says it is."""

import json

import numpy as np
import pytest

from jaxdiff.cli.generate import METHODS, _edit, median_and_spread
from jaxdiff.data import formats
from jaxdiff.data.recording import Recording


def test_angles_become_moments_with_their_spread(jaxdiff, run, walk, tmp_path):
    formats.write(tmp_path / "walk.mot", walk)
    code, out, err = jaxdiff(
        "generate", run, "--input", tmp_path / "walk.mot", "--output", tmp_path / "m.csv", "--samples", 5
    )
    assert (code, err) == (0, "") and "median and 5–95 % of 5" in out
    made = formats.read(tmp_path / "m.csv")
    assert made.channels[:4] == ("hip_moment", "knee_moment", "hip_moment_p05", "knee_moment_p05")
    assert made.rate == 100 and (made.values[:, 2:4] <= made.values[:, :2]).all()


def test_options_that_do_not_belong_to_the_method_are_refused(jaxdiff, run, tmp_path):
    _, _, err = jaxdiff("generate", run, "--input", "x.mot", "--output", "y.mot", "--text", "walk")
    assert "a run of llma has no use for --text; it takes --input, --output" in err
    _, _, err = jaxdiff("generate", run, "--input", "x.mot")
    assert "a run of llma needs --output" in err
    _, _, err = jaxdiff("generate", run, "--input", "x.mot", "--output", "y.pdf")
    assert "cannot write y.pdf" in err
    _, _, err = jaxdiff("generate", run, "--input", "x.mot", "--output", "y.mot", "--samples", "0")
    assert "--samples must be 1 or more" in err


@pytest.mark.parametrize("place, method", [("arm-all", "biovae"), ("model", "text_to_motion"), ("", "speed_transfer")])
def test_the_method_is_recognised_wherever_a_study_puts_its_model(jaxdiff, tmp_path, monkeypatch, place, method):
    about = tmp_path / place / "checkpoints" / "7" / "about"
    about.mkdir(parents=True)
    (about / "metadata").write_text(json.dumps({"method": method}))
    _, _, err = jaxdiff("generate", tmp_path, "--strikes", "1", "2")
    assert f"a run of {method} " in err
    called = []
    monkeypatch.setitem(METHODS, method, lambda run: called.append(run))
    assert jaxdiff("generate", tmp_path)[0] == 0 and called == [tmp_path / place]


def test_a_run_of_something_else_says_what_it_is(jaxdiff, tmp_path):
    (tmp_path / "checkpoints/1/about").mkdir(parents=True)
    (tmp_path / "checkpoints/1/about/metadata").write_text(json.dumps({"method": "points"}))
    assert "is a run of points, from which files cannot be generated" in jaxdiff("generate", tmp_path)[2]
    assert "it holds the runs" in jaxdiff("generate", tmp_path.parent)[2]


def test_an_edit_names_a_part_and_a_factor():
    assert _edit("left_arm=1.5") == (1.5, ["left_shoulder", "left_elbow", "left_wrist"])
    assert _edit("all=0.5") == (0.5, None) and _edit("neck,left_knee=2")[1] == ["neck", "left_knee"]
    with pytest.raises(Exception, match="PART=FACTOR"):
        _edit("left_arm")


def test_the_median_and_the_spread_of_recordings():
    drawn = [Recording(np.full((3, 1), k), ("a",), ("deg",), 10.0) for k in range(21)]
    made = median_and_spread(drawn)
    assert made.channels == ("a", "a_p05", "a_p95") and made.values[0].tolist() == [10, 1, 19]
    assert median_and_spread(drawn[:1]) is drawn[0]
