"""No file uses the idiom of the first version."""

from docs.language import PHRASES
from docs.pages import ROOT

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
    wrong = {name: found(name)[:3] for name in FILES if name not in EXEMPT and found(name)}
    assert not wrong, f"phrases of the first version: {wrong}"
