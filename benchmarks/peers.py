"""The same networks with the same weights in PyTorch, eager and compiled, timed in turns with ours
in one process.

    python -m benchmarks.peers --out=peers.json [--cases=llma,speed,text] [--seconds=8] [--tiny]

First the outputs are compared; then both run in turns, and the median of `theirs / ours` over
neighbouring runs is reported. Sampling: the whole of `generate` against diffusers' scheduler around
the network; 50 (LLMA), 100 (speed transfer) and 10 steps (text to motion, guided), fewer of the
large ones, of which only the ratio counts. Training: loss, gradient, clipping, AdamW and moving
average of one step, several steps per measurement because a training loop does not block on each,
and without the losses that are not part of a network (alignment, contrast). Both sides use the same
number of threads.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch

from benchmarks import cases, report, timing
from benchmarks.cases import Case
from benchmarks.goals import against_pytorch as tables
from benchmarks.pytorch import methods
from jaxdiff.diffusion import schedules
from jaxdiff.losses.denoising import denoising
from jaxdiff.methods import llma, speed_transfer, text_to_motion
from jaxdiff.nets.backend import backend
from jaxdiff.nets.residual_denoiser import ResidualDenoiser
from jaxdiff.training import launch
from jaxdiff.training.optimizer import OptimizerSettings, make_optimizer
from jaxdiff.training.state import init_state
from jaxdiff.training.step import make_generate, make_step
from jaxdiff.typing import Array, Method, Params


def plain(case: Case) -> Method:
    """The method with the loss of the denoiser alone."""
    settings: Any = case.settings
    if isinstance(settings, llma.Settings):
        return llma.llma(settings._replace(alignment="none"))
    if isinstance(settings, text_to_motion.Settings):
        return case.method
    net = ResidualDenoiser(6, settings.size)
    schedule = schedules.SCHEDULES[settings.schedule]()

    def loss(params, batch, keys, gather, weights):
        def example(one: Any, key: Array) -> Array:
            level, noise, drop = jax.random.split(key, 3)
            t = jax.random.randint(level, (), 0, 1000)
            eps = jax.random.normal(noise, one["source"].shape)
            r_t = schedules.corrupt(schedule, one["target"] - one["source"], eps, t)
            c = net.apply(
                params,
                net.apply(params, one["source"], method=net.embed),
                one["speeds"],
                method=net.condition,
            )
            guess: Any = net.apply(
                params, r_t, one["source"], t, c, deterministic=False, rngs={"dropout": drop}
            )
            return denoising(guess, eps, channel_weights=jnp.asarray(settings.channel_weights))

        return jax.vmap(example)(dict(batch), keys).mean(), {}

    return case.method._replace(loss=loss)


def outputs(case: Case, params: Params, peer: methods.Peer) -> float:
    """The largest difference of the two networks' outputs, relative to the largest output, at three
    noise levels.
    """
    condition, worst = case.condition(2), 0.0
    for t in (0, 400, 999):
        ours, theirs = _ours(case, params, condition, t), _theirs(case, peer, condition, t)
        worst = max(worst, float(np.abs(np.asarray(ours) - theirs).max() / np.abs(theirs).max()))
    return worst


def _noise(case: Case, n: int) -> np.ndarray:
    condition = case.condition(n)
    if isinstance(case.settings, llma.Settings):
        return cases.random(*condition["y"].shape[:2], 18, seed=5)
    if isinstance(case.settings, speed_transfer.Settings):
        return cases.random(*condition["source"].shape, seed=5)
    return cases.random(n, case.settings.frames, cases.FEATURES, seed=5)


def _ours(case: Case, params: Params, given: Any, t: int) -> Any:
    x, s = jnp.asarray(_noise(case, 2)), case.settings

    def network(params: Params) -> Any:
        if isinstance(s, llma.Settings):
            networks, m = llma.make_networks(s), jnp.zeros(())
            return jax.vmap(
                lambda x_t, c: networks.estimate(params, "x", x_t, jnp.float32(t), c, m)
            )(x, given["y"])
        if isinstance(s, speed_transfer.Settings):
            net = ResidualDenoiser(6, s.size)
            c = net.apply(
                params,
                net.apply(params, given["source"], method=net.embed),
                given["speeds"],
                method=net.condition,
            )
            return net.apply(params, x, given["source"], jnp.int32(t), c)
        net: Any = text_to_motion.unet(s, cases.FEATURES)
        tokens = text_to_motion.text_network(s).apply(params["text"], given["text"])
        context = net.apply(params["unet"], tokens, method="context")
        return net.apply(params["unet"], x, jnp.int32(t), context, s.scale, method="guided")

    return jax.jit(network)(params)


def _theirs(case: Case, peer: methods.Peer, condition: Any, t: int) -> np.ndarray:
    x, given, networks = (
        torch.from_numpy(_noise(case, 2)).to(methods.device()),
        methods.tensors(condition),
        peer.networks.eval(),
    )
    steps = torch.full((2,), t, device=methods.device())
    with torch.inference_mode():
        if isinstance(case.settings, llma.Settings):
            return networks["x"](x, steps, given["y"]).cpu().numpy()
        net: Any = networks["net"] if "net" in networks else networks["unet"]
        if isinstance(case.settings, speed_transfer.Settings):
            return (
                net(x, steps, given["source"], net.condition(given["source"], given["speeds"]))
                .cpu()
                .numpy()
            )
        contexts = net.contexts(networks["text"](given["text"]))
        c, u = net(torch.cat([x, x]), torch.cat([steps, steps]), contexts).chunk(2)
        return (u + case.settings.scale * (c - u)).cpu().numpy()


def sampling(
    case: Case, params: Params, peer: methods.Peer, batch: int, compile: bool, seconds: float
) -> dict:
    condition = case.condition(batch)
    generate = make_generate(case.method.generate)
    theirs = methods.sampler(
        peer, torch.from_numpy(_noise(case, batch)), methods.tensors(condition), compile
    )
    return timing.turns(lambda: generate(params, jax.random.key(0), condition), theirs, seconds)


def training(
    case: Case, params: Params, peer: methods.Peer, batch: int, compile: bool, seconds: float
) -> dict:
    method = plain(case)
    optimizer = make_optimizer(OptimizerSettings(1e-4, 1e-2, clip_norm=1.0), 1000)
    data = case.batch(batch)
    state = [
        init_state(method, optimizer, jax.random.key(0), data, known=jax.tree.map(jnp.copy, params))
    ]  # the state is donated
    step = make_step(method, optimizer)

    def ours() -> Any:
        state[0], metrics = step(state[0], data)
        return metrics

    theirs = methods.trainer(peer, methods.tensors(data), compile)
    return timing.turns(ours, theirs, seconds, chained=True)


def plan(tiny: bool) -> Iterator[tuple[Case, tuple[int, ...], int]]:
    """Cases, batch sizes of sampling, batch size of training (0: none)."""
    if tiny:
        yield from ((case, (1,), 4) for case in cases.tiny()[:3])
        return
    yield cases.llma_case("small", 32), (1, 8), 32
    yield cases.speed_case("stride", 16), (1, 8), 16
    yield cases.text_case("mini", 16), (1, 8), 16
    yield cases.llma_case("paper128", 64, steps=20), (1, 8), 8
    yield cases.speed_case("paper", 16, steps=10), (1, 8), 4
    yield cases.text_case("medium", 64), (1, 8), 4
    yield cases.text_case("full", 64, steps=4), (1,), 0


def main(options: report.Options) -> dict[str, Any]:
    if backend() == "gpu" and methods.device() == "cpu":
        raise RuntimeError("JAX has a GPU and PyTorch has none: install a PyTorch for CUDA")
    threads = options.threads or len(os.sched_getaffinity(0))
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    launch.use_cache(launch.CACHE)
    rows: list[dict[str, Any]] = []
    for against in options.against:
        for case, batches, train in plan(options.tiny):
            if options.over() or not options.wants(case.name):
                continue
            params = case.params()
            peer = methods.peer(case, params)
            difference = outputs(case, params, peer)
            print(f"{case.name}: outputs differ by {difference:.1e} of the largest", flush=True)
            jobs = [(sampling, n) for n in batches] + [(training, train)] * bool(train)
            for measure, batch in jobs:
                torch._dynamo.reset()
                said = measure(
                    case, params, peer, batch, against == "torch.compile", options.seconds
                )
                row = {
                    "case": case.name,
                    "what": measure.__name__,
                    "batch": batch,
                    "against": against,
                }
                rows.append({**row, "difference": difference, **said})
                times = f"{1e3 * said['ours']:.1f} ms, processor {said['processor']:.2f}"
                print(
                    f"  {measure.__name__}, batch {batch}, {against}: {said['ratio']:.2f}"
                    f" ({times})",
                    flush=True,
                )
    versions = {"torch": torch.__version__, "threads": threads}
    return {"versions": versions, "rows": rows}


if __name__ == "__main__":
    report.run("peers", main, tables)
