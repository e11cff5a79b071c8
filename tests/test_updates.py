"""Reading updates: the envelope of anything, and the fields that the bot reads."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from telegram_client.updates import (
    CallbackQuery,
    Chat,
    ChatMember,
    ChatMemberUpdated,
    Envelope,
    InlineQuery,
    Message,
    NotAnUpdate,
    Payment,
    Update,
    User,
    read_envelope,
    read_update,
)

USER = {"id": 3, "is_bot": False, "first_name": "User", "language_code": "ru"}
PERSON = User(3, "ru", first_name="User")
CHAT = {"id": -5, "type": "supergroup", "title": "Group"}
MESSAGE = {"message_id": 9, "date": 1, "chat": CHAT, "from": USER, "text": "hi"}

# Every kind of Bot API 10, with the key of its order: the chat's id, else the user's, else 0.
KINDS: dict[str, tuple[dict[str, Any], int]] = {
    "message": (MESSAGE, -5),
    "edited_message": (MESSAGE, -5),
    "channel_post": ({"message_id": 9, "date": 1, "chat": CHAT, "sender_chat": {"id": 8}}, -5),
    "edited_channel_post": ({"message_id": 9, "date": 1, "chat": CHAT}, -5),
    "business_connection": ({"id": "b", "user": USER, "user_chat_id": 3, "date": 1}, 3),
    "business_message": (MESSAGE, -5),
    "edited_business_message": (MESSAGE, -5),
    "deleted_business_messages": ({"business_connection_id": "b", "chat": CHAT, "message_ids": [1]}, -5),
    "message_reaction": ({"chat": CHAT, "message_id": 9, "user": USER, "date": 1}, -5),
    "message_reaction_count": ({"chat": CHAT, "message_id": 9, "date": 1, "reactions": []}, -5),
    "inline_query": ({"id": "q", "from": USER, "query": "", "offset": ""}, 3),
    "chosen_inline_result": ({"result_id": "r", "from": USER, "query": ""}, 3),
    "callback_query": ({"id": "c", "from": USER, "message": MESSAGE, "data": "menu"}, -5),
    "shipping_query": ({"id": "s", "from": USER, "invoice_payload": ""}, 3),
    "pre_checkout_query": ({"id": "p", "from": USER, "currency": "XTR"}, 3),
    "purchased_paid_media": ({"from": USER, "paid_media_payload": ""}, 3),
    "poll": ({"id": "p", "question": "?", "options": []}, 0),
    "poll_answer": ({"poll_id": "p", "user": USER, "option_ids": [0]}, 3),
    "my_chat_member": ({"chat": CHAT, "from": USER, "date": 1, "new_chat_member": {"status": "kicked"}}, -5),
    "chat_member": ({"chat": CHAT, "from": USER, "date": 1}, -5),
    "chat_join_request": ({"chat": CHAT, "from": USER, "user_chat_id": 3, "date": 1}, -5),
    "chat_boost": ({"chat": CHAT, "boost": {}}, -5),
    "removed_chat_boost": ({"chat": CHAT, "boost_id": "b"}, -5),
    "a_kind_of_tomorrow": ({"from": USER}, 3),
}


READ = {field for field in Update.__struct_fields__ if field != "update_id"}


def encode(kind: str, payload: Any, update_id: int = 7) -> bytes:
    """The bytes as Telegram lays them out."""
    return f'{{"update_id":{update_id},\n"{kind}":{json.dumps(payload)}}}'.encode()


@pytest.mark.parametrize("kind", KINDS)
def test_the_envelope_of_every_kind(kind: str) -> None:
    """Id, kind and the key of its order, for every kind there is and one that there is not yet; the id of a new message
    only, though others name one too."""
    payload, key = KINDS[kind]
    message_id = 9 if kind == "message" else None
    assert read_envelope(encode(kind, payload)) == Envelope(7, kind, key, message_id)


@pytest.mark.parametrize("given", ["9", 9.0, True, None, [], 2**63, -(2**63) - 1])
def test_a_message_id_of_the_wrong_shape_is_none(given: Any) -> None:
    """What is no integer of 64 bits would not be taken by the database, and the update with it."""
    assert read_envelope(encode("message", {**MESSAGE, "message_id": given})) == Envelope(7, "message", -5)


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - READ))
def test_what_the_bot_does_not_read_is_no_error(kind: str) -> None:
    """Every other kind is an update in which nothing is set."""
    assert read_update(encode(kind, KINDS[kind][0])) == Update(7)


def test_a_message_is_read() -> None:
    """The fields that the bot reads, and none of the others."""
    expected = Message(9, Chat(-5, "supergroup"), PERSON, 1, text="hi")
    assert read_update(encode("message", MESSAGE)) == Update(7, message=expected)


def test_a_press_is_read() -> None:
    """A button press with its message, and one whose message is too old to be given."""
    message = Message(9, Chat(-5, "supergroup"), PERSON, 1, text="hi")
    found = read_update(encode("callback_query", KINDS["callback_query"][0]))
    assert found.callback_query == CallbackQuery("c", PERSON, message, "menu")
    found = read_update(encode("callback_query", {"id": "c", "from": {"id": 3}, "inline_message_id": "i"}))
    assert found.callback_query == CallbackQuery("c", User(3), inline_message_id="i")


def test_the_other_kinds_that_the_bot_reads_are_read() -> None:
    """Edits, inline queries, the bot's own membership, payments."""
    chat, kicked = Chat(-5, "supergroup"), ChatMember("kicked")
    assert read("edited_message").edited_message == Message(9, chat, PERSON, 1, text="hi")
    assert read("inline_query").inline_query == InlineQuery("q", PERSON)
    assert read("my_chat_member").my_chat_member == ChatMemberUpdated(chat, PERSON, kicked)
    assert read("pre_checkout_query").pre_checkout_query == Payment("p", PERSON)
    assert read("shipping_query").shipping_query == Payment("s", PERSON)


