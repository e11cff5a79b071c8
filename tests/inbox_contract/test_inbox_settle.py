"""Settling an attempt: recorded once, by whoever began it, also late and also after an outage."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing

from svc.storage.inbox import Attempt, BeginOutcome, Begun, Dead, Done, Ending, Retry, Term
from tests.inbox_contract.under_test import (
    LONG_AGO,
    InboxUnderTest,
    Seen,
    at_once,
    begun,
    ids_read_back,
    new_term,
    outcome,
    store,
)

ENDINGS = [
    pytest.param(Done("refused"), id="done"),
    pytest.param(Retry(0, "flood", doubts=1), id="retry"),
    pytest.param(Dead("no hope", doubts=1), id="dead"),
]


async def whole(tested: InboxUnderTest, update_id: int) -> tuple[Any, ...]:
    return await tested.row(update_id), await tested.processed(), await tested.dead()


@pytest.mark.parametrize("ending", ENDINGS)
async def test_settle_repeated(tested: InboxUnderTest, ending: Ending) -> None:
    """Settling again, one after the other or in one group, changes nothing more."""
    inbox = tested.inbox
    await store(inbox, 1)
    attempt = await begun(inbox, 1, await new_term(inbox))
    await at_once(lambda: inbox.settle(attempt, ending), lambda: inbox.settle(attempt, ending))
    settled = await whole(tested, 1)
    await inbox.settle(attempt, ending)
    assert await whole(tested, 1) == settled
    match ending:
        case Done():
            assert settled == (None, {1: Seen("refused", attempts=1)}, {})
        case Retry():
            assert settled == (Seen("pending", attempts=1, doubts=1), {}, {})
        case Dead():
            assert settled == (None, {1: Seen("dead", attempts=1, doubts=1)}, {1: (b"{}", "no hope")})


@pytest.mark.parametrize("ending", ENDINGS)
async def test_settle_with_a_wrong_token(tested: InboxUnderTest, ending: Ending) -> None:
    """Only the attempt that was begun settles anything."""
    inbox = tested.inbox
    await store(inbox, 1)
    term = await new_term(inbox)
    await begun(inbox, 1, term, token=5)
    await inbox.settle(Attempt(1, term, 6), ending)
    await inbox.settle(Attempt(1, Term(term.epoch + 1, term.holder), 5), ending)
    assert await whole(tested, 1) == (Seen("processing", attempts=1), {}, {})


async def test_different_endings_in_one_group(tested: InboxUnderTest) -> None:
    """Endings of every kind that meet in a group are all recorded."""
    inbox = tested.inbox
    term = await new_term(inbox)
    attempts = []
    for update_id in (1, 2, 3):
        await store(inbox, update_id, chat_id=update_id)
        attempts.append(await begun(inbox, update_id, term))
    endings: list[Ending] = [Dead("x"), Retry(3600, "y"), Done()]
    await at_once(*(lambda a=a, e=e: inbox.settle(a, e) for a, e in zip(attempts, endings, strict=True)))
    assert await tested.processed() == {1: Seen("dead", attempts=1), 3: Seen("done", attempts=1)}
    assert await tested.row(2) == Seen("pending", attempts=1)


async def test_settle_after_a_takeover(tested: InboxUnderTest) -> None:
    """What an owner of the old term still gets done is recorded, though its row is in doubt."""
    inbox = tested.inbox
    await store(inbox, 1)
    attempt = await begun(inbox, 1, await new_term(inbox))
    await new_term(inbox)
    await inbox.settle(attempt, Done())
    assert await whole(tested, 1) == (None, {1: Seen("done", attempts=1)}, {})


async def test_settle_after_the_policy(tested: InboxUnderTest) -> None:
    """It is recorded, too, when the policy has made the row pending again: the message is not sent twice."""
    inbox = tested.inbox
    await store(inbox, 1)
    attempt = await begun(inbox, 1, await new_term(inbox))
    term = await new_term(inbox)
    assert await inbox.resolve_doubts(term, "resend", LONG_AGO, ()) == [(1, "resend")]
    await inbox.settle(attempt, Done())
    assert await outcome(inbox, 1, term) is BeginOutcome.DUPLICATE
    assert await tested.processed() == {1: Seen("done", attempts=1, doubts=1)}


async def test_settle_after_another_attempt_began(tested: InboxUnderTest) -> None:
    """Once another attempt has begun, the old one settles nothing any more."""
    inbox = tested.inbox
    await store(inbox, 1)
    old = await begun(inbox, 1, await new_term(inbox))
    term = await new_term(inbox)
    await inbox.resolve_doubts(term, "resend", LONG_AGO, ())
    await begun(inbox, 1, term, token=9)
    await inbox.settle(old, Done())
    assert await tested.row(1) == Seen("processing", attempts=2, doubts=1)


async def test_settle_of_a_cancelled_caller(tested: InboxUnderTest) -> None:
    """An ending is recorded although its caller is cancelled before it is written."""
    inbox = tested.inbox
    await store(inbox, 1)
    attempt = await begun(inbox, 1, await new_term(inbox))
    with trio.CancelScope() as scope:
        scope.cancel()
        await inbox.settle(attempt, Done())
    assert scope.cancelled_caught
    with trio.fail_after(5):
        await inbox.flush()
    assert await tested.row(1) is None
    assert await tested.processed() == {1: Seen("done", attempts=1)}


async def test_flush_waits_for_what_is_owed(tested: InboxUnderTest) -> None:
    """While the database is away a settlement waits, its caller gone; flush returns when it is written, not before."""
    inbox = tested.inbox
    await inbox.flush()
    await store(inbox, 1)
    attempt = await begun(inbox, 1, await new_term(inbox))
    tested.go_away()
    with trio.move_on_after(0):
        await inbox.settle(attempt, Done())
    flushed = trio.Event()

    async def flush() -> None:
        await inbox.flush()
        flushed.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(flush)
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert not flushed.is_set()
        tested.come_back()
        with trio.fail_after(5):
            await flushed.wait()
    assert await tested.processed() == {1: Seen("done", attempts=1)}


async def test_retry_waits_its_delay(tested: InboxUnderTest) -> None:
    """A retry comes back when its delay is over, not before; attempts and doubts add up."""
    inbox = tested.inbox
    await store(inbox, 1)
    await store(inbox, 2, chat_id=8)
    term = await new_term(inbox)
    await inbox.settle(await begun(inbox, 1, term), Retry(3600, "flood", doubts=1))
    await inbox.settle(await begun(inbox, 2, term), Retry(0, "flood", doubts=1))
    assert await ids_read_back(inbox) == [2]
    assert await inbox.begin(Attempt(2, term, 9)) == Begun(BeginOutcome.BEGUN, attempts=2, doubts=1)
    await inbox.settle(Attempt(2, term, 9), Done("in_doubt", doubts=1))
    assert await tested.processed() == {2: Seen("in_doubt", attempts=2, doubts=2)}


async def test_any_text_is_a_reason(tested: InboxUnderTest) -> None:
    """An error's text with NUL and lone surrogates, of any length, can be recorded."""
    inbox = tested.inbox
    await store(inbox, 1)
    term = await new_term(inbox)
    text = "bad \0 \ud800 " + "x" * 5000
    await inbox.settle(await begun(inbox, 1, term), Retry(0, text))
    await inbox.settle(await begun(inbox, 1, term), Dead(text))
    payload, reason = (await tested.dead())[1]
    assert payload == b"{}"
    assert reason.startswith("bad ")
