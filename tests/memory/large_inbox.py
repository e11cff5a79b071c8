"""An inbox in memory with tens of thousands of rows: it knows by chat what `MemoryInbox` goes through all rows for."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable, Sequence

from svc.storage.inbox import NO_CHAT, Received
from tests.memory.inbox import MemoryInbox, Row


class RowsByChat(dict[int, Row]):
    """The rows by id, and the ids of each chat in order."""

    def __init__(self) -> None:
        super().__init__()
        self.chats: defaultdict[int, list[int]] = defaultdict(list)

    def __setitem__(self, update_id: int, row: Row) -> None:
        if update_id not in self:
            insort(self.chats[row.update.chat_id], update_id)
        super().__setitem__(update_id, row)

    def __delitem__(self, update_id: int) -> None:
        chat = self.chats[self[update_id].update.chat_id]
        del chat[bisect_left(chat, update_id)]
        super().__delitem__(update_id)


class LargeInbox(MemoryInbox):
    """`MemoryInbox` with the same answers, found sooner. `fill` stands for an outage during which updates came in."""

    def __init__(self, *, window: int = 2000) -> None:
        super().__init__(window=window)
        self.by_chat = RowsByChat()
        self.rows = self.by_chat

    def fill(self, updates: Iterable[Received]) -> None:
        """Put these updates in, as if they had been stored a long time ago."""
        for update in updates:
            self.rows[update.update_id] = Row(update)

    async def followers(self, chat_ids: Sequence[int], limit: int) -> list[Received]:
        await self.crossing()
        found: list[int] = []
        for chat_id in sorted(set(chat_ids) - {NO_CHAT}):
            for place, update_id in enumerate(self.by_chat.chats[chat_id][:limit]):
                row = self.rows[update_id]
                if self._may_begin(row) and self._is_due(row):
                    found.append(update_id)
                elif place > 0 or not self._in_flight(row):
                    break
        return self._read(found)

    def _older(self, row: Row) -> bool:
        chat = self.by_chat.chats[row.update.chat_id]
        first = bisect_left(chat, 0) if row.state == "in_doubt" else 0
        return row.update.chat_id != NO_CHAT and chat[first] < row.update.update_id

    def _has_rows(self, chat_id: int) -> bool:
        return bool(self.by_chat.chats[chat_id])

    def _younger(self, row: Row) -> bool:
        chat = self.by_chat.chats[row.update.chat_id]
        return row.update.chat_id != NO_CHAT and chat[-1] > row.update.update_id
