"""Where the numbers of a run go."""

import json
import math

import pytest

from jaxdiff.errors import ConfigError
from jaxdiff.training.logging import Bar, JsonLines, Lines, TensorBoard, open_sinks


def test_the_log_forgets_what_came_after_the_step_it_resumes_from(tmp_path):
    path = tmp_path / "metrics.jsonl"
    sink = JsonLines(path, 0)
    for step in (1, 2, 3):
        sink.write(step, {"loss": step / 3})
    sink.close()
    path.write_text(path.read_text() + '{"step": 4, "lo')  # torn by a kill
    sink = JsonLines(path, 2)
    sink.write(3, {"loss": 0.5})
    sink.close()
    assert [json.loads(line)["loss"] for line in path.read_text().splitlines()] == [
        1 / 3,
        2 / 3,
        0.5,
    ]


def test_what_is_not_finite_is_null_which_every_json_reader_takes(tmp_path):
    sink = JsonLines(tmp_path / "m.jsonl", 0)
    sink.write(1, {"loss": math.nan, "folds": [1.0, math.inf]})
    sink.close()
    assert json.loads((tmp_path / "m.jsonl").read_text(), parse_constant=pytest.fail) == {
        "step": 1,
        "loss": None,
        "folds": [1.0, None],
    }


def test_console_lines_and_the_bar_show_step_rate_and_losses(capsys):
    Lines(10, 0).write(5, {"loss": 0.25, "folds": [1.0, 3.0]})
    line = capsys.readouterr().out
    assert "step 5/10" in line and "steps/s" in line and "loss 0.25" in line and "folds 2" in line
    bar = Bar(10, 0)
    bar.write(10, {"loss": 0.125})
    bar.close()
    shown = capsys.readouterr().out
    assert "10/10" in shown and "0.125" in shown


def test_tensorboard_gets_scalars_and_curves_of_folds(tmp_path):
    pytest.importorskip("tensorboardX")
    sink = TensorBoard(tmp_path)
    sink.write(1, {"loss": 0.5, "folds": [1.0, 2.0]})
    sink.close()
    assert list(tmp_path.rglob("events*"))


def test_an_unknown_log_names_the_nearest(tmp_path):
    with pytest.raises(ConfigError, match="did you mean 'tensorboard'"):
        open_sinks(tmp_path, 1, 0, ["tensorbord"])
