"""The run of every config word of LLMA generates files, the word of real stances included."""

import jax
import numpy as np
import pytest
from cli.conftest import ANGLES, angles, trial

from jaxdiff.data.recording import Recording
from jaxdiff.data.trials import gather
from jaxdiff.errors import FileError
from jaxdiff.methods.llma import llma
from jaxdiff.models.trained import Trained
from jaxdiff.studies.llma.config import WORDS, get_config
from jaxdiff.studies.llma.preparation import about, folds, load_trials, method_settings
from jaxdiff.studies.study import STUDIES


def model_of(word, trials):
    """A model with random parameters and the metadata of the word's run."""
    config = get_config(word)
    with config.unlocked():
        config.model.size, config.model.alignment, config.model.start = "tiny", "none", "none"
        config.sampling.steps, config.training.score, config.data.people = 2, "", (8, 2, 2)
        config.data.hold_out_tasks = False
    fold = folds(config, trials)[0]
    shape = (2, config.data.length)
    batch = {m: np.zeros((*shape, len(fold.scale[m].channels)), np.float32) for m in "xy"}
    params = jax.jit(llma(method_settings(config)).init)(jax.random.key(0), batch)
    return STUDIES["llma"].build(Trained("llma", params, about(config, fold)))


ALIKE = {
    "quick": ("demo",),
    "table1": ("figures", "table2", "table3", "few", "tables"),
    "paper": ("paper-tables",),
    "verheul": (),
}
"""Words that are tried, and words whose runs have the same network and windows."""


def test_the_words_that_are_tried_stand_for_all():
    assert sorted(WORDS) == sorted([*ALIKE, *(word for words in ALIKE.values() for word in words)])
    for word, others in ALIKE.items():
        one = get_config(word)
        for other in map(get_config, others):
            assert other.model.network == one.model.network
            assert other.sampling.solver == one.sampling.solver
            assert (other.data.length, other.data.x, other.data.y) == (
                one.data.length,
                one.data.x,
                one.data.y,
            )


@pytest.mark.parametrize("word", [word for word in ALIKE if word != "verheul"])
def test_a_run_generates_a_file(word, tmp_path):
    walk = Recording(angles(np.arange(400) / 120), ANGLES, ("deg",) * 3, 100.0)
    model = model_of(word, gather([trial(i) for i in range(12)]))
    path = model.generate(walk, samples=2).write(tmp_path / "moments.csv")
    assert "hip_moment_p05" in path.read_text()


@pytest.mark.parametrize("given", ["angles", "moments"])
def test_a_run_of_real_stances_generates_a_file_in_both_directions(given, tmp_path, monkeypatch):
    monkeypatch.setenv("JAXDIFF_DATA", str(tmp_path / "data"))
    try:
        trials = load_trials(get_config("verheul"))
    except FileError:
        pytest.skip("the shared recordings are not here")
    model = model_of("verheul", trials)
    stance = trials.recording(0, given)
    made = model.generate(stance, samples=2, given=given)
    other = "moments" if given == "angles" else "angles"
    assert made.like.channels == trials.channels[other]
    made.write(tmp_path / "made.csv")
