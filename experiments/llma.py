"""LLMA: cross-modal diffusion with local latent manifold alignment.

python -m experiments.llma --config=experiments/configs/llma.py:quick
python -m experiments.llma --config=experiments/configs/llma.py:table1 --config.data.size=full

`jaxdiff train llma` does the same; `jaxdiff generate` uses the result.
"""

from jaxdiff.studies.study import STUDIES
from jaxdiff.training import launch

DEFAULT = "experiments/configs/llma.py:quick"

if __name__ == "__main__":
    launch.run(STUDIES["llma"].run, DEFAULT, __doc__ or "")
