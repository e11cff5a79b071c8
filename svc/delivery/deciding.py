"""From a payload to what is to be done: decoding, and the call of the handler, which nothing that it does may outlast.

A handler that raises is the update's failure. One that ends the process, or never returns, cannot be caught: the next
leader reads the same update from the inbox, and would end of it as well. So before a handler is called for an update
that a former leader may have died of, that is one that is older than this term, it is noted in the database. The first
note of the next term blames what it finds noted, and an update that was blamed too often is dead without a call.

Handlers are not waited for, so at most one is being called in a process. Updates that are noted are decided one at a
time, so that one note is enough. It costs a statement each, and so only those are noted that may be it: of each chat
the oldest, since a former leader cannot have come to the others, and of these the first of a term. Should it be a later
one that ends the process, then those before it are done, and it is among the first soon.
"""

from __future__ import annotations

from dataclasses import dataclass

import structlog
import trio

from svc.bot.handlers import Decide, apology
from svc.delivery.handler_watchdog import HandlerWatchdog
from svc.delivery.sending import Failure
from svc.handler.reply import NOTHING, Call, Reply
from svc.observability.errors import describe
from svc.storage.errors import DatabaseUnavailable
from svc.storage.inbox import NO_CHAT, Inbox, Received, Term
from telegram_client.limits import ChatId, counted_chat
from telegram_client.updates import Update, read_update

log = structlog.get_logger()

MOST_BLAMED = 3
# More than a leader can have decided on and not done: those that flood control holds, and one for each worker.
NOTED_IN_A_TERM = 2500
NOTE_AGAIN_AFTER = 0.2
# Seconds for taking back the note when the term ends at that moment. Less than a second, after which that counts as
# stuck.
LAST_NOTE = 0.5


@dataclass(frozen=True)
class Decision:
    """What is to be done about an update: the reply, or why there is none.

    `failure`: the handler failed. `dead`: why the update is not even tried. `update` is None if it cannot be decoded.
    `chat` is the chat of the first call that counts for a chat's limits.
    """

    update: Update | None = None
    reply: Reply = NOTHING
    failure: Failure | None = None
    dead: str | None = None
    chat: ChatId | None = None

    @property
    def unhandled(self) -> str | None:
        """Why there is no reply, where the handler has failed or is not called."""
        return describe(self.failure.error) if self.failure is not None else self.dead

    @property
    def apology(self) -> Call | None:
        """What the user is told where there is no reply, once it is certain that there will be none."""
        return apology(self.update) if self.unhandled is not None and self.update is not None else None

    @property
    def send(self) -> Call | None:
        """The call that may not be made twice, of which there is one at most; None if all may be."""
        return next((call for call in self.reply.calls if not call.repeatable), self.apology)

    @property
    def is_nothing(self) -> bool:
        """Whether the update needs no answer."""
        return self.failure is None and self.dead is None and not self.reply.calls


class Deciding:
    """Calls the handler for the updates of one term."""

    def __init__(self, decide: Decide, inbox: Inbox, term: Term, watchdog: HandlerWatchdog) -> None:
        self._decide = decide
        self._inbox = inbox
        self._term = term
        self._watchdog = watchdog
        self._term_began = trio.current_time()
        self._notes_left = NOTED_IN_A_TERM
        self._chats: set[int] = set()
        self._noted = trio.Lock()

    async def decide(self, received: Received) -> Decision:
        """What is to be done. Raises nothing; waits while the database is away."""
        try:
            update = read_update(received.payload)
        except ValueError as error:
            return Decision(dead=f"it cannot be decoded: {describe(error)}")
        if not self._may_be_poison(received):
            return self._call(received, update)
        self._notes_left -= 1
        self._chats.add(received.chat_id)
        async with self._noted:
            try:
                return await self._decide_noted(received, update)
            except trio.Cancelled:
                # The handler is not being called: nobody may be blamed for the end of this term.
                with trio.move_on_after(LAST_NOTE, shield=True):
                    await self._note(None)
                raise

    def _may_be_poison(self, received: Received) -> bool:
        """Whether a former leader may have ended while the handler was being called for this update."""
        if received.arrived >= self._term_began or not self._notes_left:
            return False
        return received.chat_id == NO_CHAT or received.chat_id not in self._chats

    async def _decide_noted(self, received: Received, update: Update) -> Decision:
        blamed = await self._note(received.update_id)
        if blamed < MOST_BLAMED:
            decision = self._call(received, update)
        else:
            decision = Decision(update, dead=f"the process has ended {blamed} times while its handler was called")
        if not self._noted.statistics().tasks_waiting:
            await self._note(None)
        return decision

    async def _note(self, update_id: int | None) -> int:
        while True:
            try:
                return await self._inbox.note_deciding(self._term, update_id)
            except DatabaseUnavailable as error:
                log.warning("DB_LOST", update_id=update_id, error=str(error))
            await trio.sleep(NOTE_AGAIN_AFTER)

    def _call(self, received: Received, update: Update) -> Decision:
        try:
            with self._watchdog.calling(received.update_id):
                return _decision(update, self._decide(update))
        except (trio.Cancelled, KeyboardInterrupt):
            raise
        except BaseException as error:  # SystemExit too: what a handler raises ends its own update and nothing else
            log.exception("HANDLER_FAILED", update_id=received.update_id, epoch=self._term.epoch)
            return Decision(update, failure=Failure(error))


def _decision(update: Update, reply: Reply) -> Decision:
    """What a reply comes to. Raises whatever is wrong with it: that is the handler's failure as well."""
    if not isinstance(reply, Reply):
        raise TypeError(f"the handler returned {type(reply).__name__}, not a Reply")
    chats = (counted_chat(call.method, call.params) for call in reply.calls)
    return Decision(
        update,
        reply,
        chat=next((chat for chat in chats if chat is not None), None),
    )
