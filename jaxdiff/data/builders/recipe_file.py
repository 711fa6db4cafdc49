"""The YAML file of a recipe, read, and everything that is wrong with it.

A recipe comes from elsewhere and is not trusted: it is at most 256 KiB, has no aliases, and names
files inside its root only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from jaxdiff.data.builders.pattern import BRACES
from jaxdiff.data.builders.recipe import NUMBERS, TEXTS, Modality, Recipe
from jaxdiff.data.formats.files import read_bytes
from jaxdiff.errors import ConfigError, FileError, nearest

SIZE, DEPTH, PATTERN = 2**18, 20, 500
"""Most bytes of a recipe, most levels of nesting, and most characters of a pattern."""


def read_yaml(path: Path) -> Any:
    """The contents of a YAML file of plain values.

    Raises:
        FileError: If it is missing, too large, not YAML, nested too deeply, or uses aliases.
    """
    import yaml

    class Plain(yaml.SafeLoader):
        """A loader without aliases, which may stand for exponentially many values, and without deep
        nesting.
        """

        depth = 0

        def compose_node(self, parent, index):
            if self.check_event(yaml.AliasEvent):
                raise yaml.YAMLError("aliases (*name) are not read; write the value out")
            self.depth += 1
            if self.depth > DEPTH:
                raise yaml.YAMLError(f"it is nested more than {DEPTH} levels deep")
            node = super().compose_node(parent, index)
            self.depth -= 1
            return node

    content = read_bytes(path)
    if len(content) > SIZE:
        raise FileError(f"{path}: a recipe has at most {SIZE} bytes, this file has {len(content)}")
    try:
        return Plain(content.decode("utf-8")).get_single_data()
    except (yaml.YAMLError, ValueError, TypeError, RecursionError, OverflowError) as error:
        shown = " ".join(str(error).split())[:300]
        raise FileError(f"{path} cannot be read as YAML: {shown}") from None


def read_recipe(path: Path) -> Recipe:
    """Reads and checks a recipe.

    Raises:
        FileError: If it is no YAML.
        ConfigError: If its contents are wrong; the first fault is named.
    """
    contents = read_yaml(path)
    found = faults(contents)
    if found:
        raise ConfigError(
            f"{path}: {found[0]}" + (f" (and {len(found) - 1} more)" if found[1:] else "")
        )
    modalities = {
        str(name): Modality(**modality) for name, modality in contents["modalities"].items()
    }
    given = {name: value for name, value in contents.items() if value is not None}
    rate = None if given.get("rate") is None else float(given["rate"])
    return Recipe(
        path,
        **{**given, "rate": rate, "modalities": modalities, "fields": given.get("fields") or {}},
    )


def faults(contents: Any) -> list[str]:
    """Everything that is wrong with the contents of a recipe, one sentence each."""
    found = _entries(contents, Recipe, "the recipe")
    if not isinstance(contents, Mapping):
        return found
    for name in ("name", "files", "captions", "offsets", "drop"):
        found += _text(contents.get(name), name, name in ("files", "captions"))
    title = contents.get("name")
    if isinstance(title, str) and not re.fullmatch(r"[\w.-]{1,100}", title):
        found.append(f"name is made of letters, digits, '.', '_' and '-'; got {title[:60]!r}")
    rate = contents.get("rate")
    if rate is not None and (
        isinstance(rate, bool) or not isinstance(rate, int | float) or not 1e-3 <= rate <= 1e6
    ):
        found.append(f"rate is a number of Hz between 0.001 and 1000000; got {str(rate)[:60]!r}")
    modalities, given = contents.get("modalities") or {}, contents.get("fields") or {}
    if not isinstance(modalities, Mapping) or not isinstance(given, Mapping):
        return [*found, "modalities and fields are mappings from names"]
    for name, modality in modalities.items():
        if not re.fullmatch(r"\w{1,60}", str(name)):
            found.append(f"the name of a modality is one word; got {str(name)[:60]!r}")
        found += _modality(modality, f"modality {str(name)[:60]!r}")
    found += _fields(given)
    people = contents.get("people") or {}
    if not isinstance(people, Mapping) or not all(isinstance(p, Mapping) for p in people.values()):
        found.append("people is a mapping from subjects to fields, such as {anna: {mass: 61.5}}")
    else:
        found += [fault for each in people.values() for fault in _fields(each)]
    arrays = [
        isinstance(modality, Mapping) and bool(modality.get("array"))
        for modality in modalities.values()
    ]
    if any(arrays) and not all(arrays):
        found.append("either every modality is an array of a packed file, or none is")
    if any(arrays) and not contents.get("rate"):
        found.append("packed arrays do not state their rate; give rate (Hz)")
    for name in ("captions", "drop") if any(arrays) else ():
        if contents.get(name) and not BRACES.fullmatch(str(contents[name])):
            found.append(f'{name} of packed trials names an array in braces, such as "{{{name}}}"')
    return found


def _fields(given: Mapping[Any, Any]) -> list[str]:
    """Faults of fields and their values."""
    found = []
    for name, value in given.items():
        if name not in (*TEXTS, *NUMBERS):
            found.append(
                f"no field {str(name)[:60]!r}; {nearest(str(name)[:60], (*TEXTS, *NUMBERS))}"
            )
        elif isinstance(value, bool) or not isinstance(value, str | int | float):
            found.append(f"field {name} is a text or a number; got {str(value)[:60]!r}")
    return found


def _text(value: Any, what: str, path: bool = False) -> list[str]:
    """Faults of an entry that must be a text, and of one that is a pattern of paths."""
    if value is None:
        return []
    if not isinstance(value, str) or not value.isprintable() or len(value) > PATTERN:
        return [f"{what} is a text of up to {PATTERN} characters; got {str(value)[:60]!r}"]
    if path and (Path(value).is_absolute() or ".." in re.split(r"[/\\]", value)):
        return [f"{what} names files inside the folder, without '..'; got {value[:60]!r}"]
    if path and re.search(r"[{}]", BRACES.sub("", value)):
        return [f"{what} has braces that enclose no field name: {value[:60]!r}"]
    if path and re.search(r"[*}][*{]", value.replace("**/", "")):
        return [f"{what} has two wildcards without a character between them: {value[:60]!r}"]
    return []


def _modality(contents: Any, what: str) -> list[str]:
    found = _entries(contents, Modality, what)
    if not isinstance(contents, Mapping):
        return found
    found += _text(contents.get("files"), f"files of {what}", True)
    found += _text(contents.get("array"), f"array of {what}")
    channels, units = contents.get("channels"), contents.get("units")
    names = [*channels, *channels.values()] if isinstance(channels, Mapping) else channels
    for entry, values in (("channels", names), ("units", units)):
        values = [values] if isinstance(values, str) else values
        if values is None:
            continue
        if not isinstance(values, list) or not all(isinstance(v, str) and v for v in values):
            found.append(
                f"{entry} of {what} are a text or a list of texts; got {str(values)[:60]!r}"
            )
        elif (
            entry == "channels"
            and isinstance(channels, list)
            and len(set(channels)) < len(channels)
        ):
            found.append(f"channels of {what} has a name twice")
    return found


_EXAMPLES = {
    "name": "name: my_lab",
    "files": 'files: "{subject}/{task}.mot"',
    "modalities": "modalities: {angles: {channels: [hip, knee], units: deg}}",
    "channels": "channels: [hip, knee]",
    "units": "units: deg",
}


def _entries(contents: Any, kind: type, what: str) -> list[str]:
    """Entries that are unknown, and entries that are missing."""
    known = [field.name for field in fields(kind) if field.name != "path"]
    if not isinstance(contents, Mapping):
        return [f"{what} must be a mapping with some of {', '.join(known)}"]
    found = [
        f"{what} has no entry {str(name)[:60]!r}; {nearest(str(name)[:60], known)}"
        for name in contents
        if name not in known
    ]
    needed = ("name", "files", "modalities") if kind is Recipe else ("channels", "units")
    return found + [
        f"{what} needs an entry {name!r}, such as  {_EXAMPLES[name]}"
        for name in needed
        if not contents.get(name)
    ]
