"""The typical healthy adult: how the mean of all people differs from the reference subject.

Found by least squares on the mean angles, moments and ground reaction of Bovi et al. 2011 at five
speeds, so agreement with those norms validates the fit, not the model (docs/results/walker).
"""

from __future__ import annotations

import numpy as np

TYPICAL = {
    "tilt": 6.1985,
    "lean": -2.1703,
    "duty": 0.0032,
    "duty_slope": -0.0551,
    "load_rise": 0.8055,
    "load_fall": 0.9464,
    "load_end": 1.0,
    "load_dip": 0.006,
    "load_tilt": -0.0069,
    "pressure_start": -0.0122,
    "pressure_end": 0.1919,
    "pressure_bow": 0.0347,
    "trunk_ahead": -0.0678,
    "hip_flexion": 7.0,
    "hip_extension": 4.0,
}
"""Traits in their own units; both legs alike."""
SIGNATURE = np.array(
    (
        (-3.7, 0.1, -4.8, 1.5, -1.0, 2.1, 0.2, 0.8, -0.8),
        (4.7, -1.9, 0.4, 0.6, 0.2, -4.7, -4.1, -2.5, 0.8),
        (-1.8, -2.5, 1.9, -0.2, 0.3, -2.5, 6.2, -2.8, 4.7),
    )
)
"""Fourier terms (constant, four cosines, four sines) of hip, knee and ankle at speed 0.4, degrees.
"""
SIGNATURE_SLOPE = np.array(
    (
        (-2.6, 16.1, 6.1, -5.1, -14.3, -0.5, -16.8, -12.6, -11.0),
        (11.8, 8.8, 4.9, -5.7, 3.8, 4.5, -2.0, 14.4, 9.9),
        (-6.1, 50.2, -3.9, -3.0, -2.6, -18.6, 36.5, -19.6, 11.5),
    )
)
"""Their change per unit of `v / sqrt(gL)`."""
