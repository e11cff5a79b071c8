"""From a payload to what is to be done: decoding, and the call of the bot's handler, which nothing that it does may
outlast. An update of Telegram's is given to `Bot.decide`, the end of a job to `Bot.finished`.

A handler that raises is the update's failure. One that ends the process, or never returns, cannot be caught: the next
leader reads the same update from the inbox, and would end of it as well. So before a handler is called for an update
that a former leader may have died of, that is one that is older than this term, it is noted in the database. The first
note of the next term blames what it finds noted, and an update that was blamed too often is dead without a call.

Handlers are not waited for, so at most one is being called in a process. Updates that are noted are decided one at a
time, so that one note is enough. It costs a statement each, and so only those are noted that may be it: of each chat
the oldest, since a former leader cannot have come to the others, and of these the first of a term. Should it be a later
one that ends the process, then those before it are done, and it is among the first soon. Where the former leader has
announced that it gives up the lead, it has not died, and only what has been blamed before is noted: whatever else ends
the process now is met again by a leader to whom nobody has announced anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property

import structlog
import trio

from svc.delivery.handler_watchdog import HandlerWatchdog
from svc.delivery.knowing import Knowing
from svc.delivery.outcome_log import ids_of
from svc.delivery.remote_files import moves_file
from svc.delivery.sending import Failure
from svc.handler.bot import Bot
from svc.handler.job import Job
from svc.handler.known import Known
from svc.handler.reply import NOTHING, Call, Reply
from svc.observability.errors import describe
from svc.storage.errors import DatabaseUnavailable
from svc.storage.inbox import JOB_ENDED, NO_CHAT, ChatState, Inbox, Received, Term
from svc.storage.jobs import read_job_event
from telegram_client.limits import ChatId, counted_chat
from telegram_client.updates import Update, read_update

log = structlog.get_logger()

MOST_BLAMED = 3
# More than a leader can have decided on and not done: those that flood control holds, and one for each worker.
NOTED_IN_A_TERM = 2500
NOTE_AGAIN_AFTER = 0.2
NAME_AGAIN_AFTER = 1.0
# Seconds for taking back the note when the term ends at that moment. Less than a second, after which that counts as
# stuck.
LAST_NOTE = 0.5


@dataclass(frozen=True)
class Decision:
    """What is to be done about an update, or about the end of a job: the reply, or why there is none.

    `failure`: the handler failed. `dead`: why it is not even tried. `update` is None for the end of a job and if it
    cannot be decoded, `job` is None for all others. `known` is what it was decided by, with the chat's state of the
    version `state_version`. `apology` is what the user is told where there is no reply, once it is certain that there
    will be none. `later`: it cannot be told yet, and is decided anew in so many seconds.
    """

    update: Update | None = None
    job: Job | None = None
    known: Known = field(default_factory=Known)
    state_version: int = 0
    reply: Reply = NOTHING
    failure: Failure | None = None
    dead: str | None = None
    apology: Call | None = None
    later: float | None = None

    @property
    def unhandled(self) -> str | None:
        """Why there is no reply, where the handler has failed or is not called."""
        return describe(self.failure.error) if self.failure is not None else self.dead

    @property
    def sends(self) -> tuple[Call, ...]:
        """The calls that may not be made twice, of which one at most has an effect; none if all may be."""
        sends = tuple(call for call in _calls_of(self.reply) if not call.repeatable)
        return sends if sends or self.apology is None else (self.apology,)

    @property
    def says_something(self) -> bool:
        """Whether a call is made, if only an apology."""
        return bool(self.reply.calls) or self.apology is not None

    @cached_property
    def chat(self) -> ChatId | None:
        """The chat of the first call that counts for a chat's limits."""
        chats = (counted_chat(call.method, call.params) for call in self.reply.calls)
        return next((chat for chat in chats if chat is not None), None)

    @cached_property
    def moves_file(self) -> bool:
        """Whether one of the calls takes as long as a file does."""
        return any(moves_file(call) for call in _calls_of(self.reply))

    @property
    def is_nothing(self) -> bool:
        """Whether the update needs no answer, and nothing is to be remembered."""
        return self.unhandled is None and not self.reply.calls and not self.reply.changes_something


def _calls_of(reply: Reply) -> Iterable[Call]:
    """All calls that may be made."""
    return (call for calls in (reply.calls, *reply.instead) for call in calls)


