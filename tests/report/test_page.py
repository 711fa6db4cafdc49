"""A page holds what it was given, exactly, and cannot be broken out of by what it was given."""

import base64
import json
import math
import re
from html import unescape
from html.parser import HTMLParser

import numpy as np
import pytest
from report import pages

from jaxdiff.body.skeleton import HUMANML3D
from jaxdiff.errors import DataError, MissingExtra
from jaxdiff.report import charts, gait, legs, markup, motion
from jaxdiff.report.page import Page
from jaxdiff.report.tables import Cell, Table


def data_of(html: str) -> dict:
    return json.loads(re.findall(r'<script type="application/json">(.*?)</script>', html)[0])


def test_the_player_holds_every_joint_and_cannot_be_broken_out_of(tmp_path):
    joints = np.random.default_rng(0).normal(size=(5, 22, 3))
    page = Page("x </script> <b>")
    page.motion("Motion", {"</script> <i>": {"</script>": joints}}, HUMANML3D, 20.0)
    text = page.save(tmp_path / "a.html").read_text()
    assert (
        text.count("</script>") == 2 and "<b>" not in text and "<i>" not in text
    )  # the data and the program
    found = data_of(text)
    np.testing.assert_allclose(
        np.reshape(found["clips"][0][0], joints.shape) / 1000, joints, atol=5.1e-4
    )
    assert found["rate"] == 20 and found["head"] == HUMANML3D.names.index("head")
    for parent, joint, side in found["bones"]:
        assert (
            HUMANML3D.parents[joint] == parent
            and (side or "spine") in HUMANML3D.names[joint] + "spine"
        )


def test_a_page_asks_the_network_for_nothing(tmp_path):
    text = pages.page(tmp_path).save(tmp_path / "a.html").read_text()
    assert (
        "default-src 'none'" in unescape(text)
        and not re.search(r"(src|href)=\"(?!#|data:)", text)
        and "http:" not in text
    )
    assert "url(" not in text and "@import" not in text and not list(tmp_path.glob("*.tmp"))


@pytest.mark.parametrize(
    "clips, message",
    [
        ({}, "same figures"),
        (
            {"a": {"real": np.zeros((2, 22, 3))}, "b": {"made": np.zeros((2, 22, 3))}},
            "same figures",
        ),
        ({"a": {"real": np.zeros((2, 21, 3))}}, "22, 3"),
        ({"a": {"real": np.zeros((0, 22, 3))}}, "22, 3"),
        ({"a": {"real": np.full((2, 22, 3), np.nan)}}, "finite"),
    ],
)
def test_motions_that_cannot_be_shown_are_named(clips, message):
    with pytest.raises(DataError, match=message):
        motion.player(clips, HUMANML3D, 20.0)


def points_of(drawing: str) -> np.ndarray:
    return np.array(
        [
            [float(v) for v in p.split(",")]
            for p in re.findall(r'points="([^"]*)"', drawing)[0].split()
        ]
    )


def test_a_chart_places_values_on_a_straight_or_a_logarithmic_axis_with_round_ticks():
    straight = points_of(charts.chart("t", {"a": [[(0, 1.0), (5, 2.0), (10, 3.0)]]}, "x"))
    np.testing.assert_allclose(np.diff(straight, 2, axis=0), 0, atol=0.11)
    assert straight[0, 1] > straight[-1, 1]  # SVG counts downwards
    drawing = charts.chart("t", {"a": [[(0, 1e-3), (5, 1e-1), (10, 1e1)]]}, "x")
    np.testing.assert_allclose(np.diff(points_of(drawing), 2, axis=0), 0, atol=0.11)
    assert "logarithmic" in drawing and ">0.01<" in drawing and ">1<" in drawing


@pytest.mark.parametrize(
    "values", [[1.0, 1.0], [0.0, 0.0], [-3.0, 5.0], [math.nan, 2.0, 3.0], [math.nan], [1e-9, 1e9]]
)
def test_a_chart_draws_whatever_was_logged(values):
    drawing = charts.chart("t", {"a": [list(enumerate(values))]}, "x", "alt")
    assert (
        "nan" not in drawing
        and "inf" not in drawing.replace("info", "")
        and drawing.count("<figure>") == 1
    )


