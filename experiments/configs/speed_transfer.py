"""Configs of speed transfer. Launch one with

python -m experiments.speed_transfer --config=experiments/configs/speed_transfer.py:WORD

`table` (50 minutes on half a core of a CPU): MAE between different speeds 1.00 degrees on simulated able-bodied people,
where the linear change errs by 1.16, and 2.19 on stroke survivors (2.29); docs/results/speed_transfer has all of it.
"""

from jaxdiff.studies.speed_transfer.config import get_config

__all__ = ["get_config"]
