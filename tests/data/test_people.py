"""The stream of simulated people: a pure function of seed and step, restored exactly."""

import numpy as np
import pytest

from jaxdiff.data.people import Population, SimulatedPeople
from jaxdiff.errors import CheckpointError, ConfigError

SMALL = Population(people=4, tasks=2, strides=3, points=60)


def stream(**options):
    return SimulatedPeople(
        **{"batch_size": 6, "modalities": ("angles",), "population": SMALL, "reuse": 2} | options
    )


def test_batches_are_a_function_of_seed_and_step():
    source = stream()
    batches = [next(source) for _ in range(3)]
    state = source.get_state()
    following = next(source)
    again = stream()
    again.set_state(state)
    for name, values in next(again).items():
        np.testing.assert_array_equal(values, following[name])
    assert batches[0]["angles"].shape == (6, 120, 26)
    assert batches[0]["angles"].dtype == np.float32
    assert np.abs(batches[0]["angles"] - batches[1]["angles"]).max() > 0


def test_groups_have_different_people():
    source = stream(reuse=1)
    first, second = next(source), next(source)
    assert not set(first["subject"]) & set(second["subject"])
    assert not set(first["mass"]) & set(second["mass"])


def test_hosts_share_the_global_batch():
    whole = next(stream())
    parts = [next(stream(host=host, hosts=2)) for host in range(2)]
    for name, values in whole.items():
        np.testing.assert_array_equal(values, np.concatenate([part[name] for part in parts]))


def test_another_stream_is_refused():
    source = stream()
    with pytest.raises(CheckpointError, match="seed"):
        stream(seed=1).set_state(source.get_state())
    with pytest.raises(ConfigError, match="window"):
        stream(window=5)


@pytest.mark.slow
def test_background_process_gives_the_same_batches():
    source, background = stream(reuse=1), stream(reuse=1, background=True)
    for _ in range(2):
        np.testing.assert_array_equal(next(source)["angles"], next(background)["angles"])
    background.close()
