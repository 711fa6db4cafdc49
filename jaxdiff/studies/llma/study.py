"""LLMA: one modality of gait from another, with local latent manifold alignment."""

from jaxdiff.studies.llma.config import GROUPS, TABLES, WORDS, get_config
from jaxdiff.studies.study import Study, lazily

_HERE = "jaxdiff.studies.llma"
STUDY = Study(
    name="llma",
    get_config=get_config,
    words=WORDS,
    experiments={
        "train": lazily(f"{_HERE}.experiments:run_train"),
        "figures": lazily(f"{_HERE}.experiments:run_figures"),
        **dict.fromkeys((*TABLES, *GROUPS), lazily(f"{_HERE}.experiments:run_tables")),
    },
    model=lazily(f"{_HERE}.model:LlmaModel"),
)
