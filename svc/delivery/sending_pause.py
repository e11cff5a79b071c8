"""The pause of all sending while Telegram does not know the bot: its token is wrong or revoked, or the address is.

A call that was refused with 401 or 404 does not say whose fault that is. So it makes the bot suspect: nothing more is
begun, and getMe is asked. Refused the same way, it is the bot's fault, and sending pauses until getMe answers: the
backlog waits in the inbox, and nothing of it dies. Answered, it was the update's own fault. No answer at all tells
nothing: the suspicion is dropped, and the next refusal raises it again.

One object decides all this and outlives the terms. `watch` asks Telegram, and runs once in each term.
"""

from __future__ import annotations

import random
from typing import NamedTuple

import structlog
import trio

from svc.delivery.refusals import may_be_the_bots
from svc.observability.errors import describe
from svc.observability.metrics import Metrics
from svc.storage.errors import DatabaseUnavailable
from svc.storage.inbox import Inbox, Term
from svc.waiting import Backoff, Wakeup
from telegram_client.errors import TelegramError
from telegram_client.sender import Sender

log = structlog.get_logger()

ASK_TIMEOUT = 5.0
# Seconds between two questions while sending is paused.
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
# After a takeover the menus come first.
TELL_AFTER = 1.0
TELL_AGAIN_AFTER = 1.0


class Verdict(NamedTuple):
    """What Telegram says of the bot: that it is fine, or why it does not know it. Neither: no answer."""

    fine: bool = False
    refused: str | None = None


class SendingPause:
    """Whether anything may be sent. `reason` says why sending is paused; None if it is not."""

    def __init__(self, metrics: Metrics, rng: random.Random) -> None:
        self.reason: str | None = None
        self._metrics = metrics
        self._backoff = Backoff(FIRST_PAUSE, LONGEST_PAUSE, rng)
        self._free = trio.Event()
        self._free.set()
        self._suspected = Wakeup()
        self._changed = Wakeup()
        self._paused_at = 0.0
        self._fine_when_asked_at = float("-inf")

    @property
    def holds(self) -> bool:
        """Whether nothing may be begun now: sending is paused, or the bot is suspect."""
        return not self._free.is_set()

    async def over(self) -> None:
        """Return once sending may go on, at once if it may."""
        while self.holds:
            await self._free.wait()

    def suspect(self) -> None:
        """A call was refused, which may be the bot's fault: let nothing begin until that is known."""
        if self._free.is_set():
            self._free = trio.Event()
        self._suspected.set()

    async def bot_is_fine(self, within: float) -> bool:
        """Suspect the bot; whether Telegram then says, within so many seconds, that it knows it."""
        asked = trio.current_time()
        self.suspect()
        with trio.move_on_after(within):
            await self.over()
        return self._fine_when_asked_at >= asked

    async def watch(self, sender: Sender, inbox: Inbox, term: Term) -> None:
        """Find out whose fault it is where the bot is suspect, end a pause, and note it in the inbox; until cancelled.

        What the term before has left is noted and said again.
        """
        self._show()
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._note, inbox, term)
                await self._ask_again_and_again(sender)
        finally:
            # Whoever leads next asks for itself: what this instance knew is old by then.
            self._metrics.paused.set(0)

    async def _ask_again_and_again(self, sender: Sender) -> None:
        if self.reason is not None:
            log.error("BOT_PAUSED", reason=self.reason, seconds=self._lasted())
        while True:
            if self.reason is None and not self.holds:
                await self._suspected.wait()
            # Who suspects the bot from here on may have been refused after this answer was given.
            self._suspected.clear()
            asked = trio.current_time()
            self._decide(await _ask(sender), asked)
            if self.reason is not None:
                await trio.sleep(self._backoff.next())

    def _decide(self, verdict: Verdict, asked: float) -> None:
        """What follows from the answer to a question."""
        if verdict.refused is not None:
            self._pause(verdict.refused)
            return
        if verdict.fine:
            self._fine_when_asked_at = asked
            self._resume()
        if self.reason is None and not self._suspected.is_set():
            self._free.set()

    def _pause(self, reason: str) -> None:
        if self.reason is None:
            self._paused_at = trio.current_time()
        self.reason = reason
        log.error("BOT_PAUSED", reason=reason, seconds=self._lasted())
        self._show()

    def _resume(self) -> None:
        if self.reason is None:
            return
        self.reason = None
        self._backoff.reset()
        log.warning("BOT_RESUMED", seconds=self._lasted())
        self._show()

    def _lasted(self) -> float:
        return round(trio.current_time() - self._paused_at, 1)

    def _show(self) -> None:
        self._metrics.paused.set(self.reason is not None)
        self._changed.set()

    async def _note(self, inbox: Inbox, term: Term) -> None:
        """Keep what `svc status` reads up to date; what a former leader has noted is replaced."""
        await trio.sleep(TELL_AFTER)
        while True:
            self._changed.clear()
            try:
                await inbox.note_pause(term, self.reason)
            except DatabaseUnavailable as error:
                log.warning("DB_LOST", error=str(error))
                await trio.sleep(TELL_AGAIN_AFTER)
            else:
                await self._changed.wait()


async def _ask(sender: Sender) -> Verdict:
    try:
        await sender.call("getMe", timeout=ASK_TIMEOUT)
    except TelegramError as error:
        return Verdict(refused=describe(error) if may_be_the_bots(error) else None)
    return Verdict(fine=True)
