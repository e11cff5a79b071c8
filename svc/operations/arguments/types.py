"""What the arguments of the commands may be: each turns a text into a value, or says what it must be."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable

LARGEST_ID = 2**63 - 1
LARGEST_LIMIT = 100_000
LONGEST_HOURS = 10 * 365 * 24.0
LONGEST_TEXT = 300
UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
# How often `svc status --watch` may look, in seconds.
SHORTEST_PERIOD, LONGEST_PERIOD = 0.5, 3600.0


def whole_number(low: int, high: int) -> Callable[[str], int]:
    """A whole number from `low` to `high`."""

    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = low - 1
        if not low <= number <= high:
            raise argparse.ArgumentTypeError(f"must be a whole number from {low} to {high}, not {text!r}")
        return number

    return parse


any_id = whole_number(-LARGEST_ID, LARGEST_ID)
job_id = whole_number(1, LARGEST_ID)
limit = whole_number(1, LARGEST_LIMIT)


def hours(text: str) -> float:
    """Hours; as seconds."""
    number = _number(text)
    if not 0 <= number <= LONGEST_HOURS:
        raise argparse.ArgumentTypeError(f"must be hours from 0 to {LONGEST_HOURS:.0f}, not {text!r}")
    return number * 3600


def period(text: str) -> float:
    """Seconds between two looks."""
    number = _number(text)
    if not SHORTEST_PERIOD <= number <= LONGEST_PERIOD:
        allowed = f"from {SHORTEST_PERIOD} to {LONGEST_PERIOD:.0f}"
        raise argparse.ArgumentTypeError(f"must be seconds {allowed}, not {text!r}")
    return number


def time_span(text: str) -> float:
    """A number with its unit, as 24h; as seconds."""
    found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,3})?)([smhd])", text)
    if found is None or not (seconds := float(found[1]) * UNITS[found[2]]):
        raise argparse.ArgumentTypeError(f"must be a time with its unit, as 90m, 24h or 7d, not {text!r}")
    return seconds


def short_text(text: str) -> str:
    """As Postgres can take it, and as fits a line."""
    if not text or len(text) > LONGEST_TEXT or not text.isprintable():
        raise argparse.ArgumentTypeError(
            f"must be a text that can be printed, of {LONGEST_TEXT} characters at most, not {text[:LONGEST_TEXT]!r}"
        )
    return text


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
