"""The ids of a bot's messages, incoming and outgoing."""

from __future__ import annotations

from collections import defaultdict

from sandbox.rules import Ids

FALLING_FROM = 2**31 - 1
_SHARED = 0


class MessageIds:
    """Hands out the ids of one bot's messages. Whatever rules follow one another, no chat gets an id twice.

    The documented rule: all private chats and basic groups share one growing sequence, which is why TDLib needs no
    chat to find a message of theirs; every supergroup and channel has a sequence of its own.
    """

    def __init__(self) -> None:
        self._last: defaultdict[int, int] = defaultdict(int)
        self._lowest = FALLING_FROM

    def next(self, chat_id: int, chat_type: str, rule: Ids) -> int:
        """The id of a new message of this chat."""
        if rule is Ids.FALLING:
            self._lowest -= 1
            return self._lowest
        shares = chat_type in {"private", "group"}
        message_id = self._last[_SHARED if shares and rule is Ids.SHARED else chat_id] + 1
        # Both are kept up under either rule, so that one may follow the other at any time.
        for sequence in (chat_id, _SHARED) if shares else (chat_id,):
            self._last[sequence] = max(message_id, self._last[sequence])
        return message_id
