"""The three methods as a PyTorch user would write them: our weights, diffusers' schedulers, AdamW
and a moving average.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
)  # pyright: ignore[reportPrivateImportUsage]
from torch import Tensor, nn

from benchmarks.cases import Case
from benchmarks.pytorch import film, llma, unet
from benchmarks.pytorch.weights import load
from jaxdiff.nets.backend import backend
from jaxdiff.nets.blocks.embeddings import positions
from jaxdiff.nets.unet import PRESETS

Tensors = Mapping[str, Tensor]
BETAS: dict[str, Any] = {
    "num_train_timesteps": 1000,
    "beta_start": 1e-4,
    "beta_end": 0.02,
    "beta_schedule": "linear",
}


class Peer(NamedTuple):
    """One method in PyTorch."""

    networks: nn.ModuleDict
    generate: Callable[[nn.ModuleDict, Tensor, Tensors], Tensor]
    """`(networks, start, condition) -> samples`."""
    loss: Callable[[nn.ModuleDict, Tensors], Tensor]
    """`(networks, batch) -> loss`, its noise drawn within."""


@functools.cache
def device() -> str:
    """Where PyTorch computes: on a GPU where JAX does so too. Asked late, since JAX then looks for
    its devices.
    """
    return "cuda" if backend() == "gpu" and torch.cuda.is_available() else "cpu"


def tensors(arrays: Mapping[str, Any]) -> dict[str, Tensor]:
    return {name: torch.from_numpy(np.array(a)).to(device()) for name, a in arrays.items()}


def peer(case: Case, params: Any) -> Peer:
    """The peer of a case, with the same weights."""
    kind = case.name.rsplit(" ", 1)[0]
    made = {"llma": _llma, "speed transfer": _speed_transfer, "text to motion": _text_to_motion}[
        kind
    ](case, params)
    made.networks.to(device())
    return made


def _corrupt(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Steps, noise and noisy samples."""
    t, eps = torch.randint(0, 1000, (len(x),), device=x.device), torch.randn_like(x)
    return t, eps, _noisy(x, eps, t)


def _noisy(x: Tensor, eps: Tensor, t: Tensor) -> Tensor:
    bar = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000, device=x.device), 0)[t][:, None, None]
    return bar.sqrt() * x + (1 - bar).sqrt() * eps


def _ddim(
    denoise: Callable[[Tensor, Tensor], Tensor], start: Tensor, steps: int, prediction: str
) -> Tensor:
    scheduler = DDIMScheduler(
        **BETAS, clip_sample=False, timestep_spacing="trailing", prediction_type=prediction
    )
    scheduler.set_timesteps(steps, device=device())
    x = start
    for t in scheduler.timesteps:
        x = scheduler.step(denoise(x, t.expand(len(x))), t, x).prev_sample
    return x


