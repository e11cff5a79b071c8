"""Lengths of time in a few characters: "45 s", "1 min 20 s", "3 h"."""

from __future__ import annotations

from svc.bot.texts import Texts

MINUTE, HOUR, DAY = 60, 3600, 86_400


def duration(seconds: float, texts: Texts) -> str:
    """A length of time, to the second below two minutes and coarser above."""
    creating = texts.creating
    whole = max(round(seconds), 1)
    if whole < MINUTE:
        return creating.seconds.format(n=whole)
    if whole < HOUR:
        minutes, rest = divmod(whole, MINUTE)
        text = creating.minutes.format(n=minutes)
        return f"{text} {creating.seconds.format(n=rest)}" if rest else text
    if whole < 2 * DAY:
        return creating.hours.format(n=-(-whole // HOUR))
    return creating.days.format(n=whole // DAY)


def elapsed(seconds: float, texts: Texts) -> str:
    """How long something has been going on, in steps of five seconds and more."""
    step = 5 if seconds < MINUTE else 15 if seconds < 10 * MINUTE else MINUTE
    return duration(int(seconds) // step * step, texts)


def ago(seconds: float, texts: Texts) -> str:
    """How long ago something was, in its largest unit."""
    if seconds < MINUTE:
        return texts.creating.just_now
    unit = next(size for size in (DAY, HOUR, MINUTE) if seconds >= size)
    return texts.creating.ago.format(time=duration(int(seconds) // unit * unit, texts))
