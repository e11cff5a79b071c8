"""The one way an update comes in, from the webhook or from polling: commit it, then hint the workers.

The commit is what counts: once it is made, the update will be answered. The hint only saves the workers from reading
it back out of the inbox, so it may get lost.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Protocol

import structlog
import trio

from svc.observability.metrics.updates import Accepted
from svc.storage.inbox import Received, Stored, StoreOutcome

log = structlog.get_logger()


class SendsHints(Protocol):
    """The sending end of the memory channel to the workers."""

    def send_nowait(self, update: Received, /) -> None:
        """Pass `update` on; raises trio.WouldBlock where there is no room for it."""


def count_nothing(_outcome: Accepted) -> None:
    """For an intake that nobody watches."""


def tell_nobody(_update: Received) -> None:
    """For an intake where nothing is done with its storing."""


class Intake:
    """Takes updates in.

    `store` commits one, and may have it begun with that; `hints` is the memory channel to the workers, bounded by
    number and by bytes. `count` is told what became of each: here that it is stored or a duplicate, and by whoever
    brings it that it is not stored. `done` is told of those that were done with their storing.
    """

    def __init__(
        self,
        store: Callable[[Received], Awaitable[Stored]],
        hints: SendsHints,
        count: Callable[[Accepted], None] = count_nothing,
        done: Callable[[Received], None] = tell_nobody,
    ) -> None:
        self.count = count
        self._store = store
        self._hints = hints
        self._done = done

    async def accept(self, update: Received) -> bool:
        """Commit `update` and, if it is new and not done with that, hint it to the workers. Returns whether it is new.

        Raises what `store` raises, and can be cancelled while it commits: in both cases the commit may have been made
        all the same, and the update can be given to `accept` again. After the commit nothing waits, so an update that
        is committed in time is not cancelled.
        """
        outcome, state, begun = await self._store(update)
        if outcome is StoreOutcome.DUPLICATE:
            self.count("duplicate")
            log.info("DUPLICATE", update_id=update.update_id, chat_id=update.chat_id, type=update.kind)
            return False
        self.count("stored")
        log.info("ENQUEUED", update_id=update.update_id, chat_id=update.chat_id, type=update.kind)
        if outcome is StoreOutcome.DONE:
            self._done(update)
        elif begun is None:
            self._hint(replace(update, is_first=outcome is StoreOutcome.FIRST, state=state))
        return True

    def _hint(self, update: Received) -> None:
        try:
            self._hints.send_nowait(update)
        except (trio.WouldBlock, trio.BrokenResourceError):
            # The channel is full, or closed at shutdown: the workers will read the update from the inbox.
            log.debug("BACKLOG", update_id=update.update_id)
