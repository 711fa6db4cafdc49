import itertools
import json
from types import SimpleNamespace

import numpy as np
import pytest

from jaxdiff.data.pipeline import Batches, stack, throughput
from jaxdiff.errors import CheckpointError, ConfigError


class Numbers:
    """Gives its indices and its uniform numbers back."""

    def __init__(self, count):
        self.count = count

    def __len__(self):
        return self.count

    def __call__(self, index, u):
        return {"index": index, "u": u}


def take(batches, count):
    return [next(batches) for _ in range(count)]


def same(a, b):
    return all(np.array_equal(x[name], y[name]) for x, y in zip(a, b, strict=True) for name in x)


def test_every_epoch_has_every_example_once_in_another_order():
    indices = np.concatenate(
        [batch["index"] for batch in take(Batches(Numbers(60), 8, seed=3), 30)]
    )
    epochs = indices[:240].reshape(4, 60)
    np.testing.assert_array_equal(np.sort(epochs, axis=1), np.tile(np.arange(60), (4, 1)))
    assert len({tuple(epoch) for epoch in epochs}) == 4


def test_the_seed_decides_the_order():
    first, again, other = (take(Batches(Numbers(60), 8, seed=seed), 5) for seed in (0, 0, 1))
    assert same(first, again) and not same(first, other)


def test_unshuffled_and_finite_it_is_one_pass_in_order():
    batches = list(Batches(Numbers(10), 4, shuffle=False, epochs=1))
    assert [batch["index"].tolist() for batch in batches] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_the_source_is_asked_for_whole_batches():
    asked = []

    class Asked(Numbers):
        def __call__(self, index, u):
            asked.append(len(index))
            return super().__call__(index, u)

    take(Batches(Asked(60), 8), 12)
    assert 12 <= len(asked) <= 12 + 4 and set(asked) == {8}  # a few are read ahead


@pytest.mark.parametrize("taken", [0, 1, 7, 8, 40])
def test_a_restored_state_goes_on_exactly(taken):
    original = Batches(Numbers(60), 8, seed=5)
    take(original, taken)
    state = json.loads(json.dumps(original.get_state()))
    expected = take(original, 20)
    fresh = Batches(Numbers(60), 8, seed=5)
    take(fresh, 3)
    fresh.set_state(state)
    assert same(take(fresh, 20), expected)
    original.set_state(state)
    assert same(take(original, 20), expected)


def test_a_state_of_another_pipeline_is_refused():
    state = Batches(Numbers(60), 8).get_state()
    for other in (
        Batches(Numbers(61), 8),
        Batches(Numbers(60), 4),
        Batches(Numbers(60), 8, seed=1),
    ):
        with pytest.raises(CheckpointError, match="saved with"):
            other.set_state(state)


@pytest.mark.parametrize("hosts", [2, 4, 8])
def test_hosts_share_the_same_global_batches(hosts):
    whole = take(Batches(Numbers(50), 8, seed=1), 12)
    shares = [
        take(Batches(Numbers(50), 8, seed=1, host=host, hosts=hosts), 12) for host in range(hosts)
    ]
    joined = [
        {name: np.concatenate([share[i][name] for share in shares]) for name in whole[0]}
        for i in range(12)
    ]
    assert same(joined, whole)


def test_what_is_random_in_an_example_is_uniform_and_new_in_every_step():
    u = np.concatenate([batch["u"] for batch in take(Batches(Numbers(60), 64), 40)])
    assert u.min() >= 0 and u.max() < 1 and len(np.unique(u[:, 0])) == len(u)
    np.testing.assert_allclose(u.mean(axis=0), 0.5, atol=0.03)


def test_stacked_folds_are_the_single_ones_and_restore_together():
    def folds():
        return [Batches(Numbers(20), 4, seed=0), Batches(Numbers(30), 4, seed=9)]

    together, single = stack(folds()), folds()
    for batch in itertools.islice(together, 6):
        for k in range(2):
            assert same([{name: value[k] for name, value in batch.items()}], [next(single[k])])
    state = json.loads(json.dumps(together.get_state()))
    expected = take(together, 5)
    again = stack(folds())
    again.set_state(state)
    assert same(take(again, 5), expected)
    with pytest.raises(CheckpointError, match="2 folds"):
        stack(folds()[:1]).set_state(state)


def test_impossible_batches_are_refused():
    for settings in ({"hosts": 3}, {"hosts": 2, "host": 2}):
        with pytest.raises(ConfigError, match="host"):
            Batches(Numbers(20), 4, **settings)
    with pytest.raises(ConfigError, match="no examples"):
        Batches(Numbers(0), 4)


@pytest.mark.parametrize("folds", [1, 3])
def test_throughput_counts_the_examples_of_every_fold(folds, monkeypatch):
    """With a clock that advances a second per reading: four batches in six seconds."""
    clock = SimpleNamespace(perf_counter=itertools.count().__next__)
    monkeypatch.setattr("jaxdiff.data.pipeline.time", clock)
    found = throughput(stack([Batches(Numbers(100), 10)] * folds), seconds=5)
    assert found["ms/batch"] == 1500 and found["examples/s"] == pytest.approx(10 * folds / 1.5)
