"""Text to motion: a diffusion model of captioned movement, its text encoder and its evaluator.

python -m experiments.text_to_motion --config=experiments/configs/text_to_motion.py:quick

`jaxdiff train text_to_motion` does the same; `jaxdiff generate` uses the result.
"""

from jaxdiff.studies.study import STUDIES
from jaxdiff.training import launch

DEFAULT = "experiments/configs/text_to_motion.py:quick"

if __name__ == "__main__":
    launch.run(STUDIES["text_to_motion"].run, DEFAULT, __doc__ or "")
