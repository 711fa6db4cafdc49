"""Patterns of paths with fields in braces, such as `{subject}/{task}_ik.mot`."""

from __future__ import annotations

import re
from typing import Any

BRACES = re.compile(r"\{([A-Za-z_]\w{0,60})\}")


def matcher(text: str) -> Any:
    """A function from a path to the fields that a pattern finds in it, or None.

    `{field}` is one or more characters of a name, the same ones when repeated; `*` any characters
    of a name; `**/` any folders. A pattern is first tested without its repetitions by a simulation
    that takes linear time, so that no pair of pattern and path makes the regular expression
    backtrack without end.
    """
    pieces: list[str] = []
    for part in re.split(r"(\{[A-Za-z_]\w{0,60}\}|\*\*/|\*)", text):
        pieces += [part] if BRACES.fullmatch(part) or part in ("**/", "*") else list(part)
    pattern, repeated = _pattern(text), len(BRACES.findall(text)) > len(set(BRACES.findall(text)))

    def fits(path: str) -> dict[str, str] | None:
        if len(path) > (250 if repeated else 4000) or not _possible(pieces, path):
            return None
        match = pattern.fullmatch(path)
        return None if match is None else match.groupdict()

    return fits


def _possible(pieces: list[str], path: str) -> bool:
    """Whether a path matches a pattern whose repeated fields may differ; one bit per position in
    the pattern.
    """
    loops = skips = folders = 0
    literal: dict[str, int] = {}
    for i, piece in enumerate(pieces):
        bit = 1 << i
        if piece == "**/":
            skips, folders = skips | bit, folders | bit
        elif piece == "*":
            loops, skips = loops | bit, skips | bit
        elif len(piece) > 1:
            loops |= bit
        else:
            literal[piece] = literal.get(piece, 0) | bit
    fields = loops & ~skips

    def closed(states: int) -> int:
        while (more := states | (states & skips) << 1) != states:
            states = more
        return states

    states = closed(1)
    for character in path:
        name = character != "/"
        stay = states & folders | (states & loops & ~fields if name else 0)
        ahead = states & literal.get(character, 0)
        if name:
            taken = states & fields
            stay, ahead = stay | taken, ahead | taken
        states = closed(stay | ahead << 1)
        if not states:
            return False
    return bool(states >> len(pieces) & 1)


def _pattern(text: str) -> re.Pattern[str]:
    """The regular expression of a pattern of paths."""
    seen: set[str] = set()

    def piece(part: str) -> str:
        match = BRACES.fullmatch(part)
        if not match:
            return ".*?".join(re.escape(bit).replace(r"\*", "[^/]*") for bit in part.split("**/"))
        again = match[1] in seen
        seen.add(match[1])
        return f"(?P={match[1]})" if again else f"(?P<{match[1]}>[^/]+?)"

    return re.compile("".join(piece(part) for part in re.split(r"(\{\w+\})", text) if part))
