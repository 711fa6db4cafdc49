"""What the networks start from: nothing but the training mean, linear-Gaussian laws, or the best
baseline and its errors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from jaxdiff.baselines import BASELINES, Fit, Predict, linear_gaussian
from jaxdiff.errors import ConfigError, nearest
from jaxdiff.methods.cross_modal import OTHER
from jaxdiff.studies.llma.preparation import Fold
from jaxdiff.typing import Config, Params

STARTS = ("none", "linear", "best")
CANDIDATES = ("ridge", "kernel_ridge", "mean_of_kernels", "local_ridge")
"""Baselines among which `best` chooses, by their error on left-out training subjects."""
GROUPS = 10
"""Groups of training subjects that are left out in turn."""


@dataclass(frozen=True)
class Start:
    """The start of one fold.

    Attributes:
      params: known parameters: the laws, under "fixed".
      guesses: predictions for the training windows, `guess_x` and `guess_y`, each made without the
        window's subject.
      predict: for `best`, the predictor of each modality, fitted on all training windows.
      names: for `best`, the name of the chosen baseline.
    """

    params: Params
    guesses: Mapping[str, np.ndarray] = field(default_factory=dict)
    predict: Mapping[str, Predict] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def trained_with(self) -> Params:
        """The parameters that training needs: as the predictions are known, not the maps, which are
        most of them.
        """
        laws = self.params.get("fixed", {})
        if not self.guesses:
            return self.params
        return {"fixed": {own: linear_gaussian.without_map(law) for own, law in laws.items()}}

    def source(self, windows: Any) -> Any:
        """A source of training batches that carry the predictions."""
        return Guessed(windows, self.guesses) if self.guesses else windows

    def condition(self, given: str, signals: np.ndarray) -> dict[str, np.ndarray]:
        """The condition of generation from signals [N, L, d] of one modality."""
        if OTHER[given] not in self.predict:
            return {given: signals}
        guess = self.predict[OTHER[given]](signals)
        return {given: signals, "guess": np.asarray(guess, np.float32)}


class Guessed(NamedTuple):
    """Windows with a prediction for each."""

    windows: Any
    guesses: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.windows)

    def __call__(self, index: np.ndarray, u: np.ndarray | None = None) -> dict[str, np.ndarray]:
        return self.gather(self.arrays, self.plan(index, u))

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """The signals and the predictions."""
        return {**self.windows.arrays, **self.guesses}

    def plan(self, index: np.ndarray, u: np.ndarray | None = None) -> dict[str, np.ndarray]:
        """The plan of the windows, and their numbers."""
        return {**self.windows.plan(index, u), "row": index.astype(np.int32)}

    def gather(self, arrays: Mapping[str, Any], plan: Mapping[str, Any]) -> dict[str, Any]:
        """The windows of a plan with their predictions."""
        row, plan = plan["row"], {name: plan[name] for name in plan if name != "row"}
        guesses = {n: arrays[n].take(row, axis=0, mode="clip") for n in self.guesses}
        return {**self.windows.gather(arrays, plan), **guesses}


def start(config: Config, fold: Fold, kind: str = "", most: int = 2000) -> Start:
    """Fit the start of a fold.

    Args:
      config: a config of the study.
      fold: the split.
      kind: one of `STARTS`; by default the config's.
      most: training windows to fit to.

    Returns:
      The start; empty for the paper's network, which has none.
    """
    kind = kind or config.model.start
    if kind not in STARTS:
        raise ConfigError(f"no start {kind!r}; {nearest(kind, STARTS)}")
    if config.model.network == "paper":
        return Start({})
    train = fold.side("train", most if kind != "best" else 0)
    if kind != "none" and len(np.unique(train["subject"])) < 2:
        raise ConfigError(
            f"a start of kind {kind!r} is judged on left-out training subjects, of which there is"
            " one only: set model.start to none"
        )
    groups = min(GROUPS, len(fold.train.trials.levels["subject"]))
    if kind == "none":
        laws = {own: linear_gaussian.marginal(train[own]) for own in OTHER}
        return Start({"fixed": _with_noise(config, laws, train, groups)})
    if kind == "linear":
        laws = {
            own: linear_gaussian.fit(train[own], train[other], train["subject"], groups)
            for own, other in OTHER.items()
        }
        every = fold.side("train")
        guesses = {
            f"guess_{own}": linear_gaussian.guesses(laws[own], every[other], every["subject"])
            for own, other in OTHER.items()
        }
        return Start({"fixed": _with_noise(config, laws, train, groups)}, guesses)
    laws, guesses, predict, names = {}, {}, {}, {}
    for own, other in OTHER.items():
        names[own], guess = best_baseline(train[other], train[own], train["subject"])
        laws[own] = linear_gaussian.around(train[own], train[own] - guess)
        guesses[f"guess_{own}"] = guess.astype(np.float32)
        predict[own] = BASELINES[names[own]](train[other], train[own], train["subject"])
    return Start({"fixed": _with_noise(config, laws, train, groups)}, guesses, predict, names)


def _with_noise(
    config: Config, laws: dict[str, Params], train: dict[str, np.ndarray], groups: int
) -> dict[str, Params]:
    """The laws with the noise on their conditions in training, none where one subject trains, and
    with features that expect this noise.
    """
    found = {}
    for own, other in OTHER.items():
        noise = np.zeros(train[other].shape[-1], np.float32)
        if "condition_noise" in laws[own]:
            noise = laws[own]["condition_noise"]
        elif config.model.condition_noise and len(np.unique(train["subject"])) > 1:
            noise = linear_gaussian.condition_noise(
                train[own], train[other], train["subject"], groups
            )
        found[own] = {**laws[own], "condition_noise": noise}
    for own, other in OTHER.items():
        noise = config.model.condition_noise * found[own]["condition_noise"]
        features = linear_gaussian.features(train[other], noise).astype(np.float32)
        found[other] = {**found[other], "features": features}
    return found


def best_baseline(
    x: np.ndarray, y: np.ndarray, subjects: np.ndarray, names: tuple[str, ...] = CANDIDATES
) -> tuple[str, np.ndarray]:
    """The baseline with the smallest error on left-out training subjects, and its predictions of
    them.

    Args:
      x: conditions [N, L, d].
      y: targets [N, L, e].
      subjects: subject of each row [N].
      names: keys of `BASELINES` to choose from.

    Returns:
      Its name, and predictions [N, L, e] in which no row's subject was fitted.
    """
    found = {name: left_out(BASELINES[name], x, y, subjects) for name in names}
    best = min(found, key=lambda name: float(np.square(found[name] - y).mean()))
    return best, found[best]


def left_out(fit: Fit, x: np.ndarray, y: np.ndarray, subjects: np.ndarray) -> np.ndarray:
    """Predictions [N, ...] of a baseline for every row, fitted without the row's group of
    subjects.
    """
    codes = np.unique(subjects, return_inverse=True)[1] % GROUPS
    predicted = np.zeros(y.shape)
    for group in np.unique(codes):
        rows = codes == group
        predicted[rows] = fit(x[~rows], y[~rows], subjects[~rows])(x[rows])
    return predicted
