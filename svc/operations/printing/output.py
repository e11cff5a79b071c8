"""The one place that decides how an answer is printed: as JSON, for a person at a terminal, or for a pipe.

The environment's NO_COLOR and COLUMNS are honoured; TERM=dumb is treated as a pipe.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

from svc.operations.printing.document import Document, plain_text, printable

if TYPE_CHECKING:
    from rich.console import Console

T = TypeVar("T")

TO_MILLISECONDS = len("2026-11-30 12:00:00.000")
"""So much of `moment_text` is without the time zone."""

# A JSON text may hold them as they are; a terminal would obey some, and some cannot be written as UTF-8.
_ESCAPED_IN_JSON = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def answer(data: T, document_of: Callable[[T], Document], *, as_json: bool, hide: Callable[[str], str] = str) -> None:
    """Print `data`: itself as JSON, or the document that is made of it. `hide` removes secrets from what is printed."""
    if as_json:
        print(hide(json_text(data)))
    else:
        show(document_of(data), hide=hide)


def show(document: Document, *, hide: Callable[[str], str] = str, out: TextIO | None = None) -> None:
    """Print a document for whoever reads `out` (default: stdout)."""
    out = out or sys.stdout
    if is_terminal(out):
        from svc.operations.printing.terminal import written

        console = terminal_console(out)
        console.print(written(document, console, cleaning(hide)))
    else:
        print(plain_text(document, cleaning(hide)), file=out)


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a person looks at what is written there, and colours and cursor movements are understood."""
    return stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"


def terminal_console(stream: TextIO) -> Console:
    """rich's way to a terminal: it interprets no markup, highlights nothing and leaves the folding to us."""
    from rich.console import Console

    return Console(file=stream, markup=False, highlight=False, emoji=False, soft_wrap=True)


def cleaning(hide: Callable[[str], str]) -> Callable[[str], str]:
    """What is done to all words before they are printed."""
    return lambda text: printable(hide(text))


def json_text(value: Any) -> str:
    """`value` as JSON on one line, with times in ISO 8601."""
    text = json.dumps(value, default=_encode, ensure_ascii=False)
    return _ESCAPED_IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def moment_text(moment: datetime) -> str:
    """`moment` in this machine's time zone, to the millisecond."""
    return moment.astimezone().isoformat(sep=" ", timespec="milliseconds")


def short_moment(moment: datetime) -> str:
    """The same to the second, and without the zone: for people, who know where they are."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"


def _encode(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
