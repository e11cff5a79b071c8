"""Numbers as a sentence has them."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """ "34 ms" below a second, else "3.2 s"; what is not nothing is at least 1 ms."""
    ms = round(seconds * 1000)
    if ms >= 1000:
        return f"{seconds:.1f} s"
    return f"{max(ms, 1) if seconds > 0 else 0} ms"


def counted(number: int, one: str, several: str) -> str:
    """ "1 person", "2 people", "1,204 people"."""
    return f"{number:,} {one if number == 1 else several}"


def people(number: int) -> str:
    """ "1 person", "87 people"."""
    return counted(number, "person", "people")


def answers(number: int, answer: str) -> str:
    """ "no menu", "one menu", "2 menus"."""
    return f"{number:,} {answer}s" if number > 1 else f"{'one' if number else 'no'} {answer}"
