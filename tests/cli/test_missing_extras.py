"""Without the extras: shipped models load, and a command that needs one names it in one line."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from jaxdiff.errors import EXTRAS

ROOT = Path(__file__).parents[2]

BASE = f"""
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {sorted(EXTRAS)!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
import jaxdiff
from jaxdiff import cli
"""


def run(code: str, cwd: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", BASE + code], cwd=cwd, capture_output=True, text=True, timeout=120
    )


def test_shipped_models_load_and_show_themselves_without_extras(tmp_path):
    code = "for name in jaxdiff.models(): print(name, len(repr(jaxdiff.load(name))) > 500)"
    done = run(code, tmp_path)
    assert done.stdout.split() == ["gait", "True", "motion", "True", "speed", "True"], done.stderr


def test_a_command_that_needs_an_extra_names_it_in_one_line(tmp_path):
    code = """
for words in (["data", "list"], ["data", "prepare", "simulated_gait"]):
    assert cli.main(words) == 2
"""
    done = run(code, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("jaxdiff[train]") == 2 and "Traceback" not in done.stderr


def test_every_extra_named_in_a_message_exists():
    known = set(
        tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    )
    named = {
        extra
        for file in (ROOT / "jaxdiff").rglob("*.py")
        for extra in re.findall(r'MissingExtra\([^)]*?"(\w+)"\)', file.read_text())
    }
    assert named | set(EXTRAS.values()) <= known and len(named) > 5
