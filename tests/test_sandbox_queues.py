"""The queue and the lifetime of each kind of update, as Client.cpp passes them to `add_update`."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.queues import DAY, expires_at, queue_key

NOW = 1_700_000_000.0
ANN, BOB = {"id": 7}, {"id": 8}
CHAT = {"id": -5}


def queue(kind: str, **body: Any) -> Any:
    return queue_key(kind, body, 1)


@pytest.mark.parametrize(
    "kinds",
    [
        ["chat_boost", "removed_chat_boost"],
        ["business_message", "edited_business_message", "deleted_business_messages"],
        ["message", "edited_message", "channel_post", "edited_channel_post"],
    ],
)
def test_these_kinds_share_a_queue_for_each_chat(kinds: list[str]) -> None:
    assert len({queue(kind, chat=CHAT) for kind in kinds}) == 1
    assert queue(kinds[0], chat=CHAT) != queue(kinds[0], chat={"id": -6})


def test_shipping_and_pre_checkout_queries_share_a_queue_for_each_user() -> None:
    """Both are `sender_user_id_ + (static_cast<int64>(4) << 33)`."""
    assert queue("shipping_query", **{"from": ANN}) == queue("pre_checkout_query", **{"from": ANN})
    assert queue("shipping_query", **{"from": ANN}) != queue("pre_checkout_query", **{"from": BOB})


def test_a_change_of_a_member_waits_behind_the_request_to_join_of_the_same_person() -> None:
    """The queue is that of the member, whoever has changed it: `old_chat_member_->member_id_`, `request_->user_id_`."""
    added = queue("chat_member", chat=CHAT, old_chat_member={"user": ANN}, **{"from": BOB})
    assert added == queue("chat_join_request", chat=CHAT, **{"from": ANN})
    assert added != queue("my_chat_member", chat=CHAT, old_chat_member={"user": ANN}, **{"from": ANN})


def test_other_kinds_of_one_chat_or_user_do_not_wait_for_each_other() -> None:
    per_user = ["callback_query", "inline_query", "chosen_inline_result", "shipping_query", "chat_join_request"]
    per_chat = ["message", "my_chat_member", "chat_boost", "message_reaction", "message_reaction_count"]
    queues = {queue(kind, chat=CHAT, **{"from": CHAT}) for kind in (*per_user, *per_chat, "business_message")}
    assert len(queues) == 11
    assert queue("business_connection", user=ANN) not in queues
    assert queue("poll", id="5") == queue("poll_answer", poll_id="5")


def test_an_edited_message_expires_a_day_after_the_edit() -> None:
    """`message->edit_date_ == 0 ? message->date_ : message->edit_date_`, and 86400 s more."""
    old = {"date": NOW - 30 * DAY, "chat": CHAT}
    assert expires_at("edited_message", {**old, "edit_date": NOW}, NOW) == NOW + DAY
    assert expires_at("edited_business_message", {**old, "edit_date": NOW}, NOW) == NOW + DAY
    assert expires_at("message", {**old, "date": NOW - 60}, NOW) == NOW - 60 + DAY


@pytest.mark.parametrize(
    ("kind", "seconds"),
    [("callback_query", 150), ("inline_query", 30), ("chosen_inline_result", 600), ("poll", DAY), ("telepathy", DAY)],
)
def test_an_update_without_a_date_lives_from_now_on(kind: str, seconds: float) -> None:
    assert expires_at(kind, {"date": 5}, NOW) == NOW + seconds


def test_a_change_of_membership_expires_a_day_after_it() -> None:
    """`update->date_ + 86400 - get_unix_time()`."""
    assert expires_at("chat_member", {"date": NOW - 60}, NOW) == NOW - 60 + DAY
