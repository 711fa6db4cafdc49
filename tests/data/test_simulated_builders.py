"""The builders of simulated gait with the simulators themselves, which `test_builders` replaces."""

import pytest

from jaxdiff.data import catalogue


@pytest.mark.slow
def test_the_real_walker_fills_the_same_shelves(tmp_path):
    trials = catalogue.load(
        "simulated_gait", data_dir=tmp_path, size="tiny", subjects=1, progress=False
    )
    assert {name: values.shape[1] for name, values in trials.signals.items()} == {
        "angles": 15,
        "moments": 9,
        "grf": 3,
        "emg": 8,
    }
    assert len(trials.where(transition=False)) == 4
    walks = catalogue.load(
        "simulated_speeds", data_dir=tmp_path, size="tiny", subjects=1, progress=False
    )
    assert (walks.length == 120).all() and len(walks) == 2
