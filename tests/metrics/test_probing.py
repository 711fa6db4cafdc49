"""Probes, latent correlations and pictures."""

import builtins

import numpy as np
import pytest

from jaxdiff.errors import ConfigError, DataError, MissingExtra
from jaxdiff.metrics.probing import latent_correlation, picture, probe

RNG = np.random.default_rng(0)
SUBJECTS = np.repeat(np.arange(6), 40)


def test_linear_probe_finds_linear_classes_and_is_at_chance_on_noise():
    labels = RNG.integers(0, 4, 240)
    found = probe(4 * np.eye(6)[labels] + RNG.normal(size=(240, 6)), labels, SUBJECTS, steps=150)
    assert found["accuracy"] > 0.9 and found["accuracy_sd"] < 0.1
    blind = probe(RNG.normal(size=(240, 6)), labels, SUBJECTS, steps=150)
    assert blind["accuracy"] < 0.4 and 0.25 <= blind["chance"] < 0.35


def test_only_the_nonlinear_probe_solves_xor():
    x = RNG.normal(size=(240, 2))
    labels = (x[:, 0] * x[:, 1] > 0).astype(int)
    linear, nonlinear = (
        probe(x, labels, SUBJECTS, hidden=hidden, decay=1e-4)["accuracy"] for hidden in (0, 64)
    )
    assert linear < 0.65 < 0.9 < nonlinear


def test_a_probe_cannot_score_by_recognising_people():
    """Features name the subject and each subject has one label: seen people would score 1, unseen
    ones must not.
    """
    labels = SUBJECTS % 2
    features = 5 * np.eye(6)[SUBJECTS] + 0.1 * RNG.normal(size=(240, 6))
    assert probe(features, labels, SUBJECTS, folds=6, steps=100)["accuracy"] < 0.7


def test_labels_may_be_texts_and_mistakes_are_named():
    labels = np.where(RNG.random(240) > 0.5, "up", "down")
    assert 0 <= probe(RNG.normal(size=(240, 2)), labels, SUBJECTS, steps=5)["accuracy"] <= 1
    with pytest.raises(DataError, match="two subjects"):
        probe(np.zeros((4, 2)), [0, 1, 0, 1], [1, 1, 1, 1])
    with pytest.raises(DataError, match="n labels"):
        probe(np.zeros((4, 2)), [0, 1], [1, 2])


def test_latent_correlations_of_known_maps():
    x = RNG.normal(size=(500, 5))
    np.testing.assert_allclose(latent_correlation(x, 3 * x + 1), 1)
    np.testing.assert_allclose(latent_correlation(x, -x), -1)
    mixed = x @ RNG.normal(size=(5, 5))
    np.testing.assert_allclose(latent_correlation(x, mixed, "cca"), 1)
    assert latent_correlation(x, mixed) < 0.8
    other = RNG.normal(size=(500, 5))
    assert abs(latent_correlation(x, other)) < 0.1 and latent_correlation(x, other, "cca") < 0.15
    np.testing.assert_allclose(latent_correlation(x, np.zeros((500, 5))), 0)
    with pytest.raises(DataError, match="more than 10"):
        latent_correlation(x[:8], x[:8], "cca")
    with pytest.raises(ConfigError, match="cca"):
        latent_correlation(x, x, "ccaa")


def test_pca_picture_keeps_the_plane_of_a_plane():
    plane = RNG.normal(size=(50, 2)) @ RNG.normal(size=(2, 9))
    points = picture(plane, "pca")
    distance = lambda z: np.linalg.norm(z[:, None] - z[None], axis=-1)  # noqa: E731
    np.testing.assert_allclose(distance(points), distance(plane), atol=1e-9)


def test_umap_says_what_to_install(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "umap":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtra, match=r"jaxdiff\[eval\]"):
        picture(np.zeros((5, 3)))


@pytest.mark.slow
def test_umap_separates_clusters():
    centre = np.repeat([[0.0] * 4, [20.0] * 4], 30, axis=0)
    points = picture(centre + RNG.normal(size=(60, 4)))
    apart = np.linalg.norm(points[:30].mean(0) - points[30:].mean(0))
    assert points.shape == (60, 2) and apart > 2 * points[:30].std()