class Deciding:
    """Calls the bot's handlers for the updates of one term. `after_crash`: the former leader may have died."""

    def __init__(
        self,
        bot: Bot,
        inbox: Inbox,
        term: Term,
        watchdog: HandlerWatchdog,
        knowing: Knowing,
        *,
        after_crash: bool = True,
    ) -> None:
        self._bot = bot
        self._inbox = inbox
        self._term = term
        self._watchdog = watchdog
        self._knowing = knowing
        self._term_began = trio.current_time()
        self._began_at = knowing.now()
        self._notes_left = NOTED_IN_A_TERM if after_crash else 0
        self._chats: set[int] = set()
        self._noted = trio.Lock()

    def decide_at_once(self, received: Received) -> Decision | None:
        """What is to be done about what is not stored yet; None where that has to be waited for, where the handler
        fails, and for all but messages that were written or changed since this term began (arrivals.py).
        """
        try:
            update = read_update(received.payload)
        except ValueError:
            return None
        message = update.message or update.edited_message
        if message is None or not self._knowing.knows_name_for(update):
            return None
        if (message.edit_date or message.date) < self._began_at:
            return None
        try:
            decision = self._undecided(received, update)
            with self._watchdog.calling(received.update_id):
                if self._bot.wants_jobs(update, decision.known.state):
                    return None
                return replace(decision, reply=self._reply(update, decision.known))
        except (trio.Cancelled, KeyboardInterrupt):
            raise
        except BaseException:
            return None

    async def decide(self, received: Received) -> Decision:
        """What is to be done. Raises nothing; waits while the database is away."""
        try:
            cause = _read(received)
        except ValueError as error:
            # The version too: no attempt begins by another state than its chat's, not even one that ends at once.
            version = self._knowing.state_of(received).version
            return Decision(dead=f"it cannot be decoded: {describe(error)}", state_version=version)
        if isinstance(cause, Update) and not await self._knowing.name_known(cause):
            # It may be for this bot: where getMe has not been answered, nothing could be sent anyway.
            return Decision(update=cause, later=NAME_AGAIN_AFTER)
        if not self._may_be_poison(received):
            return await self._call(received, cause)
        self._notes_left = max(0, self._notes_left - 1)
        self._chats.add(received.chat_id)
        async with self._noted:
            try:
                return await self._decide_noted(received, cause)
            except trio.Cancelled:
                # The handler is not being called: nobody may be blamed for the end of this term.
                with trio.move_on_after(LAST_NOTE, shield=True):
                    await self._note(None)
                raise

    def apology(self, decision: Decision) -> Call | None:
        """What the bot says to whoever sent an update that could not be handled; None if it has nothing to say."""
        if decision.update is None:
            return None
        try:
            with self._watchdog.calling(decision.update.update_id):
                call = self._bot.apology(decision.update, decision.known)
            if call is not None:
                counted_chat(call.method, call.params)
        except (trio.Cancelled, KeyboardInterrupt):
            raise
        except BaseException:
            log.exception("HANDLER_FAILED", update_id=decision.update.update_id, epoch=self._term.epoch)
            return None
        return call

    def note_done(self, received: Received, decision: Decision, state: bytes | None) -> None:
        """The update is done, and has given its chat this state: what waits behind it is decided by that."""
        if state is not None:
            self._knowing.states.note(received.chat_id, ChatState(decision.state_version + 1, state))

    def note_stale(self, received: Received) -> None:
        """It could not begin, perhaps because its chat's state is another one than was known here."""
        self._knowing.states.forget(received.chat_id)

    def _may_be_poison(self, received: Received) -> bool:
        """Whether a former leader may have ended while the handler was being called for this update."""
        if received.blamed:
            return True
        if received.arrived >= self._term_began or not self._notes_left:
            return False
        return received.chat_id == NO_CHAT or received.chat_id not in self._chats

    async def _decide_noted(self, received: Received, cause: Update | Job) -> Decision:
        blamed = await self._note(received.update_id)
        if blamed < MOST_BLAMED:
            decision = await self._call(received, cause)
        else:
            dead = f"the process has ended {blamed} times while its handler was called"
            decision = self._with_apology(replace(self._undecided(received, cause), dead=dead))
        if not self._noted.statistics().tasks_waiting:
            await self._note(None)
        return decision

    async def _note(self, update_id: int | None) -> int:
        while True:
            try:
                return await self._inbox.note_deciding(self._term, update_id)
            except DatabaseUnavailable as error:
                log.warning("DB_LOST", **(ids_of(update_id) if update_id is not None else {}), error=str(error))
            await trio.sleep(NOTE_AGAIN_AFTER)

    async def _call(self, received: Received, cause: Update | Job) -> Decision:
        decision = Decision()
        try:
            decision = self._undecided(received, cause)
            with self._watchdog.calling(received.update_id):
                wants_jobs = isinstance(cause, Update) and self._bot.wants_jobs(cause, decision.known.state)
                if not wants_jobs:
                    return replace(decision, reply=self._reply(cause, decision.known))
            known = replace(decision.known, jobs=await self._knowing.jobs_of(received.chat_id))
            decision = replace(decision, known=known)
            with self._watchdog.calling(received.update_id):
                return replace(decision, reply=self._reply(cause, known))
        except (trio.Cancelled, KeyboardInterrupt):
            raise
        except BaseException as error:  # SystemExit too: what a handler raises ends its own update and nothing else
            log.exception("HANDLER_FAILED", **ids_of(received.update_id, received.chat_id), epoch=self._term.epoch)
            return self._with_apology(replace(decision, failure=Failure(error)))

    def _reply(self, cause: Update | Job, known: Known) -> Reply:
        """The handler's reply. Raises what the handler does, and whatever is wrong with the reply."""
        reply = self._bot.decide(cause, known) if isinstance(cause, Update) else self._bot.finished(cause, known)
        if not isinstance(reply, Reply):
            raise TypeError(f"the handler returned {type(reply).__name__}, not a Reply")
        for call in _calls_of(reply):
            counted_chat(call.method, call.params)
            moves_file(call)
        if reply.job is not None and not isinstance(cause, Update):
            raise ValueError("only an update can ask for a job, the end of a job cannot")
        return reply

    def _undecided(self, received: Received, cause: Update | Job) -> Decision:
        """What there is to decide by."""
        state = self._knowing.state_of(received)
        return Decision(
            update=cause if isinstance(cause, Update) else None,
            job=cause if isinstance(cause, Job) else None,
            known=self._knowing.without_jobs(received, state),
            state_version=state.version,
        )

    def _with_apology(self, decision: Decision) -> Decision:
        return replace(decision, apology=self.apology(decision))


def _read(received: Received) -> Update | Job:
    """The update, or the job that has ended; raises ValueError."""
    if received.kind == JOB_ENDED and received.update_id < 0:
        return read_job_event(received.payload)
    return read_update(received.payload)
