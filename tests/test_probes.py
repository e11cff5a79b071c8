"""What the answer to a probe tells, by the texts of the Bot API server, and that nothing else is taken for them."""

from __future__ import annotations

from typing import Any

import pytest

from telegram_client.errors import InDoubt, NotSent, Refused, TelegramError
from telegram_client.message_ids import OWN_KEPT, MessageIds, told_message
from telegram_client.probes import PROBE, Told, is_probe, probe_params, told_by


def refused(description: str, status: int = 400) -> Refused:
    return Refused(PROBE, description, status=status)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (refused("Bad Request: message to edit not found"), Told.ABSENT),
        (refused("Bad Request: message can't be edited"), Told.OTHERS),
        (refused("Bad Request: inline keyboard expected"), Told.OURS),
        (refused("inline keyboard expected"), Told.UNKNOWN),
        (refused("Bad Request: inline keyboard expected here"), Told.UNKNOWN),
        (refused("Bad Request: Inline keyboard expected"), Told.UNKNOWN),
        (refused("Bad Request: MESSAGE_ID_INVALID"), Told.UNKNOWN),
        (refused("Bad Request: group chat was upgraded to a supergroup chat"), Told.UNKNOWN),
        (refused("Forbidden: bot was blocked by the user", 403), Told.UNKNOWN),
        (refused("Bad Request: inline keyboard expected", 409), Told.UNKNOWN),
        (refused("Unauthorized", 401), Told.NOTHING),
        (refused("Not Found", 404), Told.NOTHING),
        (NotSent(PROBE, "Too Many Requests", status=429), Told.NOTHING),
        (NotSent(PROBE, "ConnectError"), Told.NOTHING),
        (InDoubt(PROBE, "Bad Request: inline keyboard expected", status=502), Told.NOTHING),
        (InDoubt(PROBE, "no answer in time", timed_out=True), Told.NOTHING),
        (None, Told.EDITED),
    ],
)
def test_what_an_answer_tells(error: TelegramError | None, told: Told) -> None:
    """Only these very texts, with a 400; whatever else is answered is no reason to believe anything."""
    assert told_by(error) is told


def test_a_probe_asks_for_what_no_message_can_have() -> None:
    """An empty keyboard would be read as none, and taking the keyboard away is a real edit."""
    params = probe_params(7, 3)
    assert params == {"chat_id": 7, "message_id": 3, "reply_markup": {"force_reply": True}}
    assert is_probe(PROBE, params)
    assert not is_probe(PROBE, {**params, "reply_markup": {}})
    assert not is_probe(PROBE, {"chat_id": 7, "message_id": 3})
    assert not is_probe(PROBE, None)
    assert not is_probe("sendMessage", params)


def test_a_message_is_read_from_a_result() -> None:
    """Chat and id of a Message; everything else that a call may result in is none."""
    assert told_message({"message_id": 5, "chat": {"id": -100}, "text": "x"}) == (-100, 5)
    others: list[Any] = [
        True,
        None,
        [],
        {},
        {"message_id": 5},
        {"message_id": "5", "chat": {"id": 7}},
        {"message_id": 5, "chat": 7},
    ]
    assert [told_message(result) for result in others] == [None] * len(others)


def test_what_is_our_own_is_known_to_exist() -> None:
    """It may be the greatest id, and the latest of them is the one to try a probe on."""
    ids = MessageIds()
    ids.note_own(7, 12)
    ids.note(8, 15)
    ids.note_own(8, 14)
    assert (ids.greatest(7), ids.own, ids.older_own) == (15, (8, 14), (7, 12))
    for message_id in range(20, 20 + OWN_KEPT):
        ids.note_own(9, message_id)
    assert ids.older_own == (9, 20)
