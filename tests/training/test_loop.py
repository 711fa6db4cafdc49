"""Whatever happens to a run, it ends as if nothing had happened, or says clearly why it cannot."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import chex
import jax
import numpy as np
import pytest
from regression import METHOD, Batches, Stacked

import jaxdiff
from jaxdiff.errors import CheckpointError, ConfigError, NonFiniteError
from jaxdiff.studies.run import Run
from jaxdiff.training.checkpoint import Checkpoints, load_params
from jaxdiff.training.loop import fit
from jaxdiff.training.optimizer import OptimizerSettings, make_optimizer
from jaxdiff.training.settings import Settings, config, from_config
from jaxdiff.training.state import init_state
from jaxdiff.training.step import make_step

PROGRAM = Path(__file__).parents[1] / "train_regression.py"
CLIPPED = OptimizerSettings(learning_rate=1e-2, clip_norm=1.0)
SETTINGS = Settings(
    steps=12, optimizer=OptimizerSettings(learning_rate=1e-2), log_every=1, save_every=4
)


def launch(directory, *arguments):
    environment = {
        **os.environ,
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": "--xla_force_host_platform_device_count=1 --xla_backend_optimization_level=0",
        "PYTHONPATH": os.pathsep.join([str(PROGRAM.parent), str(PROGRAM.parents[1])]),
    }
    return subprocess.Popen(
        [sys.executable, str(PROGRAM), str(directory), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
    )


def finish(process, code=0):
    output, _ = process.communicate(timeout=1200)
    assert process.returncode == code, output
    return output


def plain(state):
    return jax.tree.map(np.asarray, state.replace(key=jax.random.key_data(state.key)))


def contents(directory):
    """Everything a finished run leaves that must not depend on its history."""
    like = init_state(METHOD, make_optimizer(CLIPPED, 60), jax.random.key(0), next(Batches()))
    checkpoints = Checkpoints(Path(directory) / "checkpoints")
    state, data, _ = checkpoints.restore(like)
    checkpoints.close()
    return plain(state), data, (Path(directory) / "metrics.jsonl").read_text()


def same(a, b):
    chex.assert_trees_all_equal(a[0], b[0])
    assert a[1] == b[1]
    assert a[2] == b[2]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    directory = tmp_path_factory.mktemp("undisturbed")
    finish(launch(directory))
    return contents(directory)


def test_killed_and_resumed_is_bit_identical(tmp_path, undisturbed):
    """Parameters, averages, optimiser, the iterator's place and the metrics log, after kill -9 at
    two random steps.
    """
    for step in random.randint(10, 25), random.randint(25, 50):
        finish(launch(tmp_path, "--signal", "SIGKILL", "--at", str(step)), code=-signal.SIGKILL)
    finish(launch(tmp_path))
    same(contents(tmp_path), undisturbed)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_asked_to_stop_it_saves_and_tells_how_to_resume(tmp_path, undisturbed, name):
    output = finish(launch(tmp_path, "--signal", name, "--at", "10"))
    assert "saved; resume with" in output and f"train_regression.py {tmp_path}" in output
    assert json.loads((tmp_path / "run.json").read_text())["status"] == "stopped"
    finish(launch(tmp_path))
    same(contents(tmp_path), undisturbed)


def on_one_device(monkeypatch):
    monkeypatch.setattr(
        "jaxdiff.training.loop.make_step", partial(make_step, devices=jax.devices()[:1])
    )


def test_a_checkpoint_of_four_devices_goes_on_on_one(tmp_path, monkeypatch):
    fit(METHOD, Batches(), SETTINGS._replace(steps=6), tmp_path / "moved")
    on_one_device(monkeypatch)
    moved = fit(METHOD, Batches(), SETTINGS, tmp_path / "moved")
    assert len(moved.step.sharding.device_set) == 1
    chex.assert_trees_all_close(
        plain(moved), plain(fit(METHOD, Batches(), SETTINGS, tmp_path / "one")), atol=1e-5
    )


def launch_many(directory, count, *arguments, own=None):
    """Processes of one training; `own` has further arguments by process number."""
    with socket.socket() as held:  # reserves the port; the coordinator shares it
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        common = [*arguments, "--coordinator", f"127.0.0.1:{port}", "--num_processes", str(count)]
        each = [["--process_id", str(i), *(own or {}).get(i, ())] for i in range(count)]
        processes = [launch(directory, *common, *one) for one in each]
        yield from processes


def finish_two(directory, *arguments, second=()):
    """Two processes on one training; the second may be given arguments of its own."""
    return [finish(each) for each in launch_many(directory, 2, *arguments, own={1: second})]


def test_two_processes_train_as_one(tmp_path, monkeypatch):
    finish_two(tmp_path / "two", "--steps", "20")
    on_one_device(monkeypatch)
    one = fit(METHOD, Batches(), SETTINGS._replace(steps=20, optimizer=CLIPPED), tmp_path / "one")
    chex.assert_trees_all_close(contents(tmp_path / "two")[0], plain(one), atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_two_processes_stop_at_one_step_though_only_one_is_asked_to(tmp_path, name):
    first, _ = finish_two(tmp_path, "--steps", "100000", second=["--signal", name, "--at", "10"])
    assert "saved; resume with" in first
    assert json.loads((tmp_path / "run.json").read_text())["status"] == "stopped"


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1, 2])
def test_when_one_of_three_hosts_dies_the_others_say_which_and_fewer_can_go_on(
    tmp_path, monkeypatch, victim
):
    arguments = {victim: ["--signal", "SIGKILL", "--at", "30"]}
    processes = list(launch_many(tmp_path, 3, "--steps", "100000", "--batch", "12", own=arguments))
    finish(processes[victim], code=-signal.SIGKILL)
    died = time.monotonic()
    for number, process in enumerate(processes):
        if number != victim:
            output = finish(process, code=2)
            said = [line for line in output.splitlines() if line.startswith("error:")]
            assert len(said) == 1 and f"process {victim} of 3 was lost" in said[0], output
            assert "same command to continue" in said[0]
    assert time.monotonic() - died < 60
    status = json.loads((tmp_path / "run.json").read_text())["status"]
    assert status == f"failed: process {victim} of 3 was lost"
    steps = sorted(int(p.name) for p in (tmp_path / "checkpoints").iterdir() if p.name.isdigit())
    assert steps  # and one process goes on from there
    output = finish(launch(tmp_path, "--steps", str(steps[-1] + 20), "--batch", "12"))
    assert f"finished at {steps[-1] + 20}" in output


def test_folds_train_and_resume_like_single_runs(tmp_path):
    weights = [{"contrast": 0.0}, {"contrast": 1.0}]

    def data():
        return Stacked(Batches(seed=0), Batches(seed=1))

    whole = fit(METHOD, data(), SETTINGS, tmp_path / "whole", fold_weights=weights)
    fit(METHOD, data(), SETTINGS._replace(steps=8), tmp_path / "parts", fold_weights=weights)
    parts = fit(METHOD, data(), SETTINGS, tmp_path / "parts", fold_weights=weights)
    chex.assert_trees_all_equal(whole.params, parts.params)
    assert not np.allclose(whole.params["w"][0], whole.params["w"][1])
    assert (tmp_path / "whole/metrics.jsonl").read_text() == (
        tmp_path / "parts/metrics.jsonl"
    ).read_text()


def test_several_steps_per_dispatch_log_and_save_at_the_same_steps(tmp_path):
    fit(METHOD, Batches(), SETTINGS, tmp_path / "single")
    fit(METHOD, Batches(), SETTINGS._replace(steps_per_dispatch=4), tmp_path / "four")
    lines = [
        json.loads(line) for line in (tmp_path / "single/metrics.jsonl").read_text().splitlines()
    ]
    fours = [
        json.loads(line) for line in (tmp_path / "four/metrics.jsonl").read_text().splitlines()
    ]
    assert [line["step"] for line in fours] == [4, 8, 12]
    np.testing.assert_allclose(
        [line["loss"] for line in lines][3::4], [line["loss"] for line in fours], rtol=1e-5
    )


@pytest.mark.parametrize("harm", ["truncate", "flip", "delete"])
def test_a_broken_newest_checkpoint_is_named_and_the_one_before_is_used(tmp_path, harm):
    fit(METHOD, Batches(), SETTINGS._replace(steps=8), tmp_path)
    files = sorted(
        p for p in (tmp_path / "checkpoints/8/params").rglob("*") if p.is_file() and "/d/" in str(p)
    )
    victim = max(files, key=lambda p: p.stat().st_size)
    content = bytearray(victim.read_bytes())
    if harm == "truncate":
        victim.write_bytes(content[: len(content) // 2])
    elif harm == "flip":
        content[len(content) // 2] ^= 0xFF
        victim.write_bytes(content)
    else:
        victim.unlink()
    with pytest.warns(UserWarning, match="checkpoints/8 is broken"):
        state = fit(METHOD, Batches(), SETTINGS, tmp_path)
    whole = fit(METHOD, Batches(), SETTINGS, tmp_path / "whole")
    chex.assert_trees_all_equal(state.params, whole.params)
    assert (tmp_path / "checkpoints/broken-8").exists()


def test_a_half_written_checkpoint_is_named_and_left_aside(tmp_path):
    fit(METHOD, Batches(), SETTINGS._replace(steps=8), tmp_path)
    (tmp_path / "checkpoints/8").rename(tmp_path / "checkpoints/8.orbax-checkpoint-tmp-0")
    with pytest.warns(UserWarning, match="half-written"):
        fit(METHOD, Batches(), SETTINGS, tmp_path)
    assert Run.is_at(tmp_path)


def test_a_full_disk_stops_the_run_and_keeps_the_last_good_checkpoint(tmp_path, monkeypatch):
    import orbax.checkpoint as ocp

    fit(METHOD, Batches(), SETTINGS._replace(steps=4), tmp_path)

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(ocp.CheckpointManager, "save", full)
        with pytest.raises(CheckpointError, match="disk is full.*step 4 is intact"):
            fit(METHOD, Batches(), SETTINGS, tmp_path)
    assert int(fit(METHOD, Batches(), SETTINGS, tmp_path).step) == 12


def test_too_many_steps_that_are_not_finite_stop_the_run(tmp_path):
    data = Batches(poison=range(5, 100))
    with pytest.raises(
        NonFiniteError, match="step 8: 3 steps in a row.*not finite: contrast, fit, grad_norm, loss"
    ):
        fit(METHOD, data, SETTINGS._replace(skip_limit=3), tmp_path)
    assert json.loads((tmp_path / "run.json").read_text())["status"] == "failed: NonFiniteError"


def test_best_and_latest_checkpoints_are_kept_and_loaded(tmp_path):
    scores = iter([3.0, 1.0, 2.0])
    settings = SETTINGS._replace(evaluate_every=4, score="error", keep=1)
    about = {"channels": ["hip"], "units": ["deg"]}
    fit(
        METHOD,
        Batches(),
        settings,
        tmp_path,
        evaluate=lambda s: {"error": next(scores)},
        about=about,
    )
    assert sorted(p.name for p in (tmp_path / "checkpoints").iterdir() if p.name.isdigit()) == [
        "12",
        "8",
    ]
    params, said = load_params(tmp_path / "checkpoints")
    assert said["step"] == 8 and said["channels"] == ["hip"] and params["w"].shape == (3, 5)
    assert load_params(tmp_path / "checkpoints", "params", "latest")[1]["step"] == 12
    assert json.loads((tmp_path / "run.json").read_text())["best"] == 1.0


def test_another_model_or_other_settings_are_refused(tmp_path):
    fit(METHOD, Batches(), SETTINGS._replace(steps=4), tmp_path, about={"config": {"width": 5}})
    with pytest.raises(ConfigError, match="config.width was 5, is 6"):
        fit(METHOD, Batches(), SETTINGS, tmp_path, about={"config": {"width": 6}})
    wider = METHOD._replace(
        init=lambda k, b: {"w": jax.numpy.zeros((3, 9)), "b": jax.numpy.zeros(9)}
    )
    with pytest.raises(
        CheckpointError,
        match=r"another model: params\['b'\] is float32\[5\], this config makes float32\[9\]",
    ):
        fit(wider, Batches(), SETTINGS, tmp_path, about={"config": {"width": 5}})
    with pytest.raises(jaxdiff.Error, match="no checkpoints under"):
        load_params(tmp_path / "nowhere")


def test_settings_survive_the_config_and_bad_ones_are_refused():
    assert from_config(config(steps=20, save_every=5)) == Settings(steps=20, save_every=5)
    with pytest.raises(ConfigError, match=r"training.steps \(10\) must be a multiple"):
        from_config(config(steps=10, steps_per_dispatch=4))
    with pytest.raises(ConfigError, match="did you mean 'cosine'"):
        make_optimizer(OptimizerSettings(decay="cosin"), 10)
