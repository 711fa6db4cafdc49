"""The text-to-motion protocol: two golden sets and its rules."""

import numpy as np
import oracles
import pytest

from jaxdiff.errors import DataError
from jaxdiff.metrics.text_motion import BATCH, distances, hits, r_precision, repeated, scores

RNG = np.random.default_rng(0)


def test_golden_r_precision():
    g, batch = (
        oracles.under(oracles.arrays("metrics"), "rprec"),
        oracles.meta("metrics")["rprec"]["batch"],
    )
    tables = [
        distances(g["text"][i : i + batch], g["motion"][i : i + batch])
        for i in range(0, len(g["text"]), batch)
    ]
    np.testing.assert_array_equal([hits(table).sum(0) for table in tables], g["topk_counts"])
    np.testing.assert_allclose(
        np.mean([np.diagonal(table).mean() for table in tables]), g["mm_dist"], rtol=1e-5
    )
    if batch == BATCH:
        result = r_precision(g["text"], g["motion"])
        np.testing.assert_allclose(list(result.values()), [*g["top123"], g["mm_dist"]], rtol=1e-5)


def test_golden_matching():
    g = oracles.under(oracles.arrays("motion_metrics"), "match")
    text, motion, batch = g["text_embeddings"], g["motion_embeddings"], int(g["batch_size"])
    tables = [
        distances(text[i : i + batch], motion[i : i + batch]) for i in range(0, len(text), batch)
    ]
    np.testing.assert_allclose(tables, g["distance_matrices"], rtol=0, atol=1e-5)
    np.testing.assert_array_equal(np.concatenate([hits(table) for table in tables]), g["top3_hits"])
    np.testing.assert_array_equal(
        [hits(table).sum(0) for table in tables], g["top3_hits_per_batch"]
    )
    np.testing.assert_allclose(
        [np.trace(table) for table in tables], g["distance_sum_per_batch"], rtol=1e-5
    )
    if batch == BATCH:
        result = r_precision(text, motion)
        np.testing.assert_allclose(list(result.values())[:3], g["r_precision"], rtol=1e-6)
        np.testing.assert_allclose(result["mm_dist"], g["matching_score"], rtol=1e-5)


def test_identical_embeddings_are_perfect_and_collapsed_ones_are_chance():
    x = RNG.normal(size=(64, 5))
    assert r_precision(x, x) == {
        "r_precision_1": 1,
        "r_precision_2": 1,
        "r_precision_3": 1,
        "mm_dist": 0,
    }
    collapsed = r_precision(np.ones((64, 5)), np.ones((64, 5)))
    np.testing.assert_allclose(
        [collapsed[f"r_precision_{k}"] for k in (1, 2, 3)], [1 / 32, 2 / 32, 3 / 32]
    )


@pytest.mark.parametrize("count", [0, 16, 40])
def test_other_batches_are_refused(count):
    with pytest.raises(DataError, match="batches of 32"):
        r_precision(np.ones((count, 5)), np.ones((count, 5)))


def test_scores_drop_the_last_batch_and_know_real_from_noise():
    text = RNG.normal(size=(330, 4))
    motion, noise = text + 0.3 * RNG.normal(size=(330, 4)), 3 * RNG.normal(size=(330, 4))
    real, fake = (
        scores(text, motion, motion),
        scores(text, noise, motion, RNG.normal(size=(5, 12, 4))),
    )
    assert real["fid"] < 1e-9 < fake["fid"] and real["r_precision_3"] > 0.5 > fake["r_precision_3"]
    assert fake["multimodality"] > 1 and "multimodality" not in real


def test_repetitions_give_the_mean_and_the_population_interval():
    result = repeated(lambda seed: {"fid": float(seed)}, range(20))
    assert result["fid"] == 9.5
    np.testing.assert_allclose(result["fid_ci95"], 1.96 * np.arange(20).std() / np.sqrt(20))
