"""A begun update's calls to the Bot API: in order, in the time there is, at the pace that Telegram wants.

What went wrong is returned, not raised, and it is as sure as the client makes it: every call gets the time that is
left as its own deadline, so that it ends as not sent or in doubt by what has left, not by who has stopped waiting.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog
import trio

from svc.bot.reply import Call
from svc.delivery.retry_policy import describe
from svc.storage.inbox import CallMade
from telegram_client.door import ChatId
from telegram_client.errors import InDoubt, NotSent, Refused, TelegramError
from telegram_client.flood import FloodControl, counted_chat
from telegram_client.sender import Sender

log = structlog.get_logger()

CALL_TIMEOUT = 10.0
# A connection that could not be made often can a moment later; what takes longer goes back into the inbox, and so does
# what would first have to wait for its turn.
AGAIN_AFTER = (0.1, 0.3, 0.9)
LONGEST_WAIT = 1.0
FLOOD = 429


@dataclass(frozen=True)
class Failure:
    """Why an update could not be handled; `repeatable` if the call that failed may be made twice without harm."""

    error: Exception
    repeatable: bool = True


class Delivery:
    """The calls for one update of the chat `chat_id`, for which there are `seconds`.

    `reserved` tells that flood control has let the first counted call through already; all others wait here. Each
    call is noted in `made`, its retries with it.
    """

    def __init__(
        self,
        sender: Sender,
        flood: FloodControl,
        rng: random.Random,
        *,
        chat_id: int,
        seconds: float,
        made: list[CallMade],
        reserved: bool = False,
    ) -> None:
        self._sender = sender
        self._flood = flood
        self._rng = rng
        self._chat_id = chat_id
        self._deadline = trio.current_time() + seconds
        self._reserved = reserved
        self._moved: tuple[Any, int] | None = None
        self._made = made

    async def make(self, calls: Sequence[Call]) -> Failure | None:
        """Make the calls, up to the first that fails."""
        for call in calls:
            started = trio.current_time()
            failure = await self._make(call)
            self._made.append(_call_made(call, failure, trio.current_time() - started))
            if failure is not None:
                return failure
        return None

    async def _make(self, call: Call) -> Failure | None:
        """Make one call; what certainly or harmlessly can be made again at once is, a few times."""
        pauses = iter(AGAIN_AFTER)
        doubt: Failure | None = None
        while True:
            call = self._readdressed(call)
            failure = await self._try(call)
            if failure is None:
                return None
            if self._follow(failure.error, call):
                continue
            if isinstance(failure.error, InDoubt):
                doubt = failure
            pause = next(pauses, None)
            if pause is None or not _worth_another_try(failure) or not self._can_wait(call, pause):
                # What may have arrived once is not unsent because a later try was.
                return doubt if doubt is not None and isinstance(failure.error, NotSent) else failure
            await trio.sleep(pause * self._rng.uniform(0.75, 1.0))

    def _can_wait(self, call: Call, pause: float) -> bool:
        """Whether there is time for another try after `pause` seconds, and its turn is near."""
        wait = self._turn_in(call)
        return wait <= LONGEST_WAIT and max(pause, wait) < self._time_left()

    def _turn_in(self, call: Call) -> float:
        """Seconds until flood control lets the call go, as far as it is known now."""
        chat_id = counted_chat(call.method, call.params)
        return 0.0 if chat_id is None or self._reserved else self._flood.delay(chat_id, trio.current_time())

    async def _try(self, call: Call) -> Failure | None:
        in_time = self._turn_in(call) < self._time_left()
        if in_time:
            with trio.move_on_after(self._time_left()) as waiting:
                await self._turn(counted_chat(call.method, call.params))
            in_time = not waiting.cancelled_caught
        if not in_time:
            return Failure(NotSent(call.method, "no time was left for it", chat_id=self._chat_id), call.repeatable)
        await _lease_checked()
        try:
            await self._sender.call(call.method, call.params, timeout=min(self._time_left(), CALL_TIMEOUT))
        except Refused as error:
            if call.method != "answerCallbackQuery":
                return Failure(error, call.repeatable)
            # Only the spinner is at stake, and it has ended by itself: the press came long ago.
            log.info("REFUSED", error=describe(error))
        except Exception as error:
            if isinstance(error, NotSent) and error.status == FLOOD:
                self._flood.pause(error.retry_after, call.params.get("chat_id", self._chat_id))
            elif not isinstance(error, TelegramError):
                log.exception("HANDLER_FAILED", method=call.method)
            return Failure(error, call.repeatable)
        return None

    async def _turn(self, chat_id: ChatId | None) -> None:
        await trio.lowlevel.checkpoint()
        if chat_id is not None and self._reserved:
            self._reserved = False
        elif chat_id is not None:
            await self._flood.wait(chat_id)

    def _follow(self, error: Exception, call: Call) -> bool:
        """Whether the group turns out to have become a supergroup, with an id of its own. Followed once."""
        new = error.migrate_to_chat_id if isinstance(error, Refused) else None
        old = call.params.get("chat_id")
        if new is None or old is None or self._moved is not None:
            return False
        self._moved = old, new
        return True

    def _readdressed(self, call: Call) -> Call:
        if self._moved is None or call.params.get("chat_id") != self._moved[0]:
            return call
        return Call(call.method, {**call.params, "chat_id": self._moved[1]})

    def _time_left(self) -> float:
        return self._deadline - trio.current_time()


def _worth_another_try(failure: Failure) -> bool:
    """Whether the call can be made again at once: it certainly had no effect, or a harmless one."""
    if isinstance(failure.error, NotSent):
        return failure.error.status != FLOOD
    return isinstance(failure.error, InDoubt) and failure.repeatable


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
