"""What the sandbox answers to edits: the refusals that tell what a message id is, and the rules that can be broken."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from sandbox.rules import Edits, Ids
from sandbox.telegram import Telegram
from tests.manual_clock import ManualClock
from tests.sandbox_calls import call

USER, OTHER = 7, 8
MENU = {"inline_keyboard": [[{"text": "Yes", "callback_data": "yes"}]]}
FORCE_REPLY = {"force_reply": True}
REPLY_KEYBOARD = {"keyboard": [[{"text": "Yes"}]]}

ABSENT = "Bad Request: message to edit not found"
NOT_OURS = "Bad Request: message can't be edited"
OURS = "Bad Request: inline keyboard expected"
REAL_EDIT = "a real edit"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def telegram(clock: ManualClock) -> Telegram:
    telegram = Telegram(now=clock)
    telegram.user_sends_text(USER, "/start")
    telegram.user_sends_text(OTHER, "/start")
    return telegram


def send(telegram: Telegram, *, chat_id: int = USER, **params: Any) -> int:
    answer = call(telegram, "sendMessage", **{"chat_id": chat_id, "text": "menu"} | params)
    message_id: int = answer.body["result"]["message_id"]
    return message_id


def edit(telegram: Telegram, message_id: int, markup: Any, method: str = "editMessageReplyMarkup") -> str:
    """The refusal's words, or REAL_EDIT."""
    answer = call(telegram, method, chat_id=USER, message_id=message_id, text="new", reply_markup=markup)
    return REAL_EDIT if answer.status == 200 else str(answer.body["description"])


def probe(telegram: Telegram, message_id: int) -> str:
    return edit(telegram, message_id, FORCE_REPLY)


def targets(telegram: Telegram) -> dict[str, int]:
    """A message of every kind that a message id may turn out to be."""
    return {
        "own menu": (menu := send(telegram, reply_markup=MENU)),
        "own plain text": send(telegram),
        "own with a reply keyboard": send(telegram, reply_markup=REPLY_KEYBOARD),
        "own with force_reply": send(telegram, reply_markup=FORCE_REPLY),
        "own with remove_keyboard": send(telegram, reply_markup={"remove_keyboard": True}),
        "own forward": forward(telegram, menu),
        "own service message": pin(telegram, menu),
        "the user's": telegram.messages(USER)[0]["message_id"],
        "own in another chat": send(telegram, chat_id=OTHER),
        "the user's in another chat": telegram.messages(OTHER)[0]["message_id"],
        "nobody's": 1_000_000,
    }


def forward(telegram: Telegram, message_id: int) -> int:
    answer = call(telegram, "forwardMessage", chat_id=USER, from_chat_id=USER, message_id=message_id)
    forwarded: int = answer.body["result"]["message_id"]
    return forwarded


def pin(telegram: Telegram, message_id: int) -> int:
    assert call(telegram, "pinChatMessage", chat_id=USER, message_id=message_id).body["result"] is True
    service_message: int = telegram.messages(USER)[-1]["message_id"]
    return service_message


KINDS = {
    "own menu": OURS,
    "own plain text": OURS,
    "own with a reply keyboard": NOT_OURS,
    "own with force_reply": NOT_OURS,
    "own with remove_keyboard": NOT_OURS,
    "own forward": NOT_OURS,
    "own service message": NOT_OURS,
    "the user's": NOT_OURS,
    "own in another chat": ABSENT,
    "the user's in another chat": ABSENT,
    "nobody's": ABSENT,
}


@pytest.mark.parametrize("method", ["editMessageReplyMarkup", "editMessageText"])
@pytest.mark.parametrize("markup", [FORCE_REPLY, REPLY_KEYBOARD, {"remove_keyboard": True}, '{"force_reply": true}'])
def test_a_markup_that_is_no_inline_keyboard_tells_what_an_id_is_and_changes_nothing(
    telegram: Telegram, method: str, markup: Any
) -> None:
    """Existence, then whether it may be edited, then the kind of markup: a check in another place shows here."""
    ids = targets(telegram)
    before = deepcopy([telegram.messages(chat_id) for chat_id in (USER, OTHER)])
    assert {kind: edit(telegram, message_id, markup, method) for kind, message_id in ids.items()} == KINDS
    assert [telegram.messages(chat_id) for chat_id in (USER, OTHER)] == before


