"""What is in the chat queue: chats, their updates, and how many bytes these hold in memory."""

from __future__ import annotations

from svc.queue.chat import Chat, ChatKey, chat_key
from svc.storage.inbox import Received

# Payloads in memory with the chats' states, all together, and the parts that followers and chats of the backlog may
# fill: the rest is for newcomers. A follower can be read again at small cost, and must not keep another chat out.
BYTES = 32 * 2**20
FOLLOWERS_SHARE = 1 / 2
BACKLOG_SHARE = 3 / 4


class Contents:
    """The chats and their updates. Keeps the books; who may come in is the queue's decision."""

    def __init__(self, size: int = BYTES) -> None:
        self.chats: dict[ChatKey, Chat] = {}
        self.bytes = 0
        self._size = size
        self._ids: set[int] = set()

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, update: Received) -> bool:
        return update.update_id in self._ids

    def share(self) -> float:
        """How much of the bytes is used."""
        return self.bytes / self._size

    def has_bytes_for(self, update: Received, share: float = 1.0) -> bool:
        """Whether `update` fits into this share of the bytes."""
        return self.bytes + update.size <= self._size * share

    def chat_of(self, update: Received) -> Chat | None:
        """The chat of `update`, if it is here."""
        return self.chats.get(chat_key(update))

    def add_chat(self, chat: Chat, head: Received) -> None:
        """A chat comes in with its first update."""
        self.chats[chat.key] = chat
        self._count(head)

    def add_follower(self, chat: Chat, update: Received) -> None:
        """`update` waits behind the others of its chat."""
        chat.insert(update)
        self._count(update)

    def remove(self, update: Received) -> None:
        """`update` is out of memory; nothing else changes."""
        if update.update_id in self._ids:
            self._ids.remove(update.update_id)
            self.bytes -= update.size

    def remove_chat(self, chat: Chat) -> None:
        """The chat leaves, and everything of it."""
        if chat.head is not None:
            self.remove(chat.head)
        for follower in chat.waiting:
            self.remove(follower)
        self.chats.pop(chat.key, None)

    def _count(self, update: Received) -> None:
        self._ids.add(update.update_id)
        self.bytes += update.size
