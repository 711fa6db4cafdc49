"""CondUnet1D, the text-conditioned U-Net of StableMoFusion (Huang et al. 2024): the backbone of
BioVAE.

`network` is the network and its sizes, `blocks` are its blocks, and `joint` computes what all of
them need of the text and of the noise level in one product each.
"""

from jaxdiff.nets.unet.network import PRESETS, CondUnet1D

__all__ = ["PRESETS", "CondUnet1D"]
