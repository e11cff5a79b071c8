"""The end of the log: lines into a file, a pipe or a terminal."""

from __future__ import annotations

import io
import threading
from typing import TextIO

import structlog

log = structlog.get_logger()


class LineWriter:
    """Writes each line at once and whole, from any thread; structlog calls it by the name of the line's level.

    A line that cannot be written (the disk is full, who read the pipe has gone) must not cost a person an answer: the
    stream's buffer keeps the first of them until it can be emptied, the others are lost, and LINES_LOST says how many.
    Who reads the pipe but has stopped is waited for: an instance that hangs here loses its lease to another, as
    wherever it hangs.
    """

    def __init__(self, stream: TextIO) -> None:
        if isinstance(stream, io.TextIOWrapper):
            # A terminal whose encoding has no emoji gets their codes: logging a line must never raise.
            stream.reconfigure(errors="backslashreplace", write_through=True)
        self._stream = stream
        self._lock = threading.Lock()
        self._lost = 0

    def write(self, line: str) -> None:
        """Write one line, which is given without its end."""
        with self._lock:
            lost = self._lost
            try:
                self._stream.write(line + "\n")
            except OSError:
                self._lost += 1
                return
            try:
                self._stream.flush()
            except OSError:
                return  # it stays in the buffer
            self._lost = 0
        if lost:
            log.error("LINES_LOST", lines=lost)

    debug = info = warning = error = critical = write
