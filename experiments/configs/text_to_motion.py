"""Configs of text to motion. Launch one with

    python -m experiments.text_to_motion --config=experiments/configs/text_to_motion.py:WORD

| word  | what it does                                                             | expect                                     |
|-------|--------------------------------------------------------------------------|--------------------------------------------|
| tiny  | a trial of the whole chain, four steps of training                       | figures of no meaning, in a minute         |
| quick | trains evaluator and model on simulated captioned motion, tables, report | R@3 0.8, FID under 2; 10 minutes of CPU    |
| paper | StableMoFusion's recipe on HumanML3D (files and CLIP weights are yours)  | its R@k and FID beside its own real row   |
| kit   | the same on KIT-ML                                                       | likewise                                   |
"""

from jaxdiff.studies.text_to_motion.config import get_config

__all__ = ["get_config"]
