"""BioVAE: movement from a sentence, with accelerations that can be scaled, and refinement of
estimated motion.
"""

from jaxdiff.studies.biovae.config import WORDS, get_config
from jaxdiff.studies.study import Study, lazily

_HERE = "jaxdiff.studies.biovae"
STUDY = Study(
    name="biovae",
    get_config=get_config,
    words=WORDS,
    experiments={
        "tables": lazily(f"{_HERE}.experiments:run_tables"),
        "muscles": lazily(f"{_HERE}.experiments:run_muscles"),
    },
    model=lazily(f"{_HERE}.model:BioVaeModel"),
    arms=(
        "arm-all",
        "arm-losses",
        "arm-emg",
        "arm-biovae",
        "arm-accel",
        "arm-backbone",
        "refiner",
    ),
)
