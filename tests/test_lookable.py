"""Which sends can be looked for: one message that a probe would recognise, in a chat whose ids are known."""

from __future__ import annotations

from typing import Any

import pytest

from svc.delivery.lookable import can_be_looked_for, is_recognisable, note_cause
from svc.handler.job import Job
from svc.handler.reply import Call
from telegram_client.message_ids import MessageIds
from telegram_client.updates import CallbackQuery, Chat, ChatMember, ChatMemberUpdated, Message, Update, User

USER, GROUP, SUPERGROUP, CHANNEL = 7, -100, -1_001_000_000_000, -1_002_000_000_000
INLINE = {"inline_keyboard": [[{"text": "x", "callback_data": "y"}]]}


def written_in(chat_id: int = USER, kind: str = "private") -> Update:
    return Update(1, message=Message(10, Chat(chat_id, kind), User(USER), text="/start"))


def send(method: str = "sendMessage", **params: Any) -> Call:
    return Call(method, {"chat_id": USER, "text": "hi", **params})


@pytest.mark.parametrize(("chat_id", "kind"), [(USER, "private"), (GROUP, "group"), (SUPERGROUP, "supergroup")])
@pytest.mark.parametrize("method", ["sendMessage", "sendPhoto", "sendVoice", "sendPoll"])
def test_a_message_to_the_chat_of_its_update_can_be(chat_id: int, kind: str, method: str) -> None:
    """With an inline keyboard or without any."""
    for more in ({}, {"reply_markup": INLINE}, {"reply_markup": None}):
        assert can_be_looked_for(send(method, chat_id=chat_id, **more), chat_id, written_in(chat_id, kind))


@pytest.mark.parametrize(
    "call",
    [
        send("sendMediaGroup"),
        send("sendInvoice"),
        send("copyMessage"),
        send("forwardMessage"),
        send("createForumTopic"),
        send(reply_markup={"keyboard": [["x"]]}),
        send(reply_markup={"remove_keyboard": True}),
        send(reply_markup={"force_reply": True}),
        send(reply_markup='{"inline_keyboard": []}'),
        send(chat_id=8),
        send(chat_id="7"),
        send(chat_id="@channel"),
        send(chat_id=True),
        send(business_connection_id="x"),
        send(direct_messages_topic_id=3),
    ],
)
def test_what_a_probe_would_not_recognise_cannot(call: Call) -> None:
    """Several messages, forwards, keyboards of other kinds, other chats, other names."""
    assert not can_be_looked_for(call, USER, written_in())


def test_nor_can_what_has_no_such_chat() -> None:
    """A channel, whose posts others write as well; an inline message; an update of which nothing is known."""
    assert not can_be_looked_for(send(chat_id=CHANNEL), CHANNEL, written_in(CHANNEL, "channel"))
    assert not can_be_looked_for(send(), USER, Update(1, callback_query=CallbackQuery("1", User(USER))))
    assert not can_be_looked_for(send(), USER, Update(1))
    assert not can_be_looked_for(send(), USER, None)
    assert not can_be_looked_for(send(), 8, written_in())


def test_an_answer_to_a_press_is_one_like_any() -> None:
    """The chat is that of the message whose button was pressed."""
    press = Update(1, callback_query=CallbackQuery("1", User(USER), Message(10, Chat(USER))))
    assert can_be_looked_for(send(), USER, press)


def job_of(chat_id: int, status_message_id: int | None = None) -> Job:
    return Job(1, chat_id, USER, "kie", "m", {}, {}, "ready", 0.0, status_message_id=status_message_id)


def test_of_a_job_the_id_of_its_chat_decides() -> None:
    """No update tells the kind of chat: a supergroup's id does not differ from a channel's."""
    assert can_be_looked_for(send("sendPhoto"), USER, job_of(USER))
    assert can_be_looked_for(send("sendPhoto", chat_id=GROUP), GROUP, job_of(GROUP))
    assert not can_be_looked_for(send("sendPhoto", chat_id=SUPERGROUP), SUPERGROUP, job_of(SUPERGROUP))


def test_an_edit_of_what_somebody_wrote_has_a_chat_too() -> None:
    """So has news of the bot's own membership."""
    edited = Update(1, edited_message=Message(10, Chat(USER), User(USER), text="/start"))
    back = Update(1, my_chat_member=ChatMemberUpdated(Chat(USER), User(USER), ChatMember("member")))
    assert can_be_looked_for(send(), USER, edited)
    assert can_be_looked_for(send(), USER, back)


def test_what_is_recognised_may_be_in_any_chat() -> None:
    """A message for the self-test need not be the answer to its update."""
    assert is_recognisable(send(chat_id=8))
    assert not is_recognisable(send(reply_markup={"keyboard": []}))
    assert not is_recognisable(Call("editMessageText", {"chat_id": USER}))


def test_every_update_that_brings_a_message_tells_its_id() -> None:
    """Whatever is sent from then on has a greater one, in the same sequence."""
    ids = MessageIds()
    for update in (
        written_in(USER),
        written_in(SUPERGROUP, "supergroup"),
        Update(1, callback_query=CallbackQuery("1", User(USER), Message(12, Chat(GROUP, "group")))),
        Update(1, callback_query=CallbackQuery("1", User(USER))),
        Update(1),
    ):
        note_cause(ids, update)
    assert (ids.greatest(USER), ids.greatest(SUPERGROUP), ids.greatest(CHANNEL)) == (12, 10, None)
    note_cause(ids, job_of(USER, 15))
    note_cause(ids, job_of(USER))
    assert ids.greatest(USER) == 15
    assert ids.own is None, "who wrote it was not asked"
