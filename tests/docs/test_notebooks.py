"""The notebooks run from top to bottom, and the outputs they ship are small."""

import json
import sys

import pytest
from docs.pages import DOCS

sys.path.insert(0, str(DOCS / "notebooks"))
import run

NOTEBOOKS = sorted((DOCS / "notebooks").glob("*.ipynb"))


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_top_to_bottom(path, tmp_path):
    pytest.importorskip("matplotlib")
    run.execute(json.loads(path.read_text(encoding="utf-8")), tmp_path)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_outputs_of_a_notebook_are_stored_and_small(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(cell["execution_count"] == number for number, cell in enumerate(cells, 1))
    assert path.stat().st_size < 300_000
    text = path.read_text(encoding="utf-8")
    assert not any(word in text for word in ("Traceback", "/home/", "/tmp/", "/root/"))
