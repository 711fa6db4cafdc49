"""The networks of the three methods in PyTorch, written from the same description as ours, for
`benchmarks.peers`.

Sub-modules have the names of our parameter trees, so that `weights.load` can copy one into the
other.
"""
