"""No file uses the idiom of the first version, but for those of a list that only becomes shorter."""

import pytest
from docs.language import PHRASES
from docs.pages import ROOT

HERE = ROOT / "tests" / "docs"
TODO = set((HERE / "language_todo.txt").read_text(encoding="utf-8").split())
EXEMPT = {"tests/docs/language.py", "jaxdiff/body/actions/words.py"}  # phrases, and captions
FOLDERS = ("jaxdiff", "experiments", "benchmarks", "docs", "tests")
FILES = [
    path.relative_to(ROOT).as_posix()
    for folder in FOLDERS
    for path in sorted((ROOT / folder).rglob("*"))
    if path.suffix in (".py", ".md")
] + ["README.md", "CONTRIBUTING.md"]


def found(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    return [match[0] for match in PHRASES.finditer(text)]


def test_files_are_in_standard_english():
    wrong = {name: found(name)[:3] for name in FILES if name not in TODO | EXEMPT and found(name)}
    assert not wrong, f"phrases of the first version: {wrong}"


@pytest.mark.parametrize("name", sorted(TODO))
def test_a_file_that_is_done_leaves_the_list(name):
    assert (ROOT / name).exists() and found(name), f"remove {name} from language_todo.txt"
