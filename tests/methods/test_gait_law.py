"""The Gaussian law of a stride: what it must be for any data, and that it is exact for Gaussian data."""

import numpy as np
import pytest

from jaxdiff.errors import DataError
from jaxdiff.methods.gait_law import fit_law, from_params
from tests.studies.gait import toys


def masks(**given):
    found = {}
    for part in toys.layout():
        mask = np.zeros((part.steps, len(part.channels)), bool)
        mask[:, given.get(part.name, [])] = True
        found[part.name] = mask
    return found


@pytest.fixture(scope="module")
def strides():
    return toys.gaussian(np.random.default_rng(1), 4000)


@pytest.fixture(scope="module")
def law(strides):
    return fit_law(strides.values, toys.layout(), floor=0.002, shrinkage=1e-5)


def test_nothing_given_returns_the_prior(law):
    posterior = law.condition({})
    covariance = posterior.root @ posterior.root
    prior = law.factor @ law.factor.T + law.shrinkage * np.eye(len(law.factor))
    np.testing.assert_allclose(covariance, prior, atol=2e-3)


def test_posterior_is_that_of_gaussian_conditioning(law, strides):
    given = masks(angles=[0, 2])
    posterior = law.condition(given)
    x = {n: v[:5] for n, v in strides.values.items()}
    rows = posterior.condition(x)
    # the same by conditioning the joint Gaussian of data and coefficients
    part = law.layout[0]
    keep = given["angles"].ravel()
    w = law.basis["angles"].reshape(-1, part.components)[keep].astype(float)
    prior = np.linalg.inv(law.precision)
    map_ = np.zeros((keep.sum(), len(prior)))
    map_[:, law.slices["angles"]] = w
    noise = np.diag(np.square(law.noise["angles"].ravel()[keep]))
    gain = prior @ map_.T @ np.linalg.inv(map_ @ prior @ map_.T + noise)
    seen = law.standardise("angles", x["angles"]).reshape(5, -1)[:, keep]
    np.testing.assert_allclose(rows["mean"], seen @ gain.T, atol=1e-4)
    covariance = prior - gain @ map_ @ prior
    np.testing.assert_allclose(posterior.root @ posterior.root, covariance, atol=1e-5)


def test_whitened_coefficients_are_standard_normal(law):
    fresh = toys.gaussian(np.random.default_rng(2), 4000)
    posterior = law.condition(masks(angles=[0, 1, 2]))
    u = posterior.whiten(law.project(fresh.values), posterior.condition(fresh.values)["mean"])
    moments = u[:, law.slices["moments"]]
    np.testing.assert_allclose(np.cov(moments.T), np.eye(moments.shape[1]), atol=0.12)


def test_whitening_inverts(law, strides):
    posterior = law.condition(masks(moments=[0]))
    a = law.project(strides.values)[:7]
    mean = posterior.condition({n: v[:7] for n, v in strides.values.items()})["mean"]
    np.testing.assert_allclose(posterior.unwhiten(posterior.whiten(a, mean), mean), a, atol=1e-5)


def test_more_given_never_widens(law):
    one = law.condition(masks(angles=[0])).deviation
    two = law.condition(masks(angles=[0], moments=[1])).deviation
    assert (two <= one + 1e-9).all()


def test_the_order_of_modalities_is_irrelevant(law, strides):
    turned = law.permuted(["scalars", "moments", "angles"])
    given = masks(angles=[0], scalars=[1])
    few = {n: v[:4] for n, v in strides.values.items()}
    one, two = (each.condition(given).condition(few) for each in (law, turned))
    for name, place in law.slices.items():
        for key in ("mean", "alone", "deviation"):
            other = two[key][:, turned.slices[name]]
            np.testing.assert_allclose(one[key][:, place], other, atol=1e-5)


def test_disconnected_modalities_do_not_inform_each_other():
    strides = toys.gaussian(np.random.default_rng(3), 20_000, blocks=True)
    law = fit_law(strides.values, toys.layout(), shrinkage=1e-3)
    few = {n: v[:50] for n, v in strides.values.items()}
    given = masks(angles=[0, 1, 2])
    without = law.condition(masks()).condition(few)["mean"][:, law.slices["moments"]]
    found = law.condition(given).condition(few)["mean"][:, law.slices["moments"]]
    assert np.abs(found - without).max() < 0.15  # sampling error of 20 000 strides, in deviations


def test_parameters_survive_float16(law, strides):
    halves = {
        name: {key: value.astype(np.float16) for key, value in part.items()}
        for name, part in law.to_params().items()
    }
    again = from_params(halves, law.layout, law.shrinkage)
    given = masks(angles=[0, 1, 2])
    few = {n: v[:20] for n, v in strides.values.items()}
    one, two = (each.condition(given).condition(few)["mean"] for each in (law, again))
    assert np.abs(one - two).max() < 0.05


def test_missing_values_are_refused():
    strides = toys.gaussian(np.random.default_rng(0), 20)
    strides.values["angles"][3, 2, 1] = np.nan
    with pytest.raises(DataError, match="finite strides"):
        fit_law(strides.values, toys.layout())
