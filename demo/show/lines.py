"""A show as plain lines, for a pipe, a file, or a terminal that can do no more."""

from __future__ import annotations

import io
from typing import TextIO

import trio

from demo.show.report import Report
from demo.system import System
from demo.views import StepView


class Lines:
    """Prints what goes on as it happens: no colours, no codes, nothing is taken back."""

    def __init__(self, out: TextIO) -> None:
        if isinstance(out, io.TextIOWrapper):
            # Where there is no way to write a character its code is better than an error.
            out.reconfigure(errors="backslashreplace")
        self._out = out

    def progress(self, text: str) -> None:
        """What is being set up, or ended."""
        self._print(f"... {text}")

    def step(self, view: StepView) -> None:
        """What a step does, and how it has ended."""
        if view.state == "running":
            self._print(f"{view.name}: {view.doing or view.title}")
        elif view.sentence:
            self._print(f"{view.name}: {'kept' if view.state == 'done' else 'NOT KEPT'}: {view.sentence}")

    async def follow(self, system: System) -> None:
        """Nothing: what changes all the time is not for lines."""
        await trio.sleep_forever()

    def verdict(self, report: Report) -> None:
        """The last line."""
        self._print(f"{'kept' if report.kept else 'NOT KEPT'}: {report.verdict}")

    def _print(self, line: str) -> None:
        print(line, file=self._out, flush=True)
