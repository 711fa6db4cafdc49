"""Consistency distillation: the student's target is the end of the teacher's path."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdiff.diffusion import grids, schedules, solvers
from jaxdiff.diffusion.sampling import sample
from jaxdiff.methods.distillation import TEACHER, distillation, student
from jaxdiff.methods.examples import distillation_example
from jaxdiff.methods.text_to_motion import Settings


def test_consistency_sampling_of_a_perfect_student_returns_its_estimate():
    x0 = jnp.arange(6.0).reshape(1, 2, 3)
    for steps in (1, 2, 4):
        grid = grids.trailing(schedules.linear(), steps)
        keys = jax.random.split(jax.random.key(0), 1)
        made = sample(keys, lambda x, t: x0, grid, solvers.consistency(), jnp.ones_like(x0))
        np.testing.assert_allclose(made, x0, atol=1e-6)


def test_every_step_sees_its_estimate_noised_anew():
    grid = grids.trailing(schedules.linear(), 2)
    keys, start = jax.random.split(jax.random.key(0), 1), jnp.zeros((1, 200, 50))
    solver, estimate = solvers.consistency(), lambda x, t: jnp.full_like(x, 3.0)
    inside = np.asarray(sample(keys, estimate, grid, solver, start, return_path=True)[1])
    assert abs(inside.mean() - 3 * float(grid.alpha[1])) < 0.05
    assert abs(inside.std() - float(grid.sigma[1])) < 0.05


def test_a_student_generates_without_guidance():
    own = student(Settings(scale=2.5, steps=4))
    assert (own.scale, own.sampler, own.steps) == (1.0, "consistency", 4)


@pytest.mark.slow
def test_at_the_cleanest_level_the_target_is_the_teachers_own_estimate():
    example = distillation_example()
    params = jax.jit(example.method.init)(jax.random.key(0), example.batch)
    keys = jax.random.split(jax.random.key(1), 8)
    alike = {**params, TEACHER: {name: params[name] for name in ("text", "unet")}}
    own = Settings("tiny", 40, 16, 1, 32, dropout=0.0, frames=20, scale=1.0)

    def loss(levels, params):
        method = distillation(own, levels)
        return jax.jit(lambda p: method.loss(p, example.batch, keys, lambda z: z, {})[0])(params)

    assert loss(1, alike) == 0
    other = jax.tree.map(lambda a: a + 0.1, alike["unet"])
    assert loss(1, {**alike, "unet": other}) > 0
