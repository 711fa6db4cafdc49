import json

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdiff.data import normalise
from jaxdiff.data.trials import gather
from jaxdiff.errors import ConfigError, DataError


@pytest.fixture
def values():
    rng = np.random.default_rng(0)
    return (rng.normal(size=(500, 4)) * [1, 50, 1e-3, 7] + [0, -20, 5, 100]).astype(np.float32)


def fitted(values, kind, **settings):
    names = tuple(f"c{i}" for i in range(values.shape[1]))
    return normalise.fit_values(values, names, ("deg",) * len(names), kind, **settings)


@pytest.mark.parametrize(("low", "high"), [(-1.0, 1.0), (0.0, 1.0)])
def test_minmax_reaches_exactly_from_low_to_high(values, low, high):
    normalised = fitted(values, "minmax", low=low, high=high)(values)
    np.testing.assert_allclose(normalised.min(axis=0), low, atol=1e-6)
    np.testing.assert_allclose(normalised.max(axis=0), high, atol=1e-6)


def test_zscores_have_mean_zero_and_deviation_one(values):
    normalised = fitted(values, "zscore")(values)
    np.testing.assert_allclose(normalised.mean(axis=0), 0, atol=2e-3)
    np.testing.assert_allclose(normalised.std(axis=0), 1, rtol=1e-4)


@given(seed=st.integers(0, 1000), kind=st.sampled_from(normalise.KINDS), size=st.floats(1e-3, 1e4))
def test_normalising_and_back_is_the_identity(seed, kind, size):
    values = (np.random.default_rng(seed).normal(size=(40, 3)) * size).astype(np.float32)
    normaliser = fitted(values, kind)
    np.testing.assert_allclose(
        normaliser.inverse(normaliser(values)), values, atol=2e-6 * np.abs(values).max()
    )
    np.testing.assert_allclose(
        normaliser.inverse(normaliser(jnp.asarray(values))),
        values,
        atol=2e-6 * np.abs(values).max(),
    )


@pytest.mark.parametrize("kind", normalise.KINDS)
def test_a_constant_channel_becomes_zero_and_comes_back(values, kind):
    values[:, 2] = 0.1
    normaliser = fitted(values, kind)
    np.testing.assert_allclose(normaliser(values)[:, 2], 0, atol=1e-6)
    np.testing.assert_allclose(normaliser.inverse(normaliser(values))[:, 2], 0.1, rtol=1e-6)
    assert np.isfinite(normaliser(values + 1)).all()


@pytest.mark.parametrize("kind", normalise.KINDS)
def test_json_keeps_every_bit(values, kind):
    normaliser = fitted(values, kind)
    again = normalise.from_state(json.loads(json.dumps(normaliser.state())))
    np.testing.assert_array_equal(again.offset, normaliser.offset)
    np.testing.assert_array_equal(again.scale, normaliser.scale)
    assert again.scale.dtype == np.float32
    assert (again.kind, again.channels, again.units) == (
        normaliser.kind,
        normaliser.channels,
        normaliser.units,
    )


def test_gaps_are_ignored_but_an_empty_channel_is_an_error(values):
    holes = values.copy()
    holes[::7, 1] = np.nan
    whole = fitted(np.delete(values, np.s_[::7], axis=0), "zscore")
    np.testing.assert_allclose(fitted(holes, "zscore").scale[1], whole.scale[1], rtol=1e-6)
    holes[:, 1] = np.nan
    with pytest.raises(DataError, match="c1"):
        fitted(holes, "minmax")


def test_groups_share_their_mean_deviation_and_emphasis_divides_it(values):
    single, grouped = (
        fitted(values, "zscore"),
        fitted(values, "zscore", groups=[slice(0, 1), slice(1, 4)]),
    )
    np.testing.assert_allclose(grouped.scale[1:], single.scale[1:].mean(), rtol=1e-6)
    np.testing.assert_allclose(grouped.scale[0], single.scale[0], rtol=1e-6)
    loud = grouped.emphasised([slice(0, 1), 3], 5.0)
    np.testing.assert_allclose(grouped.scale / loud.scale, [5, 1, 1, 5], rtol=1e-6)
    np.testing.assert_allclose(loud.inverse(loud(values)), values, rtol=1e-5, atol=1e-4)


def test_motion_features_are_scaled_by_group_and_the_root_is_louder(make_examples):
    rng = np.random.default_rng(1)
    motion = rng.normal(size=(60, 263)).astype(np.float32) * np.linspace(
        0.1, 3, 263, dtype=np.float32
    )
    example = make_examples(subjects=1, tasks=1, strides=6, sides=("both",))[0]
    example |= {"signals": {"motion": motion}, "channels": {"motion": list(map(str, range(263)))}}
    example |= {"units": {"motion": ["1"] * 263}}
    normaliser = normalise.fit_motion(gather([example]))
    deviation = motion.std(axis=0)
    for group, bias in (
        ((0, 1), 5),
        ((1, 3), 5),
        ((3, 4), 5),
        ((4, 67), 1),
        ((67, 193), 1),
        ((193, 259), 1),
        ((259, 263), 5),
    ):
        expected = deviation[slice(*group)].mean() / bias
        np.testing.assert_allclose(normaliser.scale[slice(*group)], expected, rtol=1e-5)


def test_only_the_trials_given_are_fitted_to(trials):
    train = trials.where(subject=["S00", "S01"])
    normalisers = normalise.fit(train, "minmax")
    inside = normalisers["angles"](train.frames("angles"))
    assert inside.min() >= -1 - 1e-6 and inside.max() <= 1 + 1e-6
    assert normalisers["angles"](trials.frames("angles")).max() > 1.5


def test_applied_to_trials_the_units_are_gone_and_the_rest_stays(trials):
    normalisers = normalise.fit(trials, "zscore", ["angles"])
    normalised = normalise.apply(normalisers, trials)
    assert normalised.units == {"angles": ("1", "1"), "grf": ("BW",)}
    assert normalised.signals["grf"] is trials.signals["grf"]
    assert normalised.signals["angles"].dtype == np.float32
    with pytest.raises(DataError, match="angles"):
        normalise.apply(normalisers, normalised)


def test_an_unknown_kind_is_named(values):
    with pytest.raises(ConfigError, match="minmax"):
        fitted(values, "min-max")
