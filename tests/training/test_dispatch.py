"""Where batches are made and how many steps a program has change nothing in what is trained: the
examples are the same exactly, the parameters up to the rounding of two compiled programs.
"""

import json

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import regression
from regression import WIDTH
from training.test_loop import plain

from jaxdiff.data.pipeline import Batches, stack
from jaxdiff.nets.backend import override
from jaxdiff.training import dispatch
from jaxdiff.training.loop import fit
from jaxdiff.training.optimizer import OptimizerSettings
from jaxdiff.training.settings import Settings
from jaxdiff.typing import Method


def loss(params, batch, keys, gather, weights):
    """Regression's, and with its metrics an integer that tells which examples came in which
    order.
    """
    total, metrics = regression.loss(params, batch, keys, gather, weights)
    place = jnp.arange(1, 1 + len(batch["row"]))
    return total, metrics | {"order": (place * batch["row"]).sum().astype(jnp.float32)}


METHOD = Method(regression.init, loss, regression.generate)
SETTINGS = Settings(
    steps=12, optimizer=OptimizerSettings(learning_rate=1e-2), log_every=4, save_every=4
)
HERE = {"resident_mb": 1}


class Rows:
    """A gathered source of regression's examples that counts the batches made on the host."""

    def __init__(self, count=32, seed=0):
        x = np.random.default_rng(seed).normal(size=(count, 3)).astype(np.float32)
        y = np.tanh(x @ np.ones((3, WIDTH), np.float32)) + np.float32(0.1)
        self.arrays, self.made = {"x": x, "y": y, "row": np.arange(count, dtype=np.int32)}, 0

    def __len__(self):
        return len(self.arrays["x"])

    def __call__(self, index, u):
        self.made += 1
        return self.gather(self.arrays, self.plan(index, u))

    def plan(self, index, u):
        return {"row": index.astype(np.int32)}

    def gather(self, arrays, plan):
        return {name: a.take(plan["row"], axis=0, mode="clip") for name, a in arrays.items()}


def same(a, b):
    chex.assert_trees_all_close(plain(a), plain(b), rtol=0, atol=1e-6)


def metrics(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("steps", [1, 4])
def test_resident_data_train_as_batches_of_the_host_do(tmp_path, steps):
    settings = SETTINGS._replace(steps_per_dispatch=steps)
    host = fit(METHOD, Batches(Rows(), 8), settings, tmp_path / "host")
    source = Rows()
    here = fit(METHOD, Batches(source, 8), settings._replace(**HERE), tmp_path / "here")
    same(host, here)
    logs = [metrics(tmp_path / name) for name in ("host", "here")]
    assert len({line["order"] for line in logs[0]}) == 3
    assert [line["order"] for line in logs[0]] == [line["order"] for line in logs[1]]
    for a, b in zip(*logs):
        assert a == pytest.approx(b, rel=1e-5)
    assert source.made <= 4  # the example of the shapes, and what a thread reads ahead


def test_a_run_moves_between_host_and_device_and_ends_the_same(tmp_path):
    def part(steps, **changes):
        settings = SETTINGS._replace(steps=steps, **changes)
        return fit(METHOD, Batches(Rows(), 8), settings, tmp_path / "moved")

    part(4, **HERE)
    part(8)
    moved = part(12, **HERE)
    same(moved, fit(METHOD, Batches(Rows(), 8), SETTINGS, tmp_path / "whole"))
    moved, whole = (metrics(tmp_path / name) for name in ("moved", "whole"))
    assert [line["order"] for line in moved] == [line["order"] for line in whole]


def test_resident_folds_of_different_sizes_train_as_those_of_the_host(tmp_path):
    def data():
        return stack([Batches(Rows(32, 0), 8), Batches(Rows(20, 1), 8, seed=1)])

    folds = {"fold_weights": [{"contrast": 0.0}, {"contrast": 1.0}]}
    host = fit(METHOD, data(), SETTINGS, tmp_path / "host", **folds)
    here = fit(METHOD, data(), SETTINGS._replace(**HERE), tmp_path / "here", **folds)
    same(host, here)


def test_arrays_that_are_too_large_or_not_asked_for_stay_on_the_host():
    batches = Batches(Rows(32), 8)
    size = sum(array.nbytes for array in batches.source.arrays.values())
    assert batches.resident(size) and not batches.resident(size - 1) and not batches.resident(0)
    assert stack([batches, batches]).resident(2 * size)
    assert not stack([batches, batches]).resident(2 * size - 1)
    assert not Batches(lambda_source(), 4).resident(1e9)
    assert not dispatch.resident(batches, SETTINGS)  # -1: on a CPU they are where they are needed
    assert dispatch.resident(batches, SETTINGS._replace(resident_mb=1))
    assert not dispatch.resident(batches, SETTINGS._replace(resident_mb=0))


def lambda_source():
    class Drawn:
        def __len__(self):
            return 8

        def __call__(self, index, u):
            return {"x": u}

    return Drawn()


def test_on_an_accelerator_a_dispatch_has_steps_that_end_with_every_interval():
    with override("gpu"):
        assert dispatch.steps_per_dispatch(SETTINGS._replace(steps=8000, log_every=50), 0) == 2
        whole = SETTINGS._replace(steps=8000, log_every=80, save_every=400)
        assert dispatch.steps_per_dispatch(whole, 0) == 16
        assert dispatch.steps_per_dispatch(whole, 36) == 4  # continued where a shorter one stopped
    assert dispatch.steps_per_dispatch(whole, 0) == 1
    assert dispatch.steps_per_dispatch(SETTINGS._replace(steps_per_dispatch=6), 4) == 2


def test_steps_that_are_measured_to_last_long_are_dispatched_in_fewer(tmp_path, monkeypatch):
    assert [dispatch.shorter(16, seconds) for seconds in (0.5, 1.9, 8.0, 100.0)] == [16, 8, 2, 1]
    monkeypatch.setattr(dispatch, "LONGEST", 0.0)
    settings = SETTINGS._replace(steps=16)
    with override("gpu"):
        short = fit(METHOD, Batches(Rows(), 8), settings, tmp_path / "short")
    lines = (tmp_path / "short/metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [4, 8, 12, 16]
    assert int(short.step) == 16
    one = fit(METHOD, Batches(Rows(), 8), settings, tmp_path / "one")
    chex.assert_trees_all_close(plain(short), plain(one), atol=1e-6)
    assert jax.tree.leaves(one.vectors)[0].dtype == np.float32
