"""Points on a line: a small diffusion model through the real engine, and a drawing of what it
learned.

python -m experiments.points --config=experiments/configs/points.py

`jaxdiff train points` does the same; `jaxdiff generate` uses the result.
"""

from jaxdiff.studies.study import STUDIES
from jaxdiff.training import launch

DEFAULT = "experiments/configs/points.py"

if __name__ == "__main__":
    launch.run(STUDIES["points"].run, DEFAULT, __doc__ or "")
