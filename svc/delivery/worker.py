"""A worker: take an update, decide, begin, deliver, settle.

It stands at the ACTIVE event and works in the period that this opens onto, which holds the one object that can send;
when the period's lease ends, whatever the worker was doing is cancelled. Its steps:

decide    the pure handler; whatever it raises is the update's failure, not the worker's
wait      for the turn that flood control gives the reply: what only waits is never in doubt, and a drain ends it
begin     the database checks order, duplicates and the fence, right before the first call is written
deliver   the reply's calls, one after the other (svc/delivery/sending.py)
settle    done, retry or dead: recorded even if the period ends meanwhile
"""

from __future__ import annotations

import structlog
import trio

from svc.bot.handlers import apology
from svc.bot.reply import NOTHING, Reply
from svc.delivery.active_period import ActivePeriod
from svc.delivery.retry_policy import after_failure
from svc.delivery.sending import Delivery, Failure
from svc.observability.errors import describe
from svc.storage.database import DatabaseUnavailable
from svc.storage.inbox import (
    Attempt,
    BeginOutcome,
    Begun,
    CallMade,
    Dead,
    Done,
    Ending,
    Received,
    Retry,
)
from telegram_client.errors import TelegramError
from telegram_client.flood import Turn
from telegram_client.limits import ChatId, counted_chat
from telegram_client.updates import Update, read_update

log = structlog.get_logger()

# From begin to the end of the last call. No worker can still be busy with a row that was begun longer ago.
SEND_DEADLINE = 15.0
BEGIN_AGAIN_AFTER = 0.2
APOLOGY_DEADLINE = 5.0


async def work(name: str, period: ActivePeriod) -> None:
    """Be the worker `name` (in the log) of `period`, until its queue is closed."""
    await _Worker(name, period).run()


class _Worker:
    """One worker in one period."""

    def __init__(self, name: str, period: ActivePeriod) -> None:
        self._period = period
        self._log = log.bind(worker=name, epoch=period.term.epoch)

    async def run(self) -> None:
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
        """Seconds for which the chat's own limits hold the reply back; meanwhile it waits in the chat queue."""
        chat_id = _counted_chat(reply)
        return 0.0 if chat_id is None else self._period.flood.held(chat_id)

    async def _handle(
        self, update: Received, parsed: Update | None, reply: Reply, failure: Failure | None
    ) -> Ending | None:
        """How the update's attempt ended; None if it was not begun and is left in the inbox."""
        if failure is None and not reply.calls:
            return await self._dismiss(update)
        chat_id = _counted_chat(reply)
        turn = None if chat_id is None else await self._turn(chat_id)
        if chat_id is not None and turn is None:
            return None
        attempt = Attempt(update.update_id, self._period.term, self._period.rng.getrandbits(63))
        self._log.debug("DEDUP_CHECK", update_id=update.update_id)
        self._period.tokens.add(attempt.token)
        try:
            begun = await self._begin(attempt)
            if begun.outcome is not BeginOutcome.BEGUN:
                return await self._not_begun(update, begun.outcome)
            self._log.info("ACTIVE_PROCESS_START", update_id=update.update_id, chat_id=update.chat_id)
            calls: list[CallMade] = []
            if failure is None:
                failure = await self._deliver(update, reply, calls, turn)
            ending = self._ending(update, failure, begun)
            await self._period.inbox.settle(attempt, ending, calls)
        finally:
            self._period.tokens.discard(attempt.token)
        self._report(update, ending, failure)
        if isinstance(ending, Dead) and parsed is not None and not isinstance(failure and failure.error, TelegramError):
            await self._apologise(update, parsed)
        return ending

    async def _turn(self, chat_id: ChatId) -> Turn | None:
        """The turn of the reply's first call to a chat; None if the queue was closed while it was waited for."""
        with self._period.queue.until_closed() as waiting:
            turn = await self._period.flood.acquire(chat_id)
        return None if waiting.cancelled_caught else turn

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
        # If an answer was lost, asking again finds the row begun by this same attempt.
        while True:
            try:
                return await self._period.inbox.begin(attempt)
            except DatabaseUnavailable as error:
                self._log.warning("DB_LOST", update_id=attempt.update_id, error=str(error))
            await trio.sleep(BEGIN_AGAIN_AFTER)

    async def _not_begun(self, update: Received, outcome: BeginOutcome) -> Ending | None:
        match outcome:
            case BeginOutcome.FENCED:
                self._period.lease.end("another term is current")
                await trio.sleep_forever()
            case BeginOutcome.DUPLICATE:
                self._log.info("DEDUP_SKIP", update_id=update.update_id, chat_id=update.chat_id)
                return Done("duplicate")
            case _:
                self._log.debug("BUSY", update_id=update.update_id, chat_id=update.chat_id)
        return None

    async def _deliver(self, update: Received, reply: Reply, made: list[CallMade], turn: Turn | None) -> Failure | None:
        """Make the reply's calls and note them in `made`. What went wrong is returned, not raised."""
        if reply.before is not None:
            self._log.debug(reply.before, update_id=update.update_id, **reply.fields)
        delivery = self._delivery(update, SEND_DEADLINE, made, turn)
        failure = await delivery.make(reply.calls)
        if failure is not None:
            return failure
        if reply.after is not None:
            self._log.info(reply.after, update_id=update.update_id, **reply.fields)
        if reply.after == "MAIN_MENU_SENT":
            self._period.metrics.to_menu.observe(trio.current_time() - update.arrived)
        return None

    def _delivery(self, update: Received, seconds: float, made: list[CallMade], turn: Turn | None = None) -> Delivery:
        period = self._period
        return Delivery(
            period.sender,
            period.flood,
            period.rng,
            chat_id=update.chat_id,
            seconds=seconds,
            made=made,
            turn=turn,
        )

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

    async def _apologise(self, received: Received, update: Update) -> None:
        """Tell the user, once: the update is recorded as dead already, so this is never repeated."""
        call = apology(update)
        if call is None:
            return
        failure = await self._delivery(received, APOLOGY_DEADLINE, []).make((call,))
        if failure is not None:
            self._log.warning("REFUSED", method=call.method, error=describe(failure.error))


def _counted_chat(reply: Reply) -> ChatId | None:
    """The chat of the reply's first call that counts for a chat's limits, if any does."""
    chats = (counted_chat(call.method, call.params) for call in reply.calls)
    return next((chat for chat in chats if chat is not None), None)
