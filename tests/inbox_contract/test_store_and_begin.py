"""An update that begins with the commit that stores it, and all that keeps it from that."""

from __future__ import annotations

from uuid import UUID

import pytest

from svc.storage.inbox import (
    NO_CHAT,
    Attempt,
    BeginOutcome,
    Begun,
    Done,
    Effects,
    Inbox,
    Stored,
    StoreOutcome,
    Term,
)
from tests.inbox_contract.under_test import (
    InboxUnderTest,
    Seen,
    an_update,
    at_once,
    begun,
    new_term,
    store,
)

BEGUN = Begun(BeginOutcome.BEGUN, attempts=1)


async def begins(inbox: Inbox, attempt: Attempt, chat_id: int = 7) -> bool:
    """Store the update of `attempt`, which is new, with it; whether it has begun."""
    stored = await inbox.store(an_update(attempt.update_id, chat_id), attempt)
    assert stored.outcome is not StoreOutcome.DUPLICATE
    assert stored.begun in (None, BEGUN)
    return stored.begun is not None


async def test_it_is_as_if_it_had_begun_right_behind(tested: InboxUnderTest) -> None:
    """The same row, the same answer when asked again, the same end with its effects."""
    inbox = tested.inbox
    attempt = Attempt(1, await new_term(inbox), 5, watermark=3, effects=Effects(b'{"n": 1}'))
    assert await begins(inbox, attempt)
    assert await tested.row(1) == Seen("processing", attempts=1)
    assert await inbox.begin(attempt) == BEGUN
    assert (await inbox.store(an_update(1), attempt)).outcome is StoreOutcome.DUPLICATE
    await inbox.settle(attempt, Done())
    assert list(await tested.processed()) == [1]
    assert (await inbox.store(an_update(2))).state.version == 1


async def test_its_chat_has_to_be_empty(inbox: Inbox) -> None:
    """Older or younger, waiting or begun: whatever is there of the chat comes first."""
    term = await new_term(inbox)
    await store(inbox, 5)
    assert not await begins(inbox, Attempt(4, term, 1))
    await inbox.settle(await begun(inbox, 4, term), Done())
    await begun(inbox, 5, term)
    assert not await begins(inbox, Attempt(6, term, 1))
    assert await begins(inbox, Attempt(7, term, 1), chat_id=8)


async def test_of_a_chats_two_in_one_group_the_older_comes_first(inbox: Inbox) -> None:
    """What is stored in the same commit counts as well: an attempt at the younger one does not begin."""
    attempt = Attempt(1, await new_term(inbox), 1)
    await at_once(lambda: inbox.store(an_update(1), attempt), lambda: inbox.store(an_update(2)))
    assert (await inbox.begin(Attempt(2, attempt.term, 1))).outcome is BeginOutcome.BUSY


async def test_an_update_that_comes_twice_at_once_begins_for_whom_it_is_said(inbox: Inbox) -> None:
    """Of two deliveries in one group, the one whose attempt has begun hears so."""
    attempt = Attempt(1, await new_term(inbox), 1)
    plain, with_attempt = await at_once(lambda: inbox.store(an_update(1)), lambda: inbox.store(an_update(1), attempt))
    assert plain.begun is None
    assert (with_attempt.begun is not None) == (with_attempt.outcome is StoreOutcome.FIRST)


async def test_without_a_chat_there_is_an_order_with_nobody(inbox: Inbox) -> None:
    """It comes to its turn like any other."""
    assert not await begins(inbox, Attempt(1, await new_term(inbox), 1), NO_CHAT)


async def test_another_term_begins_nothing(tested: InboxUnderTest) -> None:
    """An older one, or one of somebody else's: the update is stored and waits."""
    inbox = tested.inbox
    old = await new_term(inbox)
    current = await new_term(inbox)
    for update_id, term in ((1, old), (2, Term(current.epoch, UUID(int=9)))):
        assert not await begins(inbox, Attempt(update_id, term, 1), chat_id=update_id)
        assert await tested.row(update_id) == Seen("pending")


async def test_two_terms_in_one_group_begin_nothing_or_their_own(tested: InboxUnderTest) -> None:
    """Where a term ends and the next begins, both are stored."""
    inbox = tested.inbox
    old = await new_term(inbox)
    current = await new_term(inbox)
    await at_once(
        lambda: inbox.store(an_update(1, 1), Attempt(1, old, 1)),
        lambda: inbox.store(an_update(2, 2), Attempt(2, current, 1)),
    )
    assert await tested.row(1) == Seen("pending")
    assert await tested.row(2) in (Seen("pending"), Seen("processing", attempts=1))