@pytest.mark.parametrize("markup", [{}, {"inline_keyboard": []}, {"inline_keyboard": [[]]}, {"force_reply": False}])
def test_a_markup_of_nothing_is_a_real_edit(telegram: Telegram, markup: Any) -> None:
    message_id = send(telegram, reply_markup=MENU)
    assert edit(telegram, message_id, markup) == REAL_EDIT
    assert "reply_markup" not in telegram.messages(USER)[-1]


def test_what_cannot_be_read_is_refused_before_the_message_is_looked_for(telegram: Telegram) -> None:
    assert edit(telegram, 1_000_000, "{") == "Bad Request: can't parse reply keyboard markup JSON object"


def test_a_reply_keyboard_beside_an_inline_one_is_the_markups_kind(telegram: Telegram) -> None:
    """The order of the real server: otherwise a message that cannot be edited would pass for one that can."""
    assert probe(telegram, send(telegram, reply_markup=MENU | REPLY_KEYBOARD)) == NOT_OURS
    assert probe(telegram, send(telegram, reply_markup=MENU | FORCE_REPLY)) == OURS


def test_what_is_not_there_cannot_be_forwarded_or_pinned(telegram: Telegram) -> None:
    for method, why in (("forwardMessage", "message to forward"), ("pinChatMessage", "message to pin")):
        answer = call(telegram, method, chat_id=USER, from_chat_id=USER, message_id=1_000_000)
        assert answer.body["description"] == f"Bad Request: {why} not found"


def test_a_new_message_can_be_unseen_for_a_while(telegram: Telegram, clock: ManualClock) -> None:
    """Not found too early, and whoever sent it; what is older is found."""
    older = send(telegram)
    clock.time += 2
    telegram.rules.change(unseen_for=1.5)
    assert probe(telegram, older) == OURS
    menu = send(telegram)
    telegram.user_sends_text(USER, "hi")
    newest = telegram.messages(USER)[-1]["message_id"]
    clock.time += 1.4
    assert [probe(telegram, each) for each in (older, menu, newest)] == [OURS, ABSENT, ABSENT]
    clock.time += 0.2
    assert [probe(telegram, each) for each in (menu, newest)] == [OURS, NOT_OURS]


def test_refusals_can_be_worded_otherwise(telegram: Telegram) -> None:
    ids = targets(telegram)
    telegram.rules.change(edits="other_words")
    words = {KINDS[kind]: probe(telegram, message_id) for kind, message_id in ids.items()}
    assert words == {
        ABSENT: "Bad Request: MESSAGE_ID_INVALID",
        NOT_OURS: "Bad Request: MESSAGE_AUTHOR_REQUIRED",
        OURS: "Bad Request: REPLY_MARKUP_INVALID",
    }


def test_the_kind_of_markup_can_be_looked_at_first(telegram: Telegram) -> None:
    """Then every id looks like the bot's own, also one that nobody has."""
    telegram.rules.change(edits="kind_first")
    assert {probe(telegram, message_id) for message_id in targets(telegram).values()} == {OURS}


def test_a_probe_can_be_carried_out(telegram: Telegram) -> None:
    """The bot's own messages lose their keyboard and answer 200; those that cannot be edited stay refused."""
    ids = targets(telegram)
    telegram.rules.change(edits="carried_out")
    expected = {kind: REAL_EDIT if answer == OURS else answer for kind, answer in KINDS.items()}
    assert {kind: probe(telegram, message_id) for kind, message_id in ids.items()} == expected
    menu = next(message for message in telegram.messages(USER) if message["message_id"] == ids["own menu"])
    assert "reply_markup" not in menu


def test_rules_are_changed_wholly_or_not_at_all_and_can_be_reset(telegram: Telegram) -> None:
    telegram.rules.change(edits="other_words", unseen_for=1)
    for wrong in (
        {"ids": "none"},
        {"unseen_for": -1},
        {"unseen_for": "1"},
        {"unseen_for": float("nan")},
        {"colour": 1},
    ):
        with pytest.raises((ValueError, TypeError)):
            telegram.rules.change(**{"edits": "kind_first"} | wrong)
    assert (telegram.rules.edits, telegram.rules.unseen_for) == (Edits.OTHER_WORDS, 1)
    telegram.rules.reset()
    assert (telegram.rules.ids, telegram.rules.edits, telegram.rules.unseen_for) == (Ids.SHARED, Edits.DOCUMENTED, 0)
