"""Muscles from motion, on simulated motion and simulated muscles."""

import jax
import numpy as np
import optax
import pytest

from jaxdiff.body.actions import activations, simulate_clip
from jaxdiff.body.humanml3d import LAYOUT_22, features
from jaxdiff.errors import ConfigError
from jaxdiff.methods.muscle_encoder import Settings, muscle_encoder, network, rmse
from jaxdiff.training.state import init_state
from jaxdiff.training.step import make_step

FRAMES = 40
ACTIONS = ("squat", "walk", "punch", "kick", "lunge", "march", "jump", "raise_arms")


def batch(seed):
    motion, muscles = [], []
    for action in ACTIONS:
        joints = simulate_clip(action, seed).joints[: FRAMES + 1]
        motion.append(
            np.asarray(
                features(
                    np.pad(joints, ((0, FRAMES + 1 - len(joints)), (0, 0), (0, 0)), "edge"),
                    LAYOUT_22,
                )
            )
        )
        muscles.append(
            np.pad(
                activations(joints, 20.0)[:FRAMES],
                ((0, max(0, FRAMES - len(joints))), (0, 0)),
                "edge",
            )
        )
    length = np.full(len(ACTIONS), FRAMES, np.int32)
    return {"motion": np.stack(motion), "muscles": np.stack(muscles), "length": length}


def test_it_learns_the_muscles_of_unseen_clips_better_than_their_mean():
    seen = [batch(seed) for seed in range(3)]
    every = {name: np.concatenate([one[name] for one in seen]) for name in seen[0]}
    unseen = batch(9)
    mean, deviation = every["motion"].mean((0, 1)), every["motion"].std((0, 1)) + 0.02
    for one in (every, unseen):
        one["motion"] = (one["motion"] - mean) / deviation
    method = muscle_encoder(Settings(width=32, blocks=1, groups=4))
    optimizer = optax.adam(3e-3)
    state = init_state(method, optimizer, jax.random.key(0), every)
    step = make_step(method, optimizer, devices=jax.devices()[:1])
    for _ in range(80):
        state, _ = step(state, every)
    guess = jax.jit(method.generate)(state.params, jax.random.split(jax.random.key(1), 8), unseen)
    guessed = rmse(guess, unseen["muscles"], unseen["length"])
    constant = rmse(
        np.broadcast_to(every["muscles"].mean((0, 1)), guess.shape),
        unseen["muscles"],
        unseen["length"],
    )
    assert guessed < 0.7 * constant


def test_the_error_counts_valid_frames_only():
    u = np.zeros((2, 5, 8), np.float32)
    guess = u + np.where(np.arange(5) < 3, 0.1, 9.0)[None, :, None]
    np.testing.assert_allclose(rmse(guess, u, np.array([3, 2])), 0.1, rtol=1e-6)


def test_a_network_that_does_not_exist_is_named():
    with pytest.raises(ConfigError, match="did you mean 'transformer'"):
        network(Settings(network="transfomer"))
