"""The chats' states that this term has written: what was stored or read before is told by them from then on.

An update carries the state of its chat as it was when it was stored. One that waited behind others of its chat would be
decided by an old one, and could not begin; so what has been written is remembered, as much as there is room for. What
is forgotten costs one more reading of the inbox.
"""

from __future__ import annotations

from collections import OrderedDict

from svc.storage.inbox import NO_CHAT, ChatState

MOST_CHATS = 2000
MOST_BYTES = 8 * 2**20


class ChatStates:
    """The latest states written, of the chats that were written to last: at most so many of them, and so many bytes."""

    def __init__(self, most_chats: int = MOST_CHATS, most_bytes: int = MOST_BYTES) -> None:
        self._most_chats = most_chats
        self._most_bytes = most_bytes
        self._bytes = 0
        self._states: OrderedDict[int, ChatState] = OrderedDict()

    def __len__(self) -> int:
        return len(self._states)

    def latest(self, chat_id: int, read: ChatState) -> ChatState:
        """The later one of what was `read` and what is remembered."""
        return max(read, self._states.get(chat_id, read), key=lambda state: state.version)

    def note(self, chat_id: int, state: ChatState) -> None:
        """This state of the chat is in the database."""
        if chat_id == NO_CHAT or self.latest(chat_id, state) is not state:
            return
        self.forget(chat_id)
        self._states[chat_id] = state
        self._bytes += len(state.json)
        while len(self._states) > self._most_chats or self._bytes > self._most_bytes:
            self.forget(next(iter(self._states)))

    def forget(self, chat_id: int) -> None:
        """What is remembered of the chat may not be so: the database's counts."""
        state = self._states.pop(chat_id, None)
        if state is not None:
            self._bytes -= len(state.json)
