"""jaxdiff: diffusion models for human movement, in JAX."""

from jaxdiff.diffusion import grids, guidance, predictions, schedules, solvers
from jaxdiff.diffusion.inversion import invert
from jaxdiff.diffusion.sampling import sample
from jaxdiff.errors import Error
from jaxdiff.typing import Denoiser, Grid, Method, Schedule, Solver

__version__ = "0.1.0"
__all__ = [
    "Denoiser",
    "Error",
    "Grid",
    "Method",
    "Schedule",
    "Solver",
    "__version__",
    "grids",
    "guidance",
    "invert",
    "predictions",
    "sample",
    "schedules",
    "solvers",
]
