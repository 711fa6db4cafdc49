"""Axes and colours of the figures; matplotlib is imported on use."""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxdiff.errors import MissingExtra

REAL, GENERATED = "black", "tab:red"


def axes(rows: int, columns: int) -> tuple[Any, np.ndarray]:
    """A matplotlib figure and its axes [rows, columns]."""
    try:
        import matplotlib

        matplotlib.use("Agg")
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise MissingExtra("drawing", "viz") from error
    size = (max(4.5, 2.4 * columns), max(3.2, 2 * rows))
    return plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")
