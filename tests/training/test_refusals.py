"""A run that cannot be continued, or begun, is refused in one sentence, and what is on disk stays
as it is.
"""

import errno

import jax.numpy as jnp
import pytest
from regression import METHOD, Batches

from jaxdiff.errors import CheckpointError, ConfigError, DataError, FileError
from jaxdiff.training import logging
from jaxdiff.training.checkpoint import load_params
from jaxdiff.training.loop import fit
from jaxdiff.training.optimizer import OptimizerSettings
from jaxdiff.training.settings import Settings

SETTINGS = Settings(steps=4, save_every=2)
ABOUT = {"config": {"width": 5}}


def deeper(key, batch):
    return {**METHOD.init(key, batch), "extra": jnp.zeros(3)}


def test_checkpoints_of_another_model_are_refused_and_not_taken_for_broken(tmp_path):
    """Other optimiser states and other layers make other trees, which must not look like damage."""
    fit(METHOD, Batches(), SETTINGS, tmp_path, about=ABOUT)
    clipped = SETTINGS._replace(optimizer=OptimizerSettings(clip_norm=1.0))
    with pytest.raises(ConfigError, match="clip_norm was 0.0, is 1.0"):
        fit(METHOD, Batches(), clipped, tmp_path, about=ABOUT)
    with pytest.raises(
        CheckpointError, match=r"another model: params\['extra'\] is absent, .* float32\[3\]"
    ):
        fit(METHOD._replace(init=deeper), Batches(), SETTINGS, tmp_path, about=ABOUT)
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == ["2", "4"]


def test_a_disk_too_full_for_the_log_is_one_error_that_tells_how_to_go_on(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(logging.json, "dumps", full)  # of the log and of run.json alike
    with pytest.raises(
        FileError,
        match=r"metrics.jsonl cannot be written \(No space left.*continues from the last one",
    ):
        logging.JsonLines(tmp_path / "metrics.jsonl", 0).write(1, {"loss": 0.5})


@pytest.mark.parametrize(
    "changes, error, message",
    [
        ({"steps": -3}, ConfigError, "training.steps must be at least 1, not -3"),
        ({"steps_per_dispatch": 3}, ConfigError, "multiple of training.steps_per_dispatch"),
        (
            {"optimizer": OptimizerSettings(learning_rate=float("nan"))},
            ConfigError,
            "learning_rate must be finite",
        ),
        ({"accumulate": 3}, DataError, "split into 3 micro-batches"),
    ],
)
def test_impossible_settings_are_refused_before_anything_is_trained(
    tmp_path, changes, error, message
):
    with pytest.raises(error, match=message):
        fit(METHOD, Batches(), SETTINGS._replace(**changes), tmp_path)


def test_folds_with_weights_of_other_names_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="same names"):
        fit(
            METHOD,
            Batches(),
            SETTINGS,
            tmp_path,
            fold_weights=[{"contrast": 1.0}, {"kontrast": 1.0}],
        )


def test_best_skips_a_checkpoint_without_metadata_and_numbers_are_taken_literally(tmp_path):
    scores = iter([2.0, 1.0])
    settings = SETTINGS._replace(evaluate_every=2, score="error")
    fit(METHOD, Batches(), settings, tmp_path, evaluate=lambda state: {"error": next(scores)})
    folder = tmp_path / "checkpoints"
    assert load_params(folder)[1]["step"] == 4
    (folder / "4/about/metadata").write_text('{"torn')
    for step in ("best", "latest"):
        with pytest.warns(UserWarning, match="checkpoints/4 cannot be read"):
            assert load_params(folder, step=step)[1]["step"] == 2
    for step, message in (
        (4, "checkpoints/4 cannot be read"),
        ("newest", "no checkpoint 'newest'"),
    ):
        with pytest.raises(CheckpointError, match=message):
            load_params(folder, step=step)
