"""Storing an update: once, whatever it holds, and what is not for the bot is dismissed."""

from __future__ import annotations

import pytest

from svc.storage.inbox import NO_CHAT, Dead, Done, Ending, Inbox, Received, Retry, StoreOutcome
from tests.inbox_contract.under_test import (
    InboxUnderTest,
    Seen,
    an_update,
    at_once,
    begun,
    ids_read_back,
    new_term,
    store,
)

DUPLICATE, FIRST, BEHIND = StoreOutcome.DUPLICATE, StoreOutcome.FIRST, StoreOutcome.BEHIND


async def _outcome(inbox: Inbox, update: Received) -> StoreOutcome:
    return (await inbox.store(update)).outcome


async def test_a_new_update(tested: InboxUnderTest) -> None:
    """A stored update is the first of its chat, pending and untouched."""
    assert await _outcome(tested.inbox, an_update(1)) is FIRST
    assert await tested.row(1) == Seen("pending")


async def test_a_stored_update_is_a_duplicate(inbox: Inbox) -> None:
    """An update that waits in the inbox is stored once."""
    assert await _outcome(inbox, an_update(1)) is FIRST
    assert await _outcome(inbox, an_update(1)) is DUPLICATE
    assert await ids_read_back(inbox) == [1]


async def test_of_two_deliveries_at_once_one_is_new(inbox: Inbox) -> None:
    """Of one update delivered several times in one group, exactly one delivery is new."""
    update, other = an_update(1), an_update(2, chat_id=8)
    stored = await at_once(*(lambda it=it: _outcome(inbox, it) for it in (update, update, other, update)))
    assert stored[2] is FIRST
    assert sorted(each.value for each in stored) == ["duplicate", "duplicate", "first", "first"]


async def test_behind_others_of_the_chat(inbox: Inbox) -> None:
    """An update is the first of its chat only where nothing else of it is in the inbox, whatever state that is in."""
    assert await _outcome(inbox, an_update(5)) is FIRST
    assert await _outcome(inbox, an_update(6)) is BEHIND
    assert await _outcome(inbox, an_update(4)) is BEHIND
    assert await _outcome(inbox, an_update(7, chat_id=8)) is FIRST
    term = await new_term(inbox)
    await inbox.settle(await begun(inbox, 7, term), Retry(3600, "flood"))
    assert await _outcome(inbox, an_update(8, chat_id=8)) is BEHIND
    for update_id in (4, 5, 6):
        await inbox.settle(await begun(inbox, update_id, term), Done())
    assert await _outcome(inbox, an_update(9)) is FIRST


async def test_the_first_of_a_chat_in_a_group(inbox: Inbox) -> None:
    """Of several updates of a new chat that are stored in one group, one is the first."""
    stored = await at_once(*(lambda it=it: _outcome(inbox, an_update(it)) for it in (3, 1, 2)))
    assert sorted(each.value for each in stored) == ["behind", "behind", "first"]


async def test_without_a_chat_all_are_first(inbox: Inbox) -> None:
    """Updates that belong to no chat are behind nothing."""
    assert await _outcome(inbox, an_update(1, chat_id=NO_CHAT)) is FIRST
    assert await _outcome(inbox, an_update(2, chat_id=NO_CHAT)) is FIRST
    stored = await at_once(*(lambda it=it: _outcome(inbox, an_update(it, chat_id=NO_CHAT)) for it in (3, 4)))
    assert stored == [FIRST, FIRST]


@pytest.mark.parametrize("ending", [Done(), Dead("gave up")], ids=["done", "dead"])
async def test_a_finished_update_is_a_duplicate(tested: InboxUnderTest, ending: Ending) -> None:
    """An update that was processed, or is dead, is never taken in again."""
    inbox = tested.inbox
    await store(inbox, 1)
    await inbox.settle(await begun(inbox, 1, await new_term(inbox)), ending)
    assert await _outcome(inbox, an_update(1)) is DUPLICATE
    assert await tested.row(1) is None


@pytest.mark.parametrize("update_id", [-(2**63), -1, 0, 2**63 - 1])
async def test_ids_of_any_size(tested: InboxUnderTest, update_id: int) -> None:
    """An update id is any 64-bit number, and so is a chat's."""
    inbox = tested.inbox
    assert await _outcome(inbox, an_update(update_id, chat_id=-(2**63))) is FIRST
    (found,) = (await inbox.backfill(10)).updates
    assert (found.update_id, found.chat_id) == (update_id, -(2**63))
    await inbox.settle(await begun(inbox, update_id, await new_term(inbox), token=2**63 - 1), Done())
    assert await tested.processed() == {update_id: Seen("done", attempts=1)}


@pytest.mark.parametrize(
    "payload",
    [b'{"text": "\\u0000"}', b'{"text": "\\ud83d"}', b"\x00\xff\xfe", b"", b"{" + b" " * (1 << 20) + b"}"],
    ids=["nul", "lone surrogate", "not text", "empty", "1 MiB"],
)
async def test_the_payload_is_kept_to_the_byte(tested: InboxUnderTest, payload: bytes) -> None:
    """The body comes back as it came, from the inbox and from the dead."""
    inbox = tested.inbox
    await inbox.store(an_update(1, payload=payload))
    (found,) = (await inbox.backfill(10)).updates
    assert found.payload == payload
    await inbox.settle(await begun(inbox, 1, await new_term(inbox)), Dead("x"))
    assert (await tested.dead())[1] == (payload, "x")


async def test_dismiss(tested: InboxUnderTest) -> None:
    """A pending update is recorded as ignored, without a term; again, or on one that was begun, nothing happens."""
    inbox = tested.inbox
    await store(inbox, 1, 2)
    await begun(inbox, 1, await new_term(inbox))
    await inbox.dismiss(1)
    await inbox.dismiss(2)
    await inbox.dismiss(2)
    await inbox.dismiss(3)
    assert await tested.row(1) == Seen("processing", attempts=1)
    assert await tested.processed() == {2: Seen("ignored")}
    assert await _outcome(inbox, an_update(2)) is DUPLICATE
