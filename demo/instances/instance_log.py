"""What an instance logs: into a file, as lines that a person reads, and as events for the demo to follow."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from demo.views import LogLineView
from svc.observability.log_lines import console_line

KEPT = 500
"""Lines that are kept for the page."""
MAX_FILE = 10 * 1024 * 1024
"""Bytes after which a new file is begun; the one before it is kept as well."""
MAX_LINE = 1024 * 1024
"""Bytes after which a line that does not end is taken for one."""

Event = dict[str, Any]

_FIELDS = {"STATE": frozenset({"to", "epoch"}), "DONE": frozenset({"update_id"})}


class InstanceLog:
    """The log of one instance. `lines` are the latest, `count` is how many there have ever been."""

    def __init__(self, file: Path, instance: str) -> None:
        self.file = file
        self.lines: deque[LogLineView] = deque(maxlen=KEPT)
        self.count = 0
        self._instance = instance
        self._rest = b""
        self._size = 0
        self._file_fails = False

    def take(self, chunk: bytes) -> Iterator[Event]:
        """Take in what the process has written; the events of the lines that are complete now, in their order."""
        self._write(chunk)
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > MAX_LINE:
            lines, self._rest = [*lines, self._rest], b""
        for line in lines:
            event = _event_in(line)
            self._keep(line, event)
            if event:
                yield event

    def _write(self, chunk: bytes) -> None:
        """Append it to the file. Where there is no room, the demo goes on without, and the page's lines say why."""
        try:
            self._append(chunk)
            self._file_fails = False
        except OSError as error:
            if not self._file_fails:
                self._file_fails = True
                self._add("error", f"The log cannot be written to its file: {error.strerror}")

    def _append(self, chunk: bytes) -> None:
        if self._size > MAX_FILE:
            self.file.replace(self.file.with_suffix(".old.log"))
            self._size = 0
        with self.file.open("ab") as file:
            self._size += file.write(chunk)

    def _keep(self, line: bytes, event: Event) -> None:
        text = _as_text(event) if event else line.decode(errors="replace")
        self._add(str(event.get("level", "info" if event else "error")), text)

    def _add(self, level: str, text: str) -> None:
        self.lines.append(LogLineView(self._instance, level, text, time.time()))
        self.count += 1


def _event_in(line: bytes) -> Event:
    """The event of a line; empty for one that the service has not logged, such as one of a traceback or what a bot
    prints.
    """
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return event if isinstance(event, dict) and _is_the_services(event) else {}


def _is_the_services(event: Event) -> bool:
    """Whether it has what every event of the service has, and what those have that the demo follows."""
    try:
        datetime.fromisoformat(event["timestamp"])
        return isinstance(event["event"], str) and _FIELDS.get(event["event"], frozenset()) <= event.keys()
    except (KeyError, TypeError, ValueError):
        return False


def _as_text(event: Event) -> str:
    """As the service itself writes it on a terminal, with the local time."""
    when = datetime.fromisoformat(event["timestamp"]).astimezone()
    return console_line({**event, "timestamp": f"{when:%H:%M:%S}"})
