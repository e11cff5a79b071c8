"""A process that ends what the demo has started and removes its folder, should the demo itself be killed.

It is told over a pipe of every process that is started and of every one that has ended. When the pipe closes and the
demo has not said that it is done, the demo is gone: what still runs is killed, and the folder removed.
"""

from __future__ import annotations

from pathlib import Path


class Keeper:
    """The demo's side. Made before anything else is started; `close` at the very end, when nothing is left."""

    def __init__(self, folder: Path) -> None:
        raise NotImplementedError

    def started(self, pid: int) -> None:
        """A process was started: it is to be killed if the demo is."""
        raise NotImplementedError

    def ended(self, pid: int) -> None:
        """A process has ended and was waited for."""
        raise NotImplementedError

    def close(self) -> None:
        """Everything is over and removed: the keeper ends as well."""
        raise NotImplementedError
