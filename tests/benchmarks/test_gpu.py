"""The scripts that are run on a GPU run to their end on a CPU, and keep what they have whatever
fails.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import gpu, report

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "TINY": "1", "PYTHON": sys.executable}


def test_a_row_that_fails_or_has_no_time_left_is_written_and_ends_nothing(tmp_path, monkeypatch):
    def broken(options, before):
        raise RuntimeError("no such kernel\nand more")

    rows = [
        gpu.Row("matrix rate", "", lambda *_: {"bfloat16 GFLOP/s": 1.0}),
        gpu.Row("first", "5 ms", broken),
        gpu.Row("second", "3 ms", lambda options, before: {"ms": 2.0, "share": None}),
    ]
    monkeypatch.setattr(gpu, "rows", lambda tiny: rows)
    out = tmp_path / "deep" / "gpu.json"
    gpu.main(report.Options(tiny=True, out=str(out)))
    found = json.loads(out.read_text())["rows"]
    assert found["first"]["not measured"] == "RuntimeError: no such kernel"
    assert found["second"]["ms"] == 2.0
    gpu.main(report.Options(tiny=True, out=str(out), minutes=0))
    assert json.loads(out.read_text())["rows"]["second"]["not measured"] == "no time was left"


@pytest.mark.slow
def test_all_rows_are_measured_at_sizes_for_a_test(tmp_path):
    subprocess.run([ROOT / "benchmarks/gpu.sh", tmp_path], check=True, env=ENVIRONMENT)
    found = json.loads((tmp_path / "gpu.json").read_text())["rows"]
    for row in gpu.rows(True):
        missing = found[row.name].get("not measured", "")
        assert not missing or ("PyTorch" in row.name or "torch" in row.name), (row.name, missing)


@pytest.mark.slow
def test_the_shipped_models_are_trained_in_one_go(tmp_path):
    subprocess.run([ROOT / "experiments/gpu_ship.sh", "9", tmp_path], check=True, env=ENVIRONMENT)
    for name in ("gait", "speed", "biovae"):
        assert 0 < (tmp_path / f"{name}.safetensors").stat().st_size <= 16_000_000
