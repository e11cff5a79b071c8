"""What a command has to say, before it is known who reads it: lines, facts with their names, tables.

`plain_text` writes it for a pipe: an item a line, which scripts and grep rely on. `terminal` writes it for a person.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

Tone = Literal["", "good", "warn", "bad", "note", "faint", "strong"]
"""What words mean, which a terminal shows as colour. The words say it as well."""

# Of what people have written, only what moves no cursor, sets no colour and turns no text around is printed as it is.
_LINE_BREAK = re.compile(r"\s*[\t\n\v\f\r\u2028\u2029]\s*")
_NOT_PRINTED = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Words:
    """A part of a line, or a cell of a table. `short` is what a person reads instead, who can do with less."""

    text: str
    tone: Tone = ""
    short: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A sentence, `indent` columns from the left. A terminal folds it."""

    words: tuple[Words, ...]
    indent: int = 0


@dataclass(frozen=True, slots=True)
class Column:
    """One of a table: its name for people, and how its cells stand in a line for a pipe.

    `folds`: long cells may go on below themselves. `detail`: goes below the row where the terminal is too narrow.
    """

    name: str
    plain: str = "{}"
    right: bool = False
    folds: bool = False
    detail: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells. An empty cell is left out of a line for a pipe, and so is a column of empty ones on a terminal."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[Words]]


@dataclass(frozen=True, slots=True)
class Facts:
    """Names with what is to be said of them."""

    facts: Sequence[tuple[str, Line | Table]]


Block = Line | Table | Facts
Document = Sequence[Block]
Clean = Callable[[str], str]


def line(*parts: str | Words, indent: int = 0) -> Line:
    """A line of these words; those that are empty are left out."""
    words = (Words(part) if isinstance(part, str) else part for part in parts)
    return Line(tuple(each for each in words if each.text), indent)


def printable(text: str) -> str:
    """`text` on one line; a character that a terminal would obey, or could not show, is written as its escape."""
    return _NOT_PRINTED.sub(_escape, _LINE_BREAK.sub(" ", text))


def plain_text(document: Document, clean: Clean = printable) -> str:
    """For a pipe: a line for each item, whatever the width, without colour. `clean` is applied to all words."""
    return "\n".join(text for block in document for text in _plain_block(block, clean))


def _plain_block(block: Block, clean: Clean) -> list[str]:
    match block:
        case Line(words, indent):
            return [" " * indent + "".join(clean(each.text) for each in words)]
        case Table(columns, rows):
            return [_plain_row(columns, row, clean) for row in rows]
        case Facts(facts):
            width = max((len(label) for label, _ in facts), default=0) + 1
            return [text for label, content in facts for text in _plain_fact(f"{label:<{width}}", content, clean)]


def _plain_row(columns: Sequence[Column], row: Sequence[Words], clean: Clean) -> str:
    return " ".join(
        column.plain.format(clean(cell.text)) for column, cell in zip(columns, row, strict=True) if cell.text
    )


def _plain_fact(label: str, content: Line | Table, clean: Clean) -> list[str]:
    texts = _plain_block(content, clean)
    return [f"{' ' * len(label) if number else label}{text}" for number, text in enumerate(texts)]


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")
