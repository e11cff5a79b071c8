"""How jobs go, shown to the people who wait: now and then an edit of one message, and never in anybody's way.

What is shown is repeatable and may be left out: an edit that flood control does not let leave at once is dropped, and
so is every error. One edit is made at a time, so that many jobs cannot use up the rate that answers need.

An answer may edit the same message, and has the last word: nothing is shown while an update of the chat is in the
queue, and a job is read once more right before it is shown, for it may be over by then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import structlog
import trio

from svc.delivery.active_period import ActivePeriod
from svc.delivery.database_away import or_later
from svc.delivery.handler_watchdog import HandlerWatchdog
from svc.delivery.retry_policy import FLOOD
from svc.handler.bot import Bot
from svc.handler.job import Job
from svc.handler.known import Known
from svc.handler.reply import Call
from svc.observability.errors import describe
from svc.storage.inbox import ChatState
from svc.storage.jobs import Jobs, LiveJob
from svc.waiting import Wakeup
from telegram_client.errors import InDoubt, NotSent, TelegramError
from telegram_client.limits import counted_chat

log = structlog.get_logger()

SHOW_EVERY = 3.0
# Jobs that are read at once.
PAGE = 10
EDIT_TIMEOUT = 2.0
# An edit without an answer may be made later. So many seconds after it was given up, it no longer is.
LATE_FOR = 5.0
# Between two edits, whoever's they are.
EDIT_GAP = 0.1


class Progress:
    """Shows how the jobs of a period go. `known` makes what the bot is told from the state of a chat."""

    def __init__(
        self,
        period: ActivePeriod,
        bot: Bot,
        jobs: Jobs,
        known: Callable[[ChatState], Known],
        watchdog: HandlerWatchdog,
    ) -> None:
        self._period = period
        self._bot = bot
        self._jobs = jobs
        self._known = known
        self._watchdog = watchdog
        self._shown: dict[int, Sequence[Call]] = {}
        self._stopped: set[int] = set()
        self._may_come_until: dict[int, float] = {}
        self._showing: int | None = None
        self._shown_one = Wakeup()

    async def stop(self, job_id: int) -> None:
        """Show no more of this job: its end is next. An edit that has begun is waited for, no longer than it may take,
        and one whose answer did not come for as long as it may be late.

        After that no edit can follow the one that tells of the end.
        """
        self._stopped.add(job_id)
        while self._showing == job_id:
            await self._shown_one.wait()
        await trio.sleep_until(self._may_come_until.get(job_id, 0.0))

    async def run(self) -> None:
        """Show what has changed, every few seconds, until cancelled."""
        while True:
            await trio.sleep(SHOW_EVERY)
            await self._period.pause.over()
            await self._round()

    async def _round(self) -> None:
        """Show each job once."""
        alive: set[int] = set()
        after = 0
        while True:
            page = await or_later(partial(self._jobs.live_jobs, after, PAGE))
            for live in page or ():
                alive.add(live.job.job_id)
                await self._show(live)
            if page is None or len(page) < PAGE:
                break
            after = page[-1].job.job_id
        if page is not None:
            self._stopped &= alive
            self._shown = {job_id: calls for job_id, calls in self._shown.items() if job_id in alive}
            self._may_come_until = {job_id: at for job_id, at in self._may_come_until.items() if job_id in alive}

    async def _show(self, read: LiveJob) -> None:
        job_id = read.job.job_id
        if not self._new_calls(read):
            return
        live = await self._as_it_is_now(job_id)
        calls = self._new_calls(live) if live is not None else ()
        if live is None or not calls:
            return
        self._showing = job_id
        try:
            with trio.move_on_after(EDIT_TIMEOUT):
                await self._make(live, calls)
        finally:
            self._showing = None
            self._shown_one.set()
        await trio.sleep(EDIT_GAP)

    async def _as_it_is_now(self, job_id: int) -> LiveJob | None:
        """The job, if it still goes on."""
        found = await or_later(partial(self._jobs.live_jobs, job_id - 1, 1))
        return next((live for live in found or () if live.job.job_id == job_id), None)

    def _new_calls(self, live: LiveJob) -> Sequence[Call]:
        """What is to be shown now; nothing if that is to be seen already, or may not leave."""
        job = live.job
        if self._period.pause.holds or job.job_id in self._stopped or self._period.queue.has_chat(job.chat_id):
            return ()
        calls = self._calls(live)
        return calls if calls != self._shown.get(job.job_id) and self._may_leave(calls) else ()

    def _calls(self, live: LiveJob) -> Sequence[Call]:
        """What the bot wants to be seen; nothing any more of a job at which it fails."""
        try:
            with self._watchdog.calling(live.job.job_id):
                calls = tuple(self._bot.progress(live.job, self._known(live.state)))
            if not all(call.repeatable for call in calls):
                raise ValueError("progress is shown by calls that can be repeated")
        except (trio.Cancelled, KeyboardInterrupt):
            raise
        except BaseException:  # as in svc/delivery/deciding.py
            self._stopped.add(live.job.job_id)
            log.exception("HANDLER_FAILED", job_id=live.job.job_id, epoch=self._period.term.epoch)
            return ()
        return calls

    def _may_leave(self, calls: Sequence[Call]) -> bool:
        chats = {counted_chat(call.method, call.params) for call in calls} - {None}
        return all(chat is None or not self._period.flood.delay(chat) for chat in chats)

    async def _make(self, live: LiveJob, calls: Sequence[Call]) -> None:
        for call in calls:
            chat = counted_chat(call.method, call.params)
            if chat is not None:
                await self._period.flood.acquire(chat)
            if self._period.pause.holds or live.job.job_id in self._stopped:
                return
            try:
                await self._period.sender.call(call.method, call.params, timeout=EDIT_TIMEOUT)
            except TelegramError as error:
                self._not_shown(live.job, call, error)
        self._shown[live.job.job_id] = calls

    def _not_shown(self, job: Job, call: Call, error: TelegramError) -> None:
        log.debug("JOB_NOT_SHOWN", job_id=job.job_id, error=describe(error))
        if isinstance(error, InDoubt):
            self._may_come_until[job.job_id] = trio.current_time() + LATE_FOR
        elif isinstance(error, NotSent) and error.status == FLOOD:
            self._period.flood.pause(error.retry_after, counted_chat(call.method, call.params))
