"""A rehearsal refuses what cannot be trained before a step is computed."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxdiff.errors import ConfigError
from jaxdiff.studies.rehearsal import rehearse
from jaxdiff.typing import Method

BATCH = {"x": np.zeros((4, 8, 3), np.float32)}


def method(width=3):
    def init(key, batch):
        return {"w": jnp.zeros((width, 2))}

    def loss(params, batch, keys, gather, weights):
        return jnp.square(batch["x"] @ params["w"]).mean(), {}

    def generate(params, keys, condition):
        return condition["x"] @ params["w"].T.T

    return Method(init, loss, generate)


def test_shapes_that_fit_pass_and_nothing_is_computed():
    rehearse(method(), BATCH, BATCH)


def test_shapes_that_do_not_fit_are_refused_by_name():
    with pytest.raises(ConfigError, match="arm-all cannot be trained"):
        rehearse(method(5), BATCH, what="arm-all")
    with pytest.raises(ConfigError, match="do not fit"):
        rehearse(method(), BATCH, {"x": np.zeros((2, 8, 7), np.float32)})
