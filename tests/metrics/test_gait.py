"""Gait errors on signals with known answers."""

import numpy as np
import oracles
import pytest

from jaxdiff.body.gait import cadence_from_minima, normalise_strides, strikes_from_hip
from jaxdiff.errors import ConfigError, DataError
from jaxdiff.metrics import gait

RATE = 20.0
RNG = np.random.default_rng(0)


def walk(frequency=0.9, shift=0.0, offset=(0.0, 0.0, 0.0), seconds=30.0, amplitude=1.0):
    """Hip, knee and ankle of two sides half a stride apart, (T, 6)."""
    time = np.arange(int(seconds * RATE)) / RATE
    columns = []
    for side in (0.0, 0.5):
        phase = 2 * np.pi * (frequency * (time + shift) + side)
        shapes = (
            20 * np.cos(phase),
            30 - 25 * np.cos(phase + 1) + 8 * np.cos(2 * phase),
            10 * np.sin(phase),
        )
        columns += [amplitude * shape + o for shape, o in zip(shapes, offset)]
    return np.stack(columns, 1)


def cycles(x):
    return [gait.cycles_between(strikes_from_hip(x[:, column], RATE)) for column in (0, 3)]


def errors(real, generated):
    return gait.gait_errors(real, generated, cycles(real), cycles(generated))


def test_golden_cadence():
    g = oracles.under(oracles.arrays("metrics"), "cadence")
    for form in ("span", "window"):
        for minima, expected in zip(g["minima"], g[form]):
            sides = [
                cadence_from_minima(m[m >= 0], float(g["fs"]), float(g["duration"]), form)
                for m in minima
            ]
            np.testing.assert_allclose(np.mean(sides), expected, rtol=1e-9)


def test_the_same_gait_has_no_error_at_any_phase():
    real = walk()
    same = errors(real, real)
    assert same.mae.shape == (2, 3) and same.mae.max() == same.mae_per_cycle.max() == 0
    np.testing.assert_allclose(same.correlation, 1)
    shifted = errors(real, walk(shift=0.37))
    assert shifted.mae.max() < 1.5 and shifted.correlation.min() > 0.99
    slower = errors(real, walk(frequency=0.6))
    assert slower.mae.max() < 1.5 and slower.correlation.min() > 0.99


def test_an_offset_is_the_error_of_its_channel_in_both_forms():
    real = walk()
    found = errors(real, real + [2.0, 5.0, 0, 2.0, 5.0, 0])
    np.testing.assert_allclose(found.mae, [[2, 5, 0], [2, 5, 0]], atol=1e-9)
    np.testing.assert_allclose(found.mae_per_cycle, found.mae, atol=1e-9)
    np.testing.assert_allclose(found.correlation, 1)


def test_noise_averages_out_of_the_literal_form_only():
    real = walk()
    noisy = real.copy()
    noisy[:, [1, 4]] += RNG.normal(scale=3.0, size=(len(real), 2))
    found = errors(real, noisy)
    assert (found.mae[:, 1] < 0.5 * found.mae_per_cycle[:, 1]).all()
    assert (found.mae <= found.mae_per_cycle + 1e-9).all()


def test_matching_is_greedy_by_centre_and_length_and_uses_a_cycle_once():
    real = [(0, 20), (20, 40), (40, 60)]
    np.testing.assert_array_equal(gait.match_cycles(real, real), [[0, 0], [1, 1], [2, 2]])
    np.testing.assert_array_equal(gait.match_cycles(real, [(41, 61), (1, 21)]), [[0, 1], [1, 0]])
    # same centres, other lengths: the length decides
    np.testing.assert_array_equal(gait.match_cycles([(10, 30)], [(0, 40), (11, 29)]), [[0, 1]])


def test_curves_are_interpolated_to_the_cycle():
    ramp = np.arange(50.0)[:, None] * [1.0, -2.0]
    curves = gait.matched_curves(ramp, ramp, [(3.5, 13.5)], [(3.5, 13.5)])
    np.testing.assert_allclose(curves.real[0, :, 0], np.linspace(3.5, 13.5, 101))
    np.testing.assert_allclose(curves.generated[0, :, 1], -2 * np.linspace(3.5, 13.5, 101))


