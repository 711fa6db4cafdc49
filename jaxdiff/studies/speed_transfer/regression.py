"""The MLP and TCN baselines of the paper, trained on the training subjects (II.G).

Their inputs are z-scored sequences in time, as in the paper; since source and target are not
aligned, the mean is their best prediction.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import flax.linen as nn
import jax
import numpy as np

from jaxdiff.data.normalise import Normaliser
from jaxdiff.data.pipeline import Batches
from jaxdiff.errors import ConfigError, DataError, nearest
from jaxdiff.methods.speed_regression import speed_regression
from jaxdiff.nets.regressors import TCN, SequenceMLP
from jaxdiff.studies.fitting import fit_once
from jaxdiff.studies.generation import in_chunks
from jaxdiff.studies.speed_transfer.data import Gaits
from jaxdiff.studies.speed_transfer.evaluation import SAME_SPEED, Task, task
from jaxdiff.training import settings as training
from jaxdiff.training.optimizer import OptimizerSettings
from jaxdiff.training.state import TrainState
from jaxdiff.typing import Params

NETWORKS: dict[str, tuple[type[nn.Module], float]] = {
    "mlp": (SequenceMLP, 1e-4),
    "tcn": (TCN, 5e-3),
}
"""Network and learning rate, chosen on validation people; docs/results/speed_transfer has what was
tried."""
EVALUATIONS = 8
"""Checkpoints among which validation people choose."""


class Settings(NamedTuple):
    """Training of the baselines."""

    source_speeds: tuple[float, ...] = (0.55, 0.80, 1.05, 1.30, 1.55, 1.80)
    target_speeds: tuple[float, ...] = ()
    """Of the MLP, one network per pair; () for all there are."""
    steps: int = 400
    """At most: the parameters with the least error on validation people are used."""
    weight_decay: float = 1e-2
    batch: int = 8


class Regressor(NamedTuple):
    """A trained bank: member m maps from `pairs[m, 0]` m/s, to `pairs[m, 1]` m/s or, if that is
    NaN, to any speed.
    """

    net: nn.Module
    params: Params
    pairs: np.ndarray
    normaliser: Normaliser

    def __call__(self, task: Task) -> np.ndarray:
        """(N, T, C) in degrees."""
        source = task.gaits.speed[task.source]
        wanted = np.stack([source, task.target_speed], axis=1)
        away = np.nan_to_num(np.abs(wanted[:, None] - self.pairs), nan=0.0).max(-1)
        if (away.min(1) > SAME_SPEED).any():
            v, w = wanted[away.min(1).argmax()]
            raise DataError(
                f"this baseline was not trained to go from {v:g} to {w:g} m/s; it has"
                f" {self.pairs.tolist()}"
            )
        condition = {
            "source": self.normaliser(task.gaits.values[task.source]),
            "speed": task.target_speed.astype(np.float32),
            "member": away.argmin(1),
        }
        run = jax.jit(speed_regression(self.net).generate)
        made = in_chunks(run, self.params, jax.random.key(0), condition, min(64, len(task)))
        return self.normaliser.inverse(made)


def _rows(gaits: Gaits, source: float, target: float) -> np.ndarray:
    """Rows (n, 2) of the recordings of all people who have both speeds; a target of NaN stands for
    any speed.
    """
    near = np.abs(gaits.speed - source) < SAME_SPEED
    wanted = np.isnan(target) | (np.abs(gaits.speed - target) < SAME_SPEED)
    own = gaits.subject[:, None] == gaits.subject
    found = np.argwhere(own & near[:, None] & np.broadcast_to(wanted, own.shape))
    if not len(found):
        raise DataError(
            f"no training subject walks at {source:g} m/s and at"
            f" {'another speed' if np.isnan(target) else f'{target:g} m/s'}: leave this pair of"
            " speeds out"
        )
    return found


def train(
    kind: str,
    gaits: Gaits,
    validation: Gaits,
    normaliser: Normaliser,
    settings: Settings,
    directory: Path,
    seed: int = 0,
) -> Regressor:
    """The bank of one kind (`mlp`, `tcn`), from the training subjects who have the two speeds of a
    member.

    Args:
      kind: one of `NETWORKS`.
      gaits: those of the training subjects.
      validation: those of the subjects by whom the checkpoint is chosen.
      normaliser: of the angles.
      settings: of the training.
      directory: where the run is kept; a finished one is used again.
      seed: of the parameters and of the pairs drawn.
    """
    if kind not in NETWORKS:
        raise ConfigError(f"no regression baseline {kind!r}; {nearest(kind, NETWORKS)}")
    speeds = np.unique(np.round(gaits.speed, 2))
    targets: Sequence[float] = (
        (settings.target_speeds or speeds.tolist()) if kind == "mlp" else [np.nan]
    )
    pairs = np.array([(v, w) for v in settings.source_speeds for w in targets])
    make, rate = NETWORKS[kind]
    net, source = make(), Members(gaits, normaliser, [_rows(gaits, v, w) for v, w in pairs])
    adamw = OptimizerSettings(rate, settings.weight_decay, decay="cosine", clip_norm=1.0)
    others = np.unique(validation.subject).tolist()
    asked = task(validation, others, settings.source_speeds, settings.target_speeds)
    truth = normaliser(validation.values[asked.target])

    def evaluate(state: TrainState) -> dict[str, float]:
        made = normaliser(Regressor(net, state.ema, pairs, normaliser)(asked))
        return {"validation_loss": float(np.square(made - truth).mean())}

    params = fit_once(
        speed_regression(net),
        lambda: Batches(source, settings.batch, seed, shuffle=False),
        training.Settings(
            settings.steps,
            seed,
            adamw,
            ema_decay=0.99,
            log_every=settings.steps,
            evaluate_every=max(settings.steps // EVALUATIONS, 1),
            score="validation_loss",
        ),
        directory,
        {"study": "speed_transfer", "method": "speed_regression", "kind": kind},
        evaluate,
    )
    return Regressor(net, params, pairs, normaliser)


class Members:
    """Batches for a bank: every example is a pair of gaits, drawn at random, for each of the M
    members.

    Args:
      gaits: those of the training subjects.
      normaliser: of the angles.
      choices: pairs of rows [n, 2] of the gaits for each member.
    """

    def __init__(self, gaits: Gaits, normaliser: Normaliser, choices: Sequence[np.ndarray]):
        self.gaits, self.choices = gaits, choices
        self.values = normaliser(gaits.values)

    def __len__(self) -> int:
        return sum(map(len, self.choices))

    def __call__(self, index: np.ndarray, u: np.ndarray) -> dict[str, np.ndarray]:
        """`source`, `target` [B, M, T, C] and the target's `speed` [B, M]."""
        rng = np.random.default_rng(np.frombuffer(u.tobytes(), np.uint32))
        rows = np.stack(
            [each[rng.integers(len(each), size=len(index))] for each in self.choices], axis=1
        )
        source, target = self.values[rows[..., 0]], self.values[rows[..., 1]]
        wanted = self.gaits.speed[rows[..., 1]]
        return {"source": source, "target": target, "speed": wanted.astype(np.float32)}
