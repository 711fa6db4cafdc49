"""Configs of LLMA. Launch one with

    python -m experiments.llma --config=experiments/configs/llma.py:WORD        (or: jaxdiff train llma:WORD)

| word         | what it does                                                             | expect                               |
|--------------|--------------------------------------------------------------------------|--------------------------------------|
| demo         | the README's first command, `jaxdiff demo`: quick, and smaller            | two minutes on two cores             |
| quick        | angles ↔ moments of six simulated people, table and report                | under five minutes                   |
| table1       | 3 pairs, with and without alignment, three starts, against baselines      | docs/results/llma/README.md          |
| table2       | probes of five alignments and of the raw signals                          | docs/results/llma/README.md          |
| table3       | ablation of energy, contrast, covariance                                  | docs/results/llma/README.md          |
| few          | 8, 16, 32 people, and half of the pairs broken                            | docs/results/llma/README.md          |
| tables       | the four above from one set of trained models                             |                                      |
| figures      | Figures 2, 3, 4 and 6, with and without alignment                         |                                      |
| verheul      | real braking stances, one subject left out at a time                      | docs/results/llma/README.md          |
| paper        | one model in the paper's setting on Embry 2018 (files from IEEE DataPort) | MSE 0.07 (moments from angles), a GPU |
| paper-tables | the paper's Tables 1 to 3: ten folds in chunks, three pairs               | a GPU of 80 GB                       |
"""

from jaxdiff.studies.llma.config import get_config

__all__ = ["get_config"]
