"""What a handler returns: which calls may be repeated, and in which order they may stand."""

from __future__ import annotations

import pytest

from svc.handler.reply import MAX_STATE, NOTHING, Call, Reply


def test_only_a_replys_last_call_may_be_a_send() -> None:
    """What cannot be repeated comes last: a failure after it would send it again. So it is in what is made instead."""
    send, edit = Call("sendMessage", {}), Call("editMessageText", {})
    for calls in ((send, Call("sendPhoto", {})), (send, edit)):
        with pytest.raises(ValueError, match="only the last call"):
            Reply(calls)
        with pytest.raises(ValueError, match="only the last call"):
            Reply((edit,), instead=(calls,))
    assert len(Reply((edit, Call("answerCallbackQuery", {}), send), instead=((edit, send), (send,))).calls) == 3


@pytest.mark.parametrize(
    ("method", "repeatable"),
    [
        ("answerCallbackQuery", True),
        ("answerInlineQuery", True),
        ("editMessageText", True),
        ("editMessageReplyMarkup", True),
        ("deleteMessage", True),
        ("setMyCommands", True),
        ("sendChatAction", True),
        ("getMe", True),
        ("sendMessage", False),
        ("sendPhoto", False),
        ("copyMessage", False),
        ("forwardMessage", False),
    ],
)
def test_a_call_knows_whether_it_may_be_repeated(method: str, repeatable: bool) -> None:
    """Only what changes nothing the second time; anything not known to be harmless is not."""
    assert Call(method, {}).repeatable is repeatable


def test_a_state_has_a_limit() -> None:
    """In bytes of JSON."""
    most = MAX_STATE - len('{"x":""}')
    assert Reply(state={"x": "y" * most}).changes_something
    with pytest.raises(ValueError, match="larger than"):
        Reply(state={"x": "y" * (most + 1)})


def test_nothing_changes_nothing() -> None:
    """Nor does a reply that only says something; one that only remembers something does."""
    assert not NOTHING.changes_something
    assert not Reply((Call("sendMessage", {}),)).changes_something
    assert Reply(state={}).changes_something
    assert Reply(cancel=1).changes_something
