"""Flood control: when a call to a chat may leave.

What Telegram documents (https://core.telegram.org/bots/faq, "My bot is hitting limits"): in one chat not more than
one message a second, though "short bursts" pass; in one group not more than 20 a minute; over all chats about 30 a
second, or 1,000 with paid broadcasts (sendMessage, `allow_paid_broadcast`). The true limits are not published, so the
last word is a 429's `retry_after`, which `FloodControl.pause` takes.

Each limit is kept the way it is stated:

- One a second with bursts is a rate with a tolerance: GCRA (the "virtual scheduling algorithm" of ITU-T I.371), one
  number a chat. In any w seconds a chat has at most CHAT_BURST + w of them.
- 20 a minute and 30 a second are totals of a window, so the times of the last 20 or 30 are kept. A token bucket or
  GCRA with that burst would let nearly twice as many through in the window after a quiet spell, and without bursts
  it would make two users who come at once wait for each other. The log is exact wherever Telegram's windows begin.

A synchronous core decides (`delay`, `reserve`); `wait` only parks, in two places. In the first, a queue for each chat,
a call becomes the chat's next and waits until the chat's limits let it go. Then it comes to the second, the one door
that all chats share (door.py); so a chat that is held up stands at nobody's door. At the door the chat goes first that
needs the longest for all that it has waiting here: from any moment on, what waits is through within 5 % (and one
second) of the best schedule there is.
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import trio

from telegram_client.door import ChatId, Door, until

PER_SECOND = 30
PER_SECOND_PAID = 1000
PER_CHAT_SECOND = 1
PER_GROUP_MINUTE = 20
# "Short bursts": Telegram names no number. Three is a reply of a few calls, or a user who presses quickly.
CHAT_BURST = 3
# A 429 that does not say how long. Telegram's own always do.
UNSAID_PAUSE = 1.0
# Two chats answered 429 within this time: it is not a matter of one chat.
SAME_TIME = 1.0
# How long everything is paused on that guess alone. A chat's own pause may be hours long; a wrong guess must not.
LONGEST_GUESS = 30.0

_COUNTED = ("send", "edit", "forward", "copy")
_NEVER = float("-inf")


def counted_chat(method: str, params: Mapping[str, Any]) -> ChatId | None:
    """The chat that a call counts for, or None if it need not wait: only sends and edits in a chat are limited."""
    chat_id = params.get("chat_id") if method.startswith(_COUNTED) else None
    return chat_id if isinstance(chat_id, int | str) else None


class _Window:
    """At most so many in any `period` seconds, for a whole number that makes up the rate."""

    __slots__ = ("_count", "_period", "_times")

    def __init__(self, rate: float, period: float) -> None:
        self._count = max(1, math.floor(rate * period + 1e-9))  # 123 / 60 * 60 is a little less than 123
        self._period = self._count / rate
        self._times: deque[float] = deque(maxlen=self._count)

    def ready(self, calls: int = 1) -> float:
        """When the last of so many, at most a period's, may leave if the others leave before."""
        before = len(self._times) + calls - 1 - self._count
        return self._times[before] + self._period if before >= 0 else _NEVER

    def need(self, calls: int, now: float, paced: Callable[[int], float]) -> float:
        """Seconds until the last of so many can leave, if so many take `paced` for another reason."""
        periods, others = divmod(calls - 1, self._count)
        first = others + 1
        return max(paced(first), self.ready(first) - now) + periods * self._period

    def note(self, now: float) -> None:
        self._times.append(now)

    def forgotten(self) -> float:
        """When this window is as good as new."""
        return self._times[-1] + self._period if self._times else _NEVER


class _Chat:
    """What is known of one chat."""

    __slots__ = ("paid_until", "paused_until", "window")

    def __init__(self, window: _Window | None) -> None:
        self.window = window
        self.paid_until = _NEVER  # GCRA's theoretical arrival time
        self.paused_until = _NEVER

    def forgotten(self) -> float:
        """When this chat is as good as new."""
        window = self.window.forgotten() if self.window is not None else _NEVER
        return max(self.paid_until, self.paused_until, window)


class _Queue:
    """The calls to one chat that wait, in order; the lock's holder is the chat's next."""

    __slots__ = ("calls", "lock")

    def __init__(self) -> None:
        self.lock = trio.Lock()
        self.calls = 0


