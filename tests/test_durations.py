"""Durations in words."""

from __future__ import annotations

import pytest

from svc.operations.printing.durations import duration_text


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-3.0, "0 s"), (0, "0 s"), (0.0004, "0 ms"), (0.34, "340 ms"), (0.9994, "999 ms"), (0.9996, "1 s"), (1, "1 s"),
        (4.27, "4.2 s"), (9.99, "9.9 s"), (10, "10 s"), (59.99, "59 s"), (60, "1 min"), (125, "2 min 5 s"),
        (3599.9, "59 min 59 s"), (3600, "1 h"), (11_520, "3 h 12 min"), (86_399, "23 h 59 min"), (86_400, "1 day"),
        (100_800, "1 day 4 h"), (273_600, "3 days 4 h"), (40_000_000, "462 days 23 h"),
    ],
)  # fmt: skip
def test_durations_are_told_in_two_units_at_most(seconds: float, words: str) -> None:
    """Never more than it is, so that a minute is not said to be over before it is."""
    assert duration_text(seconds) == words
