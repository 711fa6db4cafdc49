"""Configs of BioVAE. Launch one with

    python -m experiments.biovae --config=experiments/configs/biovae.py:WORD

| word        | what it does                                                             | expect                               |
|-------------|--------------------------------------------------------------------------|--------------------------------------|
| tiny        | a trial of the whole chain, two steps of every training                  | figures of no meaning                |
| quick       | tables 2, 4, 5 and 6 on simulated motion, from one small backbone        | two CPU cores, a quarter of an hour  |
| table1 … 6  | one table of the paper, its rows below ours                              | the row `real` is the one to be near |
| muscles     | the motion encoder's pre-training on activations of eight muscles        | RMSE below that of the mean          |
| paper       | all tables at full size on HumanML3D (files and CLIP weights are yours)  | StableMoFusion's rows and BioVAE's   |

`--config.data.name=bandai_namco_2` takes captured motion (the motion pack, found through
$JAXDIFF_SHARED or data.root), `--config.run=runs/biovae-quick` the networks of an earlier run.
"""

from jaxdiff.studies.biovae.config import get_config

__all__ = ["get_config"]
