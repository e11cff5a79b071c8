"""Reading back: windows of the inbox, the latest, by key, and the next of a chat."""

from __future__ import annotations

import pytest
import trio

from svc.storage.inbox import NO_CHAT, Attempt, Done, Inbox, Received, Retry
from svc.storage.reading_sql import READ_BYTES
from tests.inbox_contract.under_test import an_update, begun, ids, ids_read_back, new_term, store

SMALL_WINDOW = 4


@pytest.fixture
def window() -> int:
    return SMALL_WINDOW


async def windows(inbox: Inbox, limit: int = 10) -> list[tuple[list[int], int | None]]:
    """What each window holds, from the oldest to the end of the inbox, and where it ends."""
    seen: list[tuple[list[int], int | None]] = []
    after: int | None = None
    while not seen or after is not None:
        window = await inbox.backfill(limit, after=after)
        after = window.end
        seen.append((ids(window.updates), after))
    return seen


async def put_off(inbox: Inbox, update_id: int) -> None:
    """Let an update that may be worked on wait for a retry."""
    await inbox.settle(await begun(inbox, update_id, await new_term(inbox)), Retry(3600, "flood"))


async def test_backfill(inbox: Inbox) -> None:
    """The oldest of each chat are read back, in the order of their ids; each says whether its chat has followers."""
    await store(inbox, 5, 3, chat_id=1)
    await store(inbox, 4, chat_id=2)
    await store(inbox, 1, chat_id=3)
    found = (await inbox.backfill(10)).updates
    assert [(each.update_id, each.chat_id, each.has_followers) for each in found] == [
        (1, 3, False),
        (3, 1, True),
        (4, 2, False),
    ]
    assert {each.kind for each in found} == {"message"}


async def test_an_empty_inbox(inbox: Inbox) -> None:
    """Nothing is read back, and the inbox ends at once."""
    assert await windows(inbox) == [([], None)]
    assert await inbox.newest(10) == await inbox.fetch([1]) == await inbox.followers([7], 16) == []


async def test_windows_follow_each_other(inbox: Inbox) -> None:
    """Each window begins behind the one before, and together they hold all that may be worked on."""
    for update_id in range(1, 11):
        await store(inbox, update_id, chat_id=update_id)
    assert await windows(inbox) == [([1, 2, 3, 4], 4), ([5, 6, 7, 8], 8), ([9, 10], None)]


async def test_a_window_that_yields_nothing_ends_all_the_same(inbox: Inbox) -> None:
    """Of a backlog of one chat each window but the first is empty, and the next one is found behind it."""
    await store(inbox, *range(1, 10))
    await store(inbox, 10, chat_id=8)
    assert await windows(inbox) == [([1], 4), ([], 8), ([10], None)]


async def test_a_chat_that_began_before_the_window(inbox: Inbox) -> None:
    """The first of a chat in a window is not read back if an older one waits before it, in whatever state."""
    await store(inbox, 1, 5)
    await store(inbox, 2, 3, 4, 6, chat_id=8)
    assert await windows(inbox) == [([1, 2], 4), ([], None)]
    await put_off(inbox, 1)
    assert await windows(inbox) == [([2], 4), ([], None)]
    await begun(inbox, 2, await new_term(inbox))
    assert await windows(inbox) == [([], 4), ([], None)]


async def test_a_limit_cuts_the_window_short(inbox: Inbox) -> None:
    """No more than `limit` are read back, the oldest ones, and the next window begins behind the last of them."""
    for update_id in (4, 1, 3, 2):
        await store(inbox, update_id, chat_id=update_id)
    assert await windows(inbox, limit=3) == [([1, 2, 3], 3), ([4], None)]
    assert await windows(inbox, limit=4) == [([1, 2, 3, 4], 4), ([], None)]


async def test_backfill_without(inbox: Inbox) -> None:
    """An update in `without` does not count towards the limit, and its followers stay behind it."""
    await store(inbox, 1, 2)
    await store(inbox, 3, chat_id=8)
    assert await ids_read_back(inbox, 1, without={1}) == [3]
    assert await ids_read_back(inbox, without=[1, 3, 99]) == []
    assert ids(await inbox.newest(10, without={3})) == [1]


async def test_an_update_knows_when_it_came(inbox: Inbox) -> None:
    """`arrived` is the time of storing, on Trio's clock, to the precision of a round trip, however it is read."""
    before = trio.current_time()
    await store(inbox, 1)
    after = trio.current_time()
    (one,) = (await inbox.backfill(10)).updates
    (two,) = await inbox.newest(10)
    (three,) = await inbox.fetch([1])
    (four,) = await inbox.followers([7], 16)
    now = trio.current_time()
    for found in (one, two, three, four):
        assert before - (now - after) <= found.arrived <= after + (now - after)


