"""The Gaussian law of a stride: what it must be for any data, and that it is exact for Gaussian
data.
"""

from dataclasses import replace

import numpy as np
import pytest

from jaxdiff.errors import DataError
from jaxdiff.methods.gait_discrepancy import Discrepancy
from jaxdiff.methods.gait_fit import fit_law
from jaxdiff.methods.gait_law import from_params
from jaxdiff.studies.gait.strides import Bank, Conditioned, Strides, recorded
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


DEVIATING = {"angles": Discrepancy(0.4, 0.1), "moments": Discrepancy(0.2, 0.1)}


@pytest.fixture(scope="module")
def recording_law(strides):
    return replace(law_of(strides), discrepancy=DEVIATING)


def law_of(strides):
    return fit_law(strides.values, toys.layout(), floor=0.05, shrinkage=1e-5)


@pytest.mark.parametrize("gap", [0, 4])
def test_posterior_of_recordings_is_that_of_gaussian_conditioning(recording_law, strides, gap):
    law, given = recording_law, masks(angles=[0, 2])
    given["angles"][:gap, 2] = False
    rows = law.condition(given).condition({n: v[:5] for n, v in strides.values.items()})
    part = law.layout[0]
    keep = given["angles"].ravel()
    w = law.basis["angles"].reshape(-1, part.components)[keep].astype(float)
    d = law.directions["angles"]
    joint = np.einsum("tcr,sdr->tcsd", d, d) * np.eye(3)[None, :, None, :]
    noise = joint.reshape(keep.size, keep.size) + np.diag(np.square(law.noise["angles"].ravel()))
    prior = np.linalg.inv(law.precision)
    map_ = np.zeros((keep.sum(), len(prior)))
    map_[:, law.slices["angles"]] = w
    gain = prior @ map_.T @ np.linalg.inv(map_ @ prior @ map_.T + noise[np.ix_(keep, keep)])
    seen = law.standardise("angles", strides.values["angles"][:5]).reshape(5, -1)[:, keep]
    np.testing.assert_allclose(rows["mean"], seen @ gain.T, atol=1e-4)


def test_doubt_enlarges_the_discrepancy_of_given_channels_alone(recording_law, strides):
    channels = recording_law.layout[0].channels
    doubted = replace(recording_law, doubt=dict.fromkeys(channels, 3.0))
    wide = {
        name: Discrepancy(3 * size.share, 3 * size.gain)
        for name, size in recording_law.discrepancy.items()
    }
    given, values = masks(angles=[0, 2]), {n: v[:5] for n, v in strides.values.items()}
    expected = replace(recording_law, discrepancy=wide).condition(given).condition(values)
    found = doubted.condition(given).condition(values)
    for name, rows in expected.items():
        np.testing.assert_allclose(found[name], rows, atol=1e-5)
    np.testing.assert_array_equal(
        doubted.directions["angles"], recording_law.directions["angles"]
    )  # what is drawn and generated deviates as before


def test_the_law_that_expects_deviations_is_not_overconfident_about_recordings(
    recording_law, strides
):
    fresh = toys.gaussian(np.random.default_rng(8), 3000)
    seen, truth = recorded(fresh, recording_law).values, recording_law.project(fresh.values)
    errors, spreads = [], []
    for law in (law_of(strides), recording_law):
        posterior = law.condition(masks(angles=[0, 1, 2]))
        mean = posterior.condition(seen)["mean"]
        errors.append(np.square(mean - truth).mean())
        spreads.append(np.square(posterior.whiten(truth, mean)).mean())
    assert errors[1] < errors[0]
    assert spreads[0] > 3 and spreads[1] == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("doubt", [1.0, 5.0])
def test_training_batches_are_whitened_under_the_law_of_recordings(recording_law, doubt):
    law = replace(recording_law, doubt={recording_law.layout[0].channels[0]: doubt})
    fresh = toys.gaussian(np.random.default_rng(4), 6000)
    given = masks(angles=[0, 1])
    given["angles"][5:, 1] = False
    source = Conditioned(fresh, law, Bank(law, [given]))
    batch = source(np.arange(6000), np.random.default_rng(5).random((6000, 4)))
    covariance = np.cov(batch["target"][:, law.slices["moments"]].T)
    np.testing.assert_allclose(covariance, np.eye(len(covariance)), atol=0.12)


def test_batches_of_a_law_without_discrepancy_are_its_posterior(strides):
    law, given = law_of(strides), masks(angles=[0, 1])
    given["angles"][3:, 1] = False
    source = Conditioned(strides[np.arange(8)], law, Bank(law, [given]))
    batch = source(np.arange(8), np.full((8, 4), 0.5))
    rows = law.condition(given).condition({n: v[:8] for n, v in strides.values.items()})
    for name in ("mean", "alone", "deviation", "given"):
        np.testing.assert_allclose(batch[name], rows[name], atol=2e-2)  # float16 inside


def test_recorded_strides_deviate_by_the_stated_share(recording_law):
    fresh = toys.gaussian(np.random.default_rng(6), 4000)
    moved = recorded(fresh, recording_law).values["angles"] - fresh.values["angles"]
    ratio = np.square(moved).mean() / fresh.values["angles"].var(0).mean()
    assert ratio == pytest.approx(0.16, rel=0.1)
    same = Strides(fresh.values, np.zeros(4000, int), fresh.channels, fresh.units)
    moved = recorded(same, recording_law).values["moments"] - same.values["moments"]
    np.testing.assert_allclose(moved, moved[:1].repeat(4000, 0), atol=1e-5)  # one per person


def test_missing_values_are_refused():
    strides = toys.gaussian(np.random.default_rng(0), 20)
    strides.values["angles"][3, 2, 1] = np.nan
    with pytest.raises(DataError, match="finite strides"):
        fit_law(strides.values, toys.layout())
