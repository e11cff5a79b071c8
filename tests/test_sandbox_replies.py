"""Replies and topics: the rules of `get_reply_parameters` and `check_reply_parameters` in Client.cpp."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.people import Where
from sandbox.telegram import Telegram
from tests.manual_clock import ManualClock
from tests.sandbox_calls import call, why

USER, FORUM, GROUP = 7, -1_000_000_000_005, -6
TEXT = "one two one"


@pytest.fixture
def telegram() -> Telegram:
    telegram = Telegram(now=ManualClock())
    telegram.user_sends_text(USER, TEXT)
    return telegram


def topic(thread_id: int) -> Where:
    return {"chat_type": "supergroup", "chat_id": FORUM, "chat": {"is_forum": True}, "thread_id": thread_id}


def says(telegram: Telegram, text: str = TEXT, **where: Any) -> dict[str, Any]:
    """A message of the user's."""
    update = telegram.user_sends_text(USER, text, **where)
    assert update is not None
    return update.body


def reply(telegram: Telegram, message_id: int, *, to: int = USER, thread: int = 0, **more: Any) -> dict[str, Any]:
    """The bot's reply, which has been accepted."""
    place = {"message_thread_id": thread} if thread else {}
    parameters = {"message_id": message_id, **more}
    answer = call(telegram, "sendMessage", chat_id=to, text="answer", reply_parameters=parameters, **place)
    assert answer.status == 200, answer.body
    result: dict[str, Any] = answer.body["result"]
    return result


def test_a_reply_goes_to_the_topic_of_the_message(telegram: Telegram) -> None:
    sent = reply(telegram, says(telegram, **topic(5))["message_id"], to=FORUM)
    assert (sent["message_thread_id"], sent["is_topic_message"]) == (5, True)
    assert sent["reply_to_message"]["text"] == TEXT


def test_a_reply_to_another_topic_is_an_external_one(telegram: Telegram) -> None:
    """`reply_in_chat_id must be non-zero only for replies in different chats or different topics`."""
    asked = says(telegram, **topic(5))
    says(telegram, **topic(6))
    sent = reply(telegram, asked["message_id"], to=FORUM, thread=6)
    assert sent["message_thread_id"] == 6
    assert "reply_to_message" not in sent
    assert sent["external_reply"]["message_id"] == asked["message_id"]
    assert sent["external_reply"]["chat"]["id"] == FORUM


def test_a_reply_may_be_to_a_message_of_another_chat(telegram: Telegram) -> None:
    """Its text comes as a quote, its file in the reply; of a private chat neither chat nor id are told."""
    asked = telegram.messages(USER)[0]
    says(telegram, chat_type="group", chat_id=GROUP)
    sent = reply(telegram, asked["message_id"], to=GROUP, chat_id=USER)
    assert sent["external_reply"] == {
        "origin": {"type": "user", "sender_user": asked["from"], "date": asked["date"]},
    }
    assert sent["quote"] == {"text": TEXT, "position": 0}
    telegram.user_sends_file(USER, "photo")
    photo = telegram.messages(USER)[-1]
    sent = reply(telegram, photo["message_id"], to=GROUP, chat_id=str(USER))
    assert sent["external_reply"]["photo"] == photo["photo"]
    assert "quote" not in sent


def test_the_chat_itself_is_no_other_chat(telegram: Telegram) -> None:
    asked = telegram.messages(USER)[0]
    assert reply(telegram, asked["message_id"], chat_id=USER)["reply_to_message"] == asked


@pytest.mark.parametrize(
    ("wanted", "quote"),
    [
        ({"quote": "one"}, {"text": "one", "position": 0, "is_manual": True}),
        ({"quote": "one", "quote_position": 7}, {"text": "one", "position": 8, "is_manual": True}),
        (
            {"quote": "<b>two</b>", "quote_parse_mode": "HTML"},
            {
                "text": "two",
                "entities": [{"type": "bold", "offset": 0, "length": 3}],
                "position": 4,
                "is_manual": True,
            },
        ),
    ],
)
def test_a_part_of_the_message_is_quoted(telegram: Telegram, wanted: dict[str, Any], quote: dict[str, Any]) -> None:
    assert reply(telegram, telegram.messages(USER)[0]["message_id"], **wanted)["quote"] == quote


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ("{", "can't parse reply parameters JSON object"),
        ("[]", "object expected as reply parameters"),
        (5, "object expected as reply parameters"),
        ({"chat_id": USER}, 'can\'t find field "message_id"'),
        ({"message_id": "first"}, 'field "message_id" must be a valid Number'),
        (
            {"message_id": 1, "allow_sending_without_reply": "yes"},
            'field "allow_sending_without_reply" must be of type',
        ),
        ({"message_id": 99}, "message to be replied not found"),
        ({"message_id": 1, "chat_id": -99}, "chat not found"),
        ({"message_id": 1, "quote": "three"}, "QUOTE_TEXT_INVALID"),
    ],
)
def test_what_cannot_be_replied_to_is_refused(telegram: Telegram, parameters: Any, words: str) -> None:
    answer = call(telegram, "sendMessage", chat_id=USER, text="x", reply_parameters=parameters)
    assert why(answer).startswith(f"Bad Request: {words}")
    assert len(telegram.messages(USER)) == 1


@pytest.mark.parametrize("parameters", ["", "{}", {}, {"message_id": 0}])
def test_empty_parameters_are_no_reply_whatever_the_older_ones_say(telegram: Telegram, parameters: Any) -> None:
    """`if (!query->has_arg("reply_parameters"))` the older ones count; an empty text or object is no reply."""
    answer = call(telegram, "sendMessage", chat_id=USER, text="x", reply_parameters=parameters, reply_to_message_id=1)
    assert "reply_to_message" not in answer.body["result"]


def test_the_general_topic_has_no_thread(telegram: Telegram) -> None:
    """Its messages name none, and none may be named for it: there is no message 1 that begins it."""
    asked = says(telegram, **topic(5) | {"thread_id": None})
    assert "message_thread_id" not in asked
    assert "message_thread_id" not in reply(telegram, asked["message_id"], to=FORUM)
    refused = call(telegram, "sendMessage", chat_id=FORUM, text="x", message_thread_id=1)
    assert why(refused) == "Bad Request: message thread not found"
