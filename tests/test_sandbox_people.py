"""What users of the stand-in for Telegram do besides writing and pressing, and where a bot's answers go."""

from __future__ import annotations

import pytest

from sandbox.files import FileKind
from sandbox.people import Where
from sandbox.samples import png
from sandbox.telegram import Telegram
from telegram_client.updates import Update, read_update
from tests.manual_clock import ManualClock
from tests.sandbox_calls import call, why

USER, GROUP = 7, -100
FORUM: Where = {"chat_type": "supergroup", "chat_id": GROUP, "chat": {"is_forum": True}, "thread_id": 5}


@pytest.fixture
def telegram() -> Telegram:
    return Telegram(now=ManualClock())


def latest(telegram: Telegram) -> Update:
    """The newest update, as the service reads it."""
    return read_update(list(telegram.bot().pending.values())[-1].encode())


@pytest.mark.parametrize("kind", FileKind)
def test_a_user_sends_a_file_of_any_kind(telegram: Telegram, kind: FileKind) -> None:
    """The service reads it, and it can be downloaded."""
    telegram.user_sends_file(USER, kind, caption="look /here", language_code="ru")
    message = latest(telegram).message
    assert message is not None
    assert message.sender is not None
    assert (message.sender.language_code, message.caption) == ("ru", "look /here")
    assert [entity.type for entity in message.caption_entities] == ["bot_command"]
    file = message.photo[-1] if kind is FileKind.PHOTO else getattr(message, kind)
    assert call(telegram, "getFile", file_id=file.file_id).status == 200


def test_a_user_sends_bytes_with_what_the_app_says_of_them(telegram: Telegram) -> None:
    telegram.user_sends_file(USER, "photo", png(30, 20), name="cat.png")
    telegram.user_sends_file(USER, "voice", b"OggS", details={"duration": 12})
    messages = telegram.messages(USER)
    assert [(size["width"], size["height"]) for size in messages[0]["photo"]] == [(30, 20)]
    assert messages[1]["voice"]["duration"] == 12


@pytest.mark.parametrize(("kind", "content"), [("photo", b"no picture"), ("cat", None)])
def test_a_file_that_no_app_would_send_is_a_mistake_of_the_test(
    telegram: Telegram, kind: str, content: bytes | None
) -> None:
    with pytest.raises(ValueError, match=r"picture|cat"):
        telegram.user_sends_file(USER, kind, content)


def test_an_album_is_an_update_for_each_of_its_files(telegram: Telegram) -> None:
    updates = telegram.user_sends_album(USER, ["photo", "video", "photo"], caption="both")
    bodies = [update.body for update in updates if update]
    assert len({body["media_group_id"] for body in bodies}) == 1
    assert [body.get("caption") for body in bodies] == ["both", None, None]
    telegram.user_sends_album(USER)
    assert telegram.messages(USER)[-1]["media_group_id"] != bodies[0]["media_group_id"]


def test_a_user_edits_a_text_and_a_caption(telegram: Telegram) -> None:
    telegram.user_sends_text(USER, "/strat")
    telegram.user_sends_file(USER, "photo", caption="old")
    text, photo = (message["message_id"] for message in telegram.messages(USER))
    telegram.user_edits(USER, text, "/start")
    edited = latest(telegram).edited_message
    assert edited is not None
    assert (edited.text, edited.entities[0].type, edited.edit_date) == ("/start", "bot_command", 1_700_000_000)
    telegram.user_edits(USER, photo, "new")
    edited = latest(telegram).edited_message
    assert edited is not None
    assert (edited.caption, edited.message_id) == ("new", photo)


