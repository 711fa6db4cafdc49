"""Damaged files: nothing wrong is ever read without a word, and nothing keeps a run from being
resumed.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import chex
import jax
import numpy as np
import orbax.checkpoint as ocp
import pytest
from regression import METHOD, Batches

from jaxdiff.errors import CheckpointError, ConfigError, FileError
from jaxdiff.training import atomic, lock
from jaxdiff.training.checkpoint import load_params, read_metadata
from jaxdiff.training.lock import Lock
from jaxdiff.training.loop import fit
from jaxdiff.training.optimizer import OptimizerSettings
from jaxdiff.training.settings import Settings

SETTINGS = Settings(
    steps=6, optimizer=OptimizerSettings(learning_rate=1e-2), log_every=1, save_every=2
)
ABOUT = {"config": {"width": 5}, "normaliser": {"scale": [1.5, 2.5]}}
PARTS = ("params", "ema", "rest", "data", "about")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of four steps, and the same continued to six."""
    folder = tmp_path_factory.mktemp("trained")
    fit(METHOD, Batches(), SETTINGS._replace(steps=4), folder / "four", about=ABOUT)
    shutil.copytree(folder / "four", folder / "six")
    whole = fit(METHOD, Batches(), SETTINGS, folder / "six", about=ABOUT)
    return folder / "four", jax.tree.map(np.asarray, whole.params)


@pytest.fixture
def run(trained, tmp_path):
    return Path(shutil.copytree(trained[0], tmp_path / "run"))


def resumed(run):
    return fit(METHOD, Batches(), SETTINGS, run, about=ABOUT).params


def tamper(checkpoint, part):
    """Changes one value of a part and leaves a file that every reader takes for sound."""
    if part in ("data", "about"):
        file = checkpoint / part / "metadata"
        changed = file.read_text().replace('"count": 4', '"count": 3').replace("2.5", "2.6")
        assert changed != file.read_text()
        file.write_text(changed)
        return
    with ocp.StandardCheckpointer() as files:
        tree = files.restore(checkpoint / part)
        leaves, structure = jax.tree.flatten(tree)
        index = max(range(len(leaves)), key=lambda i: np.size(leaves[i]))
        leaves[index] = np.asarray(leaves[index]) + np.asarray(1, leaves[index].dtype)
        shutil.rmtree(checkpoint / part)
        files.save(checkpoint / part, structure.unflatten(leaves))


@pytest.mark.parametrize("part", PARTS)
def test_a_changed_value_in_any_part_is_noticed_and_the_one_before_is_used(run, trained, part):
    tamper(run / "checkpoints/4", part)
    with pytest.warns(UserWarning, match="checkpoints/4 is broken .*checksum.*the one before"):
        chex.assert_trees_all_equal(resumed(run), trained[1])
    assert (run / "checkpoints/broken-4").exists()


@pytest.mark.parametrize("part", ["params", "ema", "about"])
def test_inference_notices_it_too(run, part):
    tamper(run / "checkpoints/4", part)
    for step in ("best", "latest"):
        with pytest.warns(UserWarning, match="checkpoints/4 cannot be read .*checksum"):
            _, metadata = load_params(
                run / "checkpoints", "params" if part == "params" else "ema", step
            )
        assert metadata["step"] == 2 and metadata["normaliser"] == ABOUT["normaliser"]
    if part == "about":
        with pytest.warns(UserWarning, match="checksum"):
            assert read_metadata(run / "checkpoints")["normaliser"] == ABOUT["normaliser"]


