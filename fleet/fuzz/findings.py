"""What a part of the fuzzing has found: rows of a table, the breaches in them, the verdict and the exit code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

SHOWN = 10
"""Breaches of one row that are printed whole. All are counted."""


@dataclass(frozen=True)
class Row:
    """One line of the table: what was done, the `figures` of it by their names, in the order in which they are printed,
    and what was promised and not kept, a sentence each."""

    name: str
    figures: Mapping[str, str]
    breaches: tuple[str, ...] = ()


def table(rows: Sequence[Row]) -> str:
    """The rows for a terminal: a figure a line, the name of the row before its first."""
    names = max((len(row.name) for row in rows), default=0)
    words = max((len(word) for row in rows for word in row.figures), default=0)
    lines = []
    for row in rows:
        for number, (word, value) in enumerate(row.figures.items()):
            lines.append(f"{'' if number else row.name:<{names}}  {word:<{words}}  {value}".rstrip())
    return "\n".join(lines)


def breaches(rows: Sequence[Row]) -> list[str]:
    """What was not kept, with the name of its row; of many in one row the first few, and how many more there are."""
    found = []
    for row in rows:
        found += [f"{row.name}: {breach}" for breach in row.breaches[:SHOWN]]
        if len(row.breaches) > SHOWN:
            found.append(f"{row.name}: and {len(row.breaches) - SHOWN:,} more")
    return found


def verdict(rows: Sequence[Row]) -> str:
    """The last line of a run."""
    count = sum(len(row.breaches) for row in rows)
    return f"verdict: {count:,} breaches" if count else "verdict: all promises kept"
