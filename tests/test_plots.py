"""The plots of the demo: what they draw, what they say to a screen reader, and that they can be read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.resources import files
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.score.history import SECONDS, History
from svc.plots.time_plot import BOTTOM, LANES, LEFT, RIGHT, TOP, Line, Mark, amount, lanes, nice_ticks, plot, width

NOW = 1_700_000_000
SVG = "{http://www.w3.org/2000/svg}"
CSS = files("demo").joinpath("page", "plots.css").read_text()


def drawn(
    values: Sequence[float | None] = (), marks: Sequence[Mark] = (), *, unit: str = "ms", title: str = "Time"
) -> ET.Element:
    """A plot of these values, one a second until NOW, as a page reads it."""
    points = [(NOW - len(values) + second + 0.5, value) for second, value in enumerate(values)]
    return ET.fromstring(plot(title, unit, [Line("p50", "line-p50", points)], marks, until=NOW, seconds=SECONDS))


def of_class(svg: ET.Element, name: str) -> list[ET.Element]:
    return [element for element in svg.iter() if name in element.get("class", "").split()]


def texts(svg: ET.Element) -> list[str]:
    return ["".join(element.itertext()) for element in svg.iter(f"{SVG}text")]


def said(svg: ET.Element) -> str:
    """What a screen reader says of it."""
    by_id = {element.get("id"): element.text for element in svg.iter()}
    return f"{by_id[svg.get('aria-labelledby')]}: {by_id[svg.get('aria-describedby')]}"


def strokes(svg: ET.Element) -> list[str]:
    """The lines and dots, without those of the legend."""
    paths = [element.get("d", "") for element in of_class(svg, "plot-line")]
    return [path for path in paths if "H" not in path]


@pytest.mark.parametrize(
    ("highest", "ticks"),
    [
        (0, [0, 1]),
        (0.3, [0, 0.1, 0.2, 0.3]),
        (1, [0, 0.5, 1]),
        (23, [0, 10, 20, 30]),
        (34, [0, 20, 40]),
        (200, [0, 100, 200]),
        (60_000, [0, 20_000, 40_000, 60_000]),
    ],
)
def test_ticks_are_round_numbers(highest: float, ticks: list[float]) -> None:
    assert nice_ticks(highest) == pytest.approx(ticks)


@given(st.floats(min_value=1e-3, max_value=1e7))
def test_ticks_reach_over_every_value_and_are_few(highest: float) -> None:
    ticks = nice_ticks(highest)
    assert len(ticks) in (3, 4)
    assert ticks[-2] < highest <= ticks[-1] * (1 + 1e-6)


@given(st.lists(st.tuples(st.floats(LEFT, RIGHT), st.text("abc", min_size=1, max_size=20)), max_size=20))
def test_labels_cover_neither_each_other_nor_a_line(labels: list[tuple[float, str]]) -> None:
    """Whose line is within a label begins below it; without any in the way a label is in the lowest lane."""
    labels.sort()
    placed = [(*label, lane) for label, lane in zip(labels, lanes(labels), strict=True) if lane is not None]
    assert all(lane < LANES for _, _, lane in placed)
    for number, (x, text, lane) in enumerate(placed):
        within = [other for end, _, other in placed[:number] if end > x - width(text)]
        assert lane == max(within, default=-1) + 1


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.3, "ms", "0.3 ms"),
        (34.04, "ms", "34 ms"),
        (2_500, "ms", "2.5 s"),
        (20, "/s", "20/s"),
        (4_321, "/s", "4321/s"),
    ],
)
def test_amounts_read_as_people_write_them(value: float, unit: str, text: str) -> None:
    assert amount(value, unit) == text


def test_a_screen_reader_hears_the_figures_and_the_marks() -> None:
    svg = drawn([30, 300, None, 25], [Mark(NOW - 12, "first was killed")])
    assert svg.get("role") == "img"
    assert said(svg) == "Time: p50: latest 25 ms, highest 300 ms. 12 s ago: first was killed."
    assert said(drawn([None])) == "Time: p50: nothing yet."


def test_a_gap_parts_the_line_and_a_point_alone_is_a_dot() -> None:
    line, dot = strokes(drawn([10, 10, None, None, 10, 10, None, 10]))
    assert (line.count("M"), dot.count("M")) == (2, 1)
    assert dot.endswith("h0")
    assert (strokes(drawn([None] * 8)), "nothing yet" in texts(drawn([None] * 8))) == ([], True)


def test_the_highest_value_is_at_the_top_and_now_is_at_the_right() -> None:
    (line,) = strokes(drawn([0, 30]))
    half_a_second = (RIGHT - LEFT) / SECONDS / 2
    (before, zero, after, highest) = map(float, re.findall(r"[\d.]+", line))
    assert (zero, highest) == (BOTTOM, TOP)
    assert (RIGHT - before, RIGHT - after) == pytest.approx((3 * half_a_second, half_a_second), abs=0.1)


def test_a_long_time_is_shown_in_seconds() -> None:
    svg = drawn([40, 20_000])
    assert texts(svg)[:1] == ["Time s"]
    assert {"0", "10", "20"} <= set(texts(svg))


def test_of_many_marks_some_have_labels_and_those_out_of_sight_are_left_out() -> None:
    """A label stays in its lane when those before it go out of sight."""
    marks = [Mark(NOW - SECONDS - 1, "", "Deploy"), *(Mark(NOW - 100 + n, "", f"Crash {n}") for n in range(6))]
    svg = drawn([1], [*marks, Mark(NOW - 50, "", "Freeze"), Mark(NOW + 1, "", "later")])
    labels = {element.text: float(element.get("y", "")) for element in of_class(svg, "plot-mark-label")}
    assert list(labels) == [*(f"Crash {n}" for n in range(LANES)), "Freeze"]
    assert labels["Freeze"] == max(labels.values()) == labels["Crash 0"]
    assert len(of_class(svg, "plot-mark")) == 7 + len(labels)
    later = drawn([1], [Mark(mark.at - 6, "", mark.label) for mark in marks])
    kept = {element.text: float(element.get("y", "")) for element in of_class(later, "plot-mark-label")}
    assert 0 < len(kept) < LANES
    assert kept.items() <= labels.items()


def test_what_comes_of_something_is_not_drawn_over_it() -> None:
    """A mark without a label has a line where no other is near."""
    svg = drawn([1], [Mark(NOW - 9, "", "Crash"), Mark(NOW - 8.9, "led"), Mark(NOW - 5, "over"), Mark(NOW - 4.9, "up")])
    assert len(of_class(svg, "plot-after")) == 1


def test_whatever_is_in_a_name_is_text() -> None:
    svg = drawn([1], [Mark(NOW - 1, "", "<b>&\"'</b>")], title="<script>&")
    assert "<b>&\"'</b>" in texts(svg)
    assert said(svg).startswith("<script>&: ")


def test_it_keeps_to_a_strict_policy() -> None:
    """No style and no script: all of that is in the style sheet, which knows every class."""
    svg = drawn([1, None, 2, 3], [Mark(NOW - 9, "", "Deploy"), Mark(NOW - 1, "up")])
    tags = {element.tag.removeprefix(SVG) for element in svg.iter()}
    assert tags == {"svg", "title", "desc", "text", "tspan", "path"}
    attributes = {name for element in svg.iter() for name in element.attrib}
    assert not [name for name in attributes if name == "style" or name.startswith("on")]
    classes = {name for element in svg.iter() for name in element.get("class", "").split()}
    elsewhere = {"line-p99", "line-pressed", "line-answered"}
    assert classes | elsewhere == set(re.findall(r"\.([a-z][\w-]+)(?=[^{}]*\{)", re.sub(r"/\*.*?\*/", "", CSS)))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_lines_and_words_stand_out(scheme: str) -> None:
    """By WCAG AA: 3:1 for lines, 4.5:1 for text."""
    blocks = re.findall(r"\.plot \{(.*?)\}", CSS, re.DOTALL)
    colours = dict(re.findall(r"--plot-(\w+): (#\w+);", blocks[scheme == "dark"]))
    ratios = {name: contrast(colours["back"], colour) for name, colour in colours.items()}
    assert min(ratios[name] for name in ("text", "strong")) >= 4.5
    assert min(ratios[name] for name in ("one", "two", "three", "mark")) >= 3


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, by WCAG."""
    darker, lighter = sorted([luminance(one), luminance(other)])
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_history_by_the_second() -> None:
    """Counts are 0 in an outage, latencies have a gap there; the second that is not over is not shown yet."""
    history = History()
    for at, seconds in ((-5.5, 0.02), (-5.4, 0.04), (-0.5, 3.0), (0.1, 60)):
        history.pressed(NOW + at)
        history.answered(NOW + at, seconds)
        history.acknowledged(NOW + at, 0.004)
    history.mark(Mark(NOW - 5, "first was killed"))
    plots = {name: ET.fromstring(svg) for name, svg in history.plots(NOW + 0.9).items()}
    assert said(plots["menus"]).endswith(
        "answered: latest 1/s, highest 2/s. pressed: latest 1/s, highest 2/s. 5 s ago: first was killed."
    )
    assert "p50: latest 3 s, highest 3 s. p99: latest 3 s" in said(plots["menu_ms"])
    assert "p50: latest 4 ms, highest 4 ms." in said(plots["ack_ms"])
    assert ("killed" in said(plots["menu_ms"]), "killed" in said(plots["ack_ms"])) == (False, False)
    assert [path.count("M") for path in strokes(plots["menus"])] == [1, 1]
    assert [path.count("h0") for path in strokes(plots["menu_ms"])] == [2, 2]


def test_history_forgets() -> None:
    """What is older than the plots are long."""
    history = History()
    history.pressed(NOW)
    history.mark(Mark(NOW, "deploy"))
    assert "highest 1/s. 60 s ago: deploy." in history.plots(NOW + 60)["menus"]
    history.pressed(NOW + SECONDS + 1)
    assert history.plots(NOW + 60)["menus"].count("highest 0/s") == 2
    assert "deploy" not in history.plots(NOW + SECONDS)["menus"]
