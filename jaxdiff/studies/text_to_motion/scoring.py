"""A model scored in the reference's protocol by a given evaluator: released weights, or a run of
this library.

    jaxdiff score --study text_to_motion --model weights/smf --evaluator weights/t2m --data DIR

Tokens are those of the reference's word vectoriser, motions are generated in batches of 32 at the
longest length of the batch, unmasked where the model is (`sampling.masked`), brought to the
evaluator's units, and scored 20 times.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from jaxdiff.body.humanml3d import Variant
from jaxdiff.data import normalise
from jaxdiff.data.trials import Trials
from jaxdiff.errors import CheckpointError
from jaxdiff.methods import evaluator
from jaxdiff.metrics.text_motion import BATCH
from jaxdiff.models import file
from jaxdiff.models.trained import Trained
from jaxdiff.nets.word_text import Vocabulary
from jaxdiff.report.tables import Table
from jaxdiff.studies.loading import load
from jaxdiff.studies.run import Run
from jaxdiff.studies.text_to_motion import evaluation, experiments, preparation, published
from jaxdiff.studies.text_to_motion.model import TextToMotionModel
from jaxdiff.training.step import make_generate
from jaxdiff.typing import Key, Params


def score(
    run: str | Path,
    judge: str | Path,
    data: str | Path | None = None,
    repetitions: int = 20,
    trials: Trials | None = None,
    texts: int = 100,
) -> tuple[Table, dict[str, dict[str, float]]]:
    """The protocol's table of a model.

    Args:
      run: a model of text to motion: converted weights, a model file or a run.
      judge: an evaluator: converted weights, or a run of text to motion that trained one.
      data: the folder of the data set, for data sets that need registration.
      repetitions: of the protocol.
      trials: test data in place of the model's own data set.
      texts: captions of which many motions are generated, for MultiModality.

    Returns:
      The table, and its rows.
    """
    model = load(run)
    if not isinstance(model, TextToMotionModel):
        raise CheckpointError(f"{run} is a model of {model.study}, not of text_to_motion")
    settings, params, words, normaliser, variant = opened(judge)
    preparation.same_variant(str(run), model.variant, str(judge), variant or model.variant)
    config: Any = ConfigDict(model.config).unlock()
    config.evaluation.update(repetitions=repetitions, texts=texts)
    if data is not None:
        config.data.manual_dir = str(data)
    base = preparation.prepare(config, trials)
    prepared = preparation.Prepared(
        base.sides,
        model.scale,
        normaliser,
        tuple(model.words),
        tuple(words),
        base.rate,
        base.actions,
        base.variant,
    )
    rows = evaluation.protocol(
        config,
        prepared,
        at_longest(model),
        model.trained.params,
        make_generate(evaluator.evaluator(settings).generate),
        params,
        read=model._reader(),
        size=BATCH,
    )
    return experiments.results(config, rows, len(prepared.sides["test"])), rows


def opened(
    judge: str | Path,
) -> tuple[evaluator.Settings, Params, list[str], Any, Variant | None]:
    """Settings, parameters, words, normaliser and feature variant (if it states one) of an
    evaluator.
    """
    path = Path(judge)
    path = path / published.MODEL_FILE if (path / published.MODEL_FILE).is_file() else path
    found: Trained = file.load(path) if path.is_file() else Run.open(path, "evaluator").trained()
    metadata = found.metadata
    if metadata.get("method") != "evaluator":
        raise CheckpointError(
            f"{judge} holds no evaluator; `jaxdiff weights convert --from t2m DIR` makes one, and"
            " so does a run of text_to_motion"
        )
    words = list(metadata["words"])
    if "sizes" in metadata:
        vocabulary = len(Vocabulary(words))
        settings = evaluator.Settings(
            vocabulary, int(metadata["speech"]), **{k: int(v) for k, v in metadata["sizes"].items()}
        )
    else:
        config: Any = ConfigDict(metadata["config"])
        settings = preparation.evaluator_settings(config, len(words))
    own = normalise.from_state(metadata["normaliser"])
    return settings, found.params, words, own, metadata.get("variant")


def at_longest(model: TextToMotionModel) -> Callable[[Params, Key, Mapping[str, Any]], np.ndarray]:
    """Generation of a batch at its longest length, padded to the model's."""

    def generate(params: Params, key: Key, condition: Mapping[str, Any]) -> np.ndarray:
        frames = int(np.max(condition["length"]))
        run = model._once(
            ("batch", frames), lambda: make_generate(model._method(0, frames)), most=64
        )
        made = np.asarray(run(params, key, condition))
        return np.pad(made, ((0, 0), (0, model.longest - frames), (0, 0)))

    return generate