def test_no_flipped_byte_anywhere_in_a_checkpoint_changes_what_is_read(run):
    sound = load_params(run / "checkpoints", "ema", "latest")
    files = [path for path in sorted((run / "checkpoints/4").rglob("*")) if path.is_file()]
    for file in files:
        content = bytearray(file.read_bytes())
        if not content:
            continue
        content[len(content) // 2] ^= 0x10
        file.write_bytes(content)
        with pytest.warns() as caught:
            import warnings

            warnings.warn("at least one", stacklevel=1)
            params, metadata = load_params(run / "checkpoints", "ema", "latest")
        content[len(content) // 2] ^= 0x10
        file.write_bytes(content)
        if metadata["step"] == 4:
            chex.assert_trees_all_equal(params, sound[0])
            assert metadata == sound[1], file
        else:
            assert any("cannot be read" in str(each.message) for each in caught), file


@pytest.mark.parametrize(
    "content", [b"", b'{"status": "run', b"\xff\xfe\x00", b"[1]", b'{"best": "x"}']
)
def test_a_damaged_run_json_is_written_anew(run, trained, content):
    (run / "run.json").write_bytes(content)
    with pytest.warns(UserWarning, match="run.json is damaged"):
        chex.assert_trees_all_equal(resumed(run), trained[1])
    found = json.loads((run / "run.json").read_text())
    assert found["status"] == "done" and found["step"] == 6


@pytest.mark.parametrize("damage", ["empty", "truncated", "garbled", "no JSON", "no object"])
def test_a_damaged_log_loses_its_damaged_lines_only(run, trained, damage):
    path = run / "metrics.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    whole = b"".join(lines)
    bad = {"garbled": b"\xff\xfe\n", "no JSON": b"{step\n", "no object": b"17\n"}.get(damage, b"")
    path.write_bytes({"empty": b"", "truncated": whole[:-9]}.get(damage, lines[0] + bad + lines[2]))
    if bad:
        with pytest.warns(UserWarning, match=r"1 damaged line\(s\) were dropped"):
            chex.assert_trees_all_equal(resumed(run), trained[1])
    else:
        chex.assert_trees_all_equal(resumed(run), trained[1])
    steps = [json.loads(line)["step"] for line in path.read_text().splitlines()]
    assert steps == {"empty": [5, 6], "truncated": [1, 2, 3, 5, 6]}.get(damage, [1, 3, 5, 6])


def test_a_checkpoint_of_version_1_is_refused_and_left_where_it_is(run):
    for step in (2, 4):
        file = run / f"checkpoints/{step}/about/metadata"
        old = json.loads(file.read_text())
        old = {k: v for k, v in old.items() if k not in ("format", "arrays", "score")}
        file.write_text(json.dumps({**old, "checksums": {"params": 1, "ema": 2, "rest": 3}}))
    for read in (lambda: resumed(run), lambda: load_params(run / "checkpoints")):
        with pytest.raises(CheckpointError, match="version 0.1 of jaxdiff.*train again"):
            read()
    assert (run / "checkpoints/4").exists()


def test_a_directory_in_use_names_its_holder_and_is_free_afterwards(run):
    held = Lock(run)
    with pytest.raises(
        ConfigError, match=f"in use by process {os.getpid()} on {socket.gethostname()}"
    ):
        resumed(run)
    held.release()
    resumed(run)


def test_the_lock_of_a_killed_process_is_taken_over(run):
    code = (
        "import sys, time; from pathlib import Path; from jaxdiff.training.lock import Lock\n"
        "held = Lock(Path(sys.argv[1])); print('held', flush=True); time.sleep(600)"
    )
    other = subprocess.Popen([sys.executable, "-c", code, str(run)], stdout=subprocess.PIPE)
    assert other.stdout is not None and other.stdout.readline() == b"held\n"
    with pytest.raises(ConfigError, match=f"in use by process {other.pid} on"):
        Lock(run)
    other.kill()
    other.communicate()
    Lock(run).release()


def test_a_lock_of_another_host_holds_as_long_as_its_heart_beats(run):
    (run / ".lock").write_text(json.dumps({"host": "elsewhere", "process": 7}))
    with pytest.raises(ConfigError, match="in use by process 7 on elsewhere"):
        Lock(run)
    old = time.time() - 2 * lock.STALE
    os.utime(run / ".lock", (old, old))
    with pytest.warns(UserWarning, match="has not updated it"):
        Lock(run).release()


def test_a_replacement_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    file = tmp_path / "run.json"
    atomic.replace(file, "old")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FileError, match="run.json cannot be written .No space left"):
        atomic.replace(file, "new")
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"] and file.read_text() == "old"
