"""The results as a table: for a terminal, and in Markdown for the documents."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fleet.ha.result import Result

HEADINGS = ("scene", "written", "lost", "twice", "doubts", "longest wait", "to ACTIVE", "to 200")


def table(results: Sequence[Result]) -> str:
    """A line for each scene."""
    rows = [HEADINGS, *map(_cells, results)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(_aligned, row, widths, range(len(row)))).rstrip() for row in rows)


def markdown(results: Iterable[Result]) -> str:
    """The same in Markdown."""
    rows = [HEADINGS, ("---", *("---:" for _ in HEADINGS[1:])), *map(_cells, results)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def words_of(result: Result) -> str:
    """The same of one scene, in a line."""
    cells = zip(HEADINGS[1:], _cells(result)[1:], strict=True)
    ended = [f"PgBouncer ended {result.pgbouncer_ended} times by itself"] if result.pgbouncer_ended else []
    return ", ".join([*(f"{heading} {cell}" for heading, cell in cells), *ended, *result.breaches()])


def _cells(result: Result) -> tuple[str, ...]:
    verdict = result.verdict
    return (
        result.scene,
        str(verdict.written),
        str(len(verdict.lost)),
        str(len(verdict.twice)),
        str(result.doubts),
        _seconds(result.longest_wait),
        "stayed" if result.to_active is None else _seconds(result.to_active),
        "flowed" if result.to_200 is None else _seconds(result.to_200),
    )


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s"


def _aligned(cell: str, width: int, column: int) -> str:
    return cell.rjust(width) if column else cell.ljust(width)
