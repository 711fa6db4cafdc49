"""Judging generated gait: the truth is perfect and ranks first, another person's does not."""

import numpy as np
import pytest
from studies.speed_transfer.walkers import RATE, angles, cohort

from jaxdiff.errors import DataError
from jaxdiff.studies.speed_transfer import evaluation as ev
from jaxdiff.studies.speed_transfer import figures, tables

GAITS = cohort(5, speeds=(0.6, 1.0, 1.4), paretic="left")
SUBJECTS = np.unique(GAITS.subject).tolist()
TASK = ev.task(GAITS, SUBJECTS)
TRUTH = GAITS.values[TASK.target]
PERFECT = ev.judge(TASK, TRUTH, ranked=True)


def test_a_task_is_every_pair_within_a_person():
    assert len(TASK) == 5 * 9
    assert (GAITS.subject[TASK.source] == GAITS.subject[TASK.target]).all()
    some = ev.task(GAITS, SUBJECTS[:2], (0.6, 1.4), (1.0,))
    assert len(some) == 4 and set(some.target_speed) == {1.0}
    with pytest.raises(DataError, match="no pairs"):
        ev.task(GAITS, SUBJECTS, (2.5,))


def test_the_truth_has_no_error_and_ranks_first():
    scores = ev.scores(PERFECT)
    for name in (
        "mae",
        "mae_across",
        "mae_per_cycle",
        "cadence_mae",
        "cadence_mae_in_window",
        "failed",
    ):
        assert scores[name] == 0
    assert scores["rank"] == 1 and scores["available"] == 5
    np.testing.assert_allclose(scores["r"], 1)


def test_an_offset_is_the_error_in_its_joint_and_on_its_side():
    moved = TRUTH + np.array([0, 0, 0, 0, 3.0, 0])
    errors = ev.judge(TASK, moved).mae
    np.testing.assert_allclose(errors[:, 1, 1], 3, atol=1e-5)
    np.testing.assert_allclose(np.delete(errors.reshape(-1, 6), 4, axis=1), 0, atol=1e-5)


def test_another_persons_gait_does_not_rank_first():
    nearest = [TASK.rivals(t)[1] for t in TASK.target]
    scores = ev.scores(ev.judge(TASK, GAITS.values[nearest], ranked=True))
    assert scores["rank"] >= 2


def test_copying_is_free_at_the_same_speed_and_costs_across_speeds():
    scores = ev.scores(ev.judge(TASK, GAITS.values[TASK.source]))
    assert scores["mae_identity"] == 0
    np.testing.assert_allclose(scores["mae"], scores["mae_across"] * 6 / 9, rtol=1e-6)
    shape = [angles(v, np.arange(101) / 100) for v in (0.6, 1.0)]
    assert (
        abs(scores["mae_across"] - np.abs(shape[1] - shape[0]).mean() * (0.4 + 0.8 + 0.4) / 1.2)
        < 0.5
    )


def test_what_does_not_walk_fails_and_says_so():
    flat = np.zeros_like(TRUTH)
    scores = ev.scores(ev.judge(TASK, flat))
    assert scores["failed"] == 1 and np.isnan(scores["mae"])


def test_cells_are_means_over_subjects():
    wrong = TRUTH.copy()
    wrong[GAITS.subject[TASK.source] == "P0"] += 5.0
    found = ev.cells(ev.judge(TASK, wrong))["mae"]
    np.testing.assert_allclose((found.mean, found.n), (1.0, 5), atol=1e-5)


@pytest.mark.parametrize("kind", ["others", "paper"])
def test_normalisers_of_another_cohort(kind):
    """`others`: no statistics of a subject's own; `paper`: one set for all."""
    found = ev.normalisers(GAITS, kind, count=4)
    assert found is not None and found.shape == (15, 2, 6)
    assert (len(np.unique(found.round(5), axis=0)) == 1) == (kind == "paper")
    own = GAITS.subject == "P2"
    values = GAITS.values[~own]
    if kind == "others":
        np.testing.assert_allclose(found[own][0, 0], values.mean((0, 1)), rtol=1e-4)
    assert ev.normalisers(GAITS, "training") is None


