"""Flood control: every call to a chat waits for its turn, so that no limit of Telegram's is exceeded.

limits.py knows when a call may leave; `FloodControl.acquire` only waits, in two queues, both strictly first come,
first served. In the first, one for each chat, a call becomes its chat's next and waits until the chat's own limits
allow it. Only then does it join the second, which all chats share, and waits for the limit over all of them. So a chat
at its own limit delays no other, and a chat with a long backlog has one call in the shared queue like everybody else:
a newcomer waits for at most one call of each chat in front of it.

Serving the longest backlog first was rejected: all that waits would be through a little sooner, and who has asked for
one thing would wait for those who have asked for many.

Probes (probes.py) have a share of the limit over all chats, and a queue of their own before the shared one, like the
calls of one more chat: a newcomer waits for one of them at most.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import trio

from telegram_client.limits import PER_CHAT_SECOND, PER_GROUP_MINUTE, PER_SECOND, ChatId, Limits


class Turn(NamedTuple):
    """The right to make one call to `chat` now: it is counted as made already."""

    chat: ChatId


class FloodControl:
    """Gives out turns. One object for one bot; rates are calls a second, a minute for groups; 0 turns a limit off."""

    def __init__(
        self,
        per_second: float = PER_SECOND,
        per_chat_second: float = PER_CHAT_SECOND,
        per_group_minute: float = PER_GROUP_MINUTE,
    ) -> None:
        self.limits = Limits(per_second, per_chat_second, per_group_minute)
        # Held by the chat's next call. A chat is a key while a call to it waits.
        self._chat_queues: dict[ChatId, trio.StrictFIFOLock] = {}
        # Held by the next call of all; in it stands at most one call of a chat.
        self._shared_queue = trio.StrictFIFOLock()
        # Held by the next probe of all.
        self._probe_queue = trio.StrictFIFOLock()

    def __repr__(self) -> str:
        return f"FloodControl({len(self.limits)} chats, {len(self._chat_queues)} of them waiting)"

    def held(self, chat_id: ChatId) -> float:
        """Seconds for which the chat's own limits and pauses hold its next call back, whatever holds back all chats."""
        return max(0.0, self.limits.chat_ready(chat_id) - trio.current_time())

    def delay(self, chat_id: ChatId) -> float:
        """Seconds until the limits allow a call to this chat, 0 if they do now. Others may be waiting before it."""
        return self.limits.delay(chat_id, trio.current_time())

    def pause(self, seconds: float | None, chat_id: ChatId | None = None) -> None:
        """Telegram answered 429: see `Limits.pause`. Calls that wait keep waiting, in order."""
        self.limits.pause(seconds, chat_id, now=trio.current_time())

    def take_turn(self, chat_id: ChatId) -> Turn | None:
        """The turn of a call to this chat, counted as leaving, if it is its turn now; None if it would have to wait."""
        nobody_waits = chat_id not in self._chat_queues and not self._shared_queue.locked()
        return Turn(chat_id) if nobody_waits and not self.limits.reserve(chat_id, trio.current_time()) else None

    async def acquire(self, chat_id: ChatId) -> Turn:
        """Wait for the turn of a call to this chat, and count the call as leaving. Cancelled, it counts for nothing."""
        await trio.lowlevel.checkpoint_if_cancelled()
        if (turn := self.take_turn(chat_id)) is not None:
            await trio.lowlevel.cancel_shielded_checkpoint()
            return turn
        queue = self._chat_queues.setdefault(chat_id, trio.StrictFIFOLock())
        try:
            async with queue:
                await self._wait(chat_id)
        finally:
            # Where many are cancelled at once, the first to notice removes the queue; a newcomer's is another one.
            if not queue.locked() and self._chat_queues.get(chat_id) is queue:
                del self._chat_queues[chat_id]
        return Turn(chat_id)

    def has_room_for_probes(self) -> bool:
        """Whether no probe waits, and the limits allow one now."""
        ready = max(self.limits.shared_ready(), self.limits.probes_ready())
        return ready <= trio.current_time() and not self._probe_queue.locked()

    def paused(self, chat_id: ChatId) -> float:
        """Seconds for which a 429 has paused the chat, 0 if it is not paused."""
        return max(0.0, self.limits.paused_until(chat_id) - trio.current_time())

    async def acquire_probe(self, chat_id: ChatId) -> None:
        """Wait for the turn of a probe of this chat, and count it as leaving. Cancelled, it counts for nothing."""
        await trio.lowlevel.checkpoint_if_cancelled()
        while True:
            # Out here, so that a paused chat holds up the probes of no other.
            await _sleep_until(lambda: self.limits.paused_until(chat_id))
            async with self._probe_queue:
                await _sleep_until(self.limits.probes_ready)
                async with self._shared_queue:
                    await _sleep_until(self.limits.shared_ready)
                    if self.limits.reserve_probe(chat_id, trio.current_time()):
                        return

    async def _wait(self, chat_id: ChatId) -> None:
        while True:
            await _sleep_until(lambda: self.limits.chat_ready(chat_id))
            async with self._shared_queue:
                await _sleep_until(self.limits.shared_ready)
                # The chat may have been paused meanwhile; then the next in the queue leaves at this moment instead.
                if not self.limits.reserve(chat_id, trio.current_time()):
                    return


async def _sleep_until(ready: Callable[[], float]) -> None:
    """Sleep until the time that `ready` tells, also if it is put off meanwhile."""
    while (time := ready()) > trio.current_time():  # noqa: ASYNC110
        await trio.sleep_until(time)
