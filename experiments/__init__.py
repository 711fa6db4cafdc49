"""Experiments: `python -m experiments.NAME --config=experiments/configs/NAME.py:WORD`."""

import os

# The simulated walker solves many small systems, for which BLAS threads only wait for each other. Must come before NumPy.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
