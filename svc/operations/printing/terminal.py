"""A document as a person reads it in a terminal: aligned, folded to the width, coloured by meaning.

What people have sent only ever becomes `rich.text.Text`, which interprets nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from svc.operations.printing.document import Block, Clean, Column, Document, Facts, Line, Table, Tone, Words

STYLES: dict[Tone, str] = {
    "": "",
    "good": "green",
    "warn": "yellow",
    "bad": "bold red",
    "note": "cyan",
    "faint": "dim",
    "strong": "bold",
}

GAP = 2
HANG = 2
DETAIL_INDENT = 4
NARROWEST = 12
"""A column that folds is not made narrower than this for the sake of others."""
ROOM = 24
"""A detail that folds stays beside the rest where it has so much room."""


def written(document: Document, console: Console, clean: Clean) -> Text:
    """The whole document, as wide as the console. `clean` is applied to all words."""
    writer = _Writer(console, clean)
    return Text("\n").join(text for block in document for text in writer.block(block, console.width))


class _Writer:
    """Blocks to lines, each of which fits the width that is left for it."""

    def __init__(self, console: Console, clean: Clean) -> None:
        self._console = console
        self._clean = clean

    def block(self, block: Block, width: int) -> Iterator[Text]:
        """The lines of one block."""
        match block:
            case Line():
                yield from self._line(block, width)
            case Table():
                yield from self._table(block, width)
            case Facts(facts):
                label_width = max((cell_len(label) for label, _ in facts), default=0) + GAP
                for label, content in facts:
                    label_shown = _padded(Text.assemble((label, "bold")), label_width)
                    for text in self.block(content, width - label_width):
                        yield label_shown + text
                        label_shown = Text(" " * label_width)

    def _line(self, line: Line, width: int) -> Iterator[Text]:
        whole = Text()
        for words in line.words:
            whole.append_text(self._words(words))
        for number, folded in enumerate(self._folded(whole, width - line.indent, HANG)):
            yield Text(" " * (line.indent + (HANG if number else 0))) + folded

    def _table(self, table: Table, width: int) -> Iterator[Text]:
        rows = [[self._words(cell) for cell in row] for row in table.rows]
        filled = [number for number in range(len(table.columns)) if any(row[number].plain for row in rows)]
        columns = [table.columns[number] for number in filled]
        rows = [[row[number] for number in filled] for row in rows]
        widths = [max(cell_len(text.plain) for text in [Text(c.name), *cells]) for c, cells in _columns(columns, rows)]
        beside = _beside(widths, columns, width)
        below = [number for number in range(len(columns)) if number not in beside]
        shown = [columns[number] for number in beside]
        fitted = _fitted([widths[number] for number in beside], shown, width)
        yield from self._row(shown, fitted, [Text(column.name, style="dim") for column in shown])
        for row in rows:
            yield from self._row(shown, fitted, [row[number] for number in beside])
            yield from self._details([(columns[number].name, row[number]) for number in below], width)

    def _row(self, columns: Sequence[Column], widths: Sequence[int], cells: Sequence[Text]) -> list[Text]:
        folded = [self._folded(cell, width) for cell, width in zip(cells, widths, strict=True)]
        lines = []
        for number in range(max(map(len, folded))):
            parts = [each[number] if number < len(each) else Text() for each in folded]
            padded = [_padded(*each) for each in zip(parts, widths, [c.right for c in columns], strict=True)]
            joined = Text(" " * GAP).join(padded)
            joined.rstrip()
            lines.append(joined)
        return lines

    def _details(self, details: Sequence[tuple[str, Text]], width: int) -> Iterator[Text]:
        """What found no place beside the rest, each with its name."""
        told = [Text.assemble((f"{name}: ", "dim"), text) for name, text in details if text.plain]
        if told:
            for folded in self._folded(Text(" " * GAP).join(told), width - DETAIL_INDENT):
                yield Text(" " * DETAIL_INDENT) + folded

    def _words(self, words: Words) -> Text:
        text = words.text if words.short is None else words.short
        return Text(self._clean(text), style=STYLES[words.tone])

    def _folded(self, text: Text, width: int, hang: int = 0) -> list[Text]:
        """`text` in pieces of `width`, those after the first narrower by `hang`."""
        if cell_len(text.plain) <= width:
            return [text]
        folded = text.wrap(self._console, max(NARROWEST, width - hang), overflow="fold")
        for each in folded:
            each.rstrip()
        return list(folded)


def _columns(columns: Sequence[Column], rows: Sequence[Sequence[Text]]) -> Iterator[tuple[Column, list[Text]]]:
    for number, column in enumerate(columns):
        yield column, [row[number] for row in rows]


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + GAP * (len(widths) - 1)


def _beside(widths: Sequence[int], columns: Sequence[Column], width: int) -> list[int]:
    """Which columns stand beside each other: of the details the last ones go below first, until the rest fits."""
    beside = list(range(len(columns)))
    wanted = [min(each, ROOM) if c.detail and c.folds else each for each, c in zip(widths, columns, strict=True)]
    for number in reversed(range(len(columns))):
        if columns[number].detail and _total([wanted[each] for each in beside]) > width:
            beside.remove(number)
    return beside


def _fitted(widths: Sequence[int], columns: Sequence[Column], width: int) -> list[int]:
    """The widths, those of columns that fold made smaller, the widest first, until all of it fits, if it can."""
    fitted = list(widths)
    folding = [number for number, column in enumerate(columns) if column.folds]
    while folding and _total(fitted) > width:
        widest = max(folding, key=lambda number: fitted[number])
        if fitted[widest] <= NARROWEST:
            break
        fitted[widest] -= 1
    return fitted


def _padded(text: Text, width: int, right: bool = False) -> Text:
    space = Text(" " * max(0, width - cell_len(text.plain)))
    return space + text if right else text + space
