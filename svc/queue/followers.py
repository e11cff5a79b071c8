"""Which chats in the queue run dry though the inbox holds more of them, and how much of a chat is kept in memory.

A chat is asked for when a few of its updates are left, so that it need not stop while more is read. While one of them
is being processed the inbox may answer that the chat must wait: then it is asked again when that one is done.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

from svc.queue.chat import Chat, ChatKey
from svc.queue.contents import BACKLOG_SHARE, FOLLOWERS_SHARE, Contents
from svc.storage.inbox import Received
from svc.waiting import Wakeup

# Updates of one chat that wait behind the one that is out, and how many are left when more are read.
FOLLOWERS = 16
ASK_WHEN_LEFT = 4


class Followers:
    """The followers of the chats in `contents`. `wanted` is set when there is a chat to be asked for."""

    def __init__(self, contents: Contents, followers: int = FOLLOWERS) -> None:
        self.wanted = Wakeup()
        self._contents = contents
        self._most = followers
        self._to_ask: dict[ChatKey, None] = {}

    def ask_if_dry(self, chat: Chat) -> None:
        """Ask for more of `chat`, if it is time for that."""
        if chat.behind and not chat.is_asking and len(chat.waiting) <= ASK_WHEN_LEFT:
            self._to_ask[chat.key] = None
            self.wanted.set()

    def take_chats(self, limit: int) -> list[int]:
        """At most `limit` chats to ask the inbox for. For each the queue's `add_followers` must follow, or `failed`."""
        keys = list(islice(self._to_ask, limit))
        for key in keys:
            del self._to_ask[key]
            self._contents.chats[key].ask()
        return [chat_id for chat_id, _ in keys]

    def failed(self, chat_ids: Iterable[int]) -> None:
        """There was no answer: ask again."""
        for chat_id in chat_ids:
            chat = self._contents.chats.get((chat_id, 0))
            if chat is not None and chat.is_asking:
                chat.answered(more=True, empty=False)
                self.ask_if_dry(chat)

    def take_in(self, chat: Chat, updates: Sequence[Received]) -> int:
        """Let as many of `updates` wait as there is room for; how many. A chat with nothing out may always have one."""
        for taken, update in enumerate(updates):
            needed = chat.head is None and not chat.waiting
            fits = self._contents.has_bytes_for(update, BACKLOG_SHARE if needed else FOLLOWERS_SHARE)
            if not fits or len(chat.waiting) >= self._most:
                return taken
            self._contents.add_follower(chat, update)
        return len(updates)

    def forget(self, chat: Chat) -> None:
        """The chat has left."""
        self._to_ask.pop(chat.key, None)
