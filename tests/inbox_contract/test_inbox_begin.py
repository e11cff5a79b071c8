"""Beginning an attempt: one at a time, in the chat's order, under the current term only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from uuid import uuid4

import pytest

from svc.storage.inbox import NO_CHAT, Attempt, BeginOutcome, Begun, Done, Inbox, Retry, Term
from tests.inbox_contract.under_test import (
    FOREIGN,
    InboxUnderTest,
    Seen,
    an_update,
    at_once,
    begun,
    ids_read_back,
    new_term,
    outcome,
    store,
)


async def test_begin(tested: InboxUnderTest) -> None:
    """A pending update is begun, and its attempt counted."""
    inbox = tested.inbox
    await store(inbox, 1)
    term = await new_term(inbox)
    assert await inbox.begin(Attempt(1, term, 5)) == Begun(BeginOutcome.BEGUN, attempts=1)
    assert await tested.row(1) == Seen("processing", attempts=1)


async def test_begin_repeated(inbox: Inbox) -> None:
    """Asked again after a lost answer, begin says the same and counts no second attempt."""
    await store(inbox, 1)
    attempt = Attempt(1, await new_term(inbox), 5)
    assert await inbox.begin(attempt) == await inbox.begin(attempt) == Begun(BeginOutcome.BEGUN, attempts=1)
    assert (
        await at_once(lambda: inbox.begin(attempt), lambda: inbox.begin(attempt))
        == [Begun(BeginOutcome.BEGUN, attempts=1)] * 2
    )


async def test_begin_repeated_after_an_older_one_came(inbox: Inbox) -> None:
    """A begun attempt stays begun when an older update of its chat arrives before begin is asked again."""
    await store(inbox, 2)
    attempt = await begun(inbox, 2, await new_term(inbox))
    await store(inbox, 1)
    assert await inbox.begin(attempt) == Begun(BeginOutcome.BEGUN, attempts=1)


async def test_another_token_is_busy(inbox: Inbox) -> None:
    """Only one attempt at an update is begun, also if two are made in one group."""
    await store(inbox, 1, 2)
    term = await new_term(inbox)
    answers = await at_once(
        lambda: inbox.begin(Attempt(1, term, 5)),
        lambda: inbox.begin(Attempt(1, term, 6)),
        lambda: inbox.begin(Attempt(2, term, 7)),
    )
    assert {answer.outcome for answer in answers[:2]} == {BeginOutcome.BEGUN, BeginOutcome.BUSY}
    assert answers[2].outcome is BeginOutcome.BUSY
    assert await outcome(inbox, 1, term, token=8) is BeginOutcome.BUSY


async def _pending(inbox: Inbox) -> Term:
    return await new_term(inbox)


async def _processing(inbox: Inbox) -> Term:
    term = await new_term(inbox)
    await begun(inbox, 1, term)
    return term


async def _in_doubt(inbox: Inbox) -> Term:
    await _processing(inbox)
    return await new_term(inbox)


async def _later(inbox: Inbox) -> Term:
    term = await new_term(inbox)
    await inbox.settle(await begun(inbox, 1, term), Retry(3600, "flood"))
    return term


@pytest.mark.parametrize("state", [_pending, _processing, _in_doubt, _later])
async def test_behind_an_unfinished_one(inbox: Inbox, state: Callable[[Inbox], Awaitable[Term]]) -> None:
    """While an older update of the chat is unfinished, in whatever state, a younger one is busy and not read back."""
    await store(inbox, 1, 2)
    await store(inbox, 3, chat_id=8)
    term = await state(inbox)
    assert await outcome(inbox, 2, term) is BeginOutcome.BUSY
    assert 2 not in await ids_read_back(inbox)
    assert await outcome(inbox, 3, term) is BeginOutcome.BEGUN


async def test_the_next_of_a_chat(inbox: Inbox) -> None:
    """Once the older one is finished, the next may begin."""
    await store(inbox, 1, 2)
    term = await new_term(inbox)
    await inbox.settle(await begun(inbox, 1, term), Done())
    assert await outcome(inbox, 2, term) is BeginOutcome.BEGUN


async def test_begin_after_done(inbox: Inbox) -> None:
    """An update that was processed is a duplicate for whoever begins it again."""
    await store(inbox, 1)
    term = await new_term(inbox)
    attempt = await begun(inbox, 1, term)
    await inbox.settle(attempt, Done())
    assert (await inbox.begin(attempt)).outcome is BeginOutcome.DUPLICATE
    assert await outcome(inbox, 1, term) is BeginOutcome.DUPLICATE


async def test_a_leftover_row_is_removed(tested: InboxUnderTest) -> None:
    """A row that a store left behind its own settle is found out by begin, removed, and blocks nothing."""
    inbox = tested.inbox
    await store(inbox, 1)
    term = await new_term(inbox)
    await inbox.settle(await begun(inbox, 1, term), Done())
    await tested.leave_over(an_update(1))
    await store(inbox, 2)
    assert await outcome(inbox, 2, term) is BeginOutcome.BUSY
    assert await outcome(inbox, 1, term) is BeginOutcome.DUPLICATE
    assert await tested.row(1) is None
    assert await outcome(inbox, 2, term) is BeginOutcome.BEGUN
    assert await tested.processed() == {1: Seen("done", attempts=1)}


@pytest.mark.parametrize("whose", ["older epoch", "foreign holder", "never had"])
async def test_begin_is_fenced(tested: InboxUnderTest, whose: str) -> None:
    """Under any term but the current one nothing begins."""
    inbox = tested.inbox
    await store(inbox, 1)
    never = Term(1, uuid4())
    if whose == "never had":
        assert await outcome(inbox, 1, never) is BeginOutcome.FENCED
    old, current = await new_term(inbox), await new_term(inbox)
    term = {"older epoch": old, "foreign holder": Term(current.epoch, FOREIGN), "never had": never}[whose]
    assert await outcome(inbox, 1, term) is BeginOutcome.FENCED
    assert await tested.row(1) == Seen("pending")


async def test_two_terms_in_one_group(inbox: Inbox) -> None:
    """Attempts of an old and of the current term that meet in a group are each judged by their own term."""
    await store(inbox, 1)
    await store(inbox, 2, chat_id=8)
    old, current = await new_term(inbox), await new_term(inbox)
    answers = await at_once(lambda: inbox.begin(Attempt(1, old, 5)), lambda: inbox.begin(Attempt(2, current, 6)))
    assert [answer.outcome for answer in answers] == [BeginOutcome.FENCED, BeginOutcome.BEGUN]


async def test_updates_without_a_chat_share_no_order(inbox: Inbox) -> None:
    """An update that belongs to no chat waits for no other, whatever becomes of the older ones."""
    await store(inbox, 1, 2, 3, chat_id=NO_CHAT)
    term = await new_term(inbox)
    await inbox.settle(await begun(inbox, 1, term), Retry(3600, "flood"))
    assert [(each.update_id, each.has_followers) for each in (await inbox.backfill(10)).updates] == [
        (2, False),
        (3, False),
    ]
    assert await outcome(inbox, 3, term) is BeginOutcome.BEGUN
    assert await outcome(inbox, 2, term) is BeginOutcome.BEGUN
