"""What is wrong with a file, and how to fix it."""

from __future__ import annotations

from typing import Any, NamedTuple


class Finding(NamedTuple):
    """What is wrong, in which files, and how to fix it."""

    what: str
    where: tuple[str, ...]
    fix: str = ""

    def __str__(self) -> str:
        more = f" and {len(self.where) - 1} more" if self.where[1:] else ""
        fix = f" (fix: {self.fix})" if self.fix else ""
        return f"{self.where[0]}{more}: {self.what}{fix}"


class Notes:
    """Findings as they are made; equal ones are collected."""

    def __init__(self):
        self.found: dict[tuple[str, str], dict[str, None]] = {}

    def add(self, where: Any, what: Any, fix: str = "") -> None:
        what = str(what).removeprefix(f"{where}: ")
        self.found.setdefault((what, fix), {})[str(where)] = None

    def all(self) -> list[Finding]:
        return [Finding(what, tuple(where), fix) for (what, fix), where in self.found.items()]


class FileHealth(NamedTuple):
    """What was found in a file, and how it is understood."""

    problems: list[Finding]
    warnings: list[Finding]
    facts: list[str]


def remedy(what: str, recipe: str = "") -> str:
    """The fix for a file that cannot be read."""
    known = {
        "give the rate": f"rate: HZ in {recipe}" if recipe else "--rate HZ",
        "does not say its frames per second": f"rate: HZ in {recipe}" if recipe else "--rate HZ",
        "does not exist": f"add the file, or change files in {recipe}" if recipe else "",
        "JAXDIFF_BODY_MODEL": "export JAXDIFF_BODY_MODEL=SMPL.npz",
        "cannot read the extension": "save it in one of these formats",
        "UTF-8": "save it as UTF-8",
        "described by a recipe": "write a recipe: jaxdiff data check RECIPE.yaml",
    }
    return next((fix for text, fix in known.items() if text in what), "export the file again")
