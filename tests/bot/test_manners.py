"""Manners: what is answered how often, late, blocked, edited, refused."""

from __future__ import annotations

from typing import Any

import pytest

from svc.bot.memory import Memory
from svc.bot.menu_bot import bot
from svc.bot.texts import ENGLISH, RUSSIAN
from svc.handler.job import Job
from svc.handler.reply import NOTHING, Call, Reply
from telegram_client.updates import (
    CallbackQuery,
    Chat,
    ChatMember,
    ChatMemberUpdated,
    File,
    InlineQuery,
    Payment,
    Update,
    User,
)
from tests.bot.updates import NOW, PERSON, buttons, edited, knows, pressed, says, shown, wrote

HOUR = 3600.0
A_FILE = File("f")


def membership(status: str, chat: Chat | None = None) -> Update:
    """The bot's own membership has changed."""
    return Update(1, my_chat_member=ChatMemberUpdated(chat or Chat(PERSON), User(PERSON), ChatMember(status)))


def methods(reply: Reply) -> list[str]:
    """The calls' names."""
    return [call.method for call in reply.calls]


# Files, albums, edits


@pytest.mark.parametrize(
    "fields",
    [
        {"sticker": A_FILE},
        {"document": A_FILE, "caption": "kling"},
        *({kind: {}} for kind in ("location", "venue", "contact", "poll", "dice", "game", "story", "checklist")),
    ],
)
def test_a_file_that_no_model_takes_gets_a_hint(fields: dict[str, Any]) -> None:
    """Whatever is written under it."""
    call = shown(says(wrote(**fields)))
    assert call.params["text"] == ENGLISH.pointer
    assert [each["callback_data"] for each in buttons(call)] == ["menu"]


def test_an_album_is_answered_once() -> None:
    """The first of its messages is answered, and remembered until another album comes."""
    first = says(wrote(photo=(A_FILE,), media_group_id="a"))
    assert len(first.calls) == 1
    assert first.state == {"album": "a", "brought": {"part": "image", "file_id": "f"}}
    assert says(wrote(photo=(A_FILE,), media_group_id="a"), knows(first.state)) == NOTHING
    assert says(wrote(photo=(A_FILE,), media_group_id="b"), knows(first.state)).state == {**first.state, "album": "b"}


def test_an_edit_that_has_become_a_command_is_answered_once() -> None:
    """ "/strat" mended to "/start" is a /start. The next edits of that message are not, another message's are."""
    first = says(edited("/start"))
    assert shown(first).method == "sendMessage"
    assert first.state == {"edited": 1}
    assert says(edited("/help"), knows(first.state)) == NOTHING
    assert says(edited("/help", message_id=2), knows(first.state)).state == {"edited": 2}


@pytest.mark.parametrize("text", ["/strat", "hello", "/ban@other_bot", "", "menus"])
def test_other_edits_are_silent(text: str) -> None:
    """Somebody mends a typo: they have had their answer."""
    assert says(edited(text)) == NOTHING


# Blocked and unblocked


@pytest.mark.parametrize("status", ["kicked", "left"])
def test_a_block_is_remembered_and_nothing_is_sent(status: str) -> None:
    """The rest of what is remembered stays."""
    reply = says(membership(status), knows({"language": "ru"}))
    assert reply == Reply(state={"language": "ru", "blocked": True})
    assert says(membership(status), knows(reply.state)) == NOTHING


@pytest.mark.parametrize("status", ["member", "administrator", "restricted", "creator"])
def test_an_unblock_is_remembered_and_nothing_is_sent(status: str) -> None:
    """The person says /start next, and that is answered."""
    assert says(membership(status), knows({"blocked": True})) == Reply(state={})
    assert says(membership(status)) == NOTHING


def test_whoever_writes_has_not_blocked_the_bot() -> None:
    """Their message was written after the block: the change back has been lost, or is on its way."""
    for update in (wrote("/start"), pressed("menu")):
        reply = says(update, knows({"blocked": True}))
        assert reply.calls
        assert reply.state == {}


