"""Which messages are for this bot, and what is a command."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from svc.bot.incoming import Command, File, Incoming, Typed, is_for, read_message
from svc.bot.menu_bot import bot
from svc.handler.reply import NOTHING
from telegram_client.update_kinds import DEFAULT_KINDS
from telegram_client.updates import DirectMessagesTopic, Message, Update, User
from telegram_client.updates import File as TelegramFile
from tests.bot.updates import GROUP, ME, knows, pressed, says, shown, wrote

A_FILE = TelegramFile("f")


def message(text: str | None = None, **fields: Any) -> Message:
    """A message with that text."""
    written = wrote(text, **fields).message
    assert written is not None
    return written


@pytest.mark.parametrize(
    ("text", "incoming"),
    [
        ("/start", Command("start")),
        (" /start", Command("start")),
        ("\n/Start ", Command("start")),
        ("/START", Command("start")),
        ("/start deep-link_payload", Command("start", "deep-link_payload")),
        ("/start@menu_bot", Command("start", "", "menu_bot")),
        ("/start@menu_bot payload", Command("start", "payload", "menu_bot")),
        ("/search kling\nturbo", Command("search", "kling\nturbo")),
        ("/strat", Command("strat")),
        ("menu", Command("menu")),
        ("Menu", Command("menu")),
        (" меню ", Command("menu")),
        ("МЕНЮ", Command("menu")),
        ("Отмена", Command("cancel")),
        ("help", Command("help")),
        ("start", Typed("start")),
        ("see /start", Typed("see /start")),
        ("/", Typed("/")),
        ("//start", Typed("//start")),
        ("/start!", Typed("/start!")),
        ("kling", Typed("kling")),
        ("", Typed("")),
    ],
)
def test_what_a_private_text_is(text: str, incoming: Incoming) -> None:
    """A command in any spelling that people use; else a text."""
    assert read_message(message(text)) == incoming


@pytest.mark.parametrize("kind", ["video", "animation", "audio", "voice", "video_note", "document", "sticker", "photo"])
def test_a_file_is_a_file_unless_a_command_is_written_under_it(kind: str) -> None:
    """ "/start" in a caption is a /start."""
    files: dict[str, Any] = {kind: (A_FILE,) if kind == "photo" else A_FILE}
    assert read_message(message(**files)) == File()
    assert read_message(message(**files, caption="my cat")) == File()
    assert read_message(message(**files, caption=" /Start x")) == Command("start", "x")


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"kind": "channel", "text": "/start", "sender": None}, "a channel"),
        ({"text": "/start", "sender": User(6, "en", is_bot=True)}, "another bot"),
        ({"text": "/start", "sender": User(6, is_bot=True), "kind": "group"}, "another bot in a group"),
        ({"text": "/start", "is_automatic_forward": True, "kind": "supergroup"}, "a channel's post in its discussion"),
        ({"text": None}, "a service message: somebody joined, something was pinned"),
        ({"text": None, "kind": "group"}, "a service message of a group"),
        ({"text": None, "successful_payment": {}}, "a payment that cannot be"),
        ({"text": "hello", "kind": "group"}, "people who talk to each other"),
        ({"text": "menu", "kind": "supergroup"}, "the word in a talk of others"),
        ({"photo": (A_FILE,), "kind": "group"}, "a photo among friends"),
        ({"text": "see /start", "kind": "group"}, "a command that is only mentioned"),
    ],
)
def test_what_is_left_alone(fields: dict[str, Any], why: str) -> None:
    """No answer, and nothing is remembered."""
    assert says(wrote(**fields)) == NOTHING, why


@pytest.mark.parametrize("kind", ["private", "group", "supergroup"])
@pytest.mark.parametrize(
    ("text", "ours"),
    [
        ("/start@menu_bot", True),
        ("/START@Menu_Bot payload", True),
        ("/start@other_bot", False),
        ("/ban@other_bot", False),
        ("/nonsense@menu_bot", True),
        ("/start", True),
    ],
)
def test_a_command_for_another_bot_is_not_ours(kind: str, text: str, ours: bool) -> None:
    """The bot's own name comes from getMe."""
    assert (says(wrote(text, kind=kind)) != NOTHING) is ours


def test_a_name_that_is_not_known_yet_is_not_ours() -> None:
    """Silence is better than an answer in another bot's place."""
    assert says(wrote("/start@menu_bot"), knows(me=None)) == NOTHING
    assert says(wrote("/start"), knows(me=None)) != NOTHING


@pytest.mark.parametrize("kind", ["group", "supergroup"])
def test_an_unknown_command_in_a_group_is_somebody_elses(kind: str) -> None:
    """ "/ban" without a name is for whichever bot knows it."""
    assert says(wrote("/ban", kind=kind)) == NOTHING
    assert says(wrote("/ban")) != NOTHING


@pytest.mark.parametrize("sender", [None, User(1087968824, is_bot=True), User(136817688, is_bot=True)])
def test_who_writes_as_a_group_or_a_channel_is_a_person(sender: User | None) -> None:
    """An anonymous admin is answered, though Telegram's account for them is marked as a bot."""
    reply = says(wrote("/start", kind="supergroup", sender=sender))
    assert shown(reply).params["chat_id"] == GROUP
    assert reply.fields["user_id"] == (sender.id if sender else GROUP)


def test_our_own_inline_cards_are_not_answered() -> None:
    """What somebody sends via another bot is theirs; what is ours was not written to us."""
    ours, other = User(ME.id, is_bot=True), User(6, is_bot=True)
    assert says(wrote("FLUX.2 Pro", via_bot=ours)) == NOTHING
    assert says(wrote("FLUX.2 Pro", via_bot=other)) != NOTHING
    assert says(wrote("FLUX.2 Pro", via_bot=other), knows(me=None)) == NOTHING
    assert is_for(ME, message("x"), Typed("x"))


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({}, {}),
        ({"message_thread_id": 3, "is_topic_message": True}, {"message_thread_id": 3}),
        # Replies make a thread of their own, which is no topic.
        ({"message_thread_id": 3}, {}),
        ({"direct_messages_topic": DirectMessagesTopic(4)}, {"direct_messages_topic_id": 4}),
    ],
)
def test_an_answer_stays_in_its_topic(fields: dict[str, Any], place: dict[str, int]) -> None:
    """Of a forum, and of a channel's direct messages, where that is required."""
    expected = {"chat_id": GROUP, **place}
    for update in (wrote("/start", kind="supergroup", **fields), pressed("menu", kind="supergroup", **fields)):
        reply = says(update)
        sent = [call for calls in (reply.calls, *reply.instead) for call in calls if call.method == "sendMessage"]
        assert [{name: call.params[name] for name in expected} for call in sent] == [expected]
        topics = [{name for name in call.params if name.endswith(("thread_id", "topic_id"))} for call in sent]
        assert topics == [set(place)]


def test_the_bot_asks_for_all_that_it_reads() -> None:
    """Telegram is asked for the default kinds and for those that the bot names."""
    read = {each.name for each in msgspec.structs.fields(Update)} - {"update_id"}
    assert read <= {*DEFAULT_KINDS, *bot.kinds}
    assert set(bot.kinds) <= read


def test_updates_of_other_kinds_get_nothing() -> None:
    """A reaction, a kind of tomorrow."""
    assert says(Update(1)) == NOTHING
