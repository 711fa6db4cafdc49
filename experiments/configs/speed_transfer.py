"""Configs of speed transfer. Launch one with

python -m experiments.speed_transfer --config=experiments/configs/speed_transfer.py:WORD
"""

from jaxdiff.studies.speed_transfer.config import get_config

__all__ = ["get_config"]
