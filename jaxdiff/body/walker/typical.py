"""The typical healthy adult: how the mean of all people differs from the reference subject.

Found by least squares on the mean angles, moments and ground reaction of Bovi et al. 2011 at five
speeds, so agreement with those norms validates the fit, not the model (docs/results/walker).
"""

from __future__ import annotations

import numpy as np

TYPICAL = {
    "tilt": 5.9495,
    "lean": -2.8942,
    "duty": 0.0039,
    "duty_slope": -0.0536,
    "load_rise": 0.7867,
    "load_dip": -0.0014,
    "load_tilt": -0.0149,
    "pressure_start": -0.0194,
    "pressure_end": 0.1843,
    "pressure_bow": 0.044,
    "trunk_ahead": -0.064,
    "hip_flexion": 7.0,
    "hip_extension": 4.0,
}
"""Traits in their own units; both legs alike."""
SIGNATURE = np.array(
    (
        (-0.4, -0.4, -1.3, 2.4, -0.6, 0.4, -0.5, 2.5, 0.1),
        (4.8, -0.4, -0.4, 0.1, 0.9, -2.6, -2.2, -2.5, 1.3),
        (-0.9, 0.2, -0.6, 0.4, -1.1, -2.5, 3.6, -0.5, 2.8),
    )
)
"""Fourier terms (constant, four cosines, four sines) of hip, knee and ankle at speed 0.4, degrees.
"""
SIGNATURE_SLOPE = np.array(
    (
        (-1.2, 8.7, 10.6, -5.5, -7.6, 3.5, -10.0, -3.1, -9.8),
        (12.2, 8.1, 12.6, -2.4, 7.6, 3.5, -0.2, 9.4, 10.0),
        (-12.7, 31.2, -5.2, 4.6, -6.0, -15.9, 25.5, -10.7, 8.2),
    )
)
"""Their change per unit of `v / sqrt(gL)`."""
