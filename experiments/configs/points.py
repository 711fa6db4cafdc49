"""A diffusion model of points on a line: the whole engine in half a minute.

    python -m experiments.points --config=experiments/configs/points.py

Expect both modes of the mixture found: weights 0.3 and 0.7, means -2 and 1, within a few per cent.
"""

from jaxdiff.studies.points.config import get_config

__all__ = ["get_config"]
