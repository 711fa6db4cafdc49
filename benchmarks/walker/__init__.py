"""What the simulated walker is worth: throughput, distance from published norms, transfer to real
people.

    python -m benchmarks.walker.throughput
    JAXDIFF_SHARED=... python -m benchmarks.walker.norms --out=docs/results/walker
    JAXDIFF_SHARED=... python -m benchmarks.walker.transfer --out=docs/results/walker

The real data are looked for in $JAXDIFF_SHARED/data. They were used to tune the spread of the
simulated traits, so their figures are validation figures.
"""
