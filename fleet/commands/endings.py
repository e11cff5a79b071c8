"""What the commands of this package share: how a run ends that has no outcome, and the numbers in their options.

Exit codes: 0 all promises were kept, 1 one was broken or the run failed, 2 bad usage, 130 interrupted.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Iterable
from typing import TypeVar

import trio

from sandbox.postgres import PostgresFailed
from svc.observability.errors import describe, leaves

Outcome = TypeVar("Outcome")
Number = TypeVar("Number", int, float)

EXPECTED: tuple[type[Exception], ...] = (PostgresFailed, trio.TooSlowError, OSError)
"""What ends a run early and is no bug: a Postgres that does not start, a deadline, a full disk."""
KEPT, BROKEN, INTERRUPTED = 0, 1, 130


class EndedEarlyError(Exception):
    """A run has failed before its end; the message says why, on one line."""


def outcome_of(run: Callable[[], Outcome | None], expected: tuple[type[Exception], ...] = EXPECTED) -> Outcome | None:
    """What `run` comes to; None if SIGINT or SIGTERM has ended it. Raises EndedEarlyError for an `expected` error."""
    # Whoever asks us to end wants what was started to be gone too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    failures: list[BaseException] = []
    outcome = None
    try:
        outcome = run()
    except* KeyboardInterrupt:
        outcome = None
    except* expected as group:
        failures = leaves(group)
    if failures:
        raise EndedEarlyError("; ".join(map(describe, failures)))
    return outcome


def say_interrupted() -> int:
    """Say that there is no outcome; returns the exit code."""
    print("interrupted", file=sys.stderr)
    return INTERRUPTED


def say_ended_early(reason: EndedEarlyError) -> int:
    """Say why there is no outcome; returns the exit code."""
    print(f"verdict: broken: ended early: {reason}")
    return BROKEN


def say_breaches(breaches: Iterable[str]) -> int:
    """Name each promise that was broken; returns the exit code."""
    code = KEPT
    for breach in breaches:
        print(f"BREACH: {breach}", file=sys.stderr)
        code = BROKEN
    return code


def number(least: Number, most: Number) -> Callable[[str], Number]:
    """An option's type: a number from `least` to `most`, of the same type as these."""
    kind = type(least)

    def read(text: str) -> Number:
        try:
            value = kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"is not {least:,} to {most:,}")
        return value

    return read
