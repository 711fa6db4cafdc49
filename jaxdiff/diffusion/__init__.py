"""The diffusion kernel: schedules, grids, solvers and guidance as pure functions of arrays.

Nothing here depends on the application. `jaxdiff.typing` defines the types.
"""
