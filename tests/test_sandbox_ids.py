"""The ids of messages in the sandbox: one sequence for private chats and basic groups, others for the rest."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sandbox.message_ids import MessageIds
from sandbox.rules import Ids
from sandbox.telegram import DEMO_TOKEN, Telegram
from telegram_client.message_ids import sequence_of
from tests.manual_clock import ManualClock

ANN, BOB, GROUP = 7, 8, -5
SUPERGROUP, CHANNEL = -1_000_000_000_001, -1_000_000_000_002
TYPES = {ANN: "private", BOB: "private", GROUP: "group", SUPERGROUP: "supergroup", CHANNEL: "channel"}


@pytest.fixture
def telegram() -> Telegram:
    return Telegram(now=ManualClock())


def write(telegram: Telegram, chat_id: int) -> int:
    update = telegram.user_sends_text(ANN, "hi", chat_id=chat_id, chat_type=TYPES[chat_id])
    assert update is not None
    message_id: int = update.body["message_id"]
    return message_id


def send(telegram: Telegram, chat_id: int) -> int:
    answer = telegram.call(DEMO_TOKEN, "sendMessage", {"chat_id": chat_id, "text": "menu"})
    message_id: int = answer.body["result"]["message_id"]
    return message_id


def test_private_chats_and_basic_groups_share_a_sequence_both_ways(telegram: Telegram) -> None:
    telegram.user_sends_text(BOB, "hi")
    ids = [
        write(telegram, ANN),
        send(telegram, BOB),
        write(telegram, GROUP),
        send(telegram, GROUP),
        send(telegram, ANN),
    ]
    assert ids == [2, 3, 4, 5, 6]


def test_supergroups_and_channels_count_alone(telegram: Telegram) -> None:
    assert [write(telegram, ANN), write(telegram, ANN)] == [1, 2]
    assert [write(telegram, SUPERGROUP), send(telegram, SUPERGROUP)] == [1, 2]
    assert write(telegram, CHANNEL) == 1
    assert send(telegram, ANN) == 3


@given(st.lists(st.sampled_from(sorted(TYPES)), max_size=60))
def test_ids_grow_within_what_the_client_takes_for_a_sequence(chats: list[int]) -> None:
    """The client tells sequences by the id of the chat, the sandbox by its type: both must mean the same."""
    ids, seen = MessageIds(), defaultdict(list)
    for chat_id in chats:
        seen[sequence_of(chat_id)].append(ids.next(chat_id, TYPES[chat_id], Ids.SHARED))
    assert all(each == list(range(1, len(each) + 1)) for each in seen.values())


@given(st.lists(st.tuples(st.sampled_from(sorted(TYPES)), st.sampled_from(Ids)), max_size=60))
@example([(ANN, Ids.SHARED), (BOB, Ids.SHARED), (BOB, Ids.SHARED), (ANN, Ids.BY_CHAT), (BOB, Ids.SHARED)])
def test_no_chat_gets_an_id_twice_whatever_rules_follow_one_another(made: list[tuple[int, Ids]]) -> None:
    ids = MessageIds()
    handed_out = [(chat_id, ids.next(chat_id, TYPES[chat_id], rule)) for chat_id, rule in made]
    assert len(set(handed_out)) == len(handed_out)


def test_ids_can_be_each_chats_own(telegram: Telegram) -> None:
    """A chat goes on after its own last id, though another has had greater ones."""
    first = write(telegram, ANN)
    for _ in range(5):
        telegram.user_sends_text(BOB, "hi")
    telegram.rules.change(ids="by_chat")
    assert [send(telegram, ANN), send(telegram, BOB)] == [first + 1, first + 6]


def test_ids_can_fall(telegram: Telegram) -> None:
    telegram.rules.change(ids="falling")
    ids = [write(telegram, ANN), send(telegram, ANN), write(telegram, SUPERGROUP)]
    assert ids == sorted(ids, reverse=True)
    telegram.rules.reset()
    assert send(telegram, ANN) < ids[-1]


def test_what_was_sent_is_kept_as_it_was_accepted(telegram: Telegram) -> None:
    """Edited and deleted messages too, those of all chats or of one, since a time; and nothing that users wrote."""
    clock: Any = telegram.now
    write(telegram, ANN), write(telegram, GROUP)
    sent = [send(telegram, ANN), send(telegram, GROUP)]
    telegram.call(DEMO_TOKEN, "editMessageText", {"chat_id": ANN, "message_id": sent[0], "text": "new"})
    telegram.call(DEMO_TOKEN, "deleteMessage", {"chat_id": ANN, "message_id": sent[0]})
    telegram.call(DEMO_TOKEN, "sendMessage", {"chat_id": BOB, "text": "refused"})
    clock.time += 1
    sent.append(send(telegram, ANN))
    assert [(each.chat_id, each.message_id, each.text) for each in telegram.sent()] == [
        (ANN, sent[0], "menu"),
        (GROUP, sent[1], "menu"),
        (ANN, sent[2], "menu"),
    ]
    assert [each.message_id for each in telegram.sent(GROUP)] == [sent[1]]
    assert [each.message_id for each in telegram.sent(ANN, since=clock.time)] == [sent[2]]
