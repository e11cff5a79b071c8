"""Message ids: of which sequence they are, and the greatest that is known of each.

All private chats and basic groups of a bot share one growing sequence of ids, incoming and outgoing; every supergroup
and channel has one of its own (TDLib's `MessagesManager.cpp`, read in 2026-11: one map from id to chat for the former).
So what is known to have an id lies before everything that is sent from now on in the same sequence.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Any

SHARED = 0
"""The sequence of private chats and basic groups."""

# Ids of supergroups and channels are below this (https://core.telegram.org/api/bots/ids).
_OWN_BELOW = -1_000_000_000_000
_HIGHEST_CHAT = 2**63 - 1
MOST_SEQUENCES = 10_000
OWN_KEPT = 500


def sequence_of(chat_id: int) -> int:
    """The sequence of a chat's message ids: SHARED, or the chat's own, which has its id."""
    return chat_id if chat_id < _OWN_BELOW else SHARED


def chats_of(sequence: int) -> tuple[int, int]:
    """The lowest and the highest id of the chats whose messages are of this sequence."""
    return (_OWN_BELOW, _HIGHEST_CHAT) if sequence == SHARED else (sequence, sequence)


def told_message(result: Any) -> tuple[int, int] | None:
    """Chat and id of the message that the result of a call is, if it is one (a Message of the Bot API)."""
    if not isinstance(result, dict):
        return None
    chat, message_id = result.get("chat"), result.get("message_id")
    chat_id = chat.get("id") if isinstance(chat, dict) else None
    return (chat_id, message_id) if type(chat_id) is int and type(message_id) is int else None


class MessageIds:
    """The greatest id known of each sequence, of the MOST_SEQUENCES that were heard of last.

    Of the bot's own messages, as a probe (probes.py) would say, the OWN_KEPT latest are kept.
    """

    def __init__(self) -> None:
        self._own: deque[tuple[int, int]] = deque(maxlen=OWN_KEPT)
        self._greatest: OrderedDict[int, int] = OrderedDict()

    def note(self, chat_id: int, message_id: int) -> None:
        """A message with this id exists in this chat: an update brought it, or the answer to a send told it."""
        sequence = sequence_of(chat_id)
        self._greatest[sequence] = max(message_id, self._greatest.get(sequence, 0))
        self._greatest.move_to_end(sequence)
        if len(self._greatest) > MOST_SEQUENCES:
            self._greatest.popitem(last=False)

    def note_own(self, chat_id: int, message_id: int) -> None:
        """As `note`, and the message is the bot's own, with an inline keyboard or none."""
        self.note(chat_id, message_id)
        self._own.append((chat_id, message_id))

    @property
    def own(self) -> tuple[int, int] | None:
        """Chat and id of the latest message that is known to be the bot's own; None if there is none."""
        return self._own[-1] if self._own else None

    @property
    def older_own(self) -> tuple[int, int] | None:
        """The same of one some OWN_KEPT messages ago: the server may not have seen the latest yet."""
        return self._own[0] if self._own else None

    def greatest(self, chat_id: int) -> int | None:
        """The greatest id known of the chat's sequence; None if none is."""
        return self._greatest.get(sequence_of(chat_id))
