"""What `svc` exits with. Scripts rely on these numbers."""

from __future__ import annotations

import signal

DONE = 0
FAILED = 1
"""The check or the work failed."""
BAD_USAGE = 2
"""Bad usage or settings."""
INTERRUPTED = 128 + signal.SIGINT
"""Ctrl-C; the number is what a shell reports for a process that a signal has ended."""
PIPE_CLOSED = 128 + signal.SIGPIPE
"""Whoever read the output has gone."""
