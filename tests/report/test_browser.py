"""The report in a real browser: it loads silently, moves, obeys mouse, keys and wishes, and fits a
phone.
"""

import json

import pytest
from report import pages
from report.chromium import Browser, find

pytestmark = pytest.mark.skipif(
    find() is None, reason="no Chromium found; name one in $CHROME to run this"
)
CONTRAST = """(() => {
  const channel = (v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const behind = (e) => {
    for (; e; e = e.parentElement) {
      const c = numbers(getComputedStyle(e).backgroundColor);
      if (c.length == 3 || c[3] > 0) return c;
    }
    return [255, 255, 255];
  };
  const texts = [...document.querySelectorAll("body *")].filter((e) => e.checkVisibility()
    && e.tagName != "SCRIPT" && [...e.childNodes].some((n) => n.nodeType == 3 && n.textContent.trim()));
  return texts.map((e) => {
    const style = getComputedStyle(e), [a, b] = [light(numbers(e.namespaceURI.includes("svg") ? style.fill : style.color)),
      light(behind(e))];
    return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), e.tagName + ": " + e.textContent.slice(0, 30)];
  });
})()"""


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    folder = tmp_path_factory.mktemp("report")
    figure, axis = plt.subplots(figsize=(12, 3))
    axis.plot([0, 1], [1, 0])
    return pages.page(folder, figure).save(folder / "report.html")


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    browser = Browser(find(), tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture
def page(browser, report):
    browser.screen(1200)
    browser.wishes()
    browser.open(report)
    browser.js("document.querySelector('.stage').scrollIntoView({block: 'center'}), 0")
    return browser


def part(name: str) -> str:
    return f"document.querySelector('[data-part={name}]')"


def frame(page) -> int:
    return int(page.js(part("time") + ".value"))


def paused(page) -> None:
    if page.js(part("play") + ".textContent") == "Pause":
        page.js(part("play") + ".click()")
    assert page.js(part("play") + ".textContent") == "Play"


def pictures(page) -> list[str]:
    return page.js("[...document.querySelectorAll('canvas')].map((canvas) => canvas.toDataURL())")


def middle(page, selector: str) -> tuple[float, float]:
    box = page.js(
        f"(({{x, y, width, height}}) => [x + width / 2, y + height / 2])"  # fmt: skip
        f"(document.querySelector({json.dumps(selector)}).getBoundingClientRect())"
    )
    return tuple(box)


def test_it_loads_without_a_word_on_the_console_and_without_the_network(page):
    page.until(lambda: frame(page) > 2)
    bad = ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")
    assert [event for event in page.events if event["method"] in bad] == []
    asked = [
        e["params"]["request"]["url"]
        for e in page.events
        if e["method"] == "Network.requestWillBeSent"
    ]
    assert asked[0].startswith("file:") and all(url.startswith("data:") for url in asked[1:]), asked


def test_the_animation_advances_and_pause_stops_it(page):
    before = frame(page)
    page.until(lambda: frame(page) != before)
    x, y = middle(page, "[data-part=play]")
    page.drag((x, y), (x, y))  # a click
    paused(page)
    held, picture = frame(page), pictures(page)
    page.js("new Promise((done) => setTimeout(done, 300))")
    assert (frame(page), pictures(page)) == (held, picture)
    page.js(part("play") + ".click()")
    page.until(lambda: frame(page) != held)


def test_scrubbing_sets_the_frame_and_both_figures_follow(page):
    page.js(part("time") + ".focus()")
    page.press("End", 35)
    assert page.js(part("play") + ".textContent") == "Play" and frame(page) == pages.FRAMES - 1
    page.press("Home", 36)
    first = pictures(page)
    for _ in range(5):
        page.press("ArrowRight", 39)
    assert frame(page) == 5 and page.js(part("clock") + ".textContent") == "0.25 s of 2.95 s"
    assert all(a != b for a, b in zip(first, pictures(page)))
    page.press("Home", 36)
    assert frame(page) == 0 and pictures(page) == first


@pytest.mark.parametrize("way", ["drag", "keys", "buttons"])
def test_figures_turn_together_and_home_turns_them_back(page, way):
    paused(page)
    start, held = pictures(page), frame(page)
    if way == "drag":
        x, y = middle(page, "canvas")
        page.drag((x, y), (x + 60, y + 20))
    elif way == "keys":
        page.js(part("stage") + ".focus()")
        page.press("ArrowLeft", 37)
    else:
        page.js("document.querySelector('[data-turn]').click()")
    turned = pictures(page)
    assert all(a != b for a, b in zip(start, turned)) and frame(page) == held
    page.js(part("stage") + ".focus()")
    page.press("Home", 36)
    assert pictures(page) == start


def test_another_clip_is_chosen_and_the_longest_of_its_motions_is_played_to_the_end(page):
    choose = part("clip") + ".value = '1', " + part("clip") + ".dispatchEvent(new Event('change'))"
    page.js(choose)
    assert page.js(part("time") + ".max") == "29"
    paused(page)
    page.js(part("time") + ".focus()")
    page.press("End", 35)
    assert page.js(part("clock") + ".textContent") == "1.45 s of 1.45 s"


def test_slow_motion_is_slower(page):
    """In frames a second of the page's own clock, as the browser gives it to the animation."""
    measure = (
        part("speed")
        + ".value = '{}', new Promise((done) => {{ const time = "
        + part("time")
        + "; let first = null;const look = (now) => {{ first ??= now; if (now - first > 600)"
        " done(); else requestAnimationFrame(look); }};time.value = 0;"
        " requestAnimationFrame(look); }}).then(() => +" + part("time") + ".value)"
    )
    paused(page)
    found = {}
    for speed in ("1", "0.25"):
        page.js(part("time") + ".value = 0, " + part("time") + ".dispatchEvent(new Event('input'))")
        page.js(part("play") + ".click()")
        found[speed] = page.js(measure.format(speed))
        paused(page)
    assert found["0.25"] < found["1"], found


def test_who_wishes_less_motion_gets_none_before_asking(browser, report):
    browser.screen(1200)
    browser.wishes(prefers_reduced_motion="reduce")
    browser.open(report)
    browser.js("document.querySelector('.stage').scrollIntoView(), 0")
    browser.js("new Promise((done) => setTimeout(done, 300))")
    assert browser.js(part("play") + ".textContent") == "Play" and frame(browser) == 0
    assert len(set(pictures(browser)[0])) > 10  # drawn all the same
    browser.js(part("play") + ".click()")
    browser.until(lambda: frame(browser) > 0)


def test_a_phone_scrolls_down_only(browser, report):
    browser.screen(360, 740, 2)
    browser.wishes()
    browser.open(report)
    assert browser.js("document.documentElement.scrollWidth") <= 360 == browser.js("innerWidth")
    wide = browser.js(
        "[...document.querySelectorAll('.wide')].map((e) => e.scrollWidth > e.clientWidth)"
    )
    assert wide == [True, True]  # the table and the picture scroll by themselves
    tops = browser.js(
        "[...document.querySelectorAll('canvas')].map((e) => e.getBoundingClientRect().top)"
    )
    assert tops[0] == tops[1]  # real beside generated, there too


@pytest.mark.parametrize("width", [390, 768, 1200])
def test_no_width_scrolls_sideways(browser, report, width):
    browser.screen(width)
    browser.wishes()
    browser.open(report)
    assert browser.js("document.documentElement.scrollWidth") <= width == browser.js("innerWidth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(browser, report, scheme):
    browser.screen(1200)
    browser.wishes(prefers_color_scheme=scheme)
    browser.open(report)
    found = browser.js(CONTRAST)
    assert len(found) > 40 and [each for each in found if each[0] < 4.5] == []


def test_it_is_whole_for_those_who_hear_it(page):
    assert (
        page.js("document.documentElement.lang") == "en"
        and page.js("document.title") == "A report <of> everything"
    )
    levels = page.js("[...document.querySelectorAll('h1, h2, h3, h4')].map((e) => +e.tagName[1])")
    assert (
        levels[0] == 1
        and levels.count(1) == 1
        and all(b - a <= 1 for a, b in zip(levels, levels[1:]))
    )
    assert page.js("[...document.images].every((e) => e.alt.trim())")
    assert page.js(
        "[...document.querySelectorAll('th')].every((e) => ['row', 'col'].includes(e.scope))"
    )
    ids = page.js("[...document.querySelectorAll('[id]')].map((e) => e.id)")
    assert len(ids) == len(set(ids))
    assert page.js(
        "[...document.querySelectorAll('nav a')].every((e) => document.querySelector(e.hash))"
    )
    page("Accessibility.enable")
    named = (
        "button",
        "slider",
        "combobox",
        "image",
        "img",
        "application",
        "region",
        "link",
        "RootWebArea",
    )
    nodes = [n for n in page("Accessibility.getFullAXTree")["nodes"] if not n.get("ignored")]
    found = {n["role"]["value"] for n in nodes}
    assert {"button", "slider", "combobox", "application", "region", "link"} <= found
    nameless = [
        n["role"]["value"]
        for n in nodes
        if n["role"]["value"] in named and not n["name"]["value"].strip()
    ]
    assert nameless == []
    page("Accessibility.disable")


def test_the_keyboard_reaches_everything_and_shows_where_it_is(page):
    paused(page)
    page.js("document.activeElement.blur(), scrollTo(0, 0)")
    place = "[...document.querySelectorAll('*')].indexOf"
    wanted = set(
        page.js(
            "[...document.querySelectorAll('a, button, input, select, [tabindex=\"0\"]')]"
            f".map((element) => {place}(element))"
        )
    )
    reached = set()
    # A browser may also focus scrollable regions, or hand the focus to itself (then the body is active).
    for _ in range(3 * len(wanted)):
        page.press("Tab", 9)
        element, tag, outline = page.js(
            f"[{place}(document.activeElement), document.activeElement.tagName,"
            " getComputedStyle(document.activeElement).outlineStyle]"
        )
        assert tag == "BODY" or outline == "solid", (element, tag)
        reached.add(element)
        if wanted <= reached:
            break
    assert wanted <= reached
