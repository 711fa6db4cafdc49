"""Whether the intervals that `generate` writes hold: share of measured values inside them, on
people not trained on.
"""

from __future__ import annotations

import numpy as np

from jaxdiff.data.trials import Trials
from jaxdiff.errors import DataError
from jaxdiff.models.model import Model
from jaxdiff.studies.generation import evenly

SAMPLES = 32
"""Of a generated file by default, and therefore of the calibration of its intervals."""
LEVEL = 0.9


def covered(
    model: Model, trials: Trials, given: str, target: str, most: int = 24, samples: int = SAMPLES
) -> dict[str, float]:
    """Share of measured values inside the interval at `LEVEL` of files generated from recordings.

    Args:
      model: a trained model.
      trials: recordings of both modalities, of people that the model has not seen.
      given: name of the modality that is given.
      target: name of the one that is generated and was measured too.
      most: recordings to generate from, evenly spread.
      samples: samples of each.

    Returns:
      The share of each channel, and of all of them as `all`.
    """
    inside = []
    for trial in evenly(len(trials), most) if len(trials) > most else range(len(trials)):
        recording, measured = (trials.recording(int(trial), name) for name in (given, target))
        strikes = _strikes(trials, int(trial))
        made = model.generate(recording, given=given, samples=samples, strikes=strikes)
        low, high = made.interval(LEVEL)
        truth = np.stack(
            [np.interp(low.time, measured.time, channel) for channel in measured.values.T], axis=1
        )
        inside.append((low.values <= truth) & (truth <= high.values))
    if not inside:
        raise DataError("there are no recordings to generate from")
    share = np.concatenate(inside).mean(0)
    return {"all": float(share.mean()), **dict(zip(trials.channels[target], share.tolist()))}


def _strikes(trials: Trials, trial: int) -> list[float] | None:
    """Times at which the strides of a trial begin, and the end of the last; None where strides are
    not numbered.
    """
    frames = slice(int(trials.start[trial]), int(trials.start[trial] + trials.length[trial]))
    stride, time = trials.stride[frames], trials.time[frames]
    if (stride < 0).any():
        return None
    first = np.flatnonzero(np.diff(stride, prepend=stride[0] - 1))
    return [*time[first].tolist(), float(time[-1])]
