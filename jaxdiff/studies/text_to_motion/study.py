"""Text to motion: movement from a sentence."""

from jaxdiff.studies.study import Study, lazily
from jaxdiff.studies.text_to_motion.config import WORDS, get_config

_HERE = "jaxdiff.studies.text_to_motion"
STUDY = Study(
    name="text_to_motion",
    get_config=get_config,
    words=WORDS,
    experiments={
        "train": lazily(f"{_HERE}.experiments:run_train"),
        "evaluator": lazily(f"{_HERE}.experiments:run_evaluator"),
        "sampling": lazily(f"{_HERE}.sampling_table:run_sampling"),
        "few_steps": lazily(f"{_HERE}.few_steps:run_few_steps"),
        "corpora": lazily(f"{_HERE}.corpus_table:run_corpora"),
        "constraints": lazily(f"{_HERE}.constraint_table:run_constraints"),
    },
    model=lazily(f"{_HERE}.model:TextToMotionModel"),
    arms=("model", "student"),
)
