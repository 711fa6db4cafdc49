"""Gait: one model for all signals of a stride."""

from jaxdiff.studies.gait.config import WORDS, get_config
from jaxdiff.studies.study import Study, lazily

_HERE = "jaxdiff.studies.gait"
STUDY = Study(
    name="gait",
    get_config=get_config,
    words=WORDS,
    experiments={
        "train": lazily(f"{_HERE}.training:run_train"),
        "tables": lazily(f"{_HERE}.tables:run_tables"),
    },
    model=lazily(f"{_HERE}.model:GaitModel"),
)
