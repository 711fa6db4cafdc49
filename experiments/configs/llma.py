"""Configs of LLMA. Launch one with

    python -m experiments.llma --config=experiments/configs/llma.py:WORD

| word    | what it does                                                          | expect (two CPU cores)                 |
|---------|-----------------------------------------------------------------------|----------------------------------------|
| demo    | the README's first command, `jaxdiff demo`: quick, and smaller        | two minutes                            |
| quick   | trains angles ↔ moments on six simulated people, table and report     | under five minutes                     |
| table1  | 3 pairs x with/without alignment x folds, against the baselines       | docs/results/llma/table1.md            |
| table2  | probes of five alignments                                             | docs/results/llma/table2-linear.md     |
| table3  | ablation of energy, contrast, covariance                              | docs/results/llma/table3.md            |
| verheul | real braking stances, leave one subject out                           | docs/results/llma/verheul-moments.md   |
| paper   | the paper's setting on Embry 2018 (ask IEEE DataPort for the files)   | MSE 0.07 (moments from angles), a GPU  |
"""

from jaxdiff.studies.llma.config import get_config

__all__ = ["get_config"]
