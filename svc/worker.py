"""A worker: take an update, decide, begin, perform, settle.

It exists only inside the ACTIVE period, which gives it the one object that can send; when the period's scope is
cancelled, so is whatever the worker was about. Its four steps:

decide    the pure handler; whatever it raises is the update's failure, not the worker's
begin     the gate in the database: order, dedup and the fence, right before the first call is written
perform   the reply's calls, one after the other
settle    done, later, or dead: recorded even if the period ends meanwhile
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog
import trio

from svc.bot.handlers import Decide, apology
from svc.bot.reply import NOTHING, Call, Reply
from svc.chat_queue import ChatQueue
from svc.metrics import Metrics
from svc.policy import after_failure, describe
from svc.storage.database import DatabaseUnavailable
from svc.storage.inbox import (
    Attempt,
    BeginOutcome,
    Begun,
    CallMade,
    Dead,
    Done,
    Ending,
    Inbox,
    InDoubtPolicy,
    Received,
    Retry,
    Term,
)
from telegram_client.errors import InDoubt, NotSent, Refused, TelegramError
from telegram_client.flood import ChatId, FloodControl, counted_chat
from telegram_client.updates import Update, read_update

log = structlog.get_logger()

# From begin to the last call's end. A row that was begun longer ago has no owner that could still finish it.
SEND_DEADLINE = 15.0
BEGIN_AGAIN_AFTER = 0.2
APOLOGY_DEADLINE = 5.0
# A connection that could not be made often can a moment later; what takes longer goes back into the inbox.
AGAIN_AFTER = (0.1, 0.3, 0.9)
FLOOD = 429


class Sender(Protocol):
    """What can send: only an ACTIVE period has one."""

    async def call(self, method: str, params: Mapping[str, Any] | None = None) -> Any:
        """Call a Bot API method; raises TelegramError."""


@dataclass(frozen=True)
class Period:
    """Everything that the ACTIVE period hands to its workers. `lose` ends the period, with a reason."""

    term: Term
    sender: Sender
    inbox: Inbox
    queue: ChatQueue
    decide: Decide
    in_doubt: InDoubtPolicy
    metrics: Metrics
    lose: Callable[[str], None]
    rng: random.Random
    flood: FloodControl
    tokens: set[int] = field(default_factory=set)
    """The attempts that a worker holds now."""


@dataclass(frozen=True)
class Failure:
    """Why an update could not be handled; `repeatable` if the call that failed may be made twice without harm."""

    error: Exception
    repeatable: bool = True


class Worker:
    """One of a period's workers, `name` in the log."""

    def __init__(self, name: str, period: Period) -> None:
        self._period = period
        self._log = log.bind(worker=name, epoch=period.term.epoch)

    async def run(self) -> None:
        """Work until the queue is closed."""
        queue = self._period.queue
        while True:
            try:
                update = await queue.take()
            except trio.EndOfChannel:
                return
            parsed, reply, failure = self._decide(update)
            if held := self._held_by_its_chat(reply):
                queue.hold(update, held)
                continue
            settled = await self._handle(update, parsed, reply, failure)
            if settled is None or isinstance(settled, Retry):
                queue.set_aside(update, settled.delay if settled else None)
            else:
                queue.done(update)

    def _held_by_its_chat(self, reply: Reply) -> float:
        """How long the chat's own limits keep the reply back, in seconds: it waits in the queue, not at a desk."""
        chat_id = _counted_chat(reply)
        return 0.0 if chat_id is None else self._period.flood.chat_delay(chat_id, trio.current_time())

    async def _handle(
        self, update: Received, parsed: Update | None, reply: Reply, failure: Failure | None
    ) -> Ending | None:
        """How the update's attempt ended; None if it was not begun and is left in the inbox."""
        if failure is None and not reply.calls:
            return await self._dismiss(update)
        chat_id = _counted_chat(reply)
        if chat_id is not None:
            # In front of begin: who only waits for its turn is never in doubt, and is let go by a drain.
            with self._period.queue.until_closed() as waiting:
                await self._period.flood.wait(chat_id)
            if waiting.cancelled_caught:
                return None
        attempt = Attempt(update.update_id, self._period.term, self._period.rng.getrandbits(63))
        self._log.debug("DEDUP_CHECK", update_id=update.update_id)
        self._period.tokens.add(attempt.token)
        calls: list[CallMade] = []
        try:
            begun = await self._begin(attempt)
            if begun.outcome is not BeginOutcome.BEGUN:
                return await self._not_begun(update, begun.outcome)
            self._log.info("ACTIVE_PROCESS_START", update_id=update.update_id, chat_id=update.chat_id)
            if failure is None:
                failure = await self._perform(update, reply, calls)
            ending = self._ending(update, failure, begun)
            await self._period.inbox.settle(attempt, ending, calls)
        finally:
            self._period.tokens.discard(attempt.token)
        self._report(update, ending, failure)
        if isinstance(ending, Dead) and parsed is not None and not isinstance(failure and failure.error, TelegramError):
            await self._apologise(parsed)
        return ending

    def _decide(self, update: Received) -> tuple[Update | None, Reply, Failure | None]:
        parsed: Update | None = None
        try:
            parsed = read_update(update.payload)
            return parsed, self._period.decide(parsed), None
        except Exception as error:
            self._log.exception("HANDLER_FAILED", update_id=update.update_id)
            return parsed, NOTHING, Failure(error)

    async def _dismiss(self, update: Received) -> Ending | None:
        try:
            await self._period.inbox.dismiss(update.update_id)
        except DatabaseUnavailable as error:
            self._log.warning("DB_LOST", update_id=update.update_id, error=str(error))
            return None
        ending = Done("ignored")
        self._report(update, ending, None)
        return ending

    async def _begin(self, attempt: Attempt) -> Begun:
        # Asked again after a lost answer, begin returns the row that it has begun already.
        while True:
            try:
                return await self._period.inbox.begin(attempt)
            except DatabaseUnavailable as error:
                self._log.warning("DB_LOST", update_id=attempt.update_id, error=str(error))
            await trio.sleep(BEGIN_AGAIN_AFTER)

    async def _not_begun(self, update: Received, outcome: BeginOutcome) -> Ending | None:
        match outcome:
            case BeginOutcome.FENCED:
                self._period.lose("another term is current")
                await trio.sleep_forever()
            case BeginOutcome.DUPLICATE:
                self._log.info("DEDUP_SKIP", update_id=update.update_id, chat_id=update.chat_id)
                return Done("duplicate")
            case _:
                self._log.debug("BUSY", update_id=update.update_id, chat_id=update.chat_id)
        return None

    async def _perform(self, update: Received, reply: Reply, made: list[CallMade]) -> Failure | None:
        """Make the reply's calls and note them in `made`. What went wrong is returned, not raised."""
        if reply.before is not None:
            self._log.debug(reply.before, update_id=update.update_id, **reply.fields)
        call: Call | None = None
        with trio.CancelScope(deadline=trio.current_time() + SEND_DEADLINE) as scope:
            for call in reply.calls:
                started = trio.current_time()
                failure = await self._make(call)
                made.append(_call_made(call, failure, trio.current_time() - started))
                if failure is not None:
                    return failure
        if scope.cancelled_caught and call is not None:
            failure = Failure(InDoubt(call.method, "no answer in time"), call.repeatable)
            made.append(_call_made(call, failure, SEND_DEADLINE))
            return failure
        if reply.after is not None:
            self._log.info(reply.after, update_id=update.update_id, **reply.fields)
        if reply.after == "MAIN_MENU_SENT":
            self._period.metrics.to_menu.observe(trio.current_time() - update.arrived)
        return None

    async def _make(self, call: Call) -> Failure | None:
        """Make one call; what certainly or harmlessly can be made again at once is, a few times."""
        pauses = iter(AGAIN_AFTER)
        while True:
            failure = await self._try(call)
            error = failure.error if failure is not None else None
            if isinstance(error, Refused) and error.migrate_to_chat_id is not None:
                # The group has become a supergroup: the same chat under a new id.
                call = Call(call.method, {**call.params, "chat_id": error.migrate_to_chat_id})
            elif not _worth_another_try(error, call) or (pause := next(pauses, None)) is None:
                return failure
            else:
                await trio.sleep(pause * self._period.rng.uniform(0.75, 1.0))

    async def _try(self, call: Call) -> Failure | None:
        await _lease_checked()
        try:
            await self._period.sender.call(call.method, call.params)
        except NotSent as error:
            if error.status == FLOOD:
                self._period.flood.pause(error.retry_after, counted_chat(call.method, call.params))
            return Failure(error, call.repeatable)
        except Refused as error:
            if call.method != "answerCallbackQuery":
                return Failure(error, call.repeatable)
            # Only the spinner is at stake, and it has ended by itself: the press came long ago.
            self._log.info("REFUSED", error=describe(error))
        except Exception as error:
            if not isinstance(error, TelegramError):
                self._log.exception("HANDLER_FAILED", method=call.method)
            return Failure(error, call.repeatable)
        return None

    def _ending(self, update: Received, failure: Failure | None, begun: Begun) -> Ending:
        if failure is None:
            return Done()
        return after_failure(
            failure.error,
            attempts=begun.attempts,
            age=trio.current_time() - update.arrived,
            repeatable=failure.repeatable,
            policy=self._period.in_doubt,
            rng=self._period.rng,
        )

    def _report(self, update: Received, ending: Ending, failure: Failure | None) -> None:
        ids = {"update_id": update.update_id, "chat_id": update.chat_id}
        if isinstance(ending, Done | Retry | Dead) and ending.doubts and failure is not None:
            self._log.warning("IN_DOUBT", **ids, policy=self._period.in_doubt, error=describe(failure.error))
        match ending:
            case Done(outcome="refused") if failure is not None:
                self._log.info("REFUSED", **ids, error=describe(failure.error))
            case Done():
                self._log.info("DONE", **ids, outcome=ending.outcome, ms=self._ms(update))
            case Retry():
                self._log.warning("RETRY", **ids, delay=ending.delay, error=ending.error)
            case Dead():
                self._log.error("DEAD", **ids, reason=ending.reason)

    def _ms(self, update: Received) -> float:
        return round((trio.current_time() - update.arrived) * 1000, 1)

    async def _apologise(self, update: Update) -> None:
        """Tell the user, once: the update is recorded as dead before, so this is never repeated."""
        call = apology(update)
        if call is None:
            return
        try:
            with trio.fail_after(APOLOGY_DEADLINE):
                await self._period.sender.call(call.method, call.params)
        except (Refused, NotSent, InDoubt, trio.TooSlowError) as error:
            self._log.warning("REFUSED", method=call.method, error=describe(error))


def _counted_chat(reply: Reply) -> ChatId | None:
    """The chat whose limits the reply counts for, if any."""
    chats = (counted_chat(call.method, call.params) for call in reply.calls)
    return next((chat for chat in chats if chat is not None), None)


def _worth_another_try(error: Exception | None, call: Call) -> bool:
    """Whether the call can be made again at once: it certainly had no effect, or a harmless one."""
    if isinstance(error, NotSent):
        return error.status != FLOOD
    return isinstance(error, InDoubt) and call.repeatable


def _call_made(call: Call, failure: Failure | None, seconds: float) -> CallMade:
    match failure.error if failure is not None else None:
        case None:
            outcome = "ok"
        case Refused():
            outcome = "refused"
        case NotSent():
            outcome = "not_sent"
        case InDoubt():
            outcome = "in_doubt"
        case _:
            outcome = "failed"
    return CallMade(call.method, outcome, round(seconds * 1000, 1))


async def _lease_checked() -> None:
    """Look at the lease once more: it is the deadline of the scope that we run in.

    After a pause of the whole process the deadline has passed, but its cancellation arrives at the next wait only.
    """
    if trio.current_time() >= trio.current_effective_deadline():
        await trio.sleep_forever()