def test_who_blocked_gets_no_result_no_progress_and_no_apology() -> None:
    """Not even of what they had asked for before."""
    job = Job(1, PERSON, PERSON, "kie", "z-image", {"prompt": "a cat"}, {}, "failed", NOW, 9, error="failed")
    running = Job(1, PERSON, PERSON, "kie", "z-image", {"prompt": "a cat"}, {}, "running", NOW, 9)
    assert bot.finished(job, knows()).calls
    assert bot.finished(job, knows({"blocked": True})) == NOTHING
    assert bot.progress(running, knows())
    assert not bot.progress(running, knows({"blocked": True}))
    assert bot.apology(wrote("/start"), knows({"blocked": True})) is None


# Payments


@pytest.mark.parametrize(
    ("question", "method", "parameter"),
    [
        ("pre_checkout_query", "answerPreCheckoutQuery", "pre_checkout_query_id"),
        ("shipping_query", "answerShippingQuery", "shipping_query_id"),
    ],
)
def test_payments_are_politely_refused(question: str, method: str, parameter: str) -> None:
    """Before any money moves, and in the language of the person."""
    questions: dict[str, Any] = {question: Payment("p", User(PERSON, "ru"))}
    update = Update(1, **questions)
    assert says(update).calls == (Call(method, {parameter: "p", "ok": False, "error_message": RUSSIAN.no_payments}),)


# After an outage


def test_after_an_outage_a_chat_gets_one_apology_with_the_menu() -> None:
    """What was written before it is past answering, what is written after it is answered as always."""
    first = says(wrote("/start"), knows(age=2 * HOUR))
    assert shown(first).params["text"].startswith("Sorry")
    assert [each["callback_data"] for each in buttons(shown(first))][-1] == "help"
    assert first.state == {"apologised_at": NOW}
    for update in (wrote("kling"), wrote(photo=(A_FILE,)), pressed("menu"), wrote("/help"), edited("/start")):
        assert says(update, knows(first.state, age=1.5 * HOUR)) == NOTHING
    assert shown(says(wrote("/help"), knows(first.state))).params["text"] == ENGLISH.help


def test_what_telegram_has_held_back_is_late_too() -> None:
    """While no instance was there, updates wait at Telegram: they arrive new, with an old date."""
    assert shown(says(wrote("/start", date=int(NOW - 2 * HOUR)))).params["text"].startswith("Sorry")
    assert says(wrote("/start", date=int(NOW - HOUR / 2))).after == "MAIN_MENU_SENT"
    assert says(wrote("/start", date=0)).after == "MAIN_MENU_SENT"


def test_what_an_operator_replays_is_answered() -> None:
    """Telegram keeps nothing for longer than a day, so what is older did not come from there."""
    assert says(wrote("/start", date=int(NOW - 23 * HOUR))).after is None
    assert says(wrote("/start", date=int(NOW - 25 * HOUR))).after == "MAIN_MENU_SENT"


def test_the_next_outage_has_an_apology_of_its_own() -> None:
    """What is late by then was written after the last one."""
    reply = says(wrote("/start"), knows({"apologised_at": NOW - 5 * HOUR}, age=2 * HOUR))
    assert shown(reply).params["text"].startswith("Sorry")
    assert reply.state == {"apologised_at": NOW}


def test_an_outage_leaves_the_question() -> None:
    """The menu is what is open then: a text that comes next is no answer to what was asked hours ago."""
    reply = says(wrote("a cat"), knows({"asking": "draft", "draft": {"number": 1, "key": "00000000"}}, age=2 * HOUR))
    assert reply.state == {"apologised_at": NOW}


def test_what_nobody_would_have_answered_gets_no_apology() -> None:
    """The talk of a group, a command of another bot, a service message."""
    for update in (wrote("hello", kind="group"), wrote("/start@other_bot"), wrote(), Update(1)):
        assert says(update, knows(age=2 * HOUR)) == NOTHING


def test_a_late_inline_query_is_left() -> None:
    """Telegram has stopped waiting for the answer."""
    update = Update(1, inline_query=InlineQuery("i", User(PERSON)))
    assert says(update, knows(age=31.0)) == NOTHING
    assert methods(says(update, knows(age=29.0))) == ["answerInlineQuery"]


# Presses


def test_a_press_is_answered_after_the_edit() -> None:
    """So where the edit is refused, the answer can be an alert, and a new menu comes."""
    reply = says(pressed("menu"))
    assert methods(reply) == ["editMessageText", "answerCallbackQuery"]
    assert set(reply.calls[1].params) == {"callback_query_id"}
    ((alert, send),) = reply.instead
    assert alert.params == {"callback_query_id": "q", "text": ENGLISH.not_editable, "show_alert": True}
    assert send.method == "sendMessage"
    assert send.params["text"] == reply.calls[0].params["text"]


