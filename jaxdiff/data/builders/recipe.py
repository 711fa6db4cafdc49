"""The YAML recipe of a `folder` data set, read and checked.

    name: my_lab
    files: "{subject}/{task}_{trial}_ik.mot"   # the braces become fields; * stands for anything within a name
    rate: 100                                  # Hz; a recording at another rate is resampled
    fields: {side: right, speed: "{task}"}     # more fields: constants, or put together from others
    modalities:
      angles: {channels: [hip_flexion_r, knee_angle_r], units: deg}
      moments:
        files: "{subject}/{task}_{trial}_id.sto"                          # kept elsewhere, found by the same fields
        channels: {hip: hip_flexion_r_moment, knee: knee_angle_r_moment}  # our name: the file's
        units: N m/kg                          # what the numbers are to be; converted if the file has another unit
    people: {anna: {mass: 61.5}, ben: {mass: 74}}                         # optional: fields that depend on the subject
    captions: "{subject}/{task}_{trial}.txt"   # optional: a text file, one caption a line

The fields are subject (needed), task, trial, side, paretic, split, speed (m/s), incline (deg) and mass (kg).

Many trials packed in one npz: a modality's `array` is (trials, time, channels), or (time, channels) of all trials end
to end with `offsets`; joints are (…, joints, 3). Braces then name arrays with one value per trial.

    name: verheul2024
    files: verheul2024.npz
    rate: 100
    fields: {subject: "{subject}", side: "{leg}", task: deceleration}
    modalities:
      angles: {array: angles, channels: "{joint_names}", units: deg}

A recipe comes from elsewhere and is not trusted: it is at most 256 KiB, has no aliases, and names files inside its root
only.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from jaxdiff.data.formats.files import read_bytes
from jaxdiff.errors import ConfigError, FileError, nearest

TEXTS = ("subject", "task", "trial", "side", "paretic", "split")
NUMBERS = ("speed", "incline", "mass")
BRACES = re.compile(r"\{([A-Za-z_]\w{0,60})\}")
SIZE, DEPTH, PATTERN = 2**18, 20, 500
"""Most bytes of a recipe, most levels of nesting, and most characters of a pattern."""


@dataclass(frozen=True)
class Modality:
    """The channels of a modality, their units (one for all, or a list), and the files or the array they are in."""

    channels: Any
    units: Any
    files: str = ""
    array: str = ""


@dataclass(frozen=True)
class Recipe:
    """The whole YAML; `path` is where it was read from."""

    path: Path
    name: str
    files: str
    modalities: Mapping[str, Modality]
    fields: Mapping[str, Any]
    rate: float | None = None
    people: Mapping[str, Mapping[str, Any]] | None = None
    captions: str = ""
    offsets: str = ""
    drop: str = ""

    @property
    def packed(self) -> bool:
        """Whether the trials are packed in arrays of one file."""
        return any(modality.array for modality in self.modalities.values())

    def matches(self, root: Path) -> list[tuple[str, dict[str, str]]]:
        """The files that fit the pattern, with the fields their paths give; sorted."""
        fits = matcher(self.files)
        found = [(name, given) for name in files(root) if (given := fits(name)) is not None]
        if not found:
            raise FileError(f"{self.path}: no file in {root} matches {self.files!r}")
        return found

    def used(self, root: Path) -> list[str]:
        """All files that the recipe can refer to."""
        texts = [
            self.files,
            *(modality.files for modality in self.modalities.values()),
            self.captions,
        ]
        fits = [matcher(text) for text in texts if text]
        return [name for name in files(root) if any(fit(name) is not None for fit in fits)]

    def place(self, root: Path, text: str, known: Mapping[str, Any] | None = None) -> Path:
        """The path of a file that the recipe names, with its braces filled in.

        Raises:
            FileError: If it lies outside the root.
        """
        name = text if known is None else self.filled(text, known)
        place = root / name
        if "\0" in name or not place.resolve().is_relative_to(root.resolve()):
            raise FileError(
                f"{self.path}: {name[:200]!r} lies outside {root}; a recipe reads files inside it only"
            )
        return place

    def filled(self, text: str, known: Mapping[str, Any]) -> str:
        """The text with its braces filled in."""
        for name in BRACES.findall(text):
            if name not in known:
                raise ConfigError(
                    f"{self.path}: no field is called {name!r} in {text!r}; {nearest(name, known)}"
                )
        return BRACES.sub(lambda match: str(known[match[1]]), text)

    def about(self, known: Mapping[str, Any], trial: str) -> dict[str, Any]:
        """The fields of one trial, numbers as numbers; `known` is what braces may name."""
        given = {
            "trial": trial,
            **{name: value for name, value in known.items() if name in (*TEXTS, *NUMBERS)},
        }
        given |= {name: self.filled(str(value), known) for name, value in self.fields.items()}
        given |= (self.people or {}).get(str(given.get("subject")), {})
        if not given.get("subject"):
            raise ConfigError(
                f"{self.path}: the subject is not stated; put {{subject}} into files, or subject under fields"
            )
        about: dict[str, Any] = {name: str(given[name]) for name in TEXTS if name in given}
        for name in (name for name in NUMBERS if name in given):
            try:
                about[name] = float(given[name])
                if math.isinf(about[name]):
                    raise ValueError
            except ValueError:
                raise ConfigError(
                    f"{self.path}: {name} of {trial!r} is not a number: {given[name]!r}"
                ) from None
        return about


def read_yaml(path: Path) -> Any:
    """The contents of a YAML file of plain values.

    Raises:
        FileError: If it is missing, too large, not YAML, nested too deeply, or uses aliases.
    """
    import yaml

    class Plain(yaml.SafeLoader):
        """A loader without aliases, which may stand for exponentially many values, and without deep nesting."""

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


def files(root: Path) -> Iterator[str]:
    """The names of all files below a folder, relative to it, sorted."""
    if not root.is_dir():
        raise FileError(f"there is no directory {root}")
    return iter(
        sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    )


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


def matcher(text: str) -> Any:
    """A function from a path to the fields that a pattern finds in it, or None.

    `{field}` is one or more characters of a name, the same ones when repeated; `*` any characters of a name; `**/` any
    folders. A pattern is first tested without its repetitions by a simulation that takes linear time, so that no
    pair of pattern and path makes the regular expression backtrack without end.
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
    """Whether a path matches a pattern whose repeated fields may differ; one bit per position in the pattern."""
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
