"""jaxdiff: diffusion models for human movement, in JAX.

model = jaxdiff.load("runs/llma-quick")     a run, a file made by `model.save`, or a shipped model
walk = jaxdiff.read("walk.mot")             a Recording
out = model.generate(walk, samples=32)      a Prediction
out.write("moments.mot", interval=0.9)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from jaxdiff.errors import Error

if TYPE_CHECKING:
    from jaxdiff.data.formats import read
    from jaxdiff.data.recording import Recording
    from jaxdiff.diffusion import grids, guidance, predictions, schedules, solvers
    from jaxdiff.diffusion.inversion import invert
    from jaxdiff.diffusion.sampling import sample
    from jaxdiff.models import names as models
    from jaxdiff.models.model import Model
    from jaxdiff.models.prediction import Prediction
    from jaxdiff.studies.loading import load
    from jaxdiff.training.loop import fit
    from jaxdiff.typing import Denoiser, Grid, Method, Schedule, Solver

__version__ = "0.2.0"
__all__ = [
    "Denoiser",
    "Error",
    "Grid",
    "Method",
    "Model",
    "Prediction",
    "Recording",
    "Schedule",
    "Solver",
    "__version__",
    "fit",
    "grids",
    "guidance",
    "invert",
    "load",
    "models",
    "predictions",
    "read",
    "sample",
    "schedules",
    "solvers",
]
_HOMES = {
    **dict.fromkeys(
        ("grids", "guidance", "predictions", "schedules", "solvers"), "jaxdiff.diffusion"
    ),
    "Model": "jaxdiff.models.model",
    "Prediction": "jaxdiff.models.prediction",
    "Recording": "jaxdiff.data.recording",
    "fit": "jaxdiff.training.loop",
    "invert": "jaxdiff.diffusion.inversion",
    "load": "jaxdiff.studies.loading",
    "read": "jaxdiff.data.formats",
    "sample": "jaxdiff.diffusion.sampling",
    **dict.fromkeys(("Denoiser", "Grid", "Method", "Schedule", "Solver"), "jaxdiff.typing"),
}


def __getattr__(name: str) -> Any:
    """The public names on first use: JAX takes a second to import, and `jaxdiff --help` needs none
    of it.
    """
    if name == "models":  # a package that lists the shipped models when it is called
        return import_module("jaxdiff.models")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = import_module(_HOMES[name])
    value = getattr(home, name, None) or import_module(f"{_HOMES[name]}.{name}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
