"""The MLP and TCN baselines of the paper, trained on the training subjects (II.G).

Their inputs are z-scored sequences in time, as in the paper; since source and target are not aligned, the mean is their
best prediction. With `Form("phase")` they regress the residual on a grid of phases instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import flax.linen as nn
import jax
import numpy as np

from jaxdiff.errors import ConfigError, DataError, nearest
from jaxdiff.methods.speed_regression import speed_regression
from jaxdiff.nets.regressors import TCN, SequenceMLP
from jaxdiff.studies.speed_transfer.data import Gaits, change, prepared, window
from jaxdiff.studies.speed_transfer.evaluation import SAME_SPEED, Task
from jaxdiff.studies.speed_transfer.transfer import Transfer
from jaxdiff.training.optimizer import OptimizerSettings, make_optimizer
from jaxdiff.training.state import init_state
from jaxdiff.training.step import make_step
from jaxdiff.typing import Params

NETWORKS: dict[str, tuple[type[nn.Module], float]] = {
    "mlp": (SequenceMLP, 3e-4),
    "tcn": (TCN, 2e-3),
}
"""Network and learning rate; lower for the flattened sequence, a wide input."""


class Settings(NamedTuple):
    """Training of the baselines."""

    source_speeds: tuple[float, ...] = (0.55, 0.80, 1.05, 1.30, 1.55, 1.80)
    target_speeds: tuple[float, ...] = ()
    """Of the MLP, one network a pair; () for all there are."""
    steps: int = 400
    weight_decay: float = 1e-2
    batch: int = 8


class Regressor(NamedTuple):
    """A trained bank: member m maps from `pairs[m, 0]` m/s, to `pairs[m, 1]` m/s or, if that is NaN, to any speed."""

    net: nn.Module
    params: Params
    pairs: np.ndarray
    transfer: Transfer
    """Normaliser and playback are used, its network is not."""

    def __call__(self, task: Task) -> np.ndarray:
        """(N, T, C) in degrees."""
        source = task.gaits.speed[task.source]
        wanted = np.stack([source, task.target_speed], axis=1)
        away = np.nan_to_num(np.abs(wanted[:, None] - self.pairs), nan=0.0).max(-1)
        if (away.min(1) > SAME_SPEED).any():
            v, w = wanted[away.min(1).argmax()]
            raise DataError(
                f"this baseline was not trained to go from {v:g} to {w:g} m/s; it has {self.pairs.tolist()}"
            )
        form, scale = self.transfer.form, self.transfer.normaliser.scale
        whole = {
            row: prepared(task.gaits.select(np.array([row])), form)[0]
            for row in np.unique(task.source)
        }
        x = np.stack([self.transfer.normaliser(window(whole[row], form)) for row in task.source])
        condition = {
            "source": x,
            "speed": task.target_speed.astype(np.float32),
            "member": away.argmin(1),
        }
        run = jax.jit(speed_regression(self.net).generate)
        y = []
        for begin in range(0, len(x), 64):
            part = {name: value[begin : begin + 64] for name, value in condition.items()}
            y.append(np.asarray(run(self.params, None, part)))
        if form.align == "none":
            return self.transfer.normaliser.inverse(np.concatenate(y))
        moved = change(task.gaits, task.source, task.target_speed, form, self.transfer.population)
        asked = zip(task.source, task.target_speed, moved + np.concatenate(y) * scale)
        return np.stack([self.transfer.play(task.gaits, s, v, r) for s, v, r in asked])


def _rows(gaits: Gaits, source: float, target: float) -> np.ndarray:
    """Rows (n, 2) of the recordings of all people who have both speeds; a target of NaN stands for any speed."""
    near = np.abs(gaits.speed - source) < SAME_SPEED
    wanted = np.isnan(target) | (np.abs(gaits.speed - target) < SAME_SPEED)
    own = gaits.subject[:, None] == gaits.subject
    found = np.argwhere(own & near[:, None] & np.broadcast_to(wanted, own.shape))
    if not len(found):
        raise DataError(
            f"no training subject walks at {source:g} m/s and at "
            f"{'another speed' if np.isnan(target) else f'{target:g} m/s'}: leave this pair of speeds out"
        )
    return found


def train(
    kind: str, gaits: Gaits, transfer: Transfer, settings: Settings, seed: int = 0
) -> Regressor:
    """The bank of one kind (`mlp`, `tcn`), from the training subjects who have the two speeds of a member."""
    if kind not in NETWORKS:
        raise ConfigError(f"no regression baseline {kind!r}; {nearest(kind, NETWORKS)}")
    rng = np.random.default_rng(seed)
    speeds = np.unique(np.round(gaits.speed, 2))
    targets: Sequence[float] = (
        (settings.target_speeds or speeds.tolist()) if kind == "mlp" else [np.nan]
    )
    pairs = np.array([(v, w) for v in settings.source_speeds for w in targets])
    form = transfer.form
    whole = prepared(gaits, form)
    choices = [_rows(gaits, v, w) for v, w in pairs]

    def draw() -> dict[str, np.ndarray]:
        rows = np.stack(
            [each[rng.integers(len(each), size=settings.batch)] for each in choices], axis=1
        )
        wanted = gaits.speed[rows]
        x = transfer.normaliser(
            np.stack([window(whole[i], form, rng.random()) for i in rows.ravel()])
        )
        source, target = np.moveaxis(x.reshape(*rows.shape, *x.shape[1:]), 2, 0)
        if form.align == "none":
            wish = target
        else:
            asked = rows[..., 0].ravel(), wanted[..., 1].ravel()
            moved = change(gaits, *asked, form, transfer.population) / transfer.normaliser.scale
            wish = (
                target
                - source
                - moved.reshape(*rows.shape[:2], *moved.shape[1:]).astype(source.dtype)
            )
        return {"source": source, "target": wish, "speed": wanted[..., 1].astype(np.float32)}

    make, rate = NETWORKS[kind]
    net = make()
    method = speed_regression(net)
    adamw = OptimizerSettings(rate, settings.weight_decay, decay="cosine", clip_norm=1.0)
    optimizer = make_optimizer(adamw, settings.steps)
    step = make_step(method, optimizer, devices=jax.devices()[:1])
    state = init_state(method, optimizer, jax.random.key(seed), draw())
    for _ in range(settings.steps):
        state, _ = step(state, draw())
    return Regressor(net, state.params, pairs, transfer)
