"""Baselines: closed forms, the leave-one-subject-out identity, and real data."""

import os
from pathlib import Path

import numpy as np
import pytest

from jaxdiff.baselines import (
    BASELINES,
    kernel_ridge,
    local_ridge,
    nearest_neighbours,
    ridge,
    training_mean,
)
from jaxdiff.baselines.ridge import fit_linear
from jaxdiff.errors import DataError
from jaxdiff.metrics.pointwise import explained

RNG = np.random.default_rng(0)
SUBJECTS = np.repeat(np.arange(6), 8)


def linear(count=48, noise=0.0):
    x = RNG.normal(size=(count, 5, 2))
    y = (x.reshape(count, -1) @ np.random.default_rng(1).normal(size=(10, 15)) + 3).reshape(
        count, 5, 3
    )
    return x, y + noise * RNG.normal(size=y.shape)


@pytest.mark.parametrize("name", BASELINES)
def test_every_baseline_keeps_shapes(name):
    x, y = linear()
    assert BASELINES[name](x, y, SUBJECTS)(x[:7]).shape == (7, 5, 3)
    assert BASELINES[name](x, y, SUBJECTS)(x[:0]).shape == (0, 5, 3)


def test_ridge_recovers_a_linear_map_and_falls_back_to_the_mean_on_noise():
    x, y = linear()
    new, wanted = linear()
    np.testing.assert_allclose(ridge(x, y, SUBJECTS)(new), wanted, atol=0.02)
    noise = RNG.normal(size=y.shape)
    predicted = ridge(x, noise, SUBJECTS)(new)
    assert np.square(predicted - noise.mean(0)).mean() < 0.05 * noise.var()


def test_the_strength_is_that_of_leaving_out_each_subject():
    """The closed form gives the very error that refitting without each subject gives, on the same
    scaled features.
    """
    x, y = linear(noise=4.0)
    scale = np.full(2, 1.7)
    targets, flat = y.reshape(48, -1), (x / scale).reshape(48, -1)
    unit = np.square(np.linalg.svd(flat - flat.mean(0), compute_uv=False)).mean()
    errors = []
    for strength in (0.01, 0.1, 1.0, 10.0):
        lam, total = strength * unit, 0.0
        for subject in np.unique(SUBJECTS):
            kept = subject != SUBJECTS
            centre = flat[kept].mean(0)
            a, b = flat[kept] - centre, targets[kept] - targets[kept].mean(0)
            w = np.linalg.solve(a.T @ a + lam * np.eye(10), a.T @ b)
            total += np.square(
                targets[~kept] - targets[kept].mean(0) - (flat[~kept] - centre) @ w
            ).sum()
        np.testing.assert_allclose(
            fit_linear(x, targets, SUBJECTS, scale, [strength]).error, total, rtol=1e-9
        )
        errors.append(total)
    chosen = fit_linear(x, targets, SUBJECTS, scale, (0.01, 0.1, 1.0, 10.0))
    np.testing.assert_allclose(chosen.error, min(errors), rtol=1e-9)


def test_ridge_accepts_more_features_than_trials():
    x = RNG.normal(size=(20, 300, 3))
    y = x[:, :50] * 2
    predict = ridge(x, y, np.repeat(np.arange(4), 5), [1e-8])
    np.testing.assert_allclose(predict(x), y, atol=1e-4)


def test_neighbours_and_mean():
    x, y = linear()
    np.testing.assert_allclose(training_mean(x, y, SUBJECTS)(x[:2])[1], y.mean(0))
    np.testing.assert_allclose(nearest_neighbours(x, y, SUBJECTS, k=1)(x), y)
    order = np.argsort(np.square((x - x[3]) / x.reshape(-1, 2).std(0)).sum((1, 2)))
    np.testing.assert_allclose(nearest_neighbours(x, y, SUBJECTS)(x[3:4])[0], y[order[:5]].mean(0))
    scaled = nearest_neighbours(x * [1, 1000], y, SUBJECTS)(x * [1, 1000])
    np.testing.assert_allclose(scaled, nearest_neighbours(x, y, SUBJECTS)(x))


def test_mistakes_are_named():
    x, y = linear()
    with pytest.raises(DataError, match="two or more"):
        ridge(x, y, np.zeros(48))
    with pytest.raises(DataError, match="as many"):
        training_mean(x, y[:5], SUBJECTS)
    with pytest.raises(DataError, match="NaN"):
        ridge(np.full_like(x, np.nan), y, SUBJECTS)


