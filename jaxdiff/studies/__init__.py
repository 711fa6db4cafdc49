"""A study is one paper made runnable: its method with its data, its baselines and its metrics, its
tables and figures.

What the experiments (`python -m experiments.NAME`) and the command line (`jaxdiff`) share lives
here.
"""
