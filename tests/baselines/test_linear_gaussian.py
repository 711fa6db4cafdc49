"""The linear-Gaussian law: exact where the data are of its kind, and honest about people it has not
seen.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdiff.baselines import linear_gaussian as lg
from jaxdiff.diffusion import schedules
from jaxdiff.errors import DataError

RNG = np.random.default_rng(0)
LENGTH, SUBJECTS = 12, 24
MIX = RNG.normal(size=(4, LENGTH, 3))
TO = RNG.normal(size=(4, LENGTH, 2))


def people(each, offset, seed=0):
    """Windows whose latent is shared by both signals; every subject moves the second one by an
    offset of their own.
    """
    rng = np.random.default_rng(seed)
    subject = np.repeat(np.arange(SUBJECTS), each)
    latent = rng.normal(size=(len(subject), 4))
    direction = np.random.default_rng(9).normal(size=(LENGTH, 2))
    shift = offset * rng.normal(size=SUBJECTS)[subject, None, None] * direction
    y = np.tensordot(latent, MIX, 1) + 0.01 * rng.normal(size=(len(subject), LENGTH, 3))
    x = np.tensordot(latent, TO, 1) + shift + 0.01 * rng.normal(size=(len(subject), LENGTH, 2))
    return x, y, subject


def test_a_linear_relation_is_found_exactly():
    x, y, subject = people(14, 0.0)
    law = lg.fit(x, y, subject, SUBJECTS, 8)
    guessed = jax.vmap(lg.guess, (None, 0))(law, jnp.asarray(y, jnp.float32))
    assert np.square(np.asarray(guessed) - x).mean() < 1e-3 < 1.0 < x.var()


def test_the_error_it_states_is_that_on_people_it_has_not_seen():
    x, y, subject = people(14, 0.5)
    law = lg.fit(x, y, subject, SUBJECTS, 8)
    other_x, other_y, _ = people(14, 0.5, seed=1)
    error = (
        np.asarray(jax.vmap(lg.guess, (None, 0))(law, jnp.asarray(other_y, jnp.float32))) - other_x
    )
    stated = law["variance"].sum() + law["rest"] * (error[0].size - 8)
    assert 0.6 < stated / np.square(error).sum((1, 2)).mean() < 1.6


def test_noise_on_the_condition_shrinks_as_ridge_regression_does():
    """Least squares on many noisy copies is the law's map, which without noise overfits."""
    x, y, subject = people(2, 0.0)
    x = x + 0.5 * np.random.default_rng(2).normal(size=x.shape)
    law = lg.fit(x, y, subject, SUBJECTS, 24)
    noise = lg.condition_noise(x, y, subject, SUBJECTS, 24)
    np.testing.assert_allclose(noise, law["condition_noise"], rtol=1e-6)
    assert noise.shape == (3,) and np.all(noise > 0)
    new = people(20, 0.0, seed=1)[1]
    wanted = np.asarray(jax.vmap(lg.guess, (None, 0))(law, jnp.asarray(new, jnp.float32)))

    def away(deviation):
        """From the law's predictions, in units of their deviation."""
        rng = np.random.default_rng(3)
        copies = np.concatenate([y + deviation * rng.normal(size=y.shape) for _ in range(200)])
        flat, targets = copies.reshape(len(copies), -1), np.concatenate([x] * 200)
        centred = (targets - x.mean(0)).reshape(len(targets), -1)
        weights = np.linalg.lstsq(flat - flat.mean(0), centred, rcond=None)[0]
        guess = x.mean(0) + ((new.reshape(len(new), -1) - flat.mean(0)) @ weights).reshape(
            wanted.shape
        )
        return float((guess - wanted).std() / wanted.std())

    assert away(noise) < 0.1 < 0.5 * away(0.0)


def test_features_of_a_noisy_signal_have_variance_one_where_the_noise_is_expected():
    """The noise that is right for regression may exceed the signal in most directions."""
    _, y, _ = people(14, 0.0)
    noise = np.array([0.2, 0.5, 2.0])
    noisy = y + noise * np.random.default_rng(1).normal(size=y.shape)

    def variances(features, signals):
        return np.tensordot(signals - y.mean(0), features, ((1, 2), (1, 2))).var(0)

    expected = lg.features(y, noise, 20)
    np.testing.assert_allclose(variances(expected, noisy), 1.0, atol=0.25)
    assert np.all(variances(expected, y) < 1.001)
    assert variances(lg.features(y, count=20), noisy).max() > 100
    np.testing.assert_allclose(lg.features(y, 0 * noise), lg.features(y))


