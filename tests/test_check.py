"""`svc check`: side by side, each bounded, its lines in order and as soon as they are known."""

from __future__ import annotations

import io
from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing

from svc.operations.preflight import CHECK_DEADLINE, CHECKS, Check, NotFit, preflight
from svc.operations.printing.ordered_lines import ERASE_LINE, OrderedLines
from svc.settings.environment import Settings
from tests.harness import settings_for_tests


class Terminal(io.StringIO):
    """What is written to a terminal."""

    def isatty(self) -> bool:
        return True


def after(seconds: float, found: str | None = None) -> Callable[[Settings], Awaitable[str]]:
    """A check that takes `seconds` and finds something, or a fault."""

    async def check(_settings: Settings) -> str:
        await trio.sleep(seconds)
        if found is None:
            raise NotFit("broken")
        return found

    return check


async def test_all_checks_take_no_longer_than_the_longest(
    autojump_clock: trio.testing.MockClock, capsys: pytest.CaptureFixture[str]
) -> None:
    """They run side by side, and one that hangs is given up after ten seconds; the lines keep their order."""
    checks: list[Check] = [
        ("one", after(6, "fine")), ("two", after(3600, "late")), ("three", after(7)), ("four", after(3600)),
    ]  # fmt: skip
    started = trio.current_time()
    assert not await preflight(settings_for_tests(), checks)
    assert trio.current_time() - started == pytest.approx(CHECK_DEADLINE)
    assert capsys.readouterr().out.splitlines() == [
        "ok    one: fine",
        "FAIL  two: no answer within 10 s",
        "FAIL  three: broken",
        "FAIL  four: no answer within 10 s",
    ]


async def test_all_well_is_true(autojump_clock: trio.testing.MockClock, capsys: pytest.CaptureFixture[str]) -> None:
    """And a line of a check may hold no secret."""
    settings = settings_for_tests()
    assert await preflight(settings, [("one", after(1, f"https://x/{settings.bot_token}"))])
    assert capsys.readouterr().out == "ok    one: https://x/***\n"


def test_five_things_are_checked() -> None:
    """In the order in which an operator needs them."""
    assert [name for name, _ in CHECKS] == ["database", "lock", "token", "webhook", "provider"]


def test_a_line_waits_for_those_before_it_only() -> None:
    """Into a pipe: lines and nothing else, each as early as the order lets it."""
    out = io.StringIO()
    lines = OrderedLines(["a", "b", "c"], out)
    lines.put("b", "B")
    assert out.getvalue() == ""
    lines.put("a", "A")
    assert out.getvalue() == "A\nB\n"
    lines.put("c", "C")
    assert out.getvalue() == "A\nB\nC\n"


def test_a_terminal_is_told_what_is_missing() -> None:
    """One line at the end, replaced as answers come and gone with the last of them."""
    out = Terminal()
    lines = OrderedLines(["a", "b"], out)
    assert out.getvalue() == "...   waiting for a, b"
    lines.put("b", "B")
    assert out.getvalue().endswith(f"{ERASE_LINE}...   waiting for a")
    lines.put("a", "A")
    assert out.getvalue().endswith(f"{ERASE_LINE}A\nB\n")
