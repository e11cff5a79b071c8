"""How long something took, or is ago, in words."""

from __future__ import annotations

MINUTE, HOUR, DAY = 60, 3600, 86400


def duration_text(seconds: float) -> str:
    """The two largest units, of which the last is rounded down: "340 ms", "4.2 s", "2 min 5 s", "3 h", "1 day 4 h".

    Below zero, as where two clocks differ, is zero.
    """
    if seconds <= 0:
        return "0 s"
    if round(seconds, 3) < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{int(round(seconds, 3) * 10) / 10:g} s"
    whole = int(seconds)
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return _two(whole // MINUTE, "min", whole % MINUTE, "s")
    if whole < DAY:
        return _two(whole // HOUR, "h", whole % HOUR // MINUTE, "min")
    days = whole // DAY
    return _two(days, "day" if days == 1 else "days", whole % DAY // HOUR, "h")


def _two(large: int, unit: str, small: int, smaller_unit: str) -> str:
    return f"{large} {unit} {small} {smaller_unit}" if small else f"{large} {unit}"