def test_ticks_can_be_told_apart():
    drawing = charts.chart("t", {"a": [[(0, 0.02750), (100, 0.02762)]]}, "x")
    labels = re.findall(r'text-anchor="end">([^<]*)<', drawing)
    assert (
        len(labels) > 2
        and len(set(labels)) == len(labels)
        and all(0.0275 <= float(n) <= 0.02762 for n in labels)
    )


def test_a_map_has_a_mark_for_every_point_and_a_shape_for_every_name():
    drawing = charts.scatter("t", {"a <": [(0, 0), (1, 5)], "b": [(0.5, 2)] * 3}, "alt")
    shapes = re.findall(r'd="M([\d.]+) ([\d.]+)(m[^"]*)"', drawing)
    assert (
        len({shape for *_, shape in shapes}) == 2 and len(shapes) == 5 + 2 and "a &lt;" in drawing
    )  # 2 in the legend
    assert all(0 < float(x) < charts.WIDTH and 0 < float(y) < charts.HEIGHT for x, y, _ in shapes)


def test_curves_have_a_line_for_every_training_and_leave_out_what_was_not_finite(tmp_path):
    log = tmp_path / "metrics.jsonl"
    rows = [
        {"step": s, "loss": [1.0 + s, None if s == 2 else 2.0], "skipped": 0.0} for s in range(1, 5)
    ]
    log.write_text("".join(json.dumps(row) + "\n" for row in rows))
    page = Page("t")
    page.curves("Training", log)
    text = page.save(tmp_path / "a.html").read_text()
    lines = re.findall(r'<polyline points="([^"]*)"', text)
    assert (
        [len(line.split()) for line in lines] == [4, 3]
        and "mean of 2" in text
        and "skipped" not in text
    )


def test_legs_of_zero_angles_stand_and_flexion_goes_the_way_anatomy_has_it():
    tree = legs.skeleton()
    at = {name: i for i, name in enumerate(tree.names)}

    def pose(**angles):
        row = np.zeros((1, 6))
        for i, name in enumerate(
            ("right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle")
        ):
            row[0, i] = angles.get(name, 0.0)
        return legs.joints(row, 20.0)[0]

    still = pose()
    np.testing.assert_allclose(still[at["pelvis"], 1], legs.THIGH + legs.SHANK - legs.HEEL[1])
    assert still[:, 1].min() == 0 and still[at["left_hip"], 0] > 0 > still[at["right_hip"], 0]
    assert pose(right_hip=30)[at["right_knee"], 2] > 0.1  # the thigh forward
    assert pose(right_knee=60)[at["right_ankle"], 2] < -0.1  # the shank backward
    bent = pose(left_ankle=20)
    assert bent[at["left_toe"], 1] > bent[at["left_heel"], 1] + 0.05  # toes up
    walked = legs.joints(np.random.default_rng(0).normal(size=(9, 6)) * 30, 20.0, speed=1.0)
    lengths = np.linalg.norm(walked[:, 1:] - walked[:, list(tree.parents[1:])], axis=-1)
    np.testing.assert_allclose(lengths, np.broadcast_to(lengths[0], lengths.shape))
    np.testing.assert_allclose(walked[:, 0, 2], np.arange(9) / 20)
    assert (walked[..., 1].min(1) == 0).all()  # one foot at least is on the floor
    alone = legs.joints(np.array([[0.0, 0, 0], [30, 60, 0]]), 20.0, sides=("left",))
    assert (
        alone[0, 0, 1] == alone[1, 0, 1] and alone[1, :, 1].min() > 0.02
    )  # a single leg swings clear of it
    with pytest.raises(DataError, match="6"):
        legs.joints(np.zeros((4, 3)), 20.0)


def test_without_matplotlib_a_page_says_once_what_brings_the_pictures(tmp_path):
    def drawn():
        raise MissingExtra("drawing", "viz")
        yield

    page = Page("t")
    page.figures(drawn())
    page.figures(drawn())
    assert page.save(tmp_path / "a.html").read_text().count("jaxdiff[viz]") == 1


