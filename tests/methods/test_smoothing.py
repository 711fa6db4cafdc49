"""SmoothNet, trained: smoother and closer to the truth than what it is given, on motions it has not
seen.
"""

import jax
import numpy as np
import optax

from jaxdiff.methods.smoothing import Settings, smoothing
from jaxdiff.training.state import init_state
from jaxdiff.training.step import make_step

WINDOW = 16


def swings(seed, count, frames):
    rng = np.random.default_rng(seed)
    time = np.arange(frames) / 20
    phase, rate, size = (
        rng.uniform(low, high, (count, 1, 2)) for low, high in ((0, 6.3), (0.3, 1.0), (0.2, 0.6))
    )
    truth = size * np.sin(2 * np.pi * rate * time[:, None] + phase)
    return (truth + 0.05 * rng.normal(size=truth.shape)).astype(np.float32), truth.astype(
        np.float32
    )


def test_it_learns_to_smooth():
    method = smoothing(Settings(WINDOW, 64, 32, 1, dropout=0.0))
    estimate, truth = swings(0, 256, WINDOW)
    batch = {"estimate": estimate, "truth": truth}
    optimizer = optax.adam(3e-3)
    state = init_state(method, optimizer, jax.random.key(0), batch)
    step = make_step(method, optimizer, devices=jax.devices()[:1])
    for _ in range(300):
        state, _ = step(state, batch)
    estimate, truth = swings(1, 16, 50)
    smoothed = np.asarray(
        jax.jit(method.generate)(state.params, jax.random.split(jax.random.key(1), 16), estimate)
    )
    before, after = estimate - truth, smoothed - truth
    assert np.abs(after).mean() < 0.7 * np.abs(before).mean()
    assert (
        np.abs(np.diff(after, 2, axis=1)).mean() < 0.2 * np.abs(np.diff(before, 2, axis=1)).mean()
    )
