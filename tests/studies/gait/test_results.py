"""The published tables hold what the page says of them."""

import csv
from pathlib import Path

import numpy as np
import pytest

import jaxdiff
from jaxdiff.studies.gait import demo

RESULTS = Path(__file__).parents[3] / "docs/results/gait"


def rows(name):
    with (RESULTS / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def test_two_modalities_given_are_never_worse_than_one():
    for row in rows("together"):
        alone = min(float(row["first alone mean"]), float(row["second alone mean"]))
        assert float(row["both mean"]) <= alone, row


@pytest.fixture(scope="module")
def shipped():
    return jaxdiff.load("gait")


def test_the_shipped_model_is_small_and_says_what_it_is(shipped):
    from jaxdiff import models

    assert models.path_of("gait").stat().st_size < 6e6
    assert (
        "no real person" in shipped.card.people
        and "Not for clinical decisions" in shipped.card.limits
    )
    assert set(shipped.calibrations)


def test_the_example_walk_gets_forces_whose_intervals_hold_the_simulated_ones(tmp_path):
    made = demo.run(tmp_path, samples=8)
    assert made.like.channels[0] == "hip_extension_moment_r"
    assert {file.name for file in tmp_path.iterdir()} >= {"walk.mot", "forces.mot", "report.html"}
    walk, measured = demo.example()
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "generated forces" in page and 'download="forces.csv"' in page
    joints, arrows = demo.figure(walk, made.median)
    assert joints.shape == (len(arrows), 11, 3) and 0.9 < np.nanmax(arrows[:, :, 1, 1]) < 1.6
    assert np.isnan(arrows[:, :, 1, 1]).any(axis=0).all()  # each foot swings
    low, high = made.interval(0.9)
    start = round((made.like.start - measured.start) * measured.rate)
    truth = measured["grf_normal_r"][start : start + len(low)]
    inside = (low["grf_normal_r"] <= truth) & (truth <= high["grf_normal_r"])
    assert inside.mean() > 0.7