def test_a_bot_can_be_taken_back_without_a_word(telegram: Telegram) -> None:
    telegram.user_sends_text(USER, "/start")
    telegram.user_blocks_bot(USER)
    assert call(telegram, "sendPhoto", chat_id=USER, photo="x").status == 403
    update = telegram.user_unblocks_bot(USER)
    assert update is not None
    me = telegram.bot().user
    assert update.body["old_chat_member"] == {"user": me, "status": "kicked", "until_date": 0}
    assert update.body["new_chat_member"] == {"user": me, "status": "member"}
    assert call(telegram, "sendMessage", chat_id=USER, text="x").status == 200
    assert telegram.user_unblocks_bot(USER) is None


# Places


def test_an_answer_stays_in_its_topic(telegram: Telegram) -> None:
    telegram.user_sends_text(USER, "/start", **FORUM)
    message = latest(telegram).message
    assert message is not None
    assert (message.message_thread_id, message.is_topic_message, message.chat.is_forum) == (5, True, True)
    sent = call(telegram, "sendMessage", chat_id=GROUP, text="x", message_thread_id=5).body["result"]
    assert (sent["message_thread_id"], sent["is_topic_message"]) == (5, True)
    refused = call(telegram, "sendMessage", chat_id=GROUP, text="x", message_thread_id=6)
    assert why(refused) == "Bad Request: message thread not found"


def test_direct_messages_of_a_channel_need_their_topic(telegram: Telegram) -> None:
    chat = {"is_direct_messages": True}
    telegram.user_sends(
        USER,
        {"text": "hi", "direct_messages_topic": {"topic_id": 9}},
        chat_type="supergroup",
        chat_id=GROUP,
        chat=chat,
    )
    refused = call(telegram, "sendMessage", chat_id=GROUP, text="x")
    assert why(refused) == "Bad Request: channel direct messages topic must be specified"
    sent = call(telegram, "sendMessage", chat_id=GROUP, text="x", direct_messages_topic_id=9).body["result"]
    assert sent["direct_messages_topic"] == {"topic_id": 9}


def test_a_reply_shows_what_it_replies_to(telegram: Telegram) -> None:
    """One step deep; a message that is gone is refused, unless the request says that it does not matter."""
    telegram.user_sends_text(USER, "question")
    asked = telegram.messages(USER)[0]
    parameters = {"message_id": asked["message_id"]}
    sent = call(telegram, "sendMessage", chat_id=USER, text="x", reply_parameters=parameters).body["result"]
    assert sent["reply_to_message"] == asked
    again = call(telegram, "sendMessage", chat_id=USER, text="y", reply_to_message_id=sent["message_id"]).body["result"]
    assert "reply_to_message" not in again["reply_to_message"]
    gone = {"message_id": 99}
    refused = call(telegram, "sendMessage", chat_id=USER, text="x", reply_parameters=gone)
    assert why(refused) == "Bad Request: message to be replied not found"
    gone["allow_sending_without_reply"] = True
    assert call(telegram, "sendMessage", chat_id=USER, text="x", reply_parameters=gone).status == 200
    assert why(call(telegram, "sendMessage", chat_id=USER, text="x", reply_parameters="{")).startswith(
        "Bad Request: can't"
    )


def test_a_draft_shows_until_the_next_message(telegram: Telegram) -> None:
    telegram.user_sends_text(USER, "hi")
    draft = {"chat_id": USER, "draft_id": 1, "text": "<b>wri", "parse_mode": "HTML"}
    assert why(call(telegram, "sendMessageDraft", **draft)).startswith("Bad Request: can't parse entities")
    assert call(telegram, "sendMessageDraft", **draft | {"text": "<b>wri</b>"}).body["result"] is True
    assert telegram.bot().chats[USER].draft == "wri"
    missing = call(telegram, "sendMessageDraft", chat_id=USER, text="x")
    assert why(missing) == 'Bad Request: parameter "draft_id" is required'
    call(telegram, "sendMessage", chat_id=USER, text="written")
    assert telegram.bot().chats[USER].draft == ""
    assert [message.get("text") for message in telegram.messages(USER)] == ["hi", "written"]