async def test_newest(inbox: Inbox) -> None:
    """The latest that may be worked on come first, however many older ones there are."""
    for update_id in range(1, 8):
        await store(inbox, update_id, chat_id=update_id)
    await store(inbox, 8, chat_id=7)
    assert ids(await inbox.newest(2)) == [7, 6]
    assert ids(await inbox.newest(10)) == [7, 6, 5]
    await put_off(inbox, 7)
    assert ids(await inbox.newest(10)) == [6, 5]


async def test_newest_of_chats_that_wait(inbox: Inbox) -> None:
    """A late update of a chat of which older ones wait is not among them."""
    await store(inbox, *range(1, 8))
    await store(inbox, 9, chat_id=8)
    await store(inbox, 8, chat_id=NO_CHAT)
    assert ids(await inbox.newest(10)) == [9, 8]


async def test_fetch(inbox: Inbox) -> None:
    """By key: those that are there and the oldest of their chats, due or not."""
    await store(inbox, 1, 2)
    await store(inbox, 3, chat_id=8)
    await store(inbox, 4, chat_id=9)
    await put_off(inbox, 3)
    await begun(inbox, 4, await new_term(inbox))
    found = await inbox.fetch([4, 3, 2, 1, 1, 99])
    assert [(each.update_id, each.has_followers) for each in found] == [(1, True), (3, False)]
    assert await inbox.fetch([]) == []


async def test_followers(inbox: Inbox) -> None:
    """The oldest of each chat that is asked for, in order and so many a chat; without a chat nothing follows."""
    await store(inbox, 2, 4, 6, 1)
    await store(inbox, 3, 7, chat_id=8)
    await store(inbox, 5, chat_id=9)
    await store(inbox, 8, 9, chat_id=NO_CHAT)
    found = await inbox.followers([8, 7, 7, 99, NO_CHAT], 3)
    assert [(each.chat_id, each.update_id, each.has_followers) for each in found] == [
        (7, 1, True),
        (7, 2, True),
        (7, 4, True),
        (8, 3, True),
        (8, 7, False),
    ]


async def test_followers_of_one_in_flight(inbox: Inbox) -> None:
    """While the oldest of a chat is being worked on its followers can be read, so that the chat need not run dry."""
    await store(inbox, 1, 2, 3)
    term = await new_term(inbox)
    attempt = await begun(inbox, 1, term)
    assert ids(await inbox.followers([7], 2)) == [2]
    await inbox.settle(attempt, Done())
    assert ids(await inbox.followers([7], 2)) == [2, 3]


async def test_followers_of_one_that_waits(inbox: Inbox) -> None:
    """Behind one that waits for a retry, or for what becomes of its doubt, nothing follows."""
    await store(inbox, 1, 2)
    await store(inbox, 3, 4, chat_id=8)
    await put_off(inbox, 1)
    assert await inbox.followers([7], 16) == []
    await begun(inbox, 3, await new_term(inbox))
    assert ids(await inbox.followers([8], 16)) == [4]
    await new_term(inbox)
    assert await inbox.followers([8], 16) == []


async def test_followers_up_to_one_that_waits(inbox: Inbox) -> None:
    """An older update that arrives late stands before one that waits for its retry; those behind that do not follow."""
    await store(inbox, 2, 3)
    await put_off(inbox, 2)
    await store(inbox, 1)
    assert ids(await inbox.followers([7], 16)) == [1]


async def test_bounded_bytes(inbox: Inbox) -> None:
    """However many are asked for, only so many bytes are read; the rest comes later."""
    payload = b"x" * (READ_BYTES // 3)
    for update_id in range(1, 5):
        await inbox.store(an_update(update_id, update_id, payload))
    assert await windows(inbox) == [([1, 2, 3], 3), ([4], None)]
    assert ids(await inbox.newest(10)) == [4, 3, 2]
    assert ids(await inbox.fetch([1, 2, 3, 4])) == [1, 2, 3]
    assert ids(await inbox.followers([1, 2, 3, 4], 1)) == [1, 2, 3]


async def test_an_attempt_ends_what_may_be_worked_on(inbox: Inbox) -> None:
    """What is being worked on is not read back, nor what has been done; a retry that is due is."""
    await store(inbox, 1)
    await store(inbox, 2, chat_id=8)
    term = await new_term(inbox)
    await begun(inbox, 1, term)
    assert await ids_read_back(inbox) == [2]
    await inbox.settle(Attempt(1, term, 1), Retry(0, "flood"))
    assert await ids_read_back(inbox) == [1, 2]
    await inbox.dismiss(1)
    assert await ids_read_back(inbox) == ids(await inbox.fetch([1, 2])) == [2]


async def test_what_is_read_is_what_was_stored(inbox: Inbox) -> None:
    """Every way of reading brings the same update."""
    stored = Received(1, 7, "callback_query", b"payload", trio.current_time())
    await inbox.store(stored)
    for updates in (
        (await inbox.backfill(1)).updates,
        await inbox.newest(1),
        await inbox.fetch([1]),
        await inbox.followers([7], 1),
    ):
        (found,) = updates
        assert (found.update_id, found.chat_id, found.kind, found.payload) == (1, 7, "callback_query", b"payload")
