"""The plots of the demo and of the ops page: what they draw and tell a screen reader, and that they can be read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.score.history import SECONDS, History
from svc.ops.plots import plots, slot_seconds, terms
from svc.plots.time_plot import BOTTOM, LANES, LEFT, RIGHT, TOP, Line, Mark, ago, amount, lanes, nice_ticks, plot, width
from svc.plots.timeline import MAX_LANES, NARROW, WIDE, Term, lanes_of, length, timeline
from svc.storage.figures import WRITE_EVERY, Slot

NOW = 1_700_000_000
SVG = "{http://www.w3.org/2000/svg}"
CSS = files("svc.plots").joinpath("page", "plots.css").read_text()


def drawn(
    values: Sequence[float | None] = (), marks: Sequence[Mark] = (), *, unit: str = "ms", title: str = "Time"
) -> ET.Element:
    """A plot of these values, one a second until NOW, as a page reads it."""
    points = [(NOW - len(values) + second + 0.5, value) for second, value in enumerate(values)]
    return ET.fromstring(plot(title, unit, [Line("p50", "line-second", points)], marks, until=NOW, seconds=SECONDS))


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


def test_they_keep_to_a_strict_policy() -> None:
    """No style and no script: all of that is in the style sheet, which knows every class and no other."""
    deployed = drawn([1, None, 2, 3], [Mark(NOW - 9, "", "Deploy"), Mark(NOW - 1, "up")])
    gone = [term("one", 0, 50), term("two", 60, 90)]
    texts = [over(gone), over([*gone, term("three", 90, None)]), *plots([], [], until=NOW, hours=1).values()]
    elements = [element for svg in [deployed, *map(ET.fromstring, texts)] for element in svg.iter()]
    tags = {element.tag.removeprefix(SVG) for element in elements}
    assert tags == {"svg", "g", "title", "desc", "text", "tspan", "path", "rect"}
    attributes = {name for element in elements for name in element.attrib}
    assert not [name for name in attributes if name == "style" or name.startswith("on")]
    classes = {name for element in elements for name in element.get("class", "").split()}
    assert classes == set(re.findall(r"\.([a-z][\w-]+)(?=[^{}]*\{)", re.sub(r"/\*.*?\*/", "", CSS)))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_lines_and_words_stand_out(scheme: str) -> None:
    """By WCAG AA: 3:1 for lines, 4.5:1 for text."""
    blocks = re.findall(r"\.plot \{(.*?)\}", CSS, re.DOTALL)
    colours = dict(re.findall(r"--plot-(\w+): (#\w+);", blocks[scheme == "dark"]))
    ratios = {name: contrast(colours["back"], colour) for name, colour in colours.items()}
    assert min(ratios[name] for name in ("text", "strong")) >= 4.5
    assert min(ratios[name] for name in ("one", "two", "three", "mark", "term")) >= 3


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


def term(instance: str, start: float, end: float | None, gap: float | None = None) -> Term:
    """A term in seconds after the beginning of the timeline of `over`, which is 100 seconds long."""
    begin = NOW - 100
    return Term(instance, 7, begin + start, None if end is None else begin + end, "lock_acquired: free", "SIGTERM", gap)


def over(terms: Sequence[Term], width: int = WIDE) -> str:
    return timeline(terms, until=NOW, seconds=100, width=width)


def bars(text: str, style: str) -> list[tuple[float, float, str]]:
    """Where the bars of this class begin and end, and what they tell."""
    found = []
    for group in of_class(ET.fromstring(text), style):
        title, rect = group.find(f"{SVG}title"), group.find(f"{SVG}rect")
        assert title is not None
        assert rect is not None
        x = float(rect.get("x", ""))
        found.append((x, x + float(rect.get("width", "")), title.text or ""))
    return found


def test_the_timeline_tells_of_terms_and_gaps() -> None:
    """Terms with trigger and reason; gaps, measured and seen however short they are; the present one, too."""
    text = over([term("one", -20, 50), term("two", 50.08, 90, gap=0.08)])
    (first, second), (handover, now) = bars(text, "term"), bars(text, "gap")
    assert first[1] == handover[0] < second[0] < second[1] == now[0]
    assert "Began by lock_acquired: free. Ended by SIGTERM." in second[2]
    assert "epoch 7" in second[2]
    assert handover[1] - handover[0] >= 2
    assert handover[2].startswith("Nobody was ACTIVE for 80 ms")
    assert now[2].endswith("Nobody is yet.")
    assert {"80 ms", "10 s"} <= set(texts(ET.fromstring(text)))
    assert [path.get("class") for path in of_class(ET.fromstring(text), "gap-long")] == ["gap gap-long"]
    assert said(ET.fromstring(text)) == (
        "Who was ACTIVE: Nobody is ACTIVE now. 2 terms. Without anybody ACTIVE: 80 ms, 80 ms at most."
    )


@pytest.mark.parametrize("width", [WIDE, NARROW])
@given(
    lengths=st.lists(st.tuples(st.floats(0, 30), st.floats(0, 3), st.integers(0, 20)), max_size=30),
    open_end=st.booleans(),
)
def test_the_timeline_stays_within_its_drawing(
    width: int, lengths: list[tuple[float, float, int]], open_end: bool
) -> None:
    """Whatever the terms: few lanes, every bar inside, and one bar that has the focus by Tab if there is any."""
    found, at = [], -50.0
    for seconds, gap, name in lengths:
        found.append(term(f"instance-{name}", at + gap, at + gap + seconds, gap))
        at += gap + seconds
    if found and open_end:
        found[-1] = term("last", found[-1].start - NOW + 100, None, found[-1].gap)
    svg = ET.fromstring(over(found, width))
    rects = [(float(rect.get("x", "")), float(rect.get("width", ""))) for rect in svg.iter(f"{SVG}rect")]
    assert all(x >= 0 and x + wide <= width for x, wide in rects)
    assert len(of_class(svg, "lane-name")) <= MAX_LANES
    by_tab = [group for group in svg.iter(f"{SVG}g") if group.get("tabindex") == "0"]
    assert len(by_tab) == (1 if of_class(svg, "term") else 0)


def test_of_many_instances_the_latest_have_lanes() -> None:
    """In the order in which they led; those before share the first."""
    many = [term(f"i{number}", number, number + 1) for number in range(MAX_LANES + 3)]
    found = lanes_of(many)
    assert list(found) == ["earlier ones", *(f"i{number}" for number in range(4, MAX_LANES + 3))]
    assert list(found.values()) == list(range(1, MAX_LANES + 1))


def test_a_long_name_is_told_in_full() -> None:
    """It is cut in its lane, where its end tells it from others, and whole in the title."""
    name = "<deployment-of-the-bot>-7d9f8c6b5-x2x9z"
    (lane,) = of_class(ET.fromstring(over([term(name, 0, None)])), "lane-name")
    assert list(lane.itertext()) == [name, f"…{name[-15:]}"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "< 1 ms"),
        (0.084, "84 ms"),
        (4.24, "4.2 s"),
        (41, "41 s"),
        (720, "12 min"),
        (11_500, "3.2 h"),
        (1e6, "11.6 d"),
    ],
)
def test_lengths_read_as_people_write_them(seconds: float, text: str) -> None:
    assert length(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "now"), (30, "30 s ago"), (2700, "45 min ago"), (43_200, "12 h ago"), (604_800, "7 d ago")],
)
def test_ages_of_an_axis(seconds: float, text: str) -> None:
    assert ago(seconds) == text


def test_terms_know_what_began_and_what_ended_them() -> None:
    at = datetime.fromtimestamp(NOW, UTC)
    row = {"instance_id": "one", "epoch": 3, "held": 0.0}
    begun = {"from_state": "PASSIVE", "to_state": "ACTIVE", "trigger": "lock_acquired", "reason": "it was free"}
    ended = {"from_state": "ACTIVE", "to_state": "PASSIVE", "trigger": "lock_lost", "reason": "the lease ran out"}
    (found,) = terms([row | begun | {"at": at}, row | ended | {"at": at + timedelta(seconds=5)}])
    assert found == Term("one", 3, NOW, NOW + 5, "lock_acquired: it was free", "lock_lost: the lease ran out", None)


def test_a_slot_that_goes_on_is_not_taken_for_a_whole_one() -> None:
    """Half of it has gone by: its rate is that of the half, and it is drawn within the plot. Two rows of an instance
    are in the shortest."""
    long = slot_seconds(24)
    begun = Slot(datetime.fromtimestamp(NOW - long / 2, UTC), long, counts={"accepted": round(long)})
    drawn = ET.fromstring(plots([begun], [], until=NOW, hours=24)["updates"])
    assert said(drawn).endswith("accepted: latest 2/s, highest 2/s.")
    assert slot_seconds(0.25) == 2 * WRITE_EVERY


def test_the_length_of_a_gap_is_not_written_over_another() -> None:
    """Handovers close together, the lengths of which have no room between them: the first and the last are told."""
    found = [term(f"i{number}", number * 4.0, number * 4.0 + 3.9, gap=0.1) for number in range(10, 15)]
    text = over([*found, term("last", 60, None, gap=0.1)])
    words = [node.text for node in ET.fromstring(text).iter("{http://www.w3.org/2000/svg}text")]
    assert words.count("100 ms") == 2


def test_figures_become_plots() -> None:
    """Rates by the second, latencies in milliseconds, readings as they were; where slots are missing there are gaps."""
    long = slot_seconds(1)
    places = [*range(10), *range(20, 30)]
    slots = [
        Slot(
            datetime.fromtimestamp(NOW - 3600 + place * long, UTC),
            long,
            counts={"accepted": 60, "done": 30},
            answers={"ok": 90, "not_sent": 15, "in_doubt": 15},
            ack={0.001: 99, 0.01: 1},
            readings={"inbox": 5} if place < 20 else None,
        )
        for place in places
    ]
    drawn_plots = plots(slots, [term("one", 0, None)], until=NOW, hours=1)
    found = {name: ET.fromstring(svg) for name, svg in drawn_plots.items()}
    assert said(found["updates"]).endswith("done: latest 1/s, highest 1/s. accepted: latest 2/s, highest 2/s.")
    assert "ok: latest 3/s" in said(found["answers"])
    assert "failed: latest 1/s" in said(found["answers"])
    assert "p99: latest 1 ms" in said(found["ack"])
    assert said(found["menu"]).endswith("p50: nothing yet. p99: nothing yet.")
    assert "latest 5 updates" in said(found["inbox"])
    assert [path.count("M") for path in strokes(found["updates"])] == [2, 2]
    assert [path.count("M") for path in strokes(found["inbox"])] == [1]
    assert said(found["timeline"]) == said(found["timeline_narrow"]) == "Who was ACTIVE: one is ACTIVE. 1 term."
