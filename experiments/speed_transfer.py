r"""Speed transfer: a person's gait at one walking speed, generated at another.

python -m experiments.speed_transfer --config=experiments/configs/speed_transfer.py:quick
python -m experiments.speed_transfer --config=experiments/configs/speed_transfer.py:table1 \
    --config.experiment=evaluate --out=runs/mine

`jaxdiff train speed_transfer` does the same; `jaxdiff generate` uses the result.
"""

from jaxdiff.studies.study import STUDIES
from jaxdiff.training import launch

DEFAULT = "experiments/configs/speed_transfer.py:quick"

if __name__ == "__main__":
    launch.run(STUDIES["speed_transfer"].run, DEFAULT, __doc__ or "")
