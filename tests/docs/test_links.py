"""Links between pages, to files and to headings lead somewhere; every page can be reached from the
navigation.
"""

import re

import pytest
from docs.pages import DOCS, PAGES, ROOT, anchors, links


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for link in links(page):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if target.is_dir():
            target = target / "README.md"
        assert target.exists(), f"{page.relative_to(ROOT)} links to {link}, which is not there"
        assert ROOT in target.parents
        if anchor:
            assert anchor in anchors(target), (
                f"{page.relative_to(ROOT)}: no heading is called #{anchor} in {path}"
            )
        if page.is_relative_to(DOCS):
            assert target.is_relative_to(DOCS), (
                f"{page.relative_to(ROOT)}: {link} is not part of the site"
            )


def test_every_page_is_in_the_navigation():
    """But the results, to which the papers' pages lead."""
    listed = set(re.findall(r"[\w/]+\.md", (ROOT / "mkdocs.yml").read_text()))
    pages = {path.relative_to(DOCS) for path in DOCS.rglob("*.md")}
    assert {path.as_posix() for path in pages if path.parts[0] != "results"} - listed == set()
    assert [path for path in listed if not (DOCS / path).exists()] == []