HOSTILE = ["</script><b>", "<img src=x onerror=alert(1)>", 'a" onload="b', "&lt;", "\u202ered"]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_string_becomes_markup(tmp_path, text):
    page = Page(text)
    page.verdict(text, {text: text})
    table = Table(text, [text], note=text)
    table.row(text, {text: text})
    page.table(table)
    page.chart(text, text, {text: [(0, 1), (1, 2)]}, text)
    page.scatter(text, {text: [(0, 1), (1, 2)]}, text)
    page.motion(text, {text: {text: np.zeros((2, 22, 3))}}, HUMANML3D, 20.0, text)
    page.downloads(text, {text: (text, "text/plain")})
    page.facts({text: text})
    html = page.save(tmp_path / "a.html").read_text()
    parser = Elements()
    parser.feed(html)
    assert not parser.names & {"iframe", "object"} and parser.images == 0
    assert not [name for name in parser.attributes if name.startswith("on")]
    assert html.count("</script>") == 2


class Elements(HTMLParser):
    """Names of elements and attributes of a page."""

    def __init__(self):
        super().__init__()
        self.names, self.attributes, self.images = set(), [], 0

    def handle_starttag(self, tag, attrs):
        self.names.add(tag)
        self.images += tag == "img"
        self.attributes += [name for name, _ in attrs]


def test_the_policy_admits_only_the_script_and_the_style_of_the_page(tmp_path):
    html = pages.page(tmp_path).save(tmp_path / "a.html").read_text()
    policy = unescape(re.findall(r'Content-Security-Policy" content="([^"]*)"', html)[0])
    assert "unsafe" not in policy and " style=" not in html
    style = re.findall(r"<style>(.*?)</style>", html, re.S)[0]
    script = re.findall(r"<script>(.*?)</script>", html, re.S)[0]
    assert all(markup.digest(text) in policy for text in (style, script))


def test_tables_explain_their_columns_and_can_be_saved(tmp_path):
    page = Page("t")
    table = Table("Errors", ["rmse", "coverage_90", "other"])
    table.row("model", {"rmse": Cell(1.5, 0.25, 3), "coverage_90": 0.9, "other": "x"})
    page.table(table)
    html = page.save(tmp_path / "a.html").read_text()
    assert "root-mean-square error" in html and "coverage of the 90 % interval" in html
    link = re.findall(r'download="errors.csv" href="data:text/csv;base64,([^"]*)"', html)[0]
    assert base64.b64decode(link).decode() == table.csv()


def test_gait_charts_have_bands_events_and_units():
    cycles = np.random.default_rng(0).normal(size=(20, 101, 2)).cumsum(1)
    curves = {"measured": gait.Curves.of_cycles(cycles), "predicted": gait.Curves(cycles.mean(0))}
    drawing = gait.gait_charts(curves, ["hip_flexion", "knee"], ["deg", "Nm/kg"], toe_off=0.62)
    assert drawing.count("<figure>") == 2 and drawing.count("<polygon") == 2
    assert drawing.count("foot off") == 2 and "hip flexion [deg]" in drawing
    with pytest.raises(DataError, match="3"):
        gait.gait_charts(curves, ["a", "b", "c"], ["1", "1", "1"])


def test_forces_are_arrows_from_their_point_of_application():
    joints = np.zeros((2, 22, 3))
    forces = np.array([[[[0.1, 0, 0.2], [0, 1.0, 0]]], [[[np.nan] * 3, [0, 1.0, 0]]]])
    found = data_of(motion.player({"": {"a": joints}}, HUMANML3D, 20.0, {"": {"a": forces}}))
    assert found["forces"][0][0] == [100, 0, 200, 100, 600, 200, *[-1_000_000] * 6]
    with pytest.raises(DataError, match="feet"):
        motion.player({"": {"a": joints}}, HUMANML3D, 20.0, {"": {"a": forces[:1]}})


def test_a_damaged_log_does_not_stop_a_report(tmp_path):
    log = tmp_path / "metrics.jsonl"
    log.write_bytes(b'{"step": 1, "loss": 1}\n\xff\xfe{"step\n[]\n{"step": 2, "loss": 0.5}\n')
    page = Page("t")
    page.curves("Training", log)
    assert "polyline" in page.save(tmp_path / "a.html").read_text()
