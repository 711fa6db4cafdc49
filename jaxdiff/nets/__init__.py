"""Flax networks, one per module, built from shared blocks.

Batch first, channels last, any leading axes including none: a method calls a network for one
example and vmaps it. Parameters are float32; `dtype=jnp.bfloat16` computes in bfloat16. Every
network can be filled from the PyTorch checkpoint of the work it comes from (`jaxdiff.interop`).
"""
