"""jaxdiff: diffusion models for human movement, in JAX."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from jaxdiff.errors import Error

if TYPE_CHECKING:
    from jaxdiff.diffusion import grids, guidance, predictions, schedules, solvers
    from jaxdiff.diffusion.inversion import invert
    from jaxdiff.diffusion.sampling import sample
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
_HOMES = {
    **dict.fromkeys(
        ("grids", "guidance", "predictions", "schedules", "solvers"), "jaxdiff.diffusion"
    ),
    "invert": "jaxdiff.diffusion.inversion",
    "sample": "jaxdiff.diffusion.sampling",
    **dict.fromkeys(("Denoiser", "Grid", "Method", "Schedule", "Solver"), "jaxdiff.typing"),
}


def __getattr__(name: str) -> Any:
    """The public names on first use: JAX takes a second to import, and `jaxdiff --help` needs none of it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = import_module(_HOMES[name])
    value = getattr(home, name, None) or import_module(f"{_HOMES[name]}.{name}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
