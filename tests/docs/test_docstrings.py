"""The examples in docstrings run, and print what they say."""

import doctest
import inspect
from importlib import import_module

import pytest
from docs.pages import ROOT

import jaxdiff

ALIASES = ("Denoiser", "__version__")
KERNEL = (
    "schedules",
    "grids",
    "predictions",
    "solvers",
    "sampling",
    "guidance",
    "inversion",
    "preconditioning",
    "long",
)
MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in sorted((ROOT / "jaxdiff").rglob("*.py"))
    if ">>> " in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_print_what_they_say(name):
    failed, tried = doctest.testmod(
        import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    )
    assert tried
    assert not failed


def test_every_public_name_has_an_example():
    named = [getattr(jaxdiff, name) for name in jaxdiff.__all__ if name not in ALIASES]
    lacking = [each.__name__ for each in named if ">>> " not in (inspect.getdoc(each) or "")]
    assert [name for name in lacking if "." not in name] == []


def public_functions():
    """Functions of the package and of the kernel, and methods of what users hold."""
    yield from (getattr(jaxdiff, name) for name in jaxdiff.__all__ if name not in ALIASES)
    for name in KERNEL:
        module = import_module(f"jaxdiff.diffusion.{name}")
        named = [x for n, x in vars(module).items() if not n.startswith("_")]
        yield from (each for each in named if getattr(each, "__module__", "") == module.__name__)
    for kind in (jaxdiff.Model, jaxdiff.Prediction, jaxdiff.Recording):
        yield from (x for n, x in inspect.getmembers(kind) if not n.startswith("_"))


def test_every_public_function_lists_its_arguments_and_result():
    lacking = []
    for each in filter(inspect.isfunction, public_functions()):
        text, signature = inspect.getdoc(each) or "", inspect.signature(each)
        if set(signature.parameters) - {"self", "cls"} and "Args:" not in text:
            lacking.append(f"{each.__qualname__}: Args")
        returns = signature.return_annotation not in (None, "None", inspect.Signature.empty)
        if returns and "Returns:" not in text:
            lacking.append(f"{each.__qualname__}: Returns")
    assert lacking == []
