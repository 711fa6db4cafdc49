"""Identity and subject losses and the ramps over the change of speed."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxdiff.losses.identity import identity, speed_ramps, subject_contrast


def unit(seed, shape=(6, 8)):
    z = jax.random.normal(jax.random.key(seed), shape)
    return z / jnp.linalg.norm(z, axis=-1, keepdims=True)


def test_ramps_at_their_corners_and_symmetric():
    change = jnp.array([0.0, 0.05, 0.1, 0.25, 0.5, 1.2])
    ramps = speed_ramps(change, floor=0.1)
    np.testing.assert_allclose(ramps.identity, [1, 0.5, 0, 0, 0, 0], atol=1e-6)
    np.testing.assert_allclose(ramps.residual, [0.1, 0.1, 0.2, 0.5, 1, 1], rtol=1e-6)
    np.testing.assert_allclose(ramps.subject, [1, 0.9, 0.8, 0.5, 0.1, 0.1], rtol=1e-6)
    for one, other in zip(ramps, speed_ramps(-change, floor=0.1)):
        np.testing.assert_array_equal(one, other)


def test_identity_is_the_mean_square():
    assert identity(jnp.zeros((5, 6))) == 0
    np.testing.assert_allclose(identity(jnp.full((5, 6), 3.0)), 9)


def test_subject_contrast_reduces_to_info_nce_when_all_subjects_differ():
    a, b = unit(0), unit(1)
    loss = subject_contrast(a, b, jnp.arange(6))
    expected = -jnp.diagonal(jax.nn.log_softmax(a @ b.T / 0.1))
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_subject_contrast_prefers_the_right_subject_and_ignores_batch_order():
    subject = jnp.array([0, 0, 1, 1, 2, 2])
    centre = unit(0, (3, 8))[subject]
    right, wrong = (
        subject_contrast(centre, centre, subject),
        subject_contrast(jnp.roll(centre, 2, 0), centre, subject),
    )
    assert (right < wrong).all()
    order = jnp.array([3, 1, 5, 0, 2, 4])
    generated, source = unit(1), unit(2)
    np.testing.assert_allclose(
        subject_contrast(generated[order], source[order], subject[order]),
        subject_contrast(generated, source, subject)[order],
        rtol=1e-5,
    )


def test_perfect_clusters_cost_the_log_of_their_size():
    """With orthogonal subjects and small tau, softmax is uniform over the positives: -log(1/2) for
    pairs.
    """
    subject = jnp.array([0, 0, 1, 1])
    z = jnp.eye(2)[subject]
    np.testing.assert_allclose(subject_contrast(z, z, subject, tau=0.01), np.log(2), rtol=1e-5)
