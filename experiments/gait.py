"""Gait: any subset of a stride's signals in, all others out, with calibrated intervals.

python -m experiments.gait --config=experiments/configs/gait.py:quick

`jaxdiff train gait` does the same; `jaxdiff generate` uses the result.
"""

from jaxdiff.studies.study import STUDIES
from jaxdiff.training import launch

DEFAULT = "experiments/configs/gait.py:quick"

if __name__ == "__main__":
    launch.run(STUDIES["gait"].run, DEFAULT, __doc__ or "")
