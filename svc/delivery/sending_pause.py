"""The pause of all sending: while Telegram does not know the bot, since its token or the address is wrong or revoked;
and while an operator wants it. Either is enough, and neither knows of the other.

A call that was refused with 401 or 404 does not say whose fault that is. So it makes the bot suspect: nothing more is
begun, and getMe is asked. Refused the same way, it is the bot's fault, and sending pauses until getMe answers: the
backlog waits in the inbox, and nothing of it dies. Answered, it was the update's own fault. No answer at all tells
nothing: the suspicion is dropped, and the next refusal raises it again.

An operator's pause is told by `order`, before a term begins and whenever it has changed.

One object decides all this and outlives the terms. `watch` asks Telegram, and runs once in each term.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeVar

import structlog
import trio

from svc.delivery.refusals import may_be_the_bots
from svc.observability.errors import describe
from svc.observability.metrics import Metrics
from svc.storage.errors import DatabaseUnavailable
from svc.storage.inbox import Inbox, Term
from svc.storage.orders import Pause
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


T = TypeVar("T")


class Verdict(NamedTuple):
    """What Telegram says of the bot: that it is fine, or why it does not know it. Neither: no answer."""

    fine: bool = False
    refused: str | None = None


class SendingPause:
    """Whether anything may be sent. `ordered` is the operator's pause, if there is one."""

    def __init__(self, metrics: Metrics, rng: random.Random) -> None:
        self.ordered: Pause | None = None
        self._metrics = metrics
        self._backoff = Backoff(FIRST_PAUSE, LONGEST_PAUSE, rng)
        self._bot_refused: str | None = None
        # Each gate is open while its event is set.
        self._bot_trusted = _set()
        self._allowed = _set()
        self._suspected = Wakeup()
        self._changed = Wakeup()
        self._watched = False
        self._bot_paused_at = self._ordered_at = 0.0
        self._fine_when_asked_at = float("-inf")

    @property
    def reason(self) -> str | None:
        """Why sending is paused; None if it is not."""
        ordered = None if self.ordered is None else f"{self.ordered.by}: {self.ordered.reason}"
        return "; ".join(filter(None, (ordered, self._bot_refused))) or None

    @property
    def holds(self) -> bool:
        """Whether nothing may be begun now: sending is paused, or the bot is suspect."""
        return not (self._bot_trusted.is_set() and self._allowed.is_set())

    async def over(self) -> None:
        """Return once sending may go on, at once if it may."""
        while self.holds:
            await self._bot_trusted.wait()
            await self._allowed.wait()

    async def turn(self, take: Callable[[], Awaitable[T]]) -> T:
        """What `take` gives when its turn has come, and sending is not paused at that moment."""
        while True:
            await self.over()
            turn = await take()
            if not self.holds:
                return turn

    def order(self, pause: Pause | None) -> None:
        """What an operator wants from now on: this pause, or none."""
        before, self.ordered = self.ordered, pause
        if pause is None:
            self._allowed.set()
        elif before is None:
            self._allowed, self._ordered_at = trio.Event(), trio.current_time()
        if self._watched and pause != before:
            self._say_ordered(before)
            self._show()

    def suspect(self) -> None:
        """A call was refused, which may be the bot's fault: let nothing begin until that is known."""
        if self._bot_trusted.is_set():
            self._bot_trusted = trio.Event()
        self._suspected.set()

    async def bot_is_fine(self, within: float) -> bool:
        """Suspect the bot; whether Telegram then says, within so many seconds, that it knows it."""
        asked = trio.current_time()
        self.suspect()
        with trio.move_on_after(within):
            while not self._bot_trusted.is_set():
                await self._bot_trusted.wait()
        return self._fine_when_asked_at >= asked

    async def watch(self, sender: Sender, inbox: Inbox, term: Term) -> None:
        """Find out whose fault it is where the bot is suspect, end a pause, and note it in the inbox; until cancelled.

        What the term before has left is noted and said again.
        """
        self._watched = True
        self._say_ordered(None)
        self._show()
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._note, inbox, term)
                await self._ask_again_and_again(sender)
        finally:
            # Whoever leads next asks for itself: what this instance knew is old by then.
            self._watched = False
            self._metrics.paused.set(0)

    async def _ask_again_and_again(self, sender: Sender) -> None:
        if self._bot_refused is not None:
            log.error("BOT_PAUSED", reason=self._bot_refused, seconds=_since(self._bot_paused_at))
        while True:
            if self._bot_refused is None and self._bot_trusted.is_set():
                await self._suspected.wait()
            # Who suspects the bot from here on may have been refused after this answer was given.
            self._suspected.clear()
            asked = trio.current_time()
            self._decide(await _ask(sender), asked)
            if self._bot_refused is not None:
                await trio.sleep(self._backoff.next())

    def _decide(self, verdict: Verdict, asked: float) -> None:
        """What follows from the answer to a question."""
        if verdict.refused is not None:
            self._pause(verdict.refused)
            return
        if verdict.fine:
            self._fine_when_asked_at = asked
            self._resume()
        if self._bot_refused is None and not self._suspected.is_set():
            self._bot_trusted.set()

    def _pause(self, reason: str) -> None:
        if self._bot_refused is None:
            self._bot_paused_at = trio.current_time()
        self._bot_refused = reason
        log.error("BOT_PAUSED", reason=reason, seconds=_since(self._bot_paused_at))
        self._show()

    def _resume(self) -> None:
        if self._bot_refused is None:
            return
        self._bot_refused = None
        self._backoff.reset()
        log.warning("BOT_RESUMED", seconds=_since(self._bot_paused_at))
        self._show()

    def _say_ordered(self, before: Pause | None) -> None:
        if self.ordered is not None:
            log.warning("SENDING_PAUSED", by=self.ordered.by, reason=self.ordered.reason)
        elif before is not None:
            log.warning("SENDING_RESUMED", paused_by=before.by, seconds=_since(self._ordered_at))

    def _show(self) -> None:
        self._metrics.paused.set(self.reason is not None)
        self._changed.set()

    async def _note(self, inbox: Inbox, term: Term) -> None:
        """Keep what `svc status` reads up to date; what a former leader has noted is replaced."""
        if self.ordered is None:
            await trio.sleep(TELL_AFTER)
        while True:
            self._changed.clear()
            try:
                await inbox.note_pause(term, self.reason, None if self.ordered is None else self.ordered.by)
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


def _set() -> trio.Event:
    event = trio.Event()
    event.set()
    return event


def _since(moment: float) -> float:
    return round(trio.current_time() - moment, 1)