@pytest.mark.parametrize(("age", "answered"), [(0.0, True), (149.0, True), (151.0, False), (HOUR, False)])
def test_an_old_press_is_not_answered_but_refreshes_its_view(age: float, answered: bool) -> None:
    """Telegram takes the answer for 150 s."""
    reply = says(pressed("category:video"), knows(age=age))
    assert methods(reply) == ["editMessageText", *(["answerCallbackQuery"] if answered else [])]
    assert [len(calls) for calls in reply.instead] == [2 if answered else 1]


def test_a_press_on_what_was_sent_inline_edits_that() -> None:
    """There is no chat that a new message could go to."""
    query = CallbackQuery("q", User(PERSON, "en"), data="menu", inline_message_id="m")
    reply = says(Update(1, callback_query=query))
    assert methods(reply) == ["editMessageText", "answerCallbackQuery"]
    assert reply.calls[0].params["inline_message_id"] == "m"
    assert "chat_id" not in reply.calls[0].params
    assert [[call.method for call in calls] for calls in reply.instead] == [["answerCallbackQuery"]]


def test_a_press_without_any_message_is_answered_in_words() -> None:
    """Too old for Telegram to say which message it was on."""
    reply = says(Update(1, callback_query=CallbackQuery("q", User(PERSON, "en"), data="menu")))
    assert reply.calls == (
        Call("answerCallbackQuery", {"callback_query_id": "q", "text": ENGLISH.too_old, "show_alert": True}),
    )


def test_a_button_under_a_photo_sends_a_new_message() -> None:
    """A photo cannot become a text."""
    reply = says(pressed("menu", text=None, photo=(A_FILE,)))
    assert methods(reply) == ["answerCallbackQuery", "sendMessage"]
    assert reply.instead == ()


@pytest.mark.parametrize("data", [None, "", "nonsense", ":", "menus", "😀", "start", "typed", "cancel", "models"])
def test_an_unknown_button_gets_an_alert_and_the_menu(data: str | None) -> None:
    """One of an older version, or a modified app."""
    reply = says(pressed(data))
    assert methods(reply) == ["editMessageText", "answerCallbackQuery"]
    assert reply.calls[1].params["text"] == ENGLISH.unknown_press


# Apologies


@pytest.mark.parametrize(
    ("update", "place", "words"),
    [
        (wrote("/start", language="ru"), {"chat_id": PERSON}, RUSSIAN.apology),
        (wrote("/start", kind="group", sender=None), {"chat_id": -7}, ENGLISH.apology),
        (pressed("menu", language="uk"), {"chat_id": PERSON}, RUSSIAN.apology),
        (edited("/start"), {"chat_id": PERSON}, ENGLISH.apology),
        (
            wrote("/start", kind="supergroup", is_topic_message=True, message_thread_id=3),
            {"chat_id": -7, "message_thread_id": 3},
            ENGLISH.apology,
        ),
    ],
)
def test_an_apology_goes_where_the_update_came_from(update: Update, place: dict[str, int], words: str) -> None:
    """One message, in the person's language."""
    assert bot.apology(update, knows()) == Call("sendMessage", {**place, "text": words})


def test_where_there_is_nobody_there_is_no_apology() -> None:
    """A press without its message, or an update of another kind."""
    assert bot.apology(Update(1, callback_query=CallbackQuery("q", User(PERSON))), knows()) is None
    assert bot.apology(Update(1), knows()) is None


@pytest.mark.parametrize(
    "update",
    [
        wrote("hello", kind="group"),
        wrote("/start@other_bot", kind="group"),
        wrote("hello", sender=User(6, is_bot=True)),
        wrote("/start", kind="channel", sender=None),
        wrote(),
    ],
)
def test_what_nobody_would_have_answered_has_no_apology(update: Update) -> None:
    """Whatever went wrong with it: people who talk to each other, another bot, a service message."""
    assert bot.apology(update, knows()) is None


def test_the_menu_costs_no_memory() -> None:
    """What is as it was is not written: menus stay as cheap as they are."""
    for update in (wrote("/start"), wrote("kling"), pressed("menu"), pressed("help"), wrote(sticker=A_FILE)):
        assert says(update).state is None
    assert says(pressed("menu"), knows(Memory(language="ru").state())).state is None
