"""Weights of other people's networks: PyTorch checkpoints in, safe `.npz` files out, no PyTorch and
no pickle needed.

jaxdiff weights convert --from stablemofusion latest.tar --out weights/
loaded = jaxdiff.interop.load("weights")
unet = loaded["unet"];  y = unet.network.apply(unet.params, x, t, text)
"""

from jaxdiff.interop.files import read
from jaxdiff.interop.sources import SOURCES, convert, convert_tree
from jaxdiff.interop.store import Converted, Weights, load, save

__all__ = ["SOURCES", "Converted", "Weights", "convert", "convert_tree", "load", "read", "save"]
