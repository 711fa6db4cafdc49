"""Simulated adults against published norms, and models fitted on simulation against real people
(needs the shared data).
"""

import os
from pathlib import Path

import numpy as np
import pytest

from benchmarks.walker import cohorts, norms, transfer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (Path(os.environ.get("JAXDIFF_SHARED", "../shared")) / "data").is_dir(),
        reason="the shared data are not here (set JAXDIFF_SHARED)",
    ),
]
OUT = Path(os.environ["JAXDIFF_WALKER_OUT"]) if "JAXDIFF_WALKER_OUT" in os.environ else None
"""Where the tables are written, for whoever wants to look at them."""


def test_healthy_adults_lie_within_the_norms():
    found = norms.compare(people=32)
    if OUT:
        OUT.mkdir(parents=True, exist_ok=True)
        (OUT / "norms.md").write_text(norms.markdown(found))
        norms.picture(found, OUT / "norms.png")
    rows = [row for row in found["rows"] if "angle" in row["channel"]]
    assert np.mean([row["distance"] for row in rows]) < 1.0
    assert 0.6 < np.median([row["spread"] for row in rows]) < 1.6


def test_simulation_alone_predicts_a_real_persons_moments():
    rows = transfer.table(
        {"batched cohort": cohorts.batched(160)}, {"ridge": transfer.stepped_ridge}
    )
    if OUT:
        OUT.mkdir(parents=True, exist_ok=True)
        (OUT / "transfer-ridge.md").write_text(transfer.markdown(rows))
    score = {row["target"]: row["r2"] for row in rows if row["model"] == "ridge"}
    assert score["ankle moment"] > 0.5
    assert score["normal force"] > 0.5