class FloodControl:
    """Says when a call to a chat may leave. Rates are calls a second, calls a minute for groups; 0 turns one off.

    A chat with a negative id, or a name, is a group or a channel: it has the minute's limit besides the second's.
    One object for one bot; it forgets a chat once nothing of it matters any more.
    """

    def __init__(
        self,
        per_second: float = PER_SECOND,
        per_chat_second: float = PER_CHAT_SECOND,
        per_group_minute: float = PER_GROUP_MINUTE,
    ) -> None:
        if min(per_second, per_chat_second, per_group_minute) < 0:
            raise ValueError("a rate is not negative; 0 turns a limit off")
        self._all = _Window(per_second, 1.0) if per_second else None
        self._all_paused_until = _NEVER
        self._interval = 1 / per_chat_second if per_chat_second else 0.0
        self._tolerance = (CHAT_BURST - 1) * self._interval
        self._group_rate = per_group_minute / 60
        # The chat looked at longest ago comes first.
        self._chats: OrderedDict[ChatId, _Chat] = OrderedDict()
        self._queues: dict[ChatId, _Queue] = {}
        self._door = Door(self._all_ready, self._need)
        self._last_flood: tuple[float, ChatId, float] | None = None

    def __repr__(self) -> str:
        return f"FloodControl({len(self._chats)} chats, {len(self._queues)} of them waiting)"

    def delay(self, chat_id: ChatId, now: float) -> float:
        """Seconds until a call to this chat may leave, 0 if it may now. Changes nothing."""
        return max(0.0, self._chat_ready(chat_id) - now, self._all_ready() - now)

    def chat_delay(self, chat_id: ChatId, now: float) -> float:
        """Seconds for which the chat's own limits and pauses hold a call back, whatever holds all chats back."""
        return max(0.0, self._chat_ready(chat_id) - now)

    def reserve(self, chat_id: ChatId, now: float) -> float:
        """Like `delay`, and if it is 0, counts the call as leaving now. Knows nothing of those in `wait`."""
        if now < self._chat_ready(chat_id) or now < self._all_ready():
            return self.delay(chat_id, now)
        self._note(chat_id, now)
        return 0.0

    def pause(self, seconds: float | None, chat_id: ChatId | None = None, now: float | None = None) -> None:
        """Telegram answered 429: nothing to this chat, or without one nothing at all, leaves for `seconds`.

        Who waits keeps waiting, in order. A 429 does not say whose limit was hit: if two chats get one within a
        second, all are paused for the shorter of the two, at most LONGEST_GUESS; a next 429 would say so again.
        """
        now = trio.current_time() if now is None else now
        seconds = UNSAID_PAUSE if seconds is None else seconds
        if chat_id is None:
            self._all_paused_until = max(self._all_paused_until, now + seconds)
            return
        chat = self._chat(chat_id, now)
        chat.paused_until = max(chat.paused_until, now + seconds)
        if self._last_flood is not None:
            when, other, others_seconds = self._last_flood
            if other != chat_id and now - when <= SAME_TIME:
                self.pause(min(seconds, others_seconds, LONGEST_GUESS), now=now)
        self._last_flood = (now, chat_id, seconds)

    async def wait(self, chat_id: ChatId) -> None:
        """Return when a call to this chat may leave, and count it as leaving. Cancelled, it counts for nothing."""
        await trio.lowlevel.checkpoint_if_cancelled()
        if chat_id not in self._queues and not self._door and not self.reserve(chat_id, trio.current_time()):
            await trio.lowlevel.cancel_shielded_checkpoint()
            return
        with self._queue(chat_id) as queue:
            async with queue.lock:
                while True:
                    await until(lambda: self._chat_ready(chat_id))
                    async with self._door.turn(chat_id):
                        # The chat may have been paused while it stood at the door: then it leaves it.
                        if not self.reserve(chat_id, trio.current_time()):
                            return

    @contextmanager
    def _queue(self, chat_id: ChatId) -> Iterator[_Queue]:
        queue = self._queues.setdefault(chat_id, _Queue())
        queue.calls += 1
        self._door.grown(chat_id)
        try:
            yield queue
        finally:
            queue.calls -= 1
            if not queue.calls:
                del self._queues[chat_id]

    def _all_ready(self) -> float:
        window = self._all.ready() if self._all is not None else _NEVER
        return max(self._all_paused_until, window)

    def _chat_ready(self, chat_id: ChatId) -> float:
        # Absolute times, never differences: what sleeps until one must find itself past it when it wakes.
        chat = self._chats.get(chat_id)
        if chat is None:
            return _NEVER
        window = chat.window.ready() if chat.window is not None else _NEVER
        return max(chat.paid_until - self._tolerance, chat.paused_until, window)

    def _need(self, chat_id: ChatId) -> float:
        """Seconds from now until the last of the chat's waiting calls leaves, were it alone in the world."""
        now = trio.current_time()
        calls = self._queues[chat_id].calls
        chat = self._chat(chat_id, now)
        owed = max(0.0, chat.paid_until - now) - self._tolerance

        def paced(calls: int) -> float:
            return owed + (calls - 1) * self._interval

        window = chat.window.need(calls, now, paced) if chat.window is not None else _NEVER
        # Never less than nothing: of those who have one call each, the first to come is the first to leave.
        return max(0.0, paced(calls), window)

    def _note(self, chat_id: ChatId, now: float) -> None:
        if self._all is not None:
            self._all.note(now)
        if not self._interval and not (self._group_rate and _is_group(chat_id)):
            return
        chat = self._chat(chat_id, now)
        if self._interval:
            chat.paid_until = max(chat.paid_until, now) + self._interval
        if chat.window is not None:
            chat.window.note(now)

    def _chat(self, chat_id: ChatId, now: float) -> _Chat:
        chat = self._chats.get(chat_id)
        if chat is None:
            self._forget(now)
            window = _Window(self._group_rate, 60.0) if self._group_rate and _is_group(chat_id) else None
            chat = self._chats[chat_id] = _Chat(window)
        return chat

    def _forget(self, now: float) -> None:
        # Two old ones looked at for each new one: never more than about twice those that matter, and no long pauses.
        for _ in range(min(2, len(self._chats))):
            chat_id = next(iter(self._chats))
            if self._chats[chat_id].forgotten() <= now:
                del self._chats[chat_id]
            else:
                self._chats.move_to_end(chat_id)


def _is_group(chat_id: ChatId) -> bool:
    return isinstance(chat_id, str) or chat_id < 0
