"""Errors over speeds: groups, maps, and subsets of sources against brute force."""

from itertools import combinations

import numpy as np
import pytest

from jaxdiff.errors import DataError
from jaxdiff.metrics.speeds import by_level, by_source_count, heat_map, identity_split

RNG = np.random.default_rng(0)
SPEEDS = np.array([0.5, 0.8, 1.05, 1.3])
SOURCE, TARGET = (x.ravel() for x in np.meshgrid(SPEEDS, SPEEDS, indexing="ij"))


def test_levels_group_equal_speeds_despite_rounding():
    levels = by_level(np.array([0.55, 0.5 + 0.05, 1.3, 1.3]), [1.0, 3.0, 5.0, np.nan])
    np.testing.assert_allclose(levels.level, [0.55, 1.3])
    np.testing.assert_allclose(levels.mean, [2, 5])
    np.testing.assert_array_equal(levels.count, [2, 1])
    np.testing.assert_allclose(levels.sd, [1, 0])


def test_heat_map_holds_means_and_empty_cells():
    heat = heat_map([0.5, 0.5, 1.0], [0.5, 0.5, 1.5], [1.0, 3.0, 7.0])
    np.testing.assert_allclose(heat.mean, [[2, np.nan], [np.nan, 7]])
    full = heat_map(SOURCE, TARGET, SOURCE * 10 + TARGET)
    np.testing.assert_allclose(full.mean, full.source[:, None] * 10 + full.target)


def test_identity_pairs_are_reported_apart():
    parts = identity_split(SOURCE, TARGET, np.where(SOURCE == TARGET, 1.0, 4.0))
    assert parts == {"all": (4 + 12 * 4) / 16, "identity": 1, "off_diagonal": 4}


@pytest.mark.parametrize("speeds", [SPEEDS, [0.55, 0.8, 1.05, 1.3, 1.55, 1.8]])
def test_source_counts_equal_brute_force_over_all_subsets(speeds):
    speeds = np.asarray(speeds)
    targets = np.sort(np.r_[speeds, (speeds[1:] + speeds[:-1]) / 2])  # every midpoint is a tie
    error = RNG.uniform(1, 9, (len(speeds), len(targets)))
    result = by_source_count(error, speeds, targets)
    for k in range(1, len(speeds) + 1):
        means = []
        for subset in combinations(range(len(speeds)), k):
            distance = np.round(np.abs(speeds[list(subset), None] - targets), 6)
            nearest = np.array(subset)[distance.argmin(0)]  # the first, slower one of two
            means.append(error[nearest, np.arange(len(targets))].mean())
        assert result.count[k - 1] == len(means)
        np.testing.assert_allclose(result.mean[k - 1], np.mean(means), rtol=1e-10)
        np.testing.assert_allclose(result.sd[k - 1], np.std(means), rtol=1e-6, atol=1e-7)


def test_more_sources_help_when_error_grows_with_distance():
    speeds = np.arange(0.5, 1.9, 0.05)
    result = by_source_count(2 + 3 * np.abs(speeds[:, None] - speeds), speeds, speeds)
    assert (np.diff(result.mean) < 0).all() and result.sd[-1] < 1e-6
    np.testing.assert_allclose(result.mean[-1], 2)


def test_an_incomplete_table_is_refused():
    with pytest.raises(DataError, match="finite errors"):
        by_source_count(np.full((4, 4), np.nan), SPEEDS, SPEEDS)
