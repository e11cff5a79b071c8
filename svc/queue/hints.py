"""The memory channel from intake to the workers: updates that this instance has just stored.

A hint saves reading the update back, and nothing else: whatever does not fit is in the inbox. The channel is bounded
by number and by bytes, for one update may be a thousand times as large as another.
"""

from __future__ import annotations

import trio

from svc.storage.inbox import Received

HINTS = 1000
HINT_BYTES = 32 * 2**20


class Hints:
    """A channel of updates for one instance. What has been sent and not been received counts for the bounds."""

    def __init__(self, hints: int = HINTS, size: int = HINT_BYTES) -> None:
        self._send, self._receive = trio.open_memory_channel[Received](hints)
        self._most_bytes = size
        self._bytes = 0
        self._lost = False

    def send_nowait(self, update: Received) -> None:
        """Pass `update` on; raises trio.WouldBlock where there is no room for it."""
        if self._bytes + update.size > self._most_bytes:
            self._lost = True
            raise trio.WouldBlock
        try:
            self._send.send_nowait(update)
        except trio.WouldBlock:
            self._lost = True
            raise
        self._bytes += update.size

    async def receive(self) -> Received:
        """The next update, in the order in which they were sent."""
        update = await self._receive.receive()
        self._bytes -= update.size
        return update

    def take_lost(self) -> bool:
        """Whether some had no room since this was last asked."""
        lost, self._lost = self._lost, False
        return lost