async def test_it_was_decided_by_another_state(inbox: Inbox) -> None:
    """The chat's state is another one than was known: it is stored, and decided anew."""
    term = await new_term(inbox)
    first = Attempt(1, term, 1, effects=Effects(b'{"n": 1}'))
    assert await begins(inbox, first)
    await inbox.settle(first, Done())
    assert not await begins(inbox, Attempt(2, term, 1, state_version=0))
    await inbox.dismiss(2)
    assert await begins(inbox, Attempt(3, term, 1, state_version=1))


async def test_what_was_processed_does_not_begin_again(inbox: Inbox) -> None:
    """A second delivery is a duplicate, with an attempt or without."""
    term = await new_term(inbox)
    attempt = Attempt(1, term, 1)
    assert await begins(inbox, attempt)
    await inbox.settle(attempt, Done())
    stored = await inbox.store(an_update(1), Attempt(1, term, 2))
    assert (stored.outcome, stored.begun) == (StoreOutcome.DUPLICATE, None)


@pytest.mark.parametrize("size", [1, 3])
async def test_groups_with_and_without_attempts(tested: InboxUnderTest, size: int) -> None:
    """Each begins or not by itself."""
    term = await new_term(tested.inbox)
    with_one = [lambda n=n: tested.inbox.store(an_update(n, n), Attempt(n, term, n)) for n in range(1, size + 1)]
    without = [lambda n=n: tested.inbox.store(an_update(n, n)) for n in range(11, 11 + size)]
    stored = await at_once(*with_one, *without)
    assert [each.begun for each in stored] == [BEGUN] * size + [None] * size


IGNORED = Seen("ignored")


async def test_where_there_is_nothing_to_do_it_is_done_with_its_storing(tested: InboxUnderTest) -> None:
    """It never comes into the inbox: whatever comes next of its chat is the first. A second delivery is a duplicate."""
    inbox = tested.inbox
    attempt = Attempt(1, await new_term(inbox), 1, is_nothing=True)
    assert await inbox.store(an_update(1), attempt) == Stored(StoreOutcome.DONE)
    assert (await tested.row(1), await tested.processed()) == (None, {1: IGNORED})
    for again in (attempt, None):
        assert (await inbox.store(an_update(1), again)).outcome is StoreOutcome.DUPLICATE
    assert (await inbox.store(an_update(2))).outcome is StoreOutcome.FIRST
    assert await tested.processed() == {1: IGNORED}


async def test_what_keeps_another_from_beginning_keeps_it_from_being_done(tested: InboxUnderTest) -> None:
    """Another term, an update of its chat that may change the state, another state than was decided by, no chat: it is
    stored, and decided in its turn.
    """
    inbox = tested.inbox
    old = await new_term(inbox)
    term = await new_term(inbox)
    await store(inbox, 1)
    for attempt, chat_id in (
        (Attempt(2, term, 2, is_nothing=True), 7),
        (Attempt(3, old, 3, is_nothing=True), 8),
        (Attempt(4, Term(term.epoch, UUID(int=9)), 4, is_nothing=True), 9),
        (Attempt(5, term, 5, state_version=1, is_nothing=True), 10),
        (Attempt(6, term, 6, is_nothing=True), NO_CHAT),
    ):
        stored = await inbox.store(an_update(attempt.update_id, chat_id), attempt)
        assert stored.outcome in (StoreOutcome.FIRST, StoreOutcome.BEHIND)
        assert stored.begun is None
        assert await tested.row(attempt.update_id) == Seen("pending")
    assert await tested.processed() == {}


async def test_what_comes_twice_at_once_is_done_or_stored(tested: InboxUnderTest) -> None:
    """Never both: of two deliveries in one group one is a duplicate."""
    inbox = tested.inbox
    attempt = Attempt(1, await new_term(inbox), 1, is_nothing=True)
    stored = await at_once(lambda: inbox.store(an_update(1)), lambda: inbox.store(an_update(1), attempt))
    assert [each.outcome for each in stored].count(StoreOutcome.DUPLICATE) == 1
    assert (await tested.row(1) is None) == (1 in await tested.processed())


async def test_groups_of_what_is_done_begun_and_stored(tested: InboxUnderTest) -> None:
    """Each by itself, whoever it shares the commit with."""
    inbox, term = tested.inbox, await new_term(tested.inbox)
    stored = await at_once(
        lambda: inbox.store(an_update(1, 1), Attempt(1, term, 1, is_nothing=True)),
        lambda: inbox.store(an_update(2, 2), Attempt(2, term, 2)),
        lambda: inbox.store(an_update(3, 3)),
    )
    assert [each.outcome for each in stored] == [StoreOutcome.DONE, StoreOutcome.FIRST, StoreOutcome.FIRST]
    assert [each.begun for each in stored] == [None, BEGUN, None]
    assert await tested.processed() == {1: IGNORED}
