"""The sandbox's Bot API methods, state and users, as plain calls at a fixed time."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox.answers import BLOCKED, DEACTIVATED, KICKED, ApiAnswer, upgraded
from sandbox.state import MAX_MESSAGES_PER_CHAT, SandboxFull
from sandbox.telegram import DEMO_TOKEN, Telegram
from tests.manual_clock import ManualClock
from tests.sandbox_calls import call

USER = 7
MARKUP = {"inline_keyboard": [[{"text": "Yes", "callback_data": "yes"}]]}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def telegram(clock: ManualClock) -> Telegram:
    telegram = Telegram(now=clock)
    telegram.user_sends_text(USER, "/start", language_code="ru")
    return telegram


def send(telegram: Telegram, text: str = "hello", **params: Any) -> int:
    message_id: int = call(telegram, "sendMessage", chat_id=USER, text=text, **params).body["result"]["message_id"]
    return message_id


def refusal(answer: ApiAnswer) -> tuple[int, str]:
    assert answer.body["ok"] is False
    assert answer.body["error_code"] == answer.status
    return answer.status, answer.body["description"]


def test_get_me_answers_the_bot_itself(telegram: Telegram) -> None:
    assert call(telegram, "getMe").body["result"]["id"] == 424242


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", (401, "Unauthorized")),
        ("no token at all", (404, "Not Found")),
        ("", (404, "Not Found")),
    ],
)
def test_an_unknown_token_is_unauthorized_and_a_malformed_one_not_found(
    telegram: Telegram, token: str, expected: tuple[int, str]
) -> None:
    assert refusal(telegram.call(token, "getMe", {})) == expected


def test_method_names_are_case_insensitive(telegram: Telegram) -> None:
    assert call(telegram, "SENDmessage", chat_id=USER, text="x").status == 200
    assert [entry.method for entry in telegram.call_log] == ["sendMessage"]


def test_an_unknown_method_is_not_found(telegram: Telegram) -> None:
    assert refusal(call(telegram, "makeCoffee")) == (404, "Not Found: method not found")


def test_a_sent_message_is_what_the_user_sees(telegram: Telegram) -> None:
    message_id = send(telegram, "hello", reply_markup=json.dumps(MARKUP))
    seen = telegram.messages(USER)
    assert [message["text"] for message in seen] == ["/start", "hello"]
    assert seen[1]["message_id"] == message_id
    assert seen[1]["reply_markup"] == MARKUP
    assert seen[1]["from"]["is_bot"]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"text": "x"}, (400, "Bad Request: chat_id is empty")),
        ({"chat_id": -1, "text": "x"}, (400, "Bad Request: chat not found")),
        ({"chat_id": "@nobody", "text": "x"}, (400, "Bad Request: chat not found")),
        ({"chat_id": 8, "text": "x"}, (403, "Forbidden: bot can't initiate conversation with a user")),
        ({"chat_id": USER}, (400, "Bad Request: message text is empty")),
        ({"chat_id": USER, "text": " \n "}, (400, "Bad Request: message text is empty")),
        ({"chat_id": USER, "text": "x" * 4097}, (400, "Bad Request: message is too long")),
    ],
)
def test_send_message_refuses_in_telegrams_words(
    telegram: Telegram, params: dict[str, Any], expected: tuple[int, str]
) -> None:
    assert refusal(call(telegram, "sendMessage", **params)) == expected
    assert len(telegram.messages(USER)) == 1


def test_4096_characters_pass(telegram: Telegram) -> None:
    send(telegram, "я" * 4096)


def test_html_is_counted_and_shown_without_its_tags(telegram: Telegram) -> None:
    send(telegram, "<b>A &amp; B</b>", parse_mode="HTML")
    assert telegram.messages(USER)[-1]["text"] == "A & B"


@pytest.mark.parametrize("data", ["", "x" * 65, "я" * 33, 5])
def test_callback_data_is_1_to_64_bytes_of_utf8(telegram: Telegram, data: Any) -> None:
    markup = {"inline_keyboard": [[{"text": "b", "callback_data": data}]]}
    answer = call(telegram, "sendMessage", chat_id=USER, text="x", reply_markup=markup)
    assert refusal(answer) == (400, "Bad Request: BUTTON_DATA_INVALID")


@pytest.mark.parametrize(
    "markup",
    ["{", "[]", {"inline_keyboard": "x"}, {"inline_keyboard": [["x"]]}, {"inline_keyboard": [[{"text": "no action"}]]}],
)
def test_a_malformed_keyboard_is_refused(telegram: Telegram, markup: Any) -> None:
    assert call(telegram, "sendMessage", chat_id=USER, text="x", reply_markup=markup).status == 400


def test_a_reply_keyboard_is_taken_but_is_no_inline_keyboard(telegram: Telegram) -> None:
    send(telegram, reply_markup={"keyboard": [[{"text": "b"}]]})
    assert "reply_markup" not in telegram.messages(USER)[-1]


def test_an_edit_replaces_text_and_keyboard(telegram: Telegram) -> None:
    message_id = send(telegram, reply_markup=MARKUP)
    assert call(telegram, "editMessageText", chat_id=USER, message_id=message_id, text="new").status == 200
    message = telegram.messages(USER)[-1]
    assert message["text"] == "new"
    assert "reply_markup" not in message
    assert message["edit_date"] == 1_700_000_000


@pytest.mark.parametrize("method", ["editMessageText", "editMessageReplyMarkup"])
def test_an_edit_that_changes_nothing_is_refused(telegram: Telegram, method: str) -> None:
    message_id = send(telegram, "same", reply_markup=MARKUP)
    params = {"chat_id": USER, "message_id": message_id, "text": "same", "reply_markup": MARKUP}
    status, description = refusal(telegram.call(DEMO_TOKEN, method, params))
    assert status == 400
    assert description.startswith("Bad Request: message is not modified: specified new message content and reply")


def test_editing_or_deleting_what_is_gone_is_refused(telegram: Telegram) -> None:
    message_id = send(telegram)
    target = {"chat_id": USER, "message_id": message_id}
    assert call(telegram, "deleteMessage", **target).body == {"ok": True, "result": True}
    assert refusal(call(telegram, "deleteMessage", **target))[1] == "Bad Request: message to delete not found"
    assert refusal(call(telegram, "editMessageText", **target, text="x"))[1] == "Bad Request: message to edit not found"


def test_a_users_message_cannot_be_edited_but_deleted(telegram: Telegram) -> None:
    target = {"chat_id": USER, "message_id": telegram.messages(USER)[0]["message_id"]}
    assert refusal(call(telegram, "editMessageText", **target, text="x"))[1] == "Bad Request: message can't be edited"
    assert call(telegram, "deleteMessage", **target).status == 200


def test_a_press_spins_until_it_is_answered(telegram: Telegram) -> None:
    message_id = send(telegram, reply_markup=MARKUP)
    update = telegram.user_presses(USER, USER, message_id, "yes")
    assert update is not None
    assert update.body["data"] == "yes"
    assert update.body["message"]["reply_markup"] == MARKUP
    assert [press.answered for press in telegram.presses(USER)] == [False]
    assert call(telegram, "answerCallbackQuery", callback_query_id=update.body["id"], text="ok").status == 200
    assert [(press.answered, press.text) for press in telegram.presses(USER)] == [(True, "ok")]


def test_a_late_or_unknown_callback_answer_is_refused(telegram: Telegram, clock: ManualClock) -> None:
    update = telegram.user_presses(USER, USER, send(telegram, reply_markup=MARKUP), "yes")
    assert update is not None
    clock.time += 151
    for query_id in (update.body["id"], "42"):
        assert refusal(call(telegram, "answerCallbackQuery", callback_query_id=query_id)) == (
            400,
            "Bad Request: query is too old and response timeout expired or query ID is invalid",
        )


def test_a_press_on_a_message_that_never_was_is_a_mistake_of_the_test(telegram: Telegram) -> None:
    with pytest.raises(LookupError):
        telegram.user_presses(USER, USER, 999, "yes")


def test_a_chat_action_shows_until_the_next_message(telegram: Telegram) -> None:
    assert call(telegram, "sendChatAction", chat_id=USER, action="typing").status == 200
    assert telegram.bot().chats[USER].action == "typing"
    send(telegram)
    assert telegram.bot().chats[USER].action == ""
    assert call(telegram, "sendChatAction", chat_id=USER, action="dancing").status == 400


def test_commands_are_kept_and_checked(telegram: Telegram) -> None:
    good = [{"command": "start", "description": "Begin"}]
    assert call(telegram, "setMyCommands", commands=json.dumps(good)).status == 200
    assert list(telegram.bot().commands.values()) == [good]
    bad = [{"command": "Start!", "description": "Begin"}]
    assert refusal(call(telegram, "setMyCommands", commands=bad))[1] == "Bad Request: BOT_COMMAND_INVALID"


def test_a_blocked_bot_is_forbidden_until_the_user_writes_again(telegram: Telegram) -> None:
    update = telegram.user_blocks_bot(USER)
    assert update is not None
    assert update.kind == "my_chat_member"
    assert refusal(call(telegram, "sendMessage", chat_id=USER, text="x")) == (
        403,
        "Forbidden: bot was blocked by the user",
    )
    telegram.user_sends_text(USER, "/start")
    send(telegram)


@pytest.mark.parametrize("why", [BLOCKED, DEACTIVATED, KICKED])
def test_a_chat_can_be_closed_for_any_reason(telegram: Telegram, why: Any) -> None:
    telegram.refuse_chat(USER, why)
    assert refusal(call(telegram, "sendMessage", chat_id=USER, text="x")) == (why.status, why.description)


def test_a_group_that_was_upgraded_names_its_new_id(telegram: Telegram) -> None:
    telegram.user_sends_text(USER, "hi", chat_type="group", chat_id=-5)
    telegram.refuse_chat(-5, upgraded(-100))
    answer = call(telegram, "sendMessage", chat_id=-5, text="x")
    assert answer.body["parameters"] == {"migrate_to_chat_id": -100}


def test_a_user_seen_only_in_a_group_has_not_started_the_bot(telegram: Telegram) -> None:
    telegram.user_sends_text(9, "hi", chat_type="group", chat_id=-5)
    assert call(telegram, "sendMessage", chat_id=-5, text="x").status == 200
    assert call(telegram, "sendMessage", chat_id=9, text="x").status == 403


def test_update_ids_are_sequential_int32_from_a_seeded_start(clock: ManualClock) -> None:
    starts = set()
    for seed in range(20):
        telegram = Telegram(seed=seed, now=clock)
        first, second = (telegram.user_sends_text(USER, "x") for _ in range(2))
        assert first is not None
        assert second is not None
        assert 0 < first.id < 2**31 - 1
        assert second.id == first.id + 1
        starts.add(first.id)
    assert len(starts) > 1


def test_a_text_carries_who_where_and_when(telegram: Telegram) -> None:
    update = telegram.user_sends_text(USER, "/menu now", language_code="ru")
    assert update is not None
    assert update.body["from"]["language_code"] == "ru"
    assert update.body["chat"] == {"id": USER, "first_name": "User", "type": "private"}
    assert update.body["date"] == 1_700_000_000
    assert update.body["entities"] == [{"type": "bot_command", "offset": 0, "length": 5}]


def test_the_call_log_tells_effects_from_failures(telegram: Telegram) -> None:
    send(telegram, "menu")
    call(telegram, "sendMessage", chat_id=8, text="menu")
    assert len(telegram.call_log.find("sendMessage")) == 2
    (done,) = telegram.call_log.find("sendmessage", chat_id=USER, status=200)
    assert done.took_effect
    assert done.params["text"] == "menu"
    assert DEMO_TOKEN not in repr(list(telegram.call_log))


def test_pending_updates_are_bounded_and_a_full_sandbox_changes_nothing(clock: ManualClock) -> None:
    telegram = Telegram(now=clock, max_pending=1)
    telegram.user_sends_text(USER, "fits")
    with pytest.raises(SandboxFull):
        telegram.user_sends_text(USER, "does not fit")
    assert len(telegram.messages(USER)) == 1


def test_a_chat_keeps_its_newest_messages(telegram: Telegram) -> None:
    for number in range(MAX_MESSAGES_PER_CHAT + 5):
        send(telegram, str(number))
    seen = telegram.messages(USER)
    assert len(seen) == MAX_MESSAGES_PER_CHAT
    assert seen[0]["text"] == "5"


def test_bots_do_not_see_each_other(clock: ManualClock) -> None:
    telegram = Telegram(["1:" + "A" * 35, "2:" + "B" * 35], now=clock)
    telegram.user_sends_text(USER, "hi", token="2:" + "B" * 35)
    assert telegram.messages(USER) == []
    assert len(telegram.messages(USER, token="2:" + "B" * 35)) == 1


def test_what_is_remembered_is_bounded(clock: ManualClock) -> None:
    """Of calls and of sent messages the latest are kept: a sandbox under load for hours takes no more memory."""
    telegram = Telegram(now=clock, kept_calls=3, kept_sent=2)
    telegram.user_sends_text(USER, "/start")
    for number in range(5):
        telegram.call(DEMO_TOKEN, "sendMessage", {"chat_id": USER, "text": str(number)})
    assert [call.params["text"] for call in telegram.call_log] == ["2", "3", "4"]
    assert [message.text for message in telegram.sent()] == ["3", "4"]
