"""The layers all networks share; each agrees with the PyTorch layer of the same kind."""
