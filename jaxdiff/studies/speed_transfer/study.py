"""Speed transfer: a person's gait at one walking speed, generated at another."""

from jaxdiff.studies.speed_transfer.config import WORDS, get_config
from jaxdiff.studies.study import Study, lazily

_HERE = "jaxdiff.studies.speed_transfer"
STUDY = Study(
    name="speed_transfer",
    get_config=get_config,
    words=WORDS,
    experiments={
        **dict.fromkeys(("train", "evaluate"), lazily(f"{_HERE}.experiments:run")),
        "ship": lazily(f"{_HERE}.stride_training:run"),
        "quick": lazily(f"{_HERE}.stride_report:quick"),
        "people": lazily(f"{_HERE}.stride_report:run"),
    },
    model=lazily(f"{_HERE}.model:build"),
)