def test_the_paretic_side_is_told_from_the_other():
    worse = TRUTH + np.array([0, 0, 0, 2.0, 2.0, 2.0])  # the left is paretic
    table = tables.sides({"ours": ev.judge(TASK, worse)})
    (row,) = [row.cells for row in table.rows if row.label == "ours: mae"]
    np.testing.assert_allclose(row["overall paretic"].mean, 2, atol=1e-4)
    np.testing.assert_allclose(row["overall non-paretic"].mean, 0, atol=1e-4)


def test_the_cadence_of_stroke_survivors_is_judged_at_the_papers_speeds():
    """Wrong at 1.4 m/s only, which is beyond 0.5 to 1.2 m/s."""
    wrong = PERFECT._replace(cadence=PERFECT.cadence + 30 * (PERFECT.target_speed > 1.3))
    assert ev.scores(wrong)["cadence_mae"] == 0
    able = wrong._replace(paretic=np.full(len(wrong.paretic), ""))
    np.testing.assert_allclose(ev.scores(able)["cadence_mae"], 10)


def test_ranks_of_stroke_survivors_are_of_the_protocols_speeds():
    """Table III leaves self-selected speeds out, and those of the able-bodied in."""
    speed = np.where(PERFECT.source_speed == 0.6, 0.6, 0.77)
    own = PERFECT._replace(source_speed=speed, target_speed=np.full(len(speed), 0.6))
    kept = tables.base_speeds(own)
    assert set(kept.source_speed) == {0.6} and len(kept.rank) == (speed == 0.6).sum()
    able = own._replace(paretic=np.full(len(speed), ""))
    assert len(tables.base_speeds(able).rank) == len(speed)


def test_a_confidence_band_holds_the_line_as_often_as_it_says():
    rng, x = np.random.default_rng(0), np.linspace(0.5, 1.5, 8)
    truth, held = 60 + 40 * x, []
    for _ in range(600):
        line, half = figures.regression_band(x, truth + rng.normal(size=len(x)))
        held.append(np.abs(line - truth) <= half)
    np.testing.assert_allclose(np.mean(held), 0.95, atol=0.02)


def test_predictors_are_compared_over_people():
    near, far = (ev.judge(TASK, TRUTH + np.float32(away)) for away in (1.0, 3.0))
    table = tables.overall({"able": {"linear": far, "diffusion": near}})
    cells = {row.label: row.cells for row in table.rows}
    least = 0.0625  # the least p that five people allow
    assert cells["able-bodied: diffusion"]["p, linear"].mean == least
    assert "p, linear" not in cells["able-bodied: linear"]
    assert "p, hierarchical" not in table.columns and "between seeds" not in table.columns


def test_scores_of_several_seeds_are_means_over_them():
    both, values = TASK.repeated(2), np.concatenate([TRUTH, TRUTH + np.float32(4.0)])
    results = ev.judge(both, values)
    assert results.seed.tolist() == [0] * len(TASK) + [1] * len(TASK)
    np.testing.assert_allclose(results.where(results.seed == 1).error, 4.0, atol=1e-4)
    table = tables.overall({"able": {"diffusion": results, "hierarchical model": PERFECT}})
    row = {each.label: each.cells for each in table.rows}["able-bodied: diffusion"]
    np.testing.assert_allclose((row["MAE"].mean, row["MAE"].n), (2.0, 5), atol=1e-4)
    np.testing.assert_allclose(row["between seeds"].mean, 4 / np.sqrt(2), rtol=1e-4)
    assert row["p, hierarchical"].mean == 0.0625


def test_cycles_are_found_at_both_hips():
    right, left = ev.cycles(GAITS.values[0], RATE)
    assert abs(len(right) - len(left)) <= 1 and len(right) > 10
