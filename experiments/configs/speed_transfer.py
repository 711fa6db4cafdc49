"""Configs of speed transfer. Launch one with

python -m experiments.speed_transfer --config=experiments/configs/speed_transfer.py:WORD

`ship` (12 minutes in one core) trains the shipped model; docs/results/speed_transfer has its
tables.
"""

from jaxdiff.studies.speed_transfer.config import get_config

__all__ = ["get_config"]
