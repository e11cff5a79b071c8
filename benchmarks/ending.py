"""How a benchmark ends by a signal: in order, so that what it has started is ended."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

INTERRUPTED = 130


def run(main: Callable[[], int]) -> NoReturn:
    """Exit with what `main` returns, or with INTERRUPTED after Ctrl-C or SIGTERM, which is treated as Ctrl-C."""
    # A shell lets what it starts with `&` ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    code = INTERRUPTED
    try:
        code = main()
    except* KeyboardInterrupt:
        pass  # From within nurseries it comes as a group.
    sys.exit(code)
