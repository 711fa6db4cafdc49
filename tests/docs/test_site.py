"""The site builds, and its own checks of links and headings find nothing."""

import subprocess
import sys

import pytest
from docs.pages import ROOT

pytest.importorskip("mkdocs", reason="needs the extra docs")


@pytest.mark.slow
def test_the_site_builds_without_a_warning_and_asks_no_other_server(tmp_path):
    command = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "--site-dir",
        str(tmp_path / "site"),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    for page in (tmp_path / "site").rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        fetched = [
            part
            for part in (
                '<script src="http',
                'rel="stylesheet" href="http',
                "fonts.g",
                '<img src="http',
            )
            if part in text
        ]
        assert fetched == [], page
