"""The hierarchical linear model: what it recovers, how it predicts, what it takes from a prior."""

import numpy as np
import pytest

from jaxdiff.errors import DataError
from jaxdiff.studies.speed_transfer import hierarchy, priors
from jaxdiff.studies.speed_transfer.stored import packed, unpacked
from jaxdiff.studies.speed_transfer.strides import Gait

SPEEDS = (0.5, 0.8, 1.1, 1.4, 1.7)
SIZE = 4


def population(count, seed, speeds=SPEEDS, shift=0.0, noise=0.2, first=0):
    """People whose responses to speed are drawn from one law, and the law's parameters."""
    rng = np.random.default_rng(99)
    mean = rng.normal(size=(3, SIZE)) * 3
    mix = rng.normal(size=(3 * SIZE, 3 * SIZE)) * np.repeat([2.0, 1.0, 0.3], SIZE)[:, None]
    rng = np.random.default_rng(seed)
    found = []
    for person in range(count):
        beta = mean + shift + (mix @ rng.normal(size=3 * SIZE)).reshape(3, SIZE) / 3
        for v in speeds:
            z = hierarchy.powers(v) @ beta + noise * rng.normal(size=SIZE)
            found.append(Gait(v, z, np.zeros((0, SIZE)), f"P{first + person}", count=20))
    return found, mean, mix @ mix.T / 9


def error(law, gaits, sources=1):
    found = []
    for person in hierarchy.group(gaits):
        for target in person:
            others = [g for g in person if g is not target][:sources]
            mean, cov = law.predict(others, target.speed)
            found.append(((target.mean - mean) ** 2, np.diag(cov)))
    squares, variances = np.array(found).transpose(1, 0, 2)
    return np.sqrt(squares.mean()), (squares / variances).mean()


def test_fit_recovers_the_law():
    gaits, mean, person = population(400, 0)
    law = hierarchy.fit(gaits)
    np.testing.assert_allclose(law.mean, mean, atol=0.6)
    found = law.person.reshape(3 * SIZE, -1)
    assert np.linalg.norm(found - person) < 0.25 * np.linalg.norm(person)
    np.testing.assert_allclose(np.diag(law.recording), 0.04, rtol=0.3)


def test_prediction_is_as_uncertain_as_it_is_wrong():
    law = hierarchy.fit(population(300, 0)[0])
    wrong, ratio = error(law, population(100, 1, first=1000)[0])
    assert 0.8 < ratio < 1.25


def test_more_recordings_predict_better():
    law = hierarchy.fit(population(300, 0)[0])
    new = population(60, 1, first=1000)[0]
    one, two, three = (error(law, new, n)[0] for n in (1, 2, 3))
    assert three < two < one


def test_prediction_beats_adding_the_population_change():
    law = hierarchy.fit(population(300, 0)[0])
    new = population(60, 1, first=1000)[0]
    added = [
        a.mean + law.at(b.speed) - law.at(a.speed) - b.mean
        for person in hierarchy.group(new)
        for a in person
        for b in person
        if a is not b
    ]
    predicted = [
        law.predict([a], b.speed)[0] - b.mean
        for person in hierarchy.group(new)
        for a in person
        for b in person
        if a is not b
    ]
    assert np.square(predicted).mean() < 0.9 * np.square(added).mean()


def test_own_speed_returns_the_recording():
    law = hierarchy.fit(population(100, 0, noise=0.02)[0])
    gait = population(1, 5, noise=0.02)[0][2]
    np.testing.assert_allclose(law.predict([gait], gait.speed)[0], gait.mean, atol=0.05)


def test_bands_widen_beyond_the_speeds_of_the_people():
    law = hierarchy.fit(population(100, 0)[0])
    gait = population(1, 5)[0][2]
    inside, outside = (np.diag(law.predict([gait], v)[1]) for v in (1.7, 2.2))
    assert (outside > 1.2 * inside).all()


def test_missing_entries_are_predicted_from_the_others():
    law = hierarchy.fit(population(300, 0)[0])
    gait = population(1, 5)[0][2]
    partly = gait._replace(mean=np.where(np.arange(SIZE) < 2, gait.mean, np.nan))
    mean, cov = law.predict([partly], 1.4)
    assert np.isfinite(mean).all()
    full = law.predict([gait], 1.4)[1]
    assert (np.diag(cov) >= np.diag(full) - 1e-9).all()


def test_update_with_few_people_beats_either_source_alone():
    prior = hierarchy.fit(population(300, 0)[0])
    few, many = (
        population(6, 2, shift=1.0, first=500)[0],
        population(60, 3, shift=1.0, first=900)[0],
    )
    law, choices = priors.update(few, prior)
    assert choices[0].error == min(each.error for each in choices)
    updated, simulated, alone = (error(each, many)[0] for each in (law, prior, hierarchy.fit(few)))
    assert updated < alone
    assert updated < 1.05 * simulated


def test_a_power_law_of_speed_is_predicted_exactly_far_from_the_recording():
    """Stride times that are a power of speed, with a factor of each person's own: one recording
    tells it.
    """
    rng = np.random.default_rng(0)
    gaits = [
        Gait(v, np.array([own - 43 * np.log(v)]), np.zeros((0, 1)), f"P{person}", count=20)
        for person, own in enumerate(4 * rng.normal(size=40))
        for v in (0.3, 0.5, 0.8, 1.2, 1.7, 2.2)
    ]
    errors = {}
    for logarithmic in (False, True):
        prior = hierarchy.vague(gaits, np.array([logarithmic]))
        law = hierarchy.fit(gaits[:180], prior)
        found = [
            law.predict([source], target.speed)[0] - target.mean
            for person in hierarchy.group(gaits[180:])
            for source in person
            for target in person
        ]
        errors[logarithmic] = np.abs(found).mean()
    assert errors[True] < 0.2
    assert errors[True] < 0.2 * errors[False]


def test_a_law_survives_its_file():
    law = hierarchy.fit(population(20, 0)[0])._replace(logarithmic=np.arange(SIZE) == 1)
    again = unpacked(packed(law))
    np.testing.assert_allclose(again.person, law.person, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(again.speeds, law.speeds)
    np.testing.assert_array_equal(again.logarithmic, law.logarithmic)


def test_one_person_is_no_population():
    with pytest.raises(DataError, match="two people"):
        hierarchy.fit(population(1, 0)[0])
