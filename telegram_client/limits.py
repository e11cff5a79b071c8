"""Telegram's limits on sending: when the next call to a chat may leave. Every method is told the time and none waits.

What Telegram documents (https://core.telegram.org/bots/faq, "My bot is hitting limits"): in one chat not more than
one message a second, though "short bursts" pass; in one group not more than 20 a minute; over all chats about 30 a
second, or 1,000 with paid broadcasts (sendMessage, `allow_paid_broadcast`). The true limits are not published, so the
last word is a 429's `retry_after`, which `Limits.pause` takes.

Each limit is kept the way it is stated:

- One a second with bursts is a rate with a tolerance: GCRA (the "virtual scheduling algorithm" of ITU-T I.371), one
  number a chat. In any w seconds a chat has at most CHAT_BURST + w of them.
- 20 a minute and 30 a second are totals of a window, so the times of the last 20 or 30 are kept. A token bucket or
  GCRA with that burst would let nearly twice as many through in the window after a quiet spell, and without bursts
  it would make two users who come at once wait for each other. The log is exact wherever Telegram's windows begin.
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Mapping
from typing import Any

ChatId = int | str

PER_SECOND = 30
PER_CHAT_SECOND = 1
PER_GROUP_MINUTE = 20
# "Short bursts": Telegram names no number. Three is a reply of a few calls, or a user who presses quickly.
CHAT_BURST = 3
# A 429 that does not say how long. Telegram's own always do.
UNSAID_PAUSE = 1.0
# Two chats that are answered 429 within this time: the limit that was hit is probably the one they share.
SAME_TIME = 1.0
# Probes, which look for a message whose send is in doubt, may use this share of the limit over all chats.
PROBE_SHARE = 1 / 3
# How long everything is paused on that guess alone. A chat's own pause may be hours long; a wrong guess must not.
LONGEST_GUESS = 30.0

_COUNTED = ("send", "edit", "forward", "copy")
_NEVER = float("-inf")


def counted_chat(method: str, params: Mapping[str, Any]) -> ChatId | None:
    """The chat whose limits a call counts for; None if it counts for none: only sends and edits in a chat do."""
    chat_id = params.get("chat_id") if method.startswith(_COUNTED) else None
    return chat_id if isinstance(chat_id, int | str) else None


class _Window:
    """At most so many in any `period` seconds, for a whole number that makes up the rate."""

    __slots__ = ("_count", "_period", "_times", "rate")

    def __init__(self, rate: float, period: float) -> None:
        self.rate = rate
        self._count = max(1, math.floor(rate * period + 1e-9))  # 123 / 60 * 60 is a little less than 123
        self._period = self._count / rate
        self._times: deque[float] = deque(maxlen=self._count)

    def ready(self) -> float:
        """When the next may leave."""
        return self._times[0] + self._period if len(self._times) == self._count else _NEVER

    def note(self, now: float) -> None:
        self._times.append(now)

    def idle_from(self) -> float:
        """When the last is out of the window."""
        return self._times[-1] + self._period if self._times else _NEVER


class _Chat:
    """What is known of one chat."""

    __slots__ = ("paused_until", "theoretical_arrival", "window")

    def __init__(self, window: _Window | None) -> None:
        self.window = window
        self.theoretical_arrival = _NEVER  # GCRA's name for it: when the next would leave without any burst
        self.paused_until = _NEVER

    def idle_from(self) -> float:
        """When nothing that is known of this chat matters any more."""
        window = self.window.idle_from() if self.window is not None else _NEVER
        return max(self.theoretical_arrival, self.paused_until, window)


class Limits:
    """The limits of one bot and how far they are used up. Rates are calls a second, a minute for groups; 0 is no limit.

    A chat with a negative id, or a name, is a group or a channel: it has the minute's limit besides the second's.
    A chat is forgotten once nothing of it matters any more. Raises ValueError for a negative rate.
    """

    def __init__(self, per_second: float, per_chat_second: float, per_group_minute: float) -> None:
        if min(per_second, per_chat_second, per_group_minute) < 0:
            raise ValueError("a rate is not negative; 0 turns a limit off")
        self._shared = _Window(per_second, 1.0) if per_second else None
        self._probes = _Window(per_second * PROBE_SHARE, 1.0) if per_second else None
        self._shared_paused_until = _NEVER
        self._interval = 1 / per_chat_second if per_chat_second else 0.0
        self._tolerance = (CHAT_BURST - 1) * self._interval
        self._group_rate = per_group_minute / 60
        # The chat looked at longest ago comes first.
        self._chats: OrderedDict[ChatId, _Chat] = OrderedDict()
        self._last_flood: tuple[float, ChatId, float] | None = None

    def __len__(self) -> int:
        """How many chats are remembered."""
        return len(self._chats)

    # Absolute times, never differences: whoever sleeps until one must find it past on waking.

    def chat_ready(self, chat_id: ChatId) -> float:
        """When the chat's own limits and pauses allow its next call."""
        chat = self._chats.get(chat_id)
        if chat is None:
            return _NEVER
        window = chat.window.ready() if chat.window is not None else _NEVER
        return max(chat.theoretical_arrival - self._tolerance, chat.paused_until, window)

    def shared_ready(self) -> float:
        """When the limit that all chats share, and the pauses for all, allow the next call."""
        window = self._shared.ready() if self._shared is not None else _NEVER
        return max(self._shared_paused_until, window)

    @property
    def probes_per_second(self) -> float:
        """The share of the probes; infinity without a limit over all chats."""
        return self._probes.rate if self._probes is not None else math.inf

    def probes_ready(self) -> float:
        """When the share of the probes allows the next one."""
        return self._probes.ready() if self._probes is not None else _NEVER

    def paused_until(self, chat_id: ChatId) -> float:
        """When the chat's last pause is over."""
        chat = self._chats.get(chat_id)
        return chat.paused_until if chat is not None else _NEVER

    def delay(self, chat_id: ChatId, now: float) -> float:
        """Seconds until a call to this chat may leave, 0 if it may now. Changes nothing."""
        return max(0.0, self.chat_ready(chat_id) - now, self.shared_ready() - now)

    def reserve(self, chat_id: ChatId, now: float) -> float:
        """Like `delay`, and if it is 0, counts the call as leaving now."""
        if now < self.chat_ready(chat_id) or now < self.shared_ready():
            return self.delay(chat_id, now)
        self._note(chat_id, now)
        return 0.0

    def reserve_probe(self, chat_id: ChatId, now: float) -> bool:
        """Whether a probe of this chat may leave now; if so, it is counted.

        It counts for the limit over all chats and for the probes' share of that. For the chat's own limits it does not,
        for it is always refused and no message comes of it; but a pause of the chat is kept.
        """
        if now < max(self.shared_ready(), self.probes_ready(), self.paused_until(chat_id)):
            return False
        for window in (self._shared, self._probes):
            if window is not None:
                window.note(now)
        return True

    def pause(self, seconds: float | None, chat_id: ChatId | None = None, *, now: float) -> None:
        """Telegram answered 429: nothing to this chat, or without one nothing at all, may leave for `seconds`.

        A 429 does not say whose limit was hit: if two chats get one within a second, all are paused for the shorter
        of the two, at most LONGEST_GUESS. Should that be too short, the next 429 says so.
        """
        seconds = UNSAID_PAUSE if seconds is None else seconds
        if chat_id is None:
            self._shared_paused_until = max(self._shared_paused_until, now + seconds)
            return
        chat = self._chat(chat_id, now)
        chat.paused_until = max(chat.paused_until, now + seconds)
        if self._last_flood is not None:
            when, other, others_seconds = self._last_flood
            if other != chat_id and now - when <= SAME_TIME:
                self.pause(min(seconds, others_seconds, LONGEST_GUESS), now=now)
        self._last_flood = (now, chat_id, seconds)

    def _note(self, chat_id: ChatId, now: float) -> None:
        if self._shared is not None:
            self._shared.note(now)
        if not self._interval and not (self._group_rate and _is_group(chat_id)):
            return
        chat = self._chat(chat_id, now)
        if self._interval:
            chat.theoretical_arrival = max(chat.theoretical_arrival, now) + self._interval
        if chat.window is not None:
            chat.window.note(now)

    def _chat(self, chat_id: ChatId, now: float) -> _Chat:
        chat = self._chats.get(chat_id)
        if chat is None:
            self._forget_idle(now)
            window = _Window(self._group_rate, 60.0) if self._group_rate and _is_group(chat_id) else None
            chat = self._chats[chat_id] = _Chat(window)
        return chat

    def _forget_idle(self, now: float) -> None:
        # Two old ones are looked at for each new one, so at most about twice those that matter are kept, and no look
        # takes long.
        for _ in range(min(2, len(self._chats))):
            chat_id = next(iter(self._chats))
            if self._chats[chat_id].idle_from() <= now:
                del self._chats[chat_id]
            else:
                self._chats.move_to_end(chat_id)


def _is_group(chat_id: ChatId) -> bool:
    return isinstance(chat_id, str) or chat_id < 0
