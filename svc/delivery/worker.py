"""A worker: take an update, decide, begin, deliver, settle.

It stands at the ACTIVE event and works in the period that this opens onto, which holds the one object that can send;
when the period's lease ends, whatever the worker was doing is cancelled. Its steps:

decide    the bot's pure handler; whatever it does is the update's failure, not the worker's (svc/delivery/deciding.py)
wait      while sending is paused, and for the turn that flood control gives the reply: what only waits is never in
          doubt, and a drain ends it
begin     the database checks order, duplicates and the fence, right before the first call is written
deliver   the reply's calls, one after the other (svc/delivery/attempt.py, sending.py)
settle    done, retry, unclear or dead: recorded even if the period ends meanwhile, and beside the next update: the
          worker is free once the calls are made, the chat once the record is
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import structlog
import trio

from svc.delivery.active_period import ActivePeriod, Opened
from svc.delivery.attempt import BegunAttempt, give_up, new_attempt
from svc.delivery.deciding import Decision
from svc.delivery.lookable import note_cause
from svc.delivery.outcome_count import count_ending
from svc.delivery.outcome_log import ids_of, log_ending, log_job_told
from svc.handler.job import Job
from svc.storage.errors import DatabaseUnavailable, StatementFailed
from svc.storage.inbox import Attempt, BeginOutcome, Begun, Done, Ending, Received, Retry, Unclear
from telegram_client.flood import Turn

log = structlog.get_logger()

# From begin to the end of the last call. No worker can still be busy with a row that was begun longer ago, but for one
# that moves files: those of this term are known by their tokens.
SEND_DEADLINE = 15.0
# The same where files are moved: Telegram fetches one or refuses to, then it is fetched and uploaded from here.
FILE_DEADLINE = 150.0
FILE_PLACE_AGAIN_AFTER = 0.5
BEGIN_AGAIN_AFTER = 0.2
BUSY_FOR = 1.0


async def work(name: str, period: ActivePeriod) -> None:
    """Be the worker `name` (in the log) of `period`, until its queue is closed."""
    await _Worker(name, period).run()


@dataclass(frozen=True)
class _Left:
    """The update was not begun and is left in the inbox. `held_for`: it stays in the queue, and comes again by then."""

    held_for: float | None = None


@dataclass(frozen=True)
class _Made:
    """The calls have been made; how that ended is to be recorded."""

    attempt: BegunAttempt
    ending: Ending


class _Worker:
    """One worker in one period."""

    def __init__(self, name: str, period: ActivePeriod) -> None:
        self._period = period
        self._log = log.bind(worker=name, epoch=period.term.epoch)
        # That the latest record has been made.
        self._recorded = trio.Event()
        self._recorded.set()

    async def run(self) -> None:
        try:
            await self._work()
        finally:
            attempts = [attempt for attempt, _ in self._period.unsure.values()]
            attempts += [opened.attempt for opened in self._period.opened.values()]
            self._period.unsure.clear()
            self._period.opened.clear()
            for attempt in attempts:
                await give_up(self._period.inbox, attempt)  # noqa: ASYNC102 (does not wait)

    async def _work(self) -> None:
        async with trio.open_nursery() as records:
            while True:
                try:
                    update = await self._period.queue.take()
                except trio.EndOfChannel:
                    return
                result = await self._handle(update)
                if isinstance(result, _Made):
                    await self._record_beside(records, update, result)
                else:
                    self._give_back(update, result)

    async def _record_beside(self, records: trio.Nursery, update: Received, made: _Made) -> None:
        """Have it recorded while the next one is worked on, and go no further ahead than that."""
        before, self._recorded = self._recorded, trio.Event()
        records.start_soon(self._record, update, made, self._recorded)
        await before.wait()

    async def _record(self, update: Received, made: _Made, recorded: trio.Event) -> None:
        try:
            await made.attempt.record(made.ending)
        finally:
            self._period.tokens.discard(made.attempt.token)
            recorded.set()
        self._give_back(update, made.ending)

    def _give_back(self, update: Received, result: Ending | _Left) -> None:
        """Tell the queue what became of it."""
        queue = self._period.queue
        match result:
            case _Left(held_for=float(seconds)):
                queue.hold(update, seconds)
            case _Left():
                queue.set_aside(update)
            case Retry(delay=delay) | Unclear(delay=delay):
                queue.set_aside(update, delay)
            case _:
                queue.done(update)

    async def _handle(self, update: Received) -> _Made | Ending | _Left:
        opened = self._period.opened.pop(update.update_id, None)
        if opened is not None:
            return await self._go_on(update, opened)
        decision = await self._period.deciding.decide(update)
        cause = decision.update or decision.job
        if cause is not None:
            note_cause(self._period.message_ids, cause)
        if decision.later is not None:
            return _Left(decision.later)
        if decision.is_nothing:
            return await self._dismiss(update, decision.job)
        # The chat's own limits: meanwhile the update waits in the chat queue, and no worker with it.
        if decision.chat is not None and (held := self._period.flood.held(decision.chat)):
            return _Left(held)
        if not decision.moves_file:
            return await self._in_turn(update, decision)
        # It may take minutes: meanwhile the other workers go on answering.
        places = self._period.file_places
        try:
            places.acquire_nowait()
        except trio.WouldBlock:
            return _Left(FILE_PLACE_AGAIN_AFTER)
        try:
            return await self._in_turn(update, decision)
        finally:
            places.release()

    async def _in_turn(self, update: Received, decision: Decision) -> _Made | Ending | _Left:
        """The attempt, as soon as it may leave."""
        turn = None
        if decision.says_something:
            with self._period.queue.until_closed() as waiting:
                turn = await self._may_send(decision)
            if waiting.cancelled_caught:
                return _Left()
        return await self._try(update, decision, turn)

    async def _may_send(self, decision: Decision) -> Turn | None:
        """Wait until sending is not paused and it is the turn of the reply's first call to a chat, if it has one."""
        pause, chat = self._period.pause, decision.chat
        if chat is None:
            await pause.over()
            return None
        return await pause.turn(partial(self._period.flood.acquire, chat))

    async def _try(self, update: Received, decision: Decision, turn: Turn | None) -> _Made | Ending | _Left:
        """One attempt, from its beginning until its calls are made."""
        period, update_id = self._period, update.update_id
        # What may have begun is gone on with as it was decided: its effects stand in the row.
        unsure = period.unsure.pop(update_id, None)
        attempt, decision = unsure or (new_attempt(period, update, decision), decision)
        self._log.debug("DEDUP_CHECK", **ids_of(update_id, update.chat_id))
        period.tokens.add(attempt.token)
        held = False
        try:
            begun = await self._begin(attempt)
            if begun is None:
                period.unsure[update_id] = attempt, decision
                held = True
                return _Left(BUSY_FOR)
            if begun.outcome is not BeginOutcome.BEGUN:
                return await self._not_begun(update, begun.outcome)
            held = True
        finally:
            if not held:
                period.tokens.discard(attempt.token)
        return await self._make(update, Opened(decision, attempt, turn, begun))

    async def _go_on(self, update: Received, opened: Opened) -> _Made | Ending:
        """The attempt that began when its update was stored."""
        self._log.debug("DEDUP_CHECK", **ids_of(update.update_id, update.chat_id))
        return await self._make(update, opened)

    async def _make(self, update: Received, opened: Opened) -> _Made | Ending:
        """The calls of what has begun, whose token is let go of once the end is recorded."""
        decision, attempt, turn, begun = opened
        assert begun is not None
        made = False
        try:
            if self._paused_meanwhile(decision):
                return await give_up(self._period.inbox, attempt)
            deadline = trio.current_time() + (FILE_DEADLINE if decision.moves_file else SEND_DEADLINE)
            begun_attempt = BegunAttempt(
                self._period, self._log, update, decision, attempt, begun, turn=turn, deadline=deadline
            )
            ending = await begun_attempt.act()
            made = True
            return _Made(begun_attempt, ending)
        finally:
            if not made:
                self._period.tokens.discard(attempt.token)

    def _paused_meanwhile(self, decision: Decision) -> bool:
        """Whether an operator's pause that keeps the reply back came while the attempt was being begun."""
        return self._period.pause.ordered is not None and decision.says_something

    async def _dismiss(self, update: Received, job: Job | None) -> Ending | _Left:
        try:
            await self._period.inbox.dismiss(update.update_id)
        except DatabaseUnavailable as error:
            self._log.warning("DB_LOST", **ids_of(update.update_id, update.chat_id), error=str(error))
            return _Left()
        ending = Done("ignored")
        count_ending(self._period.metrics.updates, ending)
        log_ending(self._log, update, ending, None, self._period.in_doubt)
        log_job_told(self._log, job, ending, trio.current_time() - update.arrived, self._period.metrics)
        return ending

    async def _begin(self, attempt: Attempt) -> Begun | None:
        """None if it failed for this row: whether it was begun will be known by the next try of this same attempt."""
        # If an answer was lost, asking again finds the row begun by this same attempt.
        try:
            while True:
                try:
                    return await self._period.inbox.begin(attempt)
                except StatementFailed as error:
                    self._log.warning("DB_LOST", **ids_of(attempt.update_id), error=str(error))
                    return None
                except DatabaseUnavailable as error:
                    self._log.warning("DB_LOST", **ids_of(attempt.update_id), error=str(error))
                await trio.sleep(BEGIN_AGAIN_AFTER)
        except trio.Cancelled:
            await give_up(self._period.inbox, attempt)  # noqa: ASYNC102 (does not wait)
            raise

    async def _not_begun(self, update: Received, outcome: BeginOutcome) -> Ending | _Left:
        match outcome:
            case BeginOutcome.FENCED:
                self._period.lease.end("another term is current")
                await trio.sleep_forever()
            case BeginOutcome.DUPLICATE:
                self._log.info("DEDUP_SKIP", **ids_of(update.update_id, update.chat_id))
                duplicate = Done("duplicate")
                count_ending(self._period.metrics.updates, duplicate)
                return duplicate
            case _:
                self._period.deciding.note_stale(update)
                self._log.debug("BUSY", **ids_of(update.update_id, update.chat_id))
        return _Left()
