"""Energy and acceleration losses: exact on parabolas, blind to drift, masked at the triple."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxdiff.losses.dynamics import accel_loss, acceleration, phys_loss
from jaxdiff.losses.energy import energy

TIME = jnp.arange(30) / 20.0


def positions(seed=0):
    return jax.random.normal(jax.random.key(seed), (30, 5, 3))


def test_acceleration_of_a_fall_is_gravity():
    fall = jnp.stack([TIME, 2 - 0.5 * 9.81 * TIME**2, 0 * TIME], -1)[:12]
    np.testing.assert_allclose(acceleration(fall, 20.0), np.tile([0, -9.81, 0], (10, 1)), atol=1e-3)


def test_acceleration_losses_ignore_drift_and_agree_with_each_other():
    x = positions()
    drifted = x + (0.3 + 0.7 * TIME)[:, None, None]
    a, b, c = (acceleration(each, 20.0) for each in (drifted, x, positions(1)))
    np.testing.assert_allclose(accel_loss(a, b), 0, atol=1e-5)
    stated = jnp.pad(c, ((1, 1), (0, 0), (0, 0)))
    np.testing.assert_allclose(phys_loss(stated, b), accel_loss(c, b), rtol=1e-4)


def test_a_frame_counts_only_with_both_neighbours():
    a, b = (acceleration(positions(seed), 20.0) for seed in (0, 1))
    mask = jnp.arange(30) < 11
    np.testing.assert_allclose(accel_loss(a, b, mask), accel_loss(a[:9], b[:9]), rtol=1e-5)
    stated = positions(2)
    np.testing.assert_allclose(phys_loss(stated, b, mask), phys_loss(stated[:11], b[:9]), rtol=1e-5)


def test_scale_divides_the_error():
    a, b = (acceleration(positions(seed), 20.0) for seed in (0, 1))
    np.testing.assert_allclose(accel_loss(a, b, scale=4.0), accel_loss(a, b) / 16, rtol=1e-5)


def test_energy_is_zero_on_equal_signals_and_blind_to_offset_and_sign():
    x = positions()[:, 0]
    assert energy(x, x) == 0
    np.testing.assert_allclose(energy(2.0 - x, x), 0, atol=1e-9)
    # a ramp of slope a has energy a²/2 at every step
    np.testing.assert_allclose(
        energy(3.0 * jnp.arange(8.0)[:, None], jnp.zeros((8, 1))), 4.5**2, rtol=1e-6
    )
