"""Tables keep the numbers: what is printed is rounded, what is stored is not."""

import csv
import io

import numpy as np

from jaxdiff.report.tables import Cell, Table, cell, provenance


def test_cells_round_to_three_significant_figures_and_hide_a_missing_spread():
    assert str(Cell(0.14, 0.02)) == "0.140 ± 0.020"
    assert str(Cell(37.8)) == "37.8"
    assert str(Cell(float("nan"))) == "–"
    values = [1.0, 2.0, 4.0]
    assert cell(values) == Cell(np.mean(values), np.std(values, ddof=1), 3)


def test_csv_holds_exact_numbers_and_markdown_every_row(tmp_path):
    table = Table("T", ["MSE", "who"], note="n")
    table.row("ours", {"MSE": cell([0.123456789, 0.2]), "who": "us"})
    table.row("paper", {"MSE": 0.18})
    rows = list(csv.DictReader(io.StringIO(table.csv())))
    assert float(rows[0]["MSE mean"]) == np.mean([0.123456789, 0.2]) and rows[0]["MSE n"] == "2"
    assert rows[1]["MSE mean"] == "0.18" and rows[1]["who mean"] == ""
    table.save(tmp_path, "t", provenance("simulated", 3, 1.0))
    text = (tmp_path / "t.md").read_text()
    assert "| paper | 0.18 |  |" in text and "* seed: 3" in text and "* commit: " in text


def test_a_bar_does_not_end_a_cell_of_markdown():
    table = Table("T", ["X|Y mse"])
    table.row("angles X|Y", {"X|Y mse": "1 | 2"})
    assert table.markdown().splitlines()[2:] == [
        r"|  | X\|Y mse |",
        "|---|---|",
        r"| angles X\|Y | 1 \| 2 |",
    ]


def test_nothing_is_cut_in_a_log_nor_in_a_narrow_terminal(capsys, monkeypatch):
    names = [f"a_long_name_{i}" for i in range(9)]
    table = Table("T", names)
    table.row(
        "a row of some length, longer than a third of the terminal", dict.fromkeys(names, 0.123)
    )
    table.show()
    (head,) = [line for line in capsys.readouterr().out.splitlines() if "a_long_name_0" in line]
    assert all(name in head for name in names)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "60")
    table.show()
    narrow = capsys.readouterr().out
    assert (
        all(name in narrow for name in names) and narrow.count("0.123") == 9 and "…" not in narrow
    )
    rows = [line for line in narrow.splitlines() if "a_long_name_" in line]
    assert len(rows) == 9  # one table, its columns as rows, not blocks of columns


def test_units_in_brackets_are_printed(capsys):
    table = Table("Errors [deg]", ["speed [m/s]"])
    table.row("knee [rad]", {"speed [m/s]": "1 [b]"})
    table.show()
    shown = capsys.readouterr().out
    assert all(text in shown for text in ("[deg]", "[m/s]", "[rad]", "1 [b]"))


def test_quoted_rows_are_marked_and_leave_out_what_the_table_lacks():
    table = Table("T", ["a", "b"])
    table.row("ours", {"a": 1})
    table.quote({"theirs": (0.5, None, 2.0)}, ["a", "b", "c"])
    assert [row.quoted for row in table.rows] == [False, True]
    assert table.rows[1].label == "paper: theirs" and table.rows[1].cells == {"a": "0.5"}
