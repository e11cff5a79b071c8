"""An attempt that has begun: the reply's calls, how it ends, and the record of that."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from functools import partial

import msgspec
import structlog
import trio

from svc.delivery.active_period import ActivePeriod
from svc.delivery.deciding import Decision
from svc.delivery.lookable import can_be_looked_for
from svc.delivery.outcome_count import count_ending
from svc.delivery.outcome_log import failed_call, ids_of, log_ending, log_job_told
from svc.delivery.refusals import another_way_may_do, may_be_the_bots
from svc.delivery.remote_files import NotFetched
from svc.delivery.retry_policy import MAX_ATTEMPTS, after_failure, unclear
from svc.delivery.sending import Delivery, Failure
from svc.handler.reply import Call, Reply
from svc.storage.inbox import (
    GIVEN_UP,
    Attempt,
    Begun,
    CallMade,
    Dead,
    Done,
    Effects,
    Ending,
    Inbox,
    Received,
    Retry,
    Unclear,
)
from svc.storage.looks import DueLook
from telegram_client.errors import InDoubt, Refused, TelegramError
from telegram_client.flood import Turn

APOLOGY_DEADLINE = 5.0
# Of the secret that a job's callback has to know: 128 bits.
SECRET_BYTES = 16


def new_attempt(period: ActivePeriod, update: Received, decision: Decision) -> Attempt:
    """An attempt that is about to begin: all that whoever looks for its message later has to know is known now.

    The watermark in particular, the greatest message id before the send; read afterwards it might be the message's own.
    """
    sends, watermark = decision.sends, None
    cause = decision.update or decision.job
    # One of the sends has an effect, and which one is not known then.
    if period.looks and sends and all(can_be_looked_for(send, update.chat_id, cause) for send in sends):
        watermark = period.message_ids.greatest(update.chat_id)
    return Attempt(
        update.update_id,
        period.term,
        period.rng.getrandbits(63),
        repeatable=not sends,
        watermark=watermark,
        dead_if_sent=decision.unhandled if decision.apology is not None else None,
        effects=_effects_of(decision.reply),
        state_version=decision.state_version,
        is_nothing=decision.is_nothing,
    )


def _effects_of(reply: Reply) -> Effects | None:
    """What the reply changes, as it is kept in the row until the update is done."""
    if not reply.changes_something:
        return None
    return Effects(
        state=msgspec.json.encode(reply.state) if reply.state is not None else None,
        job=reply.job,
        secret=secrets.token_urlsafe(SECRET_BYTES) if reply.job is not None else "",
        cancel=reply.cancel,
    )


async def give_up(inbox: Inbox, attempt: Attempt, made: Sequence[CallMade] = ()) -> Ending:
    """Have it recorded that nothing was sent, in the background: also where the caller is being cancelled.

    Changes nothing if the attempt has not begun.
    """
    ending = Retry(0.0, GIVEN_UP)
    with trio.CancelScope(shield=True) as wait:
        wait.cancel(reason="the record is made without being waited for")
        await inbox.settle(attempt, ending, made)
    return ending


class BegunAttempt:
    """What one worker does about an update from `begin` until it is settled, by `deadline` (Trio's clock).

    `turn` is the one that was waited for in advance, `log` the worker's.
    """

    def __init__(
        self,
        period: ActivePeriod,
        log: structlog.stdlib.BoundLogger,
        update: Received,
        decision: Decision,
        attempt: Attempt,
        begun: Begun,
        *,
        turn: Turn | None,
        deadline: float,
    ) -> None:
        self._period = period
        self._log = log
        self._update = update
        self._decision = decision
        self._attempt = attempt
        self._begun = begun
        self._turn = turn
        self._deadline = deadline
        self._ids = ids_of(update.update_id, update.chat_id, begun.attempts)
        self._made: list[CallMade] = []
        self._failure: Failure | None = None

    @property
    def token(self) -> int:
        """The attempt's."""
        return self._attempt.token

    async def act(self) -> Ending:
        """Do what was decided; returns how it ended, which is to be recorded. Cancelled, that is done here."""
        try:
            return await self._act()
        except trio.Cancelled:
            # The lease has ended. A call that has left is answered all the same, so what is cancelled was not sent, or
            # may be made twice.
            self._say(await give_up(self._period.inbox, self._attempt, self._made))  # noqa: ASYNC102 (does not wait)
            raise

    async def record(self, ending: Ending) -> None:
        """Record how it ended, and say so. It is recorded, and said, even if this is cancelled."""
        update = self._update
        try:
            await self._period.inbox.settle(self._attempt, ending, self._made)
        finally:
            self._say(ending)
        if isinstance(ending, Unclear):
            self._period.uppers.expect(update.update_id, update.chat_id, trio.current_time() + ending.delay)
        effects = self._attempt.effects
        if effects is not None and isinstance(ending, Done) and ending.outcome != "refused":
            self._period.deciding.note_done(update, self._decision, effects.state)
        self._note_sent(ending)

    def _say(self, ending: Ending) -> None:
        count_ending(self._period.metrics.updates, ending)
        call = self._begun.attempts
        log_ending(self._log, self._update, ending, self._failure, self._period.in_doubt, call)
        waited = trio.current_time() - self._update.arrived
        log_job_told(self._log, self._decision.job, ending, waited, self._period.metrics)

    async def _act(self) -> Ending:
        if self._decision.dead is not None:
            return await self._apologised(Dead(self._decision.dead))
        self._log.info("ACTIVE_PROCESS_START", **self._ids)
        self._failure = self._decision.failure or await self._deliver()
        ending = Done() if self._failure is None else await self._after(self._failure)
        return await self._apologised(ending) if isinstance(ending, Dead) else ending

    async def _deliver(self) -> Failure | None:
        """Make the reply's calls. What went wrong is returned, not raised."""
        reply, update = self._decision.reply, self._update
        if reply.before is not None:
            self._log.debug(reply.before, **{**self._ids, **reply.fields})
        delivery = self._delivery(self._seconds_left(), self._turn)
        failure = await delivery.make(reply.calls)
        for calls in reply.instead:
            if failure is None or not _another_way_may_do(failure.error):
                break
            self._log.info("REFUSED", **self._ids, **failed_call(failure), instead=_methods(calls))
            failure = await delivery.make(calls)
        if failure is not None:
            return failure
        if reply.after is not None:
            self._log.info(reply.after, **{**self._ids, **reply.fields})
        if reply.after == "MAIN_MENU_SENT":
            self._period.metrics.to_menu.observe(trio.current_time() - update.arrived)
        return None

    def _delivery(self, seconds: float, turn: Turn | None = None) -> Delivery:
        period = self._period
        return Delivery(
            period.sender,
            period.flood,
            period.rng,
            chat_id=self._update.chat_id,
            seconds=seconds,
            made=self._made,
            message_ids=period.message_ids,
            files=period.remote_files,
            log=partial(self._log.bind, **self._ids),
            turn=turn,
        )

    async def _after(self, failure: Failure) -> Ending:
        bot_is_fine = False
        if may_be_the_bots(failure.error):
            self._period.pause.suspect()
            if self._begun.attempts >= MAX_ATTEMPTS:
                # It would be the last: only here does it matter whose fault it was.
                bot_is_fine = await self._period.pause.bot_is_fine(self._seconds_left())
        return after_failure(
            failure.error,
            attempts=self._begun.attempts,
            doubts=self._begun.doubts,
            age=trio.current_time() - self._update.arrived,
            repeatable=failure.repeatable,
            can_be_looked_for=self._can_be_looked_for(failure.error),
            moves_file=failure.moves_file,
            policy=self._period.in_doubt,
            bot_is_fine=bot_is_fine,
            rng=self._period.rng,
        )

    def _seconds_left(self) -> float:
        return max(0.0, self._deadline - trio.current_time())

    def _can_be_looked_for(self, error: BaseException) -> bool:
        """Whether the message of a call that failed with `error` can; not if its chat has got another id meanwhile."""
        chat_id = error.chat_id if isinstance(error, TelegramError) else None
        return self._attempt.watermark is not None and chat_id == self._update.chat_id

    async def _apologised(self, dead: Dead) -> Ending:
        """The end of an update that is dead, once its user has been told; not if Telegram does not take our messages.

        The apology is this attempt's send and is looked for like any, so no send of a chat is ever outside of a row. It
        is made once: where it cannot be told whether it arrived, the update is dead without another.
        """
        if self._failure is not None and isinstance(self._failure.error, TelegramError):
            return dead
        call = self._period.deciding.apology(self._decision)
        failed = await self._delivery(APOLOGY_DEADLINE).make((call,)) if call is not None else None
        if failed is None:
            return dead
        error = failed.error
        if isinstance(error, InDoubt) and self._attempt.dead_if_sent is not None and self._can_be_looked_for(error):
            return unclear(error)
        self._log.warning("REFUSED", **self._ids, **failed_call(failed))
        return dead

    def _note_sent(self, ending: Ending) -> None:
        """Its id must be above the watermark. If an earlier message of this update was not found, it may yet arrive:
        that is looked for once more.
        """
        above, sent_id = self._begun.sent_above, next((call.message_id for call in self._made if call.message_id), None)
        if sent_id is None:
            return
        self._period.prober.check_id(self._update.chat_id, sent_id, self._attempt.watermark)
        if above is None or not isinstance(ending, Done):
            return
        update, now = self._update, trio.current_time()
        due = DueLook(update.update_id, update.chat_id, 0, above, 0, 0, now - update.arrived)
        self._period.resent.note(due, sent_id, now)


def _another_way_may_do(error: BaseException) -> bool:
    """Whether the reply's next calls are made: what was refused, or could not be fetched, certainly had no effect."""
    return isinstance(error, NotFetched) or (isinstance(error, Refused) and another_way_may_do(error))


def _methods(calls: Sequence[Call]) -> str:
    return " ".join(call.method for call in calls)
