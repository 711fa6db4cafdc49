"""The pages as text: their fenced blocks, their commands, their links and anchors."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md")))
FENCE = re.compile(r"^(?P<indent> *)```(?P<info>[^`]*)$")
NOT_RUN = re.compile(r"<!-- not run: (.+) -->")
INCLUDED = re.compile(r'^--8<-- "(.+)"$', re.MULTILINE)


class Block(NamedTuple):
    """A fenced block; `not_run` is the reason in the comment above it that keeps it from being
    run.
    """

    page: Path
    line: int
    language: str
    title: str
    text: str
    not_run: str

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


class Command(NamedTuple):
    """One command of a block or of a line of code in the text, and the output that is shown below
    it.
    """

    place: str
    words: tuple[str, ...]
    shown: tuple[str, ...] = ()


def blocks(page: Path) -> Iterator[Block]:
    lines = page.read_text(encoding="utf-8").splitlines()
    i, before = 0, ""
    while i < len(lines):
        opening = FENCE.match(lines[i])
        if opening is None:
            before = lines[i].strip() or before
            i += 1
            continue
        indent, info = len(opening["indent"]), opening["info"].strip()
        end = next(j for j in range(i + 1, len(lines)) if lines[j].strip() == "```")
        text = "\n".join(line[indent:] for line in lines[i + 1 : end])
        text = INCLUDED.sub(lambda match: (DOCS / match[1]).read_text(encoding="utf-8"), text)
        title = re.search(r'title="([^"]+)"', info)
        reason = NOT_RUN.search(before)
        yield Block(
            page,
            i + 1,
            info.split()[0] if info else "",
            title[1] if title else "",
            text + "\n",
            reason[1] if reason else "",
        )
        i, before = end + 1, ""


def prose(page: Path) -> str:
    """The page without its fenced blocks, line for line."""
    kept, inside = [], False
    for line in page.read_text(encoding="utf-8").splitlines():
        fence = FENCE.match(line) is not None
        kept.append("" if fence or inside else line)
        inside ^= fence
    return "\n".join(kept)


def commands(block: Block) -> list[Command]:
    """The commands of a `bash` or `console` block; in a console, those are the lines after `$ `."""
    found: list[tuple[str, list[str]]] = []
    continued = False
    for line in block.text.splitlines():
        if continued:
            found[-1] = (found[-1][0].removesuffix("\\") + " " + line.strip(), [])
        elif block.language == "bash" or line.startswith("$ "):
            found.append((line.removeprefix("$ ") if block.language == "console" else line, []))
        elif found:
            found[-1][1].append(line)
        continued = bool(found) and (continued or not found[-1][1]) and line.rstrip().endswith("\\")
    return [
        Command(block.place, words, tuple(shown))
        for text, shown in found
        for words in simple_commands(text)
    ]


def inline_commands(page: Path) -> list[Command]:
    """Commands in the running text and in tables that could be copied: not those that are only
    named.
    """
    found = re.findall(
        r"`((?:jaxdiff|python -m (?:jaxdiff|experiments|benchmarks)[\w.]*) [^`]+)`", prose(page)
    )
    whole = [text for text in found if not re.search(r"\b[A-Z]{2,}\b|\.\.\.|…", text)]
    found = [
        Command(str(page.relative_to(ROOT)), words)
        for text in whole
        for words in simple_commands(text)
    ]
    return [command for command in found if len(command.words) > 2]


def simple_commands(line: str) -> list[tuple[str, ...]]:
    """What the shell would start: parts of a pipe or a list, without redirections and
    assignments.
    """
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    found: list[list[str]] = [[]]
    words = iter(lexer)
    for word in words:
        if set(word) <= set("&|;"):
            found.append([])
        elif set(word) <= set("<>"):
            next(words)
        elif found[-1] or not re.fullmatch(r"[A-Z_]+=.*", word):
            found[-1].append(word)
    return [tuple(command) for command in found if command]


def links(page: Path) -> list[str]:
    """Targets of links and pictures, without code."""
    text = re.sub(r"`[^`]*`", "", prose(page))
    return re.findall(r"\[[^\]]*\]\(([^)\s]+)[^)]*\)", re.sub(r"!\[", "[", text))


def anchors(page: Path) -> set[str]:
    """What can follow a #: headings as the site and GitHub name them, and explicit ids."""
    text = prose(page)
    headings = re.findall(r"^#+ +(.+?)\s*$", text, re.MULTILINE)
    named = [
        re.sub(r"[^\w\- ]", "", re.sub(r"`|\[|\]\([^)]*\)", "", heading)).strip().lower()
        for heading in headings
    ]
    return {re.sub(r"[ ]+", "-", name) for name in named} | set(re.findall(r'id="([^"]+)"', text))
