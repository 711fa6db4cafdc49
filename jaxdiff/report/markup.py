"""HTML and SVG as values: every string of a report is escaped here, and nowhere else."""

from __future__ import annotations

import base64
import hashlib
import html
from typing import TypeAlias


class Html(str):
    """Text that is markup already and must not be escaped again."""


Child: TypeAlias = str | None
"""Text (escaped unless it is `Html`), or None (omitted)."""
VOID = frozenset({"img", "input", "link", "meta"})


def element(tag: str, *children: Child, **attributes: object) -> Html:
    """An HTML or SVG element.

    Args:
      tag: the name of the element.
      *children: contents; plain strings are escaped, `Html` is inserted as it is, None is omitted.
      **attributes: attributes. Underscores become hyphens, a trailing underscore is dropped
        (`class_`); None and False are omitted, True is an attribute without a value.

    Returns:
      The markup.

    Examples:
      >>> element("p", "a < b", class_="note")
      '<p class="note">a &lt; b</p>'
    """
    opening = "".join(_attribute(name, value) for name, value in attributes.items())
    if tag in VOID:
        return Html(f"<{tag}{opening}>")
    return Html(f"<{tag}{opening}>{join(*children)}</{tag}>")


def join(*children: Child) -> Html:
    """Concatenate contents, escaping plain strings."""
    return Html(
        "".join(
            child if isinstance(child, Html) else html.escape(child)
            for child in children
            if child is not None
        )
    )


def download(name: str, text: str | bytes, media_type: str, label: str) -> Html:
    """A link that saves `text` under `name`; the content is part of the page."""
    content = base64.b64encode(text.encode() if isinstance(text, str) else text).decode()
    source = f"data:{media_type};base64,{content}"
    return element("a", label, class_="download", download=name, href=source)


def digest(text: str) -> str:
    """Source expression of a Content-Security-Policy that admits this inline script or style."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _attribute(name: str, value: object) -> str:
    if value is None or value is False:
        return ""
    name = name.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{html.escape(str(value))}"'
