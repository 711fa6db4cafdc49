"""What runs say of themselves."""

import json
import os
import time


def test_runs_show_study_status_step_best_and_how_to_continue(jaxdiff, run, tmp_path):
    code, out, err = jaxdiff("runs", run.parent)
    assert (code, err) == (0, "")
    row = next(line for line in out.splitlines() if str(run) in line)
    assert "llma" in row and "finished" in row and "2/2" in row and "to continue" not in out


def test_interrupted_failed_killed_and_damaged_runs(jaxdiff, tmp_path):
    for name, status, age in (
        ("a", "stopped", 0),
        ("b", "failed: OSError", 0),
        ("c", "running", 9999),
        ("d", "running", 0),
    ):
        folder = tmp_path / "sweep" / name
        (folder / "checkpoints" / "1").mkdir(parents=True)
        said = {
            "status": status,
            "step": 5,
            "steps": 9,
            "score_name": "mse",
            "best": 0.25,
            "resume": f"go {name}",
        }
        (folder / "run.json").write_text(json.dumps({**said, "about": {"method": "points"}}))
        os.utime(folder / "run.json", (time.time() - age,) * 2)
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "run.json").write_text("{")
    code, out, _ = jaxdiff("runs", tmp_path, "--json")
    shown = {each["run"].rsplit("/", 1)[1]: each for each in json.loads(out)}
    assert code == 0
    assert [shown[name]["status"] for name in "abcd"] == [
        "interrupted",
        "failed: OSError",
        "interrupted",
        "training",
    ]
    assert [shown[name]["resume"] for name in "abcd"] == ["go a", "go b", "go c", None]
    assert shown["torn"]["status"].startswith("unreadable")
    table = jaxdiff("runs", tmp_path)[1]
    assert "to continue" in table and "  go c" in table and "5/9" in table and "0.25 (mse)" in table


def test_files_that_are_json_but_no_run(jaxdiff, tmp_path):
    for name, text in (
        ("list", "[]"),
        ("number", '{"status": "done", "about": 7}'),
        ("word", '{"status": "done", "best": "good"}'),
        ("deep", "[" * 99_999),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text(text)
    code, out, err = jaxdiff("runs", tmp_path)
    assert (code, err, out.count("unreadable")) == (0, "", 4)