@pytest.fixture(scope="module")
def verheul():
    shared = Path(os.environ.get("JAXDIFF_SHARED") or Path(__file__).parents[2].parent / "shared")
    file = shared / "data" / "verheul2024.npz"
    if not file.exists():
        pytest.skip(f"the real data set is not here: {file} (set JAXDIFF_SHARED to its folder)")
    with np.load(file, allow_pickle=False) as data:
        return {key: data[key] for key in ("angles", "moments", "grf", "subject")}


@pytest.mark.parametrize(
    ("given", "wanted", "least", "most"),
    [("moments", "grf", 0.72, 0.86), ("grf", "moments", 0.61, 0.80), ("angles", "grf", 0.2, 0.45)],
)
def test_ridge_on_real_stances_of_held_out_subjects(verheul, given, wanted, least, most):
    """Share of the deviation from the training mean explained on subjects left out in turn."""
    x, y, subject = verheul[given], verheul[wanted], verheul["subject"]
    ours, mean, near = (np.zeros(y.shape) for _ in range(3))
    for person in np.unique(subject):
        train = subject != person
        for name, out in (("ridge", ours), ("training_mean", mean), ("nearest_neighbours", near)):
            out[~train] = BASELINES[name](x[train], y[train], subject[train])(x[~train])
    score = explained(ours, y, mean)
    assert least < score < most
    assert score > explained(near, y, mean)


def test_inputs_outside_the_training_range_give_bounded_predictions():
    """Force in swing is almost zero for all training subjects at some steps, and larger for a new
    one.
    """
    rng = np.random.default_rng(5)
    x, y, subjects = (
        rng.normal(size=(40, 10, 1)),
        rng.normal(size=(40, 3)),
        np.repeat(np.arange(4), 10),
    )
    x[:, 4:] *= 1e-7
    new = np.zeros((1, 10, 1))
    new[:, 4:] = 0.3
    assert np.abs(ridge(x, y, subjects)(new)).max() < 10 * np.abs(y).max()


def test_kernel_strength_is_that_of_leaving_out_each_subject():
    """Refitting without a subject at the chosen strength gives the closed form's error."""
    from jaxdiff.baselines.ridge import choose_strength

    x = RNG.normal(size=(24, 3))
    y = np.sin(2 * x) + 0.1 * RNG.normal(size=x.shape)
    subjects = np.repeat(np.arange(4), 6)
    kernel = np.exp(-np.square(x[:, None] - x).sum(-1) / 2)
    centring = np.eye(24) - 1 / 24
    values, u = np.linalg.eigh(centring @ kernel @ centring)
    values, u = values[1:], u[:, 1:]
    _, error = choose_strength(u, values, y - y.mean(0), subjects, [0.1])
    lam, total = 0.1 * values.mean(), 0.0
    for subject in range(4):
        kept = subjects != subject
        n = kept.sum()
        system = np.block(
            [
                [kernel[np.ix_(kept, kept)] + lam * np.eye(n), np.ones((n, 1))],
                [np.ones((1, n)), np.zeros((1, 1))],
            ]
        )
        solved = np.linalg.solve(system, np.concatenate([y[kept], np.zeros((1, 3))]))
        total += np.square(y[~kept] - kernel[np.ix_(~kept, kept)] @ solved[:-1] - solved[-1]).sum()
    np.testing.assert_allclose(error, total, rtol=1e-8)


def test_a_gaussian_kernel_learns_what_is_not_linear():
    x = RNG.uniform(-2, 2, size=(120, 2, 1))
    y = np.sin(3 * x[:, :1])
    subjects = np.repeat(np.arange(6), 20)
    new = RNG.uniform(-1.8, 1.8, size=(40, 2, 1))
    error = np.abs(kernel_ridge(x, y, subjects)(new) - np.sin(3 * new[:, :1])).mean()
    assert error < 0.05 < np.abs(ridge(x, y, subjects)(new) - np.sin(3 * new[:, :1])).mean()


def test_local_ridge_finds_a_delay_and_refuses_other_lengths():
    x = RNG.normal(size=(48, 50, 2))
    y = np.roll(x[..., :1], 1, axis=1)
    np.testing.assert_allclose(local_ridge(x, y, SUBJECTS)(x)[:, 2:], y[:, 2:], atol=1e-2)
    with pytest.raises(DataError, match="same length"):
        local_ridge(x, y[:, :10], SUBJECTS)
