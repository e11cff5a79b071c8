"""What arrives while this instance is ACTIVE, and can be answered at once, is begun by the commit that stores it; what
needs no answer is done with that.

Storing and beginning are a commit each, and who writes now waits for both. Where a worker is idle, nothing of the chat
waits and its turn has come, one commit does: it is decided before that, what the attempt needs goes along, and the
database begins it if it would have begun it right behind the store. If not, it is stored and nothing else, and comes to
its turn like any other. Of what needs no answer the same is asked, and the database records it as processed in place of
beginning it: that update never comes into the inbox, and no worker sees it.

A handler that ends the process, or never returns, must meet a stored update: one that is only with Telegram is
delivered again, to the next instance. So nothing is decided here that was written before the term began: a second
delivery after a crash is stored first. (Where the clocks of Telegram and of this machine disagree, that holds once the
terms since the first delivery have lasted for longer than that.)
"""

from __future__ import annotations

from collections import Counter

import structlog
import trio

from statemachine import ActiveEvent
from svc.delivery.active_period import ActivePeriod, Opened
from svc.delivery.attempt import give_up, new_attempt
from svc.delivery.deciding import Decision
from svc.delivery.lookable import note_cause
from svc.delivery.outcome_count import count_ending
from svc.delivery.outcome_log import log_done
from svc.observability.metrics.updates import Updates
from svc.storage.inbox import NO_CHAT, Done, Inbox, Received, Stored
from telegram_client.flood import Turn

log = structlog.get_logger()


class Arrivals:
    """The way of this instance's updates into the inbox. Use `store` as `Inbox.store`; `note_done` is to be called for
    what was done with that. `updates` counts these.
    """

    def __init__(self, inbox: Inbox, active: ActiveEvent[ActivePeriod], updates: Updates) -> None:
        self._inbox = inbox
        self._updates = updates
        self._active = active
        # Updates that are being stored, by chat; those that are to begin with it, each with a worker that is idle.
        self._chats: Counter[int] = Counter()
        self._beginning = 0

    async def store(self, update: Received) -> Stored:
        """Commit `update`, and begin it with that if it can be answered at once, or have it done if it needs no answer.

        Raises what `Inbox.store` raises.
        """
        period, chat_id = self._active.period, update.chat_id
        chat_is_free = chat_id != NO_CHAT and chat_id not in self._chats
        self._chats[chat_id] += 1
        try:
            opened = self._open(period, update) if period is not None and chat_is_free else None
            if period is None or opened is None:
                return await self._inbox.store(update)
            if opened.attempt.is_nothing:
                return await self._inbox.store(update, opened.attempt)
            return await self._store_and_begin(period, update, opened)
        finally:
            self._chats[chat_id] -= 1
            if not self._chats[chat_id]:
                del self._chats[chat_id]

    def note_done(self, update: Received) -> None:
        """Count and say that `update` needed no answer."""
        ending = Done("ignored")
        count_ending(self._updates, ending)
        log_done(log, update, ending)

    def _open(self, period: ActivePeriod, update: Received) -> Opened | None:
        """The attempt that would begin at once; None where anything is in its way, or would have to be waited for."""
        if period.queue.idle_takers <= self._beginning or period.queue.has_chat(update.chat_id) or period.pause.holds:
            return None
        decision = period.deciding.decide_at_once(update)
        if decision is None:
            return None
        turn = None if decision.is_nothing else _turn_of(period, decision)
        if turn is None and not decision.is_nothing:
            return None
        if decision.update is not None:
            note_cause(period.message_ids, decision.update)
        return Opened(decision, new_attempt(period, update, decision), turn)

    async def _store_and_begin(self, period: ActivePeriod, update: Received, opened: Opened) -> Stored:
        attempt = opened.attempt
        self._beginning += 1
        period.tokens.add(attempt.token)
        try:
            stored = await self._inbox.store(update, attempt)
        except trio.Cancelled:
            # Should it have begun, the inbox puts it back.
            period.tokens.discard(attempt.token)
            raise
        except Exception:
            await self._put_back(period, opened)  # noqa: ASYNC120 (does not wait)
            raise
        finally:
            self._beginning -= 1
        if stored.begun is None:
            period.tokens.discard(attempt.token)
        elif period.lease.over or not period.queue.add_begun(update):
            await self._put_back(period, opened)
        else:
            period.opened[update.update_id] = opened._replace(begun=stored.begun)
        return stored

    async def _put_back(self, period: ActivePeriod, opened: Opened) -> None:
        """Whether it has begun or not, nothing was sent: it is for whoever comes to it."""
        period.tokens.discard(opened.attempt.token)
        await give_up(self._inbox, opened.attempt)
        period.queue.look_at([opened.attempt.update_id])


def _turn_of(period: ActivePeriod, decision: Decision) -> Turn | None:
    """The turn of its first call; None where that has none now, or may take long."""
    if decision.chat is None or decision.moves_file:
        return None
    return period.flood.take_turn(decision.chat)
