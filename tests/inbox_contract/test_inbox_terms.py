"""Reading back, taking over, rows in doubt, and forgetting what is old."""

from __future__ import annotations

from uuid import uuid4

import pytest
import trio
import trio.testing

from svc.settings.environment import InDoubtPolicy
from svc.storage.inbox import Attempt, BeginOutcome, Begun, Inbox, Retry, Term
from tests.inbox_contract.under_test import (
    EVER,
    FOREIGN,
    LONG_AGO,
    InboxUnderTest,
    Seen,
    an_update,
    begun,
    new_term,
    outcome,
    store,
)


async def test_backfill(inbox: Inbox) -> None:
    """The oldest of each chat are read back, in the order of their ids; each says whether its chat has followers."""
    await store(inbox, 5, 3, 9, chat_id=1)
    await store(inbox, 4, chat_id=2)
    await store(inbox, 1, 2, chat_id=3)
    found = await inbox.backfill(10)
    assert [(each.update_id, each.chat_id, each.has_followers) for each in found] == [
        (1, 3, True),
        (3, 1, True),
        (4, 2, False),
    ]
    assert {each.kind for each in found} == {"message"}


async def test_backfill_has_a_limit(inbox: Inbox) -> None:
    """No more than `limit` are read back, the oldest ones."""
    for update_id in (4, 1, 3, 2):
        await store(inbox, update_id, chat_id=update_id)
    assert [each.update_id for each in await inbox.backfill(2)] == [1, 2]


async def test_backfill_without(inbox: Inbox) -> None:
    """An update in `without` does not count towards the limit, and its followers stay behind it."""
    await store(inbox, 1, 2)
    await store(inbox, 3, chat_id=8)
    assert [each.update_id for each in await inbox.backfill(1, without={1})] == [3]
    assert await inbox.backfill(10, without=[1, 3, 99]) == []


async def test_backfill_knows_when_an_update_came(inbox: Inbox) -> None:
    """`arrived` is the time of storing, on Trio's clock, to the precision of a round trip."""
    before = trio.current_time()
    await store(inbox, 1)
    after = trio.current_time()
    (found,) = await inbox.backfill(10)
    now = trio.current_time()
    assert before - (now - after) <= found.arrived <= after + (now - after)


async def test_every_term_is_a_new_one(inbox: Inbox) -> None:
    """The epoch goes up by one with every term, also with the next of the same holder."""
    holder = uuid4()
    assert [await inbox.take_over(holder, "one") for _ in range(3)] == [Term(epoch, holder) for epoch in (1, 2, 3)]


async def test_take_over_marks_what_was_in_flight(tested: InboxUnderTest) -> None:
    """A new term marks what older ones left processing as in doubt, and nothing else."""
    inbox = tested.inbox
    await store(inbox, 1, 2)
    await store(inbox, 3, chat_id=8)
    term = await new_term(inbox)
    await begun(inbox, 1, term)
    await inbox.settle(await begun(inbox, 3, term), Retry(0, "flood"))
    await new_term(inbox)
    assert [await tested.row(update_id) for update_id in (1, 2, 3)] == [
        Seen("in_doubt", attempts=1),
        Seen("pending"),
        Seen("pending", attempts=1),
    ]


async def test_mark_lost(tested: InboxUnderTest) -> None:
    """What this term began long ago and nobody holds is in doubt; what is held, or new, is not."""
    inbox = tested.inbox
    term = await new_term(inbox)
    for update_id in (1, 2):
        await store(inbox, update_id, chat_id=update_id)
        await begun(inbox, update_id, term, token=update_id)
    await store(inbox, 3)
    assert await inbox.mark_lost(term, {2}, EVER) == 0
    assert await inbox.mark_lost(Term(term.epoch - 1, term.holder), {2}, LONG_AGO) == 0
    assert await inbox.mark_lost(term, {2}, LONG_AGO) == 1
    assert await inbox.mark_lost(term, {2}, LONG_AGO) == 0
    assert [await tested.row(update_id) for update_id in (1, 2, 3)] == [
        Seen("in_doubt", attempts=1),
        Seen("processing", attempts=1),
        Seen("pending"),
    ]


async def test_resend(tested: InboxUnderTest) -> None:
    """Under `resend` a row in doubt is pending again, due at once, and the doubt is counted."""
    inbox = tested.inbox
    await store(inbox, 1)
    await begun(inbox, 1, await new_term(inbox))
    term = await new_term(inbox)
    assert await inbox.resolve_doubts(term, "resend", LONG_AGO) == [1]
    assert [each.update_id for each in await inbox.backfill(10)] == [1]
    assert await inbox.begin(Attempt(1, term, 9)) == Begun(BeginOutcome.BEGUN, attempts=2, doubts=1)


async def test_skip(tested: InboxUnderTest) -> None:
    """Under `skip` a row in doubt is finished, and says why."""
    inbox = tested.inbox
    await store(inbox, 1, 2)
    await begun(inbox, 1, await new_term(inbox))
    term = await new_term(inbox)
    assert await inbox.resolve_doubts(term, "skip", LONG_AGO) == [1]
    assert await tested.processed() == {1: Seen("in_doubt", attempts=1, doubts=1)}
    assert await outcome(inbox, 2, term) is BeginOutcome.BEGUN


@pytest.mark.parametrize("policy", ["resend", "skip"])
async def test_doubts_are_left_alone(tested: InboxUnderTest, policy: InDoubtPolicy) -> None:
    """The policy is not applied while the owner may still finish, nor by a term that is not the current one."""
    inbox = tested.inbox
    await store(inbox, 1)
    old = await new_term(inbox)
    await begun(inbox, 1, old)
    term = await new_term(inbox)
    assert await inbox.resolve_doubts(term, policy, EVER) == []
    assert await inbox.resolve_doubts(old, policy, LONG_AGO) == []
    assert await inbox.resolve_doubts(Term(term.epoch, FOREIGN), policy, LONG_AGO) == []
    assert await tested.row(1) == Seen("in_doubt", attempts=1)


async def test_prune(tested: InboxUnderTest) -> None:
    """The oldest processed updates are forgotten, no more than `limit` at a time, and none that are young."""
    inbox = tested.inbox
    for update_id in (3, 1, 2):
        await store(inbox, update_id)
        await inbox.dismiss(update_id)
    assert await inbox.prune(EVER, 10) == 0
    assert await inbox.prune(LONG_AGO, 2) == 2
    assert set(await tested.processed()) == {2}
    assert await inbox.prune(LONG_AGO, 2) == 1
    assert await inbox.store(an_update(1))