def read(kind: str) -> Update:
    return read_update(encode(kind, KINDS[kind][0]))


def test_a_press_on_an_inaccessible_message_is_read() -> None:
    """Telegram gives only chat and id of an old message; a date of 0 marks it."""
    press = {"id": "c", "from": USER, "message": {"chat": CHAT, "message_id": 9, "date": 0}, "data": "menu"}
    found = read_update(encode("callback_query", press)).callback_query
    assert found is not None
    assert found.message == Message(9, Chat(-5, "supergroup"))


@pytest.mark.parametrize(
    ("payload", "key"),
    [
        ({"chat": {"id": 5}, "from": {"id": 3}}, 5),
        ({"chat": {"id": "5"}, "from": {"id": 3}}, 3),
        ({"chat": {"id": True}, "from": {"id": 3}}, 3),
        ({"chat": {"id": 5.0}, "from": {"id": 3}}, 3),
        ({"chat": {"id": 2**63}, "from": {"id": 3}}, 3),
        ({"chat": {"id": -(2**63)}}, -(2**63)),
        ({"chat": None, "message": {"chat": {"id": 5}}}, 5),
        ({"chat": [], "message": [], "from": [], "user": {"id": 3}}, 3),
        ({"from": {"id": None}, "user": {"id": 3}}, 3),
        ({}, 0),
        ([], 0),
        ("text", 0),
        (None, 0),
        (1, 0),
    ],
)
def test_the_key_of_an_order_is_always_a_64_bit_number(payload: Any, key: int) -> None:
    """Whatever has the wrong shape is passed over, down to 0."""
    assert read_envelope(encode("message", payload)).chat_id == key


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("brand_new", "brand_new"),
        ("Тип", "Тип"),
        ("\\ud83d", "?"),
        ("a\\u0000b", "ab"),
        ("", ""),
        ("x" * 100, "x" * 64),
        ("\\ud83d\\ude00" * 70, "😀" * 64),
    ],
)
def test_a_kind_can_be_stored_whatever_its_name(name: str, kind: str) -> None:
    """Postgres takes neither NUL nor half a character; a long name is cut."""
    envelope = read_envelope(f'{{"update_id":7,"{name}":{{"chat":{{"id":5}}}}}}'.encode())
    assert envelope == Envelope(7, kind, 5)
    assert envelope.kind.encode().decode() == kind


def test_the_kind_is_the_first_other_key_in_any_order() -> None:
    """update_id need not come first, and may come alone."""
    assert read_envelope(b'{"message":{"chat":{"id":5}},"update_id":7}') == Envelope(7, "message", 5)
    assert read_envelope(b'{"update_id":7}') == Envelope(7, "empty", 0)


def test_of_two_equal_keys_the_last_counts() -> None:
    """Both readers agree on it, so what is stored is what is worked on."""
    first, last = [{"message_id": number, "chat": {"id": number}} for number in (1, 2)]
    body = b'{"update_id":1,"update_id":2,"message":%b,"message":%b}' % (
        json.dumps(first).encode(),
        json.dumps(last).encode(),
    )
    assert read_envelope(body) == Envelope(2, "message", 2, 2)
    assert read_update(body) == Update(2, message=Message(2, Chat(2)))


