"""What a user waits for at the stand-in for Telegram: presses, inline results, questions before a payment."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox.answers import ApiAnswer
from sandbox.telegram import Telegram
from tests.manual_clock import ManualClock
from tests.sandbox_calls import call, why

USER = 7
MENU = {"inline_keyboard": [[{"text": "Yes", "callback_data": "yes"}]]}
CARD = {
    "type": "article",
    "id": "1",
    "title": "Kling",
    "input_message_content": {"message_text": "<b>Kling</b>", "parse_mode": "HTML"},
    "reply_markup": MENU,
}
TOO_OLD = "Bad Request: query is too old and response timeout expired or query ID is invalid"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def telegram(clock: ManualClock) -> Telegram:
    telegram = Telegram(now=clock)
    telegram.user_sends_text(USER, "/start")
    return telegram


def asked(telegram: Telegram, query: str = "kling") -> str:
    update = telegram.user_asks_inline(USER, query, language_code="ru")
    assert update is not None
    query_id: str = update.body["id"]
    return query_id


def answer(telegram: Telegram, query_id: str, *results: Any, **params: Any) -> ApiAnswer:
    return call(telegram, "answerInlineQuery", inline_query_id=query_id, results=json.dumps(results), **params)


def test_an_inline_query_is_an_update_and_shows_its_results(telegram: Telegram) -> None:
    update = telegram.user_asks_inline(USER, "kling", offset="8")
    assert update is not None
    assert (update.kind, update.body["query"], update.body["offset"]) == ("inline_query", "kling", "8")
    button = {"text": "Open", "start_parameter": "x"}
    given = answer(telegram, update.body["id"], CARD, next_offset="16", is_personal=True, cache_time=5, button=button)
    assert given.body == {"ok": True, "result": True}
    (query,) = telegram.inline_queries(USER)
    assert query.answered
    assert query.results == [CARD]
    assert (query.next_offset, query.is_personal, query.cache_time, query.button) == ("16", True, 5, button)


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ([CARD | {"id": str(number)} for number in range(51)], "too many inline query results specified"),
        ([CARD, CARD], "RESULT_ID_DUPLICATE"),
        ([CARD | {"id": "я" * 33}], "RESULT_ID_INVALID"),
        (["x"], "can't parse inline query result: Inline query result must be an object"),
        ([CARD | {"id": ""}], 'can\'t parse inline query result: Can\'t find field "id"'),
        ([{"id": "1"}], 'can\'t parse inline query result: Can\'t find field "type"'),
        ([CARD | {"title": ""}], 'can\'t parse inline query result: Can\'t find field "title"'),
        (
            [{"type": "article", "id": "1", "title": "x"}],
            'can\'t parse inline query result: Can\'t find field "message_text"',
        ),
        ([{"type": "photo", "id": "1"}], 'can\'t parse inline query result: Can\'t find field "photo_file_id"'),
        (
            [CARD | {"type": "cat"}],
            'can\'t parse inline query result: type "cat" is unsupported for the inline query result',
        ),
        (
            [CARD | {"input_message_content": {"message_text": "<b>x", "parse_mode": "HTML"}}],
            'can\'t parse entities: Can\'t find end tag corresponding to start tag "b"',
        ),
        ([CARD | {"reply_markup": {"inline_keyboard": [[{"text": "x", "callback_data": "x" * 65}]]}}],
         "BUTTON_DATA_INVALID"),
    ],
)  # fmt: skip
def test_results_that_telegram_would_not_show_are_refused(
    telegram: Telegram, results: list[Any], expected: str
) -> None:
    assert why(answer(telegram, asked(telegram), *results)) == f"Bad Request: {expected}"
    assert not telegram.inline_queries(USER)[0].answered


def test_results_are_an_array(telegram: Telegram) -> None:
    refused = call(telegram, "answerInlineQuery", inline_query_id=asked(telegram), results="{}")
    assert why(refused) == "Bad Request: expected an Array of inline query results"


def test_a_late_or_unknown_inline_answer_is_refused(telegram: Telegram, clock: ManualClock) -> None:
    query_id = asked(telegram)
    assert why(answer(telegram, "42", CARD)) == TOO_OLD
    clock.time += 31
    assert why(answer(telegram, query_id, CARD)) == TOO_OLD


def test_a_chosen_result_is_a_message_of_the_users_by_way_of_the_bot(telegram: Telegram) -> None:
    """Its presses name it by inline_message_id only, and by that the bot edits it."""
    query_id = asked(telegram)
    answer(telegram, query_id, CARD)
    update = telegram.user_chooses(USER, query_id, "1")
    assert update is not None
    assert (update.body["from"]["id"], update.body["via_bot"]["id"]) == (USER, 424242)
    assert (update.body["text"], update.body["entities"][0]["type"]) == ("Kling", "bold")
    press = telegram.user_presses(USER, USER, update.body["message_id"], "yes")
    assert press is not None
    assert "message" not in press.body
    target = {"inline_message_id": press.body["inline_message_id"]}
    edited = call(telegram, "editMessageText", **target, text="new", reply_markup=MENU)
    assert edited.body["result"] is True
    assert telegram.messages(USER)[-1]["text"] == "new"
    unknown = call(telegram, "editMessageText", inline_message_id="x", text="new")
    assert why(unknown) == "Bad Request: MESSAGE_ID_INVALID"


def test_a_result_that_was_not_offered_cannot_be_chosen(telegram: Telegram) -> None:
    query_id = asked(telegram)
    answer(telegram, query_id, CARD)
    with pytest.raises(LookupError):
        telegram.user_chooses(USER, query_id, "2")


def test_a_press_shows_the_alert_that_answered_it(telegram: Telegram) -> None:
    sent = call(telegram, "sendMessage", chat_id=USER, text="menu", reply_markup=MENU)
    update = telegram.user_presses(USER, USER, sent.body["result"]["message_id"], "yes")
    assert update is not None
    query = {"callback_query_id": update.body["id"]}
    too_long = call(telegram, "answerCallbackQuery", **query, text="x" * 201)
    assert why(too_long) == "Bad Request: message is too long"
    assert call(telegram, "answerCallbackQuery", **query, text="x" * 200, show_alert=True).status == 200
    (press,) = telegram.presses(USER)
    assert (press.answered, press.show_alert, len(press.text)) == (True, True, 200)


@pytest.mark.parametrize(
    ("kind", "method", "name"),
    [
        ("pre_checkout_query", "answerPreCheckoutQuery", "pre_checkout_query_id"),
        ("shipping_query", "answerShippingQuery", "shipping_query_id"),
    ],
)
def test_a_payment_is_refused_in_time_and_with_words(
    telegram: Telegram, clock: ManualClock, kind: str, method: str, name: str
) -> None:
    telegram.push_update(kind, {"id": "q1", "from": telegram.users[USER]})
    assert why(call(telegram, method, **{name: "q1"}, ok=False)) == 'Bad Request: parameter "error_message" is required'
    assert why(call(telegram, method, **{name: "q2"}, ok=False, error_message="Sorry")) == TOO_OLD
    assert call(telegram, method, **{name: "q1"}, ok=False, error_message="Sorry").status == 200
    question = telegram.bot().questions["q1"]
    assert (question.ok, question.error_message) == (False, "Sorry")
    clock.time += 11
    assert why(call(telegram, method, **{name: "q1"}, ok=False, error_message="Sorry")) == TOO_OLD