def test_the_map_without_a_subject_is_the_map_fitted_without_them():
    """To the last detail: not even the mean it is centred on may know who was left out."""
    x, y, subject = people(14, 3.0)
    law = lg.fit(x, y, subject, SUBJECTS, 20)
    kept = subject != 2
    without = lg.fit(x[kept], y[kept], subject[kept], SUBJECTS, 20)
    mine = jnp.asarray(y[~kept], jnp.float32)
    a = jax.vmap(lg.guess, (None, 0, None))(law, mine, 2)
    b = jax.vmap(lg.guess, (None, 0))(without, mine)
    np.testing.assert_allclose(a, b, atol=0.03)
    whole = jax.vmap(lg.guess, (None, 0))(law, mine)
    assert np.abs(np.asarray(a) - np.asarray(whole)).max() > 0.1


def test_predictions_of_all_windows_leave_out_their_subjects_and_need_no_map_afterwards():
    x, y, subject = people(3, 3.0)
    law, y = lg.fit(x, y, subject, SUBJECTS, 8), y.astype(np.float32)
    every = lg.guesses(law, y, subject, chunk=50)
    own = subject == 2
    one = jax.vmap(lg.guess, (None, 0, None))(law, y[own], 2)
    np.testing.assert_allclose(every[own], one, atol=1e-4)
    schedule, x_t = schedules.linear(1000), RNG.normal(size=x[0].shape).astype(np.float32)
    a, b = (
        lg.denoise(each, schedule, x_t, 400, every[0], x_t) for each in (law, lg.without_map(law))
    )
    np.testing.assert_array_equal(a, b)


def test_the_denoiser_is_the_posterior_mean_of_the_law():
    x, y, subject = people(14, 0.5)
    law = lg.fit(x, y, subject, SUBJECTS, 6)
    schedule, t, m = schedules.linear(1000), 400, lg.guess(law, jnp.asarray(y[0], jnp.float32))
    alpha, sigma = (np.asarray(v, np.float64) for v in schedules.at(schedule, t))
    u = np.asarray(law["basis"], np.float64).reshape(6, -1)
    cov = u.T * law["variance"] @ u + law["rest"] * (np.eye(u.shape[1]) - u.T @ u)
    x_t = RNG.normal(size=m.shape)
    gain = alpha * cov @ np.linalg.inv(alpha**2 * cov + sigma**2 * np.eye(len(cov)))
    want = np.asarray(m).ravel() + gain @ (x_t - alpha * np.asarray(m)).ravel()
    got = lg.denoise(law, schedule, jnp.asarray(x_t, jnp.float32), t, m, jnp.zeros_like(m))
    np.testing.assert_allclose(np.ravel(got), want, atol=2e-4)


def test_output_counts_in_deviations_of_the_posterior():
    x, y, subject = people(14, 0.5)
    law = lg.fit(x, y, subject, SUBJECTS, 6)
    schedule, m = schedules.linear(1000), jnp.zeros((LENGTH, 2))
    step = law["basis"][-1]

    def moved(t):
        at_rest, pushed = (
            lg.denoise(law, schedule, m, t, m, output) for output in (m, jnp.asarray(step))
        )
        return float(jnp.linalg.norm(pushed - at_rest))

    np.testing.assert_allclose(moved(999), np.sqrt(law["variance"][-1]), rtol=1e-2)
    assert moved(0) < 0.02


def test_one_subject_is_too_few():
    x, y, _ = people(4, 0.0)
    with pytest.raises(DataError, match="two training subjects"):
        lg.fit(x, y, np.zeros(len(x), int), 1)


def test_the_conditional_variance_is_the_error_of_the_denoiser():
    """Data drawn from the law, noised and denoised, err by the predicted amount."""
    x, y, subject = people(14, 0.5)
    law, schedule, t = lg.fit(x, y, subject, SUBJECTS, 6), schedules.linear(1000), 300
    m, size = np.zeros(x[0].shape, np.float32), x[0].size
    u = law["basis"].reshape(6, -1)
    white = RNG.normal(size=(3000, size))
    drawn = (
        np.sqrt(law["rest"]) * (white - white @ u.T @ u)
        + (white @ u.T * np.sqrt(law["variance"])) @ u
    )
    drawn = jnp.asarray(drawn.reshape(-1, *x[0].shape), jnp.float32)
    alpha, sigma = schedules.at(schedule, t)
    x_t = alpha * drawn + sigma * jax.random.normal(jax.random.key(0), drawn.shape)
    back = jax.vmap(lambda v: lg.denoise(law, schedule, v, t, m, m))(x_t)
    np.testing.assert_allclose(
        jnp.square(back - drawn).mean(), lg.left_open(law, schedule, t), rtol=0.05
    )
