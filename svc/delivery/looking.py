"""The chore that looks for sends in doubt, and what is said and done about what it finds.

The inbox knows which rows are due and keeps what was found out (svc/storage/looks.py); a look is made by probing.py. No
more rows are claimed than can be looked at soon: each claim counts as a look.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import structlog
import trio

from svc.delivery.active_period import ActivePeriod
from svc.delivery.database_away import or_later
from svc.delivery.late_duplicates import SentAgain
from svc.delivery.outcome_count import count_look
from svc.delivery.outcome_log import log_job_told
from svc.delivery.probing import Look
from svc.delivery.retry_policy import LOOK_AFTER_FILE
from svc.storage.inbox import CANNOT_BE_TOLD, Dead, Done, Ending
from svc.storage.looks import Absent, CannotBeTold, DueLook, Found, LookOutcome, LookResult, Unsure

log = structlog.get_logger()

LOOK_EVERY = 0.3
LOOKS_AT_ONCE = 24
"""Also how many probes are in flight at once, at most."""
# Where few probes are allowed, few looks share them: each is through soon then, and none takes longer than its claim.
FEWEST_LOOKS_AT_ONCE = 2
PROBES_OF_A_LOOK = 5.0


# How the update of a look has ended by it, if it has.
_ENDINGS: dict[LookOutcome, Ending] = {
    LookOutcome.FOUND: Done(),
    LookOutcome.SKIP: Done("in_doubt"),
    LookOutcome.DEAD: Dead(CANNOT_BE_TOLD),
}


async def look_for_sends(period: ActivePeriod) -> None:
    """Look for what is in doubt, until cancelled."""
    await _Looking(period).run()


class _Looking:
    """The looks of one period."""

    def __init__(self, period: ActivePeriod) -> None:
        self._period = period
        self._log = log.bind(epoch=period.term.epoch)
        self._began = trio.current_time()
        self._at_work: set[int] = set()
        self._inherited: set[int] = set()
        self._late = 0

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            while True:
                self._period.uppers.note_due(trio.current_time(), self._period.message_ids)
                await self._period.pause.over()
                for due in await self._claim():
                    self._at_work.add(due.update_id)
                    nursery.start_soon(self._look, due)
                for again in self._period.resent.take(trio.current_time(), self._room()):
                    self._late += 1
                    nursery.start_soon(self._look_for_late_one, again)
                await trio.sleep(LOOK_EVERY)

    def _room(self) -> int:
        """How many looks may begin now: none while those that are under way have to wait for their probes' turns."""
        prober = self._period.prober
        most = max(FEWEST_LOOKS_AT_ONCE, min(LOOKS_AT_ONCE, prober.per_second / PROBES_OF_A_LOOK))
        return max(0, int(most) - len(self._at_work) - self._late) if prober.has_room else 0

    async def _claim(self) -> Sequence[DueLook]:
        period, room = self._period, self._room()
        if not room:
            return ()
        due = partial(period.inbox.due_looks, period.term, period.tokens, room, without=self._at_work)
        return await or_later(due) or ()

    async def _look(self, due: DueLook) -> None:
        update_id, began = due.update_id, trio.current_time() - due.age
        if self._period.uppers.of(update_id) is None:
            self._inherited.add(update_id)
            if due.number == 1:
                # Its doubt was not the end of an attempt of this period, and nobody has counted it.
                self._period.metrics.updates.count_doubt("begun")
        look = Look(self._period, due, self._period.uppers.of(update_id))
        try:
            result = await or_later(look.result)
            if look.first_upper is not None:
                self._period.uppers.keep(update_id, look.first_upper)
            if result is not None:
                await self._settle(due, self._believed(due, result), look.probes, began)
        finally:
            self._at_work.discard(update_id)

    def _believed(self, due: DueLook, result: LookResult) -> LookResult:
        """What a look tells. One that finds nothing tells nothing while a file may be on its way: the end of a job is
        most often one, and a former leader may have sent it right before its end, however long ago the attempt began.
        Of an attempt of its own a period waits as long before it looks.
        """
        just_inherited = due.update_id in self._inherited and trio.current_time() - self._began < LOOK_AFTER_FILE
        on_its_way = due.update_id < 0 and just_inherited
        return Unsure("a file may be on its way") if on_its_way and isinstance(result, Absent) else result

    async def _settle(self, due: DueLook, result: LookResult, probes: int, began: float) -> None:
        """Have it recorded what was found, say so, and let go on what may."""
        period = self._period
        settle = partial(period.inbox.settle_look, period.term, due, result, period.in_doubt, probes=probes)
        outcome = await or_later(settle)
        if outcome is not LookOutcome.LOOK_AGAIN:
            period.uppers.forget(due.update_id)
            self._inherited.discard(due.update_id)
        if outcome is None or outcome is LookOutcome.GONE:
            return
        self._say(due, result, outcome, probes, began)
        count_look(self._period.metrics.updates, outcome)
        if isinstance(result, Found):
            period.message_ids.note_own(due.chat_id, result.message_id)
        if outcome in (LookOutcome.SEND, LookOutcome.RESEND):
            # As one that was just stored: who was in doubt has waited already, and is cleared for a few seconds only.
            period.queue.news.tell([due.update_id])
        elif outcome is not LookOutcome.LOOK_AGAIN:
            followers = await or_later(partial(period.inbox.followers, [due.chat_id], 1))
            period.queue.look_at(update.update_id for update in followers or ())

    def _say(self, due: DueLook, result: LookResult, outcome: LookOutcome, probes: int, began: float) -> None:
        if (ending := _ENDINGS.get(outcome)) is not None:
            log_job_told(self._log, due.job, ending, due.waited, self._period.metrics)
        ids = {"update_id": due.update_id, "chat_id": due.chat_id}
        ms = round((trio.current_time() - began) * 1000, 1)
        match outcome:
            case LookOutcome.FOUND | LookOutcome.APOLOGISED if isinstance(result, Found):
                self._log.info("FOUND", **ids, message_id=result.message_id, probes=probes, ms=ms)
                if outcome is LookOutcome.APOLOGISED:
                    self._log.error("DEAD", **ids, reason="it could not be handled, and its person was told so")
            case LookOutcome.SEND:
                self._log.info("NOT_FOUND", **ids, looks=due.number, probes=probes, ms=ms)
            case LookOutcome.LOOK_AGAIN:
                self._log.debug("LOOKED", **ids, result=type(result).__name__, probes=probes, reason=_reason(result))
            case _:
                self._log.warning("IN_DOUBT", **ids, policy=self._period.in_doubt, reason=_reason(result))
                if outcome is LookOutcome.DEAD:
                    self._log.error("DEAD", **ids, reason=CANNOT_BE_TOLD)

    async def _look_for_late_one(self, again: SentAgain) -> None:
        """One more look where a message was sent again: has the first one arrived after all?"""
        due, look = again.due, Look(self._period, again.due)
        try:
            for message_id in await or_later(partial(look.ours_between, due.watermark, again.sent_id)) or ():
                self._log.warning(
                    "LATE_DUPLICATE",
                    update_id=due.update_id,
                    chat_id=due.chat_id,
                    message_id=message_id,
                    sent_again=again.sent_id,
                )
        finally:
            self._late -= 1


def _reason(result: LookResult) -> str | None:
    return result.reason if isinstance(result, Unsure | CannotBeTold) else None
