"""The chats' states that a term remembers: the later one counts, and the memory is bounded."""

from __future__ import annotations

from svc.delivery.chat_states import ChatStates
from svc.storage.inbox import NO_CHAT, NO_STATE, ChatState


def test_the_later_one_counts() -> None:
    """Whether it was read or is remembered."""
    states = ChatStates()
    second = ChatState(2, b'{"n":2}')
    states.note(7, second)
    assert states.latest(7, ChatState(1, b"{}")) == second
    assert states.latest(7, ChatState(3, b'{"n":3}')) == ChatState(3, b'{"n":3}')
    assert states.latest(8, NO_STATE) == NO_STATE


def test_an_older_one_replaces_nothing() -> None:
    """Two workers may tell of theirs in another order."""
    states = ChatStates()
    states.note(7, ChatState(2, b'{"n":2}'))
    states.note(7, ChatState(1, b"{}"))
    assert states.latest(7, NO_STATE).version == 2


def test_what_may_not_be_so_is_forgotten() -> None:
    """Then what was read counts."""
    states = ChatStates()
    states.note(7, ChatState(9, b"{}"))
    states.forget(7)
    states.forget(8)
    assert states.latest(7, ChatState(1, b"{}")).version == 1


def test_it_holds_so_many_chats_and_so_many_bytes() -> None:
    """The one noted longest ago goes first; a chat that is noted again is new."""
    states = ChatStates(most_chats=3, most_bytes=100)
    for chat in (1, 2, 3, 1, 4):
        states.note(chat, ChatState(states.latest(chat, NO_STATE).version + 1, b"{}"))
    assert [states.latest(chat, NO_STATE).version for chat in (1, 2, 3, 4)] == [2, 0, 1, 1]
    states.note(5, ChatState(1, b"x" * 97))
    assert len(states) == 2
    assert states.latest(4, NO_STATE).version == 1
    states.note(6, ChatState(1, b"x" * 101))
    assert len(states) == 0, "one that does not fit by itself is not kept either"


def test_what_belongs_to_no_chat_has_no_state() -> None:
    """Such updates have nothing in common."""
    states = ChatStates()
    states.note(NO_CHAT, ChatState(1, b"{}"))
    assert len(states) == 0
