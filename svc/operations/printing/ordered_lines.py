"""Lines whose order is fixed and whose time is not. On a terminal, also what is still being waited for."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TextIO

ERASE_LINE = "\r\x1b[K"


class OrderedLines:
    """Prints one line for each name, in the order of `names`, each as soon as it and those before it are known."""

    def __init__(self, names: Sequence[str], out: TextIO | None = None) -> None:
        self._waiting = list(names)
        self._known: dict[str, str] = {}
        self._out = out or sys.stdout
        self._on_terminal = self._out.isatty()
        self._show_what_is_missing()

    def put(self, name: str, line: str) -> None:
        """The line of `name` is known."""
        self._known[name] = line
        if self._on_terminal:
            self._out.write(ERASE_LINE)
        while self._waiting and self._waiting[0] in self._known:
            self._out.write(f"{self._known[self._waiting.pop(0)]}\n")
        self._show_what_is_missing()

    def _show_what_is_missing(self) -> None:
        missing = [name for name in self._waiting if name not in self._known]
        if self._on_terminal and missing:
            self._out.write(f"...   waiting for {', '.join(missing)}")
        self._out.flush()
