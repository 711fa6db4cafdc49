"""The tables of stride transfer: the mean over seeds, tests over people, and what each row must
say.
"""

import numpy as np
import pytest

from jaxdiff.studies.speed_transfer import held_out, hierarchy, stride_tables
from jaxdiff.studies.speed_transfer.stored import from_metadata
from jaxdiff.studies.speed_transfer.strides import SCALE, STRIDE_TIME

from .test_stride_model import population, trained  # noqa: F401


class Off:
    """A predictor that is another one, off by some degrees in every angle."""

    def __init__(self, inner, degrees):
        self.inner, self.law, self.trust, self.degrees = inner, inner.law, inner.trust, degrees

    def prepare(self, questions):
        return self.inner.prepare(questions)

    def expected(self, asked, seen=None):
        states = asked.mean.copy()
        states[:, np.arange(6) * 21] += self.degrees
        return states


@pytest.fixture(scope="module")
def seeds(trained):  # noqa: F811
    inner = from_metadata(trained)
    return [Off(inner, 10.0), Off(inner, 14.0)]


def answered(predictors, test):
    return stride_tables.answered(predictors, population(10, seed=52), test)


def rows(table):
    return {row.label: row.cells for row in table.rows}


def test_a_persons_error_is_the_mean_over_seeds(seeds):
    test = population(8, seed=51)
    found = rows(stride_tables.network(answered(seeds, test)))["no hemiparesis, 1 recording"]
    assert 11 < found["diffusion"].mean < 13 and found["diffusion"].n == 8
    assert found["between seeds"].mean == pytest.approx(4 / np.sqrt(2), rel=0.05)
    assert found["p"].mean < 0.01 and found["helps"].mean == 0
    one = rows(stride_tables.network(answered(seeds[:1], test)))["no hemiparesis, 1 recording"]
    assert "between seeds" not in one and 9 < one["diffusion"].mean < 11


def test_simulated_people_have_every_predictor(seeds):
    found = rows(stride_tables.simulated(answered(seeds, population(6, seed=53))))
    assert list(found)[:5] == [
        *("copy", "linear change", "population change, updated"),
        *("hierarchical model", "diffusion"),
    ]
    assert "population change, updated, nearest of 2 recordings" in found
    assert found["copy"]["no hemiparesis"].mean > found["hierarchical model"]["no hemiparesis"].mean
    assert found["copy"]["no hemiparesis, cadence"].mean > 10
    assert found["hierarchical model"]["no hemiparesis, cadence"].mean < 3
    assert "no hemiparesis, p" not in found["population change, updated"]


def test_personalisation_is_a_loss_where_the_model_is_off(seeds):
    found = rows(stride_tables.gain(answered(seeds, population(6, seed=54))))
    for row in found.values():
        assert row["gain"].mean < -5 and row["helps"].mean == 0


def test_errors_of_the_cadence_are_in_steps_per_minute():
    gait = population(1, seed=55)[0]
    state = gait.mean.copy()
    state[STRIDE_TIME] += np.log(120 / 100) / SCALE[STRIDE_TIME]
    truth = 120 / np.exp(gait.mean[STRIDE_TIME] * SCALE[STRIDE_TIME])
    error = held_out.cadence_errors(state[None], [gait])
    np.testing.assert_allclose(error, truth * (1 - 100 / 120), rtol=1e-6)
    assert hierarchy.basis(1.1, np.array([True, False])).tolist() == [[1, 1], [0, 0], [0, 0]]
