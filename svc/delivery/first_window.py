"""The first window of a term, read while the term begins: until it is here nobody who waits is answered.

That it was read before the term had begun does no harm: `begin` asks anew of every update whether it may begin.
"""

from __future__ import annotations

from contextlib import suppress

import trio

from svc.storage.errors import DatabaseUnavailable
from svc.storage.inbox import Inbox, Window

FIRST_UPDATES = 64
"""How many updates it is asked for: a few for each worker."""


class FirstWindow:
    """Read once by `read`, and taken once by `take`. Made inside `trio.run`."""

    def __init__(self) -> None:
        self._window: Window | None = None
        self._over = trio.Event()

    async def read(self, inbox: Inbox) -> None:
        """Read it. Where the database is away there is none."""
        try:
            with suppress(DatabaseUnavailable):
                self._window = await inbox.backfill(FIRST_UPDATES)
        finally:
            self._over.set()

    async def take(self) -> Window | None:
        """The window, once it was read; None if there is none, or it has been taken."""
        await self._over.wait()
        window, self._window = self._window, None
        return window
