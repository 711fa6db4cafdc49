"""What makes no sense is refused in the library's own words; what is merely small is computed."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdiff import Error, grids, guidance, sample, schedules, solvers
from jaxdiff.diffusion.sampling import steps

schedule = schedules.linear()


def same(x, t):
    return x


@pytest.mark.parametrize(
    "make",
    [
        lambda: schedules.linear(0),
        lambda: schedules.from_alpha_bar([]),
        lambda: schedules.linear(1000, -1e-4, 0.02),
        lambda: schedules.linear(1000, 1e-4, float("nan")),
        lambda: grids.explicit(schedule, []),
        lambda: grids.explicit(schedule, [np.nan]),
        lambda: grids.leading(schedule, -1),
        lambda: grids.leading(schedule, 2.5),  # pyright: ignore
        lambda: grids.karras(schedule, 5, rho=0),
        lambda: schedules.corrupt(schedule, jnp.ones((4, 3)), jnp.ones((4, 3)), jnp.arange(3)),
        lambda: schedules.corrupt(schedule, jnp.ones(4), jnp.ones(4), jnp.ones((4, 1))),
        lambda: sample(0, lambda x, t: x, grids.leading(schedule, 2), solvers.ddpm(), jnp.ones(3)),  # pyright: ignore
        lambda: grids.truncate(grids.leading(schedule, 5), float("nan")),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_empty_negative_and_missing_numbers_are_refused(make):
    with pytest.raises(Error):
        make()


def test_a_schedule_of_one_step_has_its_first_beta():
    np.testing.assert_allclose(
        schedules.alpha_bar(schedules.linear(1, 0.1, 0.2), 0), 0.9, rtol=1e-6
    )


@pytest.mark.parametrize("name", solvers.SOLVERS)
def test_a_denoiser_may_answer_for_all_examples_at_once_but_not_in_another_shape(name):
    x, grid, constant = (
        jnp.ones((4, 5, 2)),
        grids.leading(schedule, 3),
        jnp.arange(10.0).reshape(5, 2),
    )

    def run(answer):
        return sample(jax.random.key(0), lambda x, t: answer, grid, solvers.SOLVERS[name](), x)

    np.testing.assert_array_equal(run(constant), jnp.broadcast_to(constant, x.shape))
    with pytest.raises(
        Error,
        match=r"output of the denoiser, \(5, 3\), does not broadcast to its input, \(4, 5, 2\)",
    ):
        run(jnp.ones((5, 3)))


def test_the_largest_eta_keeps_as_little_noise_as_the_chain_does():
    """Down from nearly pure noise the share that is kept is 1e-4, which `√(1 - …)` in float32 would
    not resolve.
    """
    step = jax.tree.map(
        lambda a: a[0], steps(grids.explicit(schedules.cosine(), [999, 500]))
    )._replace(noise=jnp.ones(()))
    one, zero = jnp.ones(()), jnp.zeros(())
    moved = [
        solver.step((), one, lambda x, t: zero, step)[1]
        for solver in (solvers.ddim(1.0), solvers.ddpm())
    ]
    np.testing.assert_allclose(*moved, rtol=1e-6)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda x: guidance.impute(same, jnp.ones((4, 6, 2)), x > 0)(x, 0), "known of shape"),
        (lambda x: guidance.impute(same, x, jnp.ones((3, 5, 2)))(x, 0), "mask of shape"),
        (lambda x: schedules.corrupt(schedules.linear(9), x, x[..., :1], 0), "noise of shape"),
        (lambda x: schedules.corrupt(schedules.linear(9), x, x, jnp.ones(3)), "one value per"),
    ],
)
def test_wrong_shapes_of_impute_and_corrupt_are_refused(make, message):
    with pytest.raises(Error, match=message):
        make(jnp.ones((4, 5, 2)))
