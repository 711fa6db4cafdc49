"""Every table of the gait study has a picture."""

import numpy as np
import pytest

from jaxdiff.report.tables import Table
from jaxdiff.studies.gait import figures

TABLES = {
    "subsets": Table("s", ("moments [N m/kg]", "forces [N/kg]")),
    "steps": Table("s", ("angles, CRPS", "angles, coverage 90 %")),
    "together": Table("t", ("given", "quantity", "first alone", "second alone", "both")),
    "baselines": Table("b", ("moments [N m/kg]", "emg [1]")),
    "opensim": Table("o", ("RMSE", "R2", "coverage 90 %")),
    "hood": Table("h", ("zero-shot RMSE", "zero-shot R2", "adapted RMSE", "adapted R2")),
}
TABLES["subsets"].row("angles", {"moments [N m/kg]": "0.07 · 0.73 · 0.03 · 91%"})
TABLES["steps"].row("1", {"angles, CRPS": "0.031", "angles, coverage 90 %": "89.5%"})
TABLES["together"].row("a+b", {"first alone": "2", "second alone": "1", "both": "0.9"})
TABLES["baselines"].row("grf: model", {"moments [N m/kg]": "0.05", "emg [1]": "0.1"})
TABLES["baselines"].row("grf: ridge", {"moments [N m/kg]": "0.06", "emg [1]": "0.1"})
TABLES["opensim"].row("knee", {"RMSE": "17", "R2": "-3.2", "coverage 90 %": "51%"})
TABLES["hood"].row("ankle", {"zero-shot RMSE": "0.2", "adapted RMSE": "0.1"})


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_drawn(name, tmp_path):
    pytest.importorskip("matplotlib")
    assert figures.save(name, TABLES[name], tmp_path).stat().st_size > 3000


def test_numbers_are_read_from_cells():
    found = figures.numbers(TABLES["subsets"], "moments [N m/kg]")
    np.testing.assert_allclose(found, [[0.07, 0.73, 0.03, 91]])
