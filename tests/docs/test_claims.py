"""What the pages on design and security say of the code as a whole."""

import ast
import re
import tomllib

import pytest
from docs.pages import DOCS, ROOT

import jaxdiff

PACKAGE = ROOT / "jaxdiff"
MODULES = sorted(PACKAGE.rglob("*.py"))
KERNEL = ("typing", "errors", "disk", "diffusion", "body")
"""Rooms that import only each other's predecessors."""
SCIENCE = (*KERNEL, "losses", "nets", "metrics", "baselines", "methods", "training", "data")
BELOW: dict[str, tuple[str, ...]] = {
    "typing": (),
    "errors": (),
    "disk": ("errors",),
    "diffusion": ("typing", "errors"),
    "body": ("typing", "errors"),
    **dict.fromkeys(("losses", "nets", "metrics"), (*KERNEL, "losses", "nets", "metrics")),
    "baselines": (*KERNEL, "metrics"),
    "methods": (*KERNEL, "losses", "nets", "metrics", "baselines"),
    "training": (*KERNEL, "losses", "nets", "metrics", "methods"),
    "data": ("typing", "errors", "disk", "body"),
    "report": ("typing", "errors", "disk", "body"),
    "interop": ("typing", "errors", "disk", "nets"),
    "deployment": (*KERNEL, "data"),
    "models": (*KERNEL, "metrics", "data", "deployment"),
    "studies": (*SCIENCE, "report", "interop", "deployment", "models"),
    "cli": (*SCIENCE, "report", "interop", "deployment", "models", "studies"),
}
"""What each room may import, as docs/design.md draws it."""


def imports(path):
    """`(module, name)` of everything that is imported, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name) for alias in node.names)


def room_of(path):
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return "cli" if room == "__main__" else room


@pytest.mark.parametrize("room", sorted(BELOW))
def test_imports_point_one_way(room):
    inside = [path for path in MODULES if room_of(path) == room]
    for path in inside:
        for module, name in imports(path):
            parts = module.split(".")
            if parts[0] == "jaxdiff":
                other = parts[1] if len(parts) > 1 else name
                assert other in (*BELOW[room], room, ""), f"{path} imports {other}"


def test_the_design_names_every_room():
    text = (DOCS / "design.md").read_text()
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert rooms - set(re.findall(r"^  (\w+)/", text, re.MULTILINE)) == set()
    assert rooms <= set(BELOW)


def test_nothing_unpickles_or_runs_what_it_reads():
    for path in MODULES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        banned = {"pickle", "dill", "cloudpickle", "shelve", "marshal"}
        banned |= (
            {"subprocess"} if path.name != "tables.py" else set()
        )  # which reads the commit from git
        assert {module for module, _ in imports(path)} & banned == set(), path
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in (
                    "eval",
                    "exec",
                    "os.system",
                    "yaml.unsafe_load",
                    "yaml.full_load",
                ), f"{path}: {called}"
                if called == "yaml.load":  # a subclass of yaml.SafeLoader
                    assert "Loader=Plain" in ast.unparse(node), f"{path}:{node.lineno}"
                if called in ("np.load", "numpy.load"):
                    assert "allow_pickle=False" in ast.unparse(node), f"{path}:{node.lineno}"


@pytest.mark.parametrize("name", jaxdiff.models())
def test_every_shipped_model_has_a_page_with_its_card(name):
    """`python docs/models/write.py` writes it."""
    card = jaxdiff.load(name).card
    text = (DOCS / "models" / f"{name}.md").read_text(encoding="utf-8")
    for part in (card.summary, card.data, card.limits, *card.scores.values()):
        assert part in text, f"run python docs/models/write.py: {part!r}"


def test_every_requirement_has_a_lower_bound_and_jax_an_upper_one():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    needed = [*project["dependencies"], *(each for group in extras.values() for each in group)]
    loose = [each for each in needed if not re.search(r"[>=]=", each) and "[" not in each]
    assert loose == []
    for name in ("jax>", "flax>", "mkdocs>"):
        assert any(each.startswith(name) and "<" in each for each in needed), name
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    assert "pip-audit --strict" in workflow and "schedule" in workflow
