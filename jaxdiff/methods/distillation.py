"""Consistency distillation of text to motion: a sampler of one to four evaluations (Song et al.
2023, Algorithm 2).

    x_n = alpha_n x0 + sigma_n eps,    x_{n+1} = one DDIM step of the teacher from x_n to the next, cleaner level
    L = mean over valid frames of |f(x_n, t_n, text) - stop_gradient(f(x_{n+1}, t_{n+1}, text))|²

All points of one path of the teacher are thus mapped to its end. At the cleanest level the target
is that end itself, the teacher's estimate, which takes the place of the paper's boundary condition:
the student keeps the teacher's network, prediction and parameter names, and is a model of
`text_to_motion` in every other respect. The teacher's guidance is distilled with it, so the student
is evaluated once per step at a guidance scale of 1. The target's parameters are the student's own
without an average (Song & Dhariwal 2024, section 3.2).
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from jaxdiff.diffusion import grids, schedules, solvers
from jaxdiff.losses.denoising import denoising
from jaxdiff.methods import text_to_motion as motion_model
from jaxdiff.methods.text_to_motion import Settings, guided, text_network, unet, valid
from jaxdiff.typing import Array, Batch, Gather, Key, Method, Metrics, Params, Schedule, Step

TEACHER = "fixed"
"""Name of the teacher's parameters; training leaves those of this name as they are."""


def distillation(settings: Settings, levels: int = 16, schedule: Schedule | None = None) -> Method:
    """The method. Batches and conditions are those of `text_to_motion`.

    Args:
      settings: those of the teacher; `scale` is the guidance that is distilled. Its `steps` are the
        student's.
      levels: noise levels of the teacher's path, on the grid of Karras et al.
      schedule: the noise schedule; by default that of the teacher.

    Returns:
      The Method. Its parameters are the student's, `text` and `unet`, and the teacher's under
      `fixed`.
    """
    schedule = schedules.linear() if schedule is None else schedule
    own = student(settings)
    base = motion_model.text_to_motion(own, schedule)

    def init(key: Key, batch: Batch) -> Params:
        params = base.init(key, batch)
        return {**params, TEACHER: params}

    def loss(
        params: Params, batch: Batch, keys: Key, gather: Gather, weights: dict[str, Array]
    ) -> tuple[Array, Metrics]:
        network, encoder = unet(settings, batch["motion"].shape[-1]), text_network(settings)
        teacher, grid = params[TEACHER], grids.karras(schedule, levels)

        def context(of: Params, text: Array) -> Any:
            return network.apply(of["unet"], encoder.apply(of["text"], text), method="context")

        def example(motion: Array, length: Array, text: Array, key: Key) -> Array:
            k = jax.random.split(key)
            mask = valid(length, motion.shape[0])
            n = jax.random.randint(k[0], (), 0, levels)
            noise = jax.random.normal(k[1], motion.shape)
            x = grid.alpha[n] * motion + grid.sigma[n] * noise
            seen = context(teacher, text)
            end = guided(settings, teacher, network, x, grid.t[n], seen, mask)
            last = n == levels - 1
            after = grid.t[jnp.minimum(n + 1, levels - 1)]
            levels_of = grid.alpha[n], grid.sigma[n], grid.alpha[n + 1], grid.sigma[n + 1]
            step = Step(grid.t[n], after, *levels_of, n == 0, last, None)
            x_next = solvers.move(x, end, step, kept=step.sigma_next)
            words = context(params, text)

            def student_at(x_t: Array, t: Array) -> Any:
                return guided(own, params, network, x_t, t, words, mask)

            target = jnp.where(last, end, student_at(x_next, after))
            return denoising(student_at(x, grid.t[n]), jax.lax.stop_gradient(target), mask)

        return jax.vmap(example)(batch["motion"], batch["length"], batch["text"], keys).mean(), {}

    return Method(init, loss, base.generate)


def student(settings: Settings) -> Settings:
    """The settings with which a student generates."""
    return settings._replace(scale=1.0, sampler="consistency")
