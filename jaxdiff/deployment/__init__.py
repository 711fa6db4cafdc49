"""Models as pure functions of arrays: exported as an artefact that needs only JAX, or run on a
stream.
"""
