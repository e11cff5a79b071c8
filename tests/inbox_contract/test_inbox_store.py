"""Storing an update: once, whatever it holds, and what is not for the bot is dismissed."""

from __future__ import annotations

import pytest

from svc.storage.inbox import Dead, Done, Ending, Inbox
from tests.inbox_contract.under_test import InboxUnderTest, Seen, an_update, at_once, begun, new_term, store


async def test_a_new_update_is_fresh(tested: InboxUnderTest) -> None:
    """A stored update is fresh, pending and untouched."""
    assert await tested.inbox.store(an_update(1)) is True
    assert await tested.row(1) == Seen("pending")


async def test_a_stored_update_is_a_duplicate(inbox: Inbox) -> None:
    """An update that waits in the inbox is stored once."""
    assert await inbox.store(an_update(1))
    assert await inbox.store(an_update(1)) is False
    assert len(await inbox.backfill(10)) == 1


async def test_of_two_deliveries_at_once_one_is_fresh(inbox: Inbox) -> None:
    """Of one update delivered several times in one group, exactly one delivery is fresh."""
    update, other = an_update(1), an_update(2)
    stored = await at_once(*(lambda it=it: inbox.store(it) for it in (update, update, other, update)))
    assert sorted(stored) == [False, False, True, True]
    assert stored[2] is True


@pytest.mark.parametrize("ending", [Done(), Dead("gave up")], ids=["done", "dead"])
async def test_a_finished_update_is_a_duplicate(tested: InboxUnderTest, ending: Ending) -> None:
    """An update that was processed, or is dead, is never taken in again."""
    inbox = tested.inbox
    await store(inbox, 1)
    await inbox.settle(await begun(inbox, 1, await new_term(inbox)), ending)
    assert await inbox.store(an_update(1)) is False
    assert await tested.row(1) is None


@pytest.mark.parametrize("update_id", [-(2**63), -1, 0, 2**63 - 1])
async def test_ids_of_any_size(tested: InboxUnderTest, update_id: int) -> None:
    """An update id is any 64-bit number, and so is a chat's."""
    inbox = tested.inbox
    assert await inbox.store(an_update(update_id, chat_id=-(2**63)))
    (found,) = await inbox.backfill(10)
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
    (found,) = await inbox.backfill(10)
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
    assert await inbox.store(an_update(2)) is False
