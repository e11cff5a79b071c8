"""What the commands print, character by character: in a pipe, and on a terminal 100 columns wide.

    REGENERATE=1 pytest tests/test_cli_golden.py

writes the files of tests/golden anew; look at each before it is committed (`cat` shows a terminal's colours).
"""

from __future__ import annotations

import io
import os
import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from svc.operations.printing.document import Document, Facts, Line, Table, Words, line, plain_text, printable
from svc.operations.printing.terminal import written

GOLDEN = Path(__file__).parent / "golden"
NAMES = (
    "status", "status_paused", "status_watch", "transitions", "updates_list", "updates_show", "updates_reasons",
    "updates_replay", "jobs_list", "jobs_show", "actions",
)  # fmt: skip
OBEYED = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
COLOURS = re.compile(r"\x1b\[[\d;]*m")


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Times are printed in the machine's zone."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def document(name: str) -> Document:
    """Made here and not at import: it holds times in this machine's zone."""
    from tests.golden_data import DOCUMENTS

    return DOCUMENTS[name]


def on_terminal(document: Document, width: int) -> str:
    """As a terminal gets it."""
    out = io.StringIO()
    console = Console(
        file=out, width=width, force_terminal=True, color_system="standard", legacy_windows=False, _environ={}
    )
    console.print(written(document, console, printable), soft_wrap=True)
    return out.getvalue()


def is_golden(file: str, text: str) -> None:
    """Compare `text` with a file, or write it."""
    if os.environ.get("REGENERATE"):
        (GOLDEN / file).write_text(text, "utf-8")
    assert text == (GOLDEN / file).read_text("utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_a_pipe_gets_an_item_a_line(name: str) -> None:
    """As the golden file has it; nothing in it would be obeyed by a terminal."""
    text = plain_text(document(name))
    assert not OBEYED.search(text)
    is_golden(f"{name}.plain.txt", f"{text}\n")


@pytest.mark.parametrize("name", NAMES)
def test_a_terminal_gets_it_aligned_and_coloured(name: str) -> None:
    """As the golden file has it; the only escapes are colours of ours."""
    text = on_terminal(document(name), 100)
    assert not OBEYED.search(COLOURS.sub("", text))
    is_golden(f"{name}.terminal.txt", text)


@pytest.mark.parametrize("width", [80, 100, 120])
@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_cut_off(name: str, width: int) -> None:
    """No line is longer than the terminal is wide, and every word is there, if folded."""
    lines = COLOURS.sub("", on_terminal(document(name), width)).splitlines()
    assert max(map(len, lines)) <= width
    letters = Counter("".join("".join(lines).split()))
    for words in all_words(document(name)):
        shown = printable(words.text if words.short is None else words.short)
        letters.subtract("".join(shown.split()))
    assert min(letters.values()) >= 0


def all_words(document: Document) -> Iterator[Words]:
    """Every part of it."""
    for block in document:
        match block:
            case Line(words, _):
                yield from words
            case Table(_, rows):
                for row in rows:
                    yield from row
            case Facts(facts):
                yield from all_words([content for _, content in facts])


def test_no_file_is_left_over() -> None:
    """Of a document that is no longer."""
    expected = {f"{name}.{kind}.txt" for name in NAMES for kind in ("plain", "terminal")}
    assert {path.name for path in GOLDEN.iterdir()} == expected


def test_what_people_send_is_not_interpreted() -> None:
    """Neither rich's markup nor emoji codes nor a format of ours."""
    text = COLOURS.sub("", on_terminal([line("[bold]x[/bold] :smile: {0} %s \\[red]")], 80))
    assert text == "[bold]x[/bold] :smile: {0} %s \\[red]\n"