def _llma(case: Case, params: Any) -> Peer:
    size, channels = case.settings.size, {"x": 18, "y": 12}
    length = case.batch(1)["x"].shape[1]
    networks = nn.ModuleDict()
    for index, (own, other) in enumerate(("xy", "yx")):
        places = positions(length // size.patch, size.width)
        network = llma.CrossModal(channels[own], channels[other], size, 0, places)
        load(network.body, _slice(params["bodies"], index)["params"])
        for end in ("noisy", "condition", "out"):
            load(getattr(network, end), params[own][end]["params"])
        networks[own] = network

    def generate(networks: nn.ModuleDict, start: Tensor, condition: Tensors) -> Tensor:
        denoise = lambda x, t: networks["x"](x, t, condition["y"])  # noqa: E731
        return _ddim(denoise, start, case.settings.steps, "sample")

    def loss(networks: nn.ModuleDict, batch: Tensors) -> Tensor:
        x, y = batch["x"], batch["y"]
        t, _, x_t = _corrupt(x)
        y_t = _noisy(y, torch.randn_like(y), t)
        guesses = (networks["x"](x_t, t, y), x), (networks["y"](y_t, t, x), y)
        energy = lambda a: 0.5 * a.diff(dim=1).square()  # noqa: E731
        return sum(
            (a - b).square().mean() + (energy(a) - energy(b)).square().mean() for a, b in guesses
        )  # type: ignore

    return Peer(networks, generate, loss)


def _speed_transfer(case: Case, params: Any) -> Peer:
    length = case.batch(1)["source"].shape[1]
    network = load(film.ResidualDenoiser(6, case.settings.size, length), params["params"])
    prediction = {"eps": "epsilon", "v": "v_prediction", "x0": "sample"}[case.settings.prediction]

    def generate(networks: nn.ModuleDict, start: Tensor, condition: Tensors) -> Tensor:
        net, source = networks["net"], condition["source"]
        c = net.condition(source, condition["speeds"])
        return source + _ddim(
            lambda x, t: net(x, t, source, c), start, case.settings.steps, prediction
        )

    def loss(networks: nn.ModuleDict, batch: Tensors) -> Tensor:
        net, source = networks["net"], batch["source"]
        t, eps, r_t = _corrupt(batch["target"] - source)
        guess = net(r_t, t, source, net.condition(source, batch["speeds"]))
        return (
            torch.tensor(case.settings.channel_weights, device=eps.device) * (guess - eps).square()
        ).mean()

    return Peer(nn.ModuleDict({"net": network}), generate, loss)


def _text_to_motion(case: Case, params: Any) -> Peer:
    s = case.settings
    features = case.batch(1)["motion"].shape[-1]
    network = unet.CondUnet1D(features, **PRESETS[s.size], text=s.text_width, dropout=s.dropout)
    head = unet.TextHead(512, s.text_width, s.text_layers, 4, s.text_ff, s.dropout)
    networks = nn.ModuleDict({
        "unet": load(network, params["unet"]["params"]), "text": load(head, params["text"]["params"])
    })  # fmt: skip

    def generate(networks: nn.ModuleDict, start: Tensor, condition: Tensors) -> Tensor:
        net: Any = networks["unet"]
        contexts = net.contexts(networks["text"](condition["text"]))
        scheduler = DPMSolverMultistepScheduler(
            **BETAS,
            algorithm_type="sde-dpmsolver++",
            use_karras_sigmas=True,
            prediction_type="sample",
        )
        scheduler.set_timesteps(s.steps, device=device())
        x = start
        for t in scheduler.timesteps:
            c, u = net(torch.cat([x, x]), t.expand(2 * len(x)), contexts).chunk(2)
            x = scheduler.step(u + s.scale * (c - u), t, x).prev_sample
        return x

    def loss(networks: nn.ModuleDict, batch: Tensors) -> Tensor:
        net: Any = networks["unet"]
        x = batch["motion"]
        t, _, x_t = _corrupt(x)
        conditioned = (torch.rand(len(x), device=x.device) >= s.drop_text).float()
        contexts = net.contexts(networks["text"](batch["text"]))
        return (net(x_t, t, contexts, conditioned) - x).square().mean()

    return Peer(networks, generate, loss)


def trainer(peer: Peer, batch: Tensors, compile: bool) -> Callable[[], None]:
    """One training step: loss, gradient, clipping, fused AdamW, moving average."""
    networks = peer.networks.train()
    average = [p.detach().clone() for p in networks.parameters()]
    optimizer = torch.optim.AdamW(networks.parameters(), lr=1e-4, weight_decay=1e-2, fused=True)
    loss = torch.compile(peer.loss) if compile else peer.loss

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        loss(networks, batch).backward()
        nn.utils.clip_grad_norm_(networks.parameters(), 1.0)
        optimizer.step()
        with torch.no_grad():
            torch._foreach_lerp_(average, list(networks.parameters()), 0.001)
        _finish()

    return step


def sampler(peer: Peer, start: Tensor, condition: Tensors, compile: bool) -> Callable[[], Tensor]:
    """Generation; compiled are the networks, for the schedulers are Python."""
    networks = peer.networks.eval()
    if compile:
        made = nn.ModuleDict()
        for name, network in networks.items():
            made[name] = _compiled(network)
        networks = made

    def run() -> Tensor:
        with torch.inference_mode():
            made = peer.generate(networks, start.to(device()), condition)
        _finish()
        return made

    return run


def _finish() -> None:
    if device() == "cuda":
        torch.cuda.synchronize()


def _compiled(network: nn.Module) -> nn.Module:
    """A module whose call is compiled, and whose other methods are the original's."""
    made = copy.copy(network)
    made.forward = torch.compile(network.forward)  # type: ignore[method-assign]
    return made


def _slice(tree: Any, index: int) -> Any:
    return {k: _slice(v, index) if isinstance(v, dict) else v[index] for k, v in tree.items()}
