"""Trained runs outside training: one pure function in physical units, as an artefact that needs only JAX, or as a stream."""
