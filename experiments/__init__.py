"""Experiments: `python -m experiments.NAME --config=experiments/configs/NAME.py:WORD`."""
