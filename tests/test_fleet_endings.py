"""How the commands of fleet end: with an outcome, interrupted, or early; and the numbers in their options."""

from __future__ import annotations

import argparse
import signal
from collections.abc import Iterator

import pytest
import trio

from fleet.commands.endings import EndedEarlyError, number, outcome_of, say_breaches
from sandbox.postgres import PostgresFailed


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    """As they were."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


async def fails(*errors: Exception) -> str:
    """A run in which tasks fail."""
    raise ExceptionGroup("tasks", errors)


def test_what_a_run_comes_to() -> None:
    """Its outcome, or none where a signal has ended it."""

    def interrupted() -> str:
        signal.raise_signal(signal.SIGTERM)
        return "never"

    assert outcome_of(lambda: "done") == "done"
    assert outcome_of(interrupted) is None


def test_a_run_that_ends_early_says_why() -> None:
    """One line, of all that went wrong; an error that nobody expects is a bug, and stays one."""
    with pytest.raises(EndedEarlyError, match="PostgresFailed: no room; TooSlowError"):
        outcome_of(lambda: trio.run(fails, PostgresFailed("no room"), trio.TooSlowError()))
    with pytest.RaisesGroup(ZeroDivisionError):
        outcome_of(lambda: trio.run(fails, ZeroDivisionError()))


def test_each_breach_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """A line each, and the exit code that goes with them."""
    assert (say_breaches([]), say_breaches(["one", "two"])) == (0, 1)
    assert capsys.readouterr().err == "BREACH: one\nBREACH: two\n"


@pytest.mark.parametrize(
    ("text", "reason"), [("x", "not a number"), ("0", "is not 1 to 5,000"), ("5001", "is not"), ("1.5", "not a number")]
)
def test_a_number_out_of_bounds_is_refused(text: str, reason: str) -> None:
    """With the bounds."""
    assert number(1, 5000)("17") == 17
    assert number(0.5, 2.0)("1.5") == 1.5
    with pytest.raises(argparse.ArgumentTypeError, match=reason):
        number(1, 5000)(text)
