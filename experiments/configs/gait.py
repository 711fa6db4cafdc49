"""Configs of the gait model. Launch one with

    python -m experiments.gait --config=experiments/configs/gait.py:WORD

| word   | what it does                                                | expect                            |
|--------|-------------------------------------------------------------|-----------------------------------|
| tiny   | a trial of the whole chain                                  | figures of no meaning, in seconds |
| quick  | a small model                                               | minutes to an hour of CPU         |
| ship   | the weights in the package                                  | half an hour of two cores         |
| tables | the tables of docs/results/gait, for the weights in the package | minutes to an hour of CPU     |
"""

from jaxdiff.studies.gait.config import get_config

__all__ = ["get_config"]