def test_a_side_without_cycles_is_counted_and_never_guessed():
    real = walk()
    flat = real.copy()
    flat[:, :3] = 0
    scores = gait.summary([errors(real, real), errors(real, flat)])
    assert scores["failed"] == 0.5 and scores["mae"] == 0
    assert (
        np.isnan(errors(real, flat).mae[0]).all() and not np.isnan(errors(real, flat).mae[1]).any()
    )


def test_summary_averages_joints_and_sides():
    real = walk()
    scores = gait.summary([errors(real, real + [1.0, 2, 3, 3, 4, 5])])
    np.testing.assert_allclose([scores["mae"], scores["mae/hip"], scores["mae/ankle"]], [3, 2, 4])
    np.testing.assert_allclose(scores["pearson"], 1)


def test_the_paretic_table_follows_the_side():
    values = np.zeros((4, 2, 3))
    values[[0, 1], 0], values[[2, 3], 1] = [4, 6, 8], [4, 6, 8]
    table = gait.by_side(values, [0, 0, 1, 1])
    assert (
        table["paretic/knee"] == table["paretic/overall"] == 6 and table["non_paretic/overall"] == 0
    )
    with pytest.raises(DataError, match="0 or 1"):
        gait.by_side(values, [0, 1, 2, 1])


def test_ranks_share_ties_and_skip_missing_subjects():
    nan = np.nan
    assert gait.rank([3.0, 1.0, 2.0], 1) == 1
    assert gait.rank([3.0, 1.0, 2.0], 0) == 3
    assert gait.rank([2.0, 1.0, 2.0, 2.0], 0) == 3  # ranks 2, 3, 4 shared
    assert gait.rank([2.0, nan, 3.0], 0) == 1
    assert np.isnan(gait.rank([2.0, nan, 3.0], 1))
    scores = gait.personalisation([[1, 2, 3], [1, 2, nan], [nan, 2, 3]], [0, 1, 0])
    assert scores == {"rank": 1.5, "worst_rank": 2.0, "first": 0.5, "available": 7 / 3}


def test_blind_gaits_rank_in_the_middle():
    scores = gait.personalisation(RNG.normal(size=(4000, 9)), RNG.integers(0, 9, 4000))
    np.testing.assert_allclose(scores["rank"], 5, atol=0.15)


def test_the_randomised_control_takes_another_subject_at_the_nearest_speed():
    subject, speed = np.repeat(np.arange(5), 3), np.tile([0.6, 0.9, 1.2], 5)
    partner = gait.other_subjects(subject, speed, seed=1)
    assert (subject[partner] != subject).all()
    np.testing.assert_array_equal(speed[partner], speed)
    np.testing.assert_array_equal(partner, gait.other_subjects(subject, speed, seed=1))
    with pytest.raises(DataError, match="second subject"):
        gait.other_subjects([0, 0], [1, 2])


def test_cadence_errors():
    scores = gait.cadence_errors([100.0, 120.0, 110.0], [105.0, 114.0, np.nan])
    np.testing.assert_allclose(
        [scores["cadence_mae"], scores["cadence_percent"], scores["failed"]], [5.5, 5, 1 / 3]
    )


def test_overlapping_and_fractional_cycles_agree_with_strides_between_events():
    x, events = walk(), np.array([3.2, 25.0, 47.9])
    curves = gait.normalise_cycles(x, gait.cycles_between(events))
    np.testing.assert_allclose(curves, normalise_strides(x, events))
    np.testing.assert_array_equal(
        gait.normalise_cycles(x, np.array([[3.2, 25.0], [3.2, 25.0]]))[1], curves[0]
    )
    with pytest.raises(DataError, match="within samples"):
        gait.normalise_cycles(x, np.array([[590.0, 600.0]]))


def test_unknown_form_is_named():
    with pytest.raises(ConfigError, match="mean"):
        gait.cycle_mae(gait.Curves(np.zeros((1, 5, 1)), np.zeros((1, 5, 1))), "meen")
