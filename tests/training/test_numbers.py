"""Edges of number formats and ranges."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from regression import METHOD, Batches

from jaxdiff.errors import CheckpointError, ConfigError
from jaxdiff.training.checkpoint import load_params
from jaxdiff.training.loop import fit
from jaxdiff.training.optimizer import OptimizerSettings
from jaxdiff.training.settings import SEEDS, Settings
from jaxdiff.training.step import make_step

SETTINGS = Settings(steps=2, optimizer=OptimizerSettings(learning_rate=1e-2))


@pytest.fixture
def one_device(monkeypatch):
    monkeypatch.setattr(
        "jaxdiff.training.loop.make_step",
        partial(make_step, devices=jax.devices()[:1]),
    )


def test_seeds_at_both_ends_of_their_range_train_and_others_are_refused(tmp_path):
    lowest, highest = (
        fit(METHOD, Batches(), SETTINGS._replace(seed=seed), tmp_path / str(seed))
        for seed in (0, SEEDS - 1)
    )
    assert not np.allclose(lowest.params["w"], highest.params["w"])
    for seed in (-1, SEEDS):
        with pytest.raises(
            ConfigError, match=f"training.seed must be in 0 … {SEEDS - 1}, not {seed}"
        ):
            fit(METHOD, Batches(), SETTINGS._replace(seed=seed), tmp_path / "refused")


def test_parameters_without_entries_are_saved_and_restored(tmp_path, one_device):
    def init(key, batch):
        return {**METHOD.init(key, batch), "fixed": {"basis": jnp.zeros((0, 7))}}

    method = METHOD._replace(init=init)
    fit(method, Batches(), SETTINGS, tmp_path)
    state = fit(method, Batches(), SETTINGS._replace(steps=4), tmp_path)
    assert int(state.step) == 4 and state.params["fixed"]["basis"].shape == (0, 7)
    assert load_params(tmp_path / "checkpoints")[0]["fixed"]["basis"].shape == (0, 7)


def test_a_batch_of_one_example_trains(tmp_path, one_device):
    state = fit(METHOD, Batches(size=1), SETTINGS, tmp_path)
    assert int(state.step) == 2 and np.isfinite(state.params["w"]).all()


def test_a_run_in_float64_is_not_continued_in_float32(tmp_path, one_device):
    def init(key, batch):
        return jax.tree.map(lambda a: a.astype(jnp.float64), METHOD.init(key, batch))

    with jax.enable_x64(True):
        state = fit(METHOD._replace(init=init), Batches(), SETTINGS, tmp_path)
        assert state.params["w"].dtype == jnp.float64
    with pytest.raises(CheckpointError, match="another model.*float64.*this config makes float32"):
        fit(METHOD, Batches(), SETTINGS._replace(steps=4), tmp_path)


def test_bfloat16_parameters_keep_their_type_and_resume_bit_identically(tmp_path, one_device):
    def init(key, batch):
        return jax.tree.map(lambda a: a.astype(jnp.bfloat16), METHOD.init(key, batch))

    method, settings = METHOD._replace(init=init), SETTINGS._replace(steps=4)
    whole = fit(method, Batches(), settings, tmp_path / "whole")
    fit(method, Batches(), SETTINGS, tmp_path / "parts")
    parts = fit(method, Batches(), settings, tmp_path / "parts")
    assert parts.params["w"].dtype == jnp.bfloat16
    assert parts.ema["w"].dtype == jnp.float32  # small steps would be lost
    np.testing.assert_array_equal(whole.params["w"], parts.params["w"])
