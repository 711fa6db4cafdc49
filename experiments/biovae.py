"""BioVAE: generation, editing and refinement of motion by a diffusion model that states
accelerations.

python -m experiments.biovae --config=experiments/configs/biovae.py:quick

`jaxdiff train biovae` does the same; `jaxdiff generate` uses the result.
"""

from jaxdiff.studies.study import STUDIES
from jaxdiff.training import launch

DEFAULT = "experiments/configs/biovae.py:quick"

if __name__ == "__main__":
    launch.run(STUDIES["biovae"].run, DEFAULT, __doc__ or "")
