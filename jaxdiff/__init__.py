"""jaxdiff: diffusion models for human movement, in JAX."""

from jaxdiff.errors import Error
from jaxdiff.typing import Denoiser, Grid, Method, Schedule, Solver

__version__ = "0.1.0"
__all__ = ["Denoiser", "Error", "Grid", "Method", "Schedule", "Solver", "__version__"]