def test_half_an_emoji_is_no_error() -> None:
    """A text cut within an emoji holds a lone surrogate, which JSON readers refuse; a whole one stays whole."""
    body = rb'{"update_id":7,"message":{"message_id":9,"chat":{"id":5},"text":"\ud83d \ud83d\ude00","\udc00":"\udc00"}}'
    assert read_envelope(body) == Envelope(7, "message", 5, 9)
    message = read_update(body).message
    assert message is not None
    assert message.text is not None
    assert message.text.encode().decode().endswith(" 😀")


def test_a_nul_in_a_text_is_read() -> None:
    """A NUL escape is a character like others here: only Postgres' text refuses it, and a payload is no text."""
    body = rb'{"update_id":7,"message":{"message_id":9,"chat":{"id":5},"text":"a\u0000b"}}'
    assert read_envelope(body) == Envelope(7, "message", 5, 9)
    message = read_update(body).message
    assert message is not None
    assert message.text == "a\0b"


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_deep_nesting_is_refused_and_not_a_crash(opening: bytes, closing: bytes) -> None:
    """A hundred thousand levels end neither the process nor the worker."""
    deep = opening * 100_000 + b"1" + closing * 100_000
    body = b'{"update_id":7,"message":{"message_id":9,"chat":{"id":5},"x":' + deep + b"}}"
    with pytest.raises(NotAnUpdate):
        read_envelope(body)
    with pytest.raises(ValueError, match="deep"):
        read_update(body)


def test_a_number_of_any_length_is_no_crash() -> None:
    """Python refuses to read a number of 5,000 digits: then the body is no update; a shorter one does no harm."""
    body = b'{"update_id":7,"message":{"chat":{"id":5},"x":%s}}'
    assert read_envelope(body % (b"9" * 1000)) == Envelope(7, "message", 5)
    with pytest.raises(NotAnUpdate):
        read_envelope(body % (b"9" * 5000))


@pytest.mark.parametrize(
    "payload",
    [
        "text",
        [],
        {},
        {"message_id": 9},
        {"message_id": "9", "chat": CHAT},
        {"message_id": 9, "chat": {}},
        {"message_id": 9, "chat": CHAT, "text": 5},
        {"message_id": 9, "chat": {"id": 1.5}},
        {"message_id": 2**63, "chat": CHAT},
        {"message_id": 9, "chat": {"id": -(2**63) - 1}},
        {"message_id": 9, "chat": CHAT, "from": {"id": 10**30}},
    ],
)
def test_a_field_of_the_wrong_type_is_a_value_error(payload: Any) -> None:
    """What Telegram does not send is refused when it is worked on, with the place in the message; a number that no
    column holds as well."""
    with pytest.raises(ValueError, match=r"\$\.message"):
        read_update(encode("message", payload))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)
keys = st.sampled_from(["update_id", "message", "callback_query", "chat", "from", "user", "id"]) | st.text(max_size=5)


@settings(deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode("utf-16")))
@example(b'{"update_id":1,"message":{"text":"\xff"}}')
@example(b"\xef\xbb\xbf{}")
def test_arbitrary_bytes_are_no_update(body: bytes) -> None:
    """Any bytes give an envelope that can be stored or NotAnUpdate, and nothing else."""
    _check_envelope(body)


@settings(deadline=None)
@given(st.dictionaries(keys, json_values | st.dictionaries(keys, json_values, max_size=4), max_size=5))
def test_arbitrary_json_is_an_envelope_or_no_update(document: dict[str, Any]) -> None:
    """Any JSON likewise; and whatever has an envelope is an update for the worker, or its ValueError."""
    body = json.dumps(document).encode()
    if _check_envelope(body) is not None:
        try:
            assert isinstance(read_update(body), Update)
        except ValueError:
            return


def _check_envelope(body: bytes) -> Envelope | None:
    try:
        envelope = read_envelope(body)
    except NotAnUpdate:
        return None
    assert type(envelope.update_id) is type(envelope.chat_id) is int
    assert 0 <= envelope.update_id < 2**63
    assert -(2**63) <= envelope.chat_id < 2**63
    assert "\0" not in envelope.kind
    assert len(envelope.kind.encode().decode()) <= 64
    return envelope
