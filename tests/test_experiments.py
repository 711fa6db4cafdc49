"""The commands of the README, as small as they go."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def run(module, *arguments):
    flags = "--xla_backend_optimization_level=0"  # and one device
    environment = {**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=1200,
    )


def test_points_trains_resumes_and_samples(tmp_path):
    common = (
        f"--out={tmp_path}",
        f"--cache={tmp_path / 'cache'}",
        "--config.samples=64",
        "--config.training.log_every=20",
    )
    first = run("experiments.points", *common, "--config.training.steps=40")
    assert first.returncode == 0, first.stderr
    assert "generated" in first.stdout
    longer = run("experiments.points", *common, "--config.training.steps=80")
    assert longer.returncode == 0, longer.stderr
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [20, 40, 60, 80]


def test_without_arguments_and_with_help_nothing_is_trained(tmp_path):
    for arguments in ((), ("--help",)):
        shown = run("experiments.points", *arguments)
        assert shown.returncode == 0, shown.stderr
        assert "python -m experiments.points --config" in shown.stdout and "--out: " in shown.stdout


def test_errors_of_the_command_line_are_one_line_and_exit_code_2(tmp_path):
    cases = {
        "--config.trainig.steps=3": "did you mean 'training'",
        "--config.training.steps=many": "invalid literal",
        "--config=nowhere.py": "nowhere.py",
        "--config=experiments/configs/points.py:word": "no config 'word'",
        "--ouut=x": "Unknown command line flag 'ouut'",
        "--num_processes=2": "--coordinator=HOST:PORT",
    }
    for argument, message in cases.items():
        result = run("experiments.points", f"--out={tmp_path}", argument)
        assert (result.returncode, message in result.stderr) == (2, True), (argument, result.stderr)
        assert result.stderr.strip().count("\n") == 0, result.stderr


def test_the_first_code_block_of_the_readme_is_two_commands():
    block = (ROOT / "README.md").read_text().split("```")[1].splitlines()[1:]
    assert len(block) == 2 and "jaxdiff demo" in block[0] and "pytest" in block[1]
