"""Every block of every page: Python is run, page by page; commands are held against what they call,
cheap ones are run.

A block that cannot be run here has a comment above it, `<!-- not run: why -->`; these are counted.
"""

import sys
import types
from pathlib import Path

import pytest
from data.pretended import pretended_gait
from docs.checked import complaints
from docs.pages import PAGES, ROOT, Block, Command, blocks, commands, inline_commands
from tensorflow_datasets.core import registered

from jaxdiff import cli
from jaxdiff.data.builders import recipe_file, simulated
from jaxdiff.studies.gait import demo

NOT_RUN = 9
"""How many blocks are not run. A new one needs a reason in the page, and this number changed."""
LANGUAGES = ("python", "bash", "console", "yaml", "text")
ALL = {page: list(blocks(page)) for page in PAGES}


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def test_every_block_says_its_language_and_few_are_not_run():
    foreign = [
        block.place for each in ALL.values() for block in each if block.language not in LANGUAGES
    ]
    assert foreign == []
    assert [f"{b.place} {b.not_run}" for each in ALL.values() for b in each if b.not_run][
        NOT_RUN:
    ] == []


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Data sets that pages load are prepared once for all of them, the walkers being made up."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAXDIFF_DATA", str(tmp_path_factory.mktemp("data")))
        patch.setattr(simulated.SimulatedGait, "simulator", staticmethod(pretended_gait))
        yield


def runnable(block: Block) -> bool:
    return block.language in ("python", "console", "yaml") and not block.not_run


@pytest.mark.parametrize(
    "page", [page for page, each in ALL.items() if any(map(runnable, each))], ids=name
)
def test_the_blocks_of_a_page_run_one_after_the_other(
    page, prepared, tmp_path, monkeypatch, capsys
):
    """One namespace and one directory a page; a block with a title is a file of that name in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        registered, "_DATASET_REGISTRY", {}
    )  # the tests of the builders register the skeleton, too
    module = types.ModuleType("page")
    monkeypatch.setitem(sys.modules, "page", module)
    if page.parent == ROOT:  # what the README's first command leaves
        Path("runs/demo").mkdir(parents=True)
        demo.example()[0].write("runs/demo/walk.mot")
    for block in filter(runnable, ALL[page]):
        if block.title:
            (tmp_path / block.title).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / block.title).write_text(block.text, encoding="utf-8")
        if block.language == "python":
            code = compile("\n" * block.line + block.text, name(page), "exec")
            exec(code, module.__dict__)
        elif block.language == "console":
            for command in commands(block):
                run_if_cheap(command, capsys)


def run_if_cheap(command: Command, capsys) -> None:
    """Help, and commands on files that are there; what the page shows of their output is in their
    output.
    """
    if command.words[0] != "jaxdiff":
        return
    arguments = list(command.words[1:])
    looks = arguments[:1] in (["score"], ["runs"]) or arguments[:2] in (
        ["data", "list"],
        ["data", "check"],
    )
    files = [word for word in arguments[1:] if "." in word and not word.startswith("-")]
    if not ("--help" in arguments or looks) or not all(Path(file).exists() for file in files):
        return
    if arguments[:1] == ["runs"] and not Path("runs").is_dir():
        return
    capsys.readouterr()
    try:
        status = cli.main(arguments)
    except SystemExit as done:
        status = done.code
    output = capsys.readouterr()
    printed = [line.rstrip() for line in (output.out + output.err).splitlines()]
    shown = [line.rstrip() for line in command.shown if line.strip() and "..." not in line]
    assert [line for line in shown if line not in printed] == [], f"{command.place}: {printed}"
    assert status == (2 if any(line.startswith("error:") for line in shown) else 0)


def test_every_command_exists_with_its_options_and_config_words():
    found = [
        command
        for each in ALL.values()
        for block in each
        if block.language in ("bash", "console") and not block.not_run
        for command in commands(block)
    ]
    found += [command for page in PAGES for command in inline_commands(page)]
    assert len(found) > 50
    assert complaints(found) == []


def test_recipes_are_what_the_folder_data_set_reads():
    yaml = pytest.importorskip("yaml")
    for block in (block for each in ALL.values() for block in each if block.language == "yaml"):
        contents = yaml.safe_load(block.text)
        if "modalities" in contents:
            assert recipe_file.faults(contents) == [], block.place


WRONG = {
    "jaxdiff generat runs/llma-quick": "generat",
    "jaxdiff generate runs/llma-quick --input a.mot --text x": "llma",
    "jaxdiff score a.mot --agains b.mot": "--agains",
    "python -m experiments.llma --config=experiments/configs/llma.py:quik": "quik",
    "python -m experiments.llma --config.data.sise=full": "sise",
    "python -m experiments.llma --mode=generate": "mode",
    "jaxdiff train llma:quik": "quik",
    "jaxdiff train llma --set model.sise=small": "sise",
    "jaxdiff weights convert --frm clip x": "--from",
    'pip install "jaxdiff[fysics]"': "fysics",
    "jaxdif demo": "jaxdif",
}


def test_a_wrong_command_is_found():
    """The checks themselves: one mistake of each kind."""
    block = Block(ROOT / "README.md", 1, "bash", "", "\n".join(WRONG), "")
    found = complaints(commands(block))
    assert len(found) == len(WRONG), found
    for line, mistake in WRONG.items():
        assert any(
            line.split()[-1].strip('"') in output and mistake in output for output in found
        ), (
            line,
            found,
        )
