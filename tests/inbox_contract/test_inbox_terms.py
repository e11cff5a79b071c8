"""Terms, what they find in doubt, what they note for the next one, and forgetting what is old."""

from __future__ import annotations

from uuid import uuid4

import pytest

from svc.settings.environment import Fallback
from svc.storage.inbox import SENDS_IN_DOUBT, Attempt, BeginOutcome, Begun, Dead, Done, Inbox, Retry, StoreOutcome, Term
from svc.storage.orders import NO_ORDERS, Orders, Pause
from tests.inbox_contract.under_test import (
    EVER,
    FOREIGN,
    LONG_AGO,
    InboxUnderTest,
    Seen,
    an_update,
    begun,
    ids_read_back,
    new_term,
    outcome,
    store,
)

POLICIES: list[Fallback] = ["resend", "skip"]


async def test_every_term_is_a_new_one(inbox: Inbox) -> None:
    """The epoch goes up by one with every term, also with the next of the same holder."""
    holder = uuid4()
    assert [await inbox.take_over(holder, "one") for _ in range(3)] == [Term(epoch, holder) for epoch in (1, 2, 3)]


async def test_a_new_term_finds_what_was_in_flight(tested: InboxUnderTest) -> None:
    """What older terms left processing is in doubt in a new one, whatever tokens are held, and nothing else is."""
    inbox = tested.inbox
    await store(inbox, 1, 2)
    await store(inbox, 3, chat_id=8)
    term = await new_term(inbox)
    await begun(inbox, 1, term, token=5)
    await inbox.settle(await begun(inbox, 3, term), Retry(0, "flood"))
    term = await new_term(inbox)
    assert await outcome(inbox, 1, term) is BeginOutcome.BUSY
    assert await inbox.resolve_doubts(term, "resend", LONG_AGO, {5}) == [(1, "resend")]
    assert await inbox.resolve_doubts(term, "resend", LONG_AGO, {5}) == []
    assert [await tested.row(update_id) for update_id in (1, 2, 3)] == [
        Seen("pending", attempts=1, doubts=1),
        Seen("pending"),
        Seen("pending", attempts=1),
    ]


async def test_what_no_worker_holds_is_in_doubt(tested: InboxUnderTest) -> None:
    """So is what this term began long ago and nobody holds; what is held, or new, is not."""
    inbox = tested.inbox
    term = await new_term(inbox)
    for update_id in (1, 2):
        await store(inbox, update_id, chat_id=update_id)
        await begun(inbox, update_id, term, token=update_id)
    await store(inbox, 3)
    assert await inbox.resolve_doubts(term, "resend", EVER, {2}) == []
    assert await inbox.resolve_doubts(term, "resend", LONG_AGO, {2}) == [(1, "resend")]
    assert [await tested.row(update_id) for update_id in (1, 2, 3)] == [
        Seen("pending", attempts=1, doubts=1),
        Seen("processing", attempts=1),
        Seen("pending"),
    ]


async def test_resend(inbox: Inbox) -> None:
    """Under `resend` a row in doubt is pending again, due at once, and the doubt is counted."""
    await store(inbox, 1)
    await begun(inbox, 1, await new_term(inbox))
    term = await new_term(inbox)
    assert await inbox.resolve_doubts(term, "resend", LONG_AGO, ()) == [(1, "resend")]
    assert await ids_read_back(inbox) == [1]
    assert await inbox.begin(Attempt(1, term, 9)) == Begun(BeginOutcome.BEGUN, attempts=2, doubts=1)


async def test_skip(tested: InboxUnderTest) -> None:
    """Under `skip` a row in doubt is finished, and says why."""
    inbox = tested.inbox
    await store(inbox, 1, 2)
    await begun(inbox, 1, await new_term(inbox))
    term = await new_term(inbox)
    assert await inbox.resolve_doubts(term, "skip", LONG_AGO, ()) == [(1, "skip")]
    assert await tested.processed() == {1: Seen("in_doubt", attempts=1, doubts=1)}
    assert await outcome(inbox, 2, term) is BeginOutcome.BEGUN


@pytest.mark.parametrize("policy", POLICIES)
async def test_what_may_be_repeated_is(tested: InboxUnderTest, policy: Fallback) -> None:
    """What may be made twice without harm is repeated under every policy, however often, and no doubt is counted."""
    inbox = tested.inbox
    await store(inbox, 1)
    for attempts in range(1, SENDS_IN_DOUBT + 2):
        await begun(inbox, 1, await new_term(inbox), repeatable=True)
        assert await inbox.resolve_doubts(await new_term(inbox), policy, LONG_AGO, ()) == [(1, "repeat")]
        assert await tested.row(1) == Seen("pending", attempts=attempts)
    assert await ids_read_back(inbox) == [1]


async def test_only_the_latest_attempt_says_what_may_be_repeated(inbox: Inbox) -> None:
    """An attempt that sends is in doubt although the one before it could be repeated."""
    await store(inbox, 1)
    term = await new_term(inbox)
    await inbox.settle(await begun(inbox, 1, term, repeatable=True), Retry(0, "flood"))
    await begun(inbox, 1, term)
    assert await inbox.resolve_doubts(await new_term(inbox), "resend", LONG_AGO, ()) == [(1, "resend")]


async def test_no_message_is_sent_on_doubt_for_ever(tested: InboxUnderTest) -> None:
    """After so many sends of which nobody knows whether they arrived an update is dead, with its payload, and the next
    of its chat goes on."""
    inbox = tested.inbox
    await store(inbox, 1, 2)
    for doubts in range(1, SENDS_IN_DOUBT):
        await begun(inbox, 1, await new_term(inbox))
        assert await inbox.resolve_doubts(await new_term(inbox), "resend", LONG_AGO, ()) == [(1, "resend")]
        assert await tested.row(1) == Seen("pending", attempts=doubts, doubts=doubts)
    await begun(inbox, 1, await new_term(inbox))
    term = await new_term(inbox)
    assert await inbox.resolve_doubts(term, "resend", LONG_AGO, ()) == [(1, "dead")]
    assert await tested.row(1) is None
    assert await tested.processed() == {1: Seen("dead", attempts=SENDS_IN_DOUBT, doubts=SENDS_IN_DOUBT)}
    assert await tested.dead() == {1: (b"{}", "it cannot be told whether it was sent")}
    assert (await inbox.store(an_update(1))).outcome is StoreOutcome.DUPLICATE
    assert await outcome(inbox, 2, term) is BeginOutcome.BEGUN


@pytest.mark.parametrize("policy", POLICIES)
async def test_doubts_are_left_alone(tested: InboxUnderTest, policy: Fallback) -> None:
    """The policy is not applied while the owner may still finish, nor by a term that is not the current one."""
    inbox = tested.inbox
    await store(inbox, 1)
    old = await new_term(inbox)
    await begun(inbox, 1, old)
    term = await new_term(inbox)
    assert await inbox.resolve_doubts(term, policy, EVER, ()) == []
    assert await inbox.resolve_doubts(old, policy, LONG_AGO, ()) == []
    assert await inbox.resolve_doubts(Term(term.epoch, FOREIGN), policy, LONG_AGO, ()) == []
    assert await tested.row(1) == Seen("processing", attempts=1)


async def test_a_handler_that_ended_the_leader_is_blamed(tested: InboxUnderTest) -> None:
    """The first note of a term blames the update that the term before had noted last, once for each such term."""
    inbox = tested.inbox
    await store(inbox, 1, 2)
    for blamed in range(3):
        assert await inbox.note_deciding(await new_term(inbox), 1) == blamed
    term = await new_term(inbox)
    assert await inbox.note_deciding(term, 2) == 0
    assert await inbox.note_deciding(term, 1) == 3
    assert [await tested.blamed(update_id) for update_id in (1, 2)] == [3, 0]


async def test_a_handler_that_returned_is_not_blamed(tested: InboxUnderTest) -> None:
    """What was noted and taken back, or is noted again by the same term, is not blamed."""
    inbox = tested.inbox
    await store(inbox, 1)
    term = await new_term(inbox)
    assert await inbox.note_deciding(term, 1) == 0
    assert await inbox.note_deciding(term, 1) == 0
    assert await inbox.note_deciding(term, None) == 0
    assert await inbox.note_deciding(await new_term(inbox), 1) == 0
    assert await tested.blamed(1) == 0


async def test_a_late_note_of_an_old_leader_changes_nothing(tested: InboxUnderTest) -> None:
    """An old leader neither blames nor takes the note of the new one away."""
    inbox = tested.inbox
    await store(inbox, 1, 2)
    old, term = await new_term(inbox), await new_term(inbox)
    assert await inbox.note_deciding(term, 1) == 0
    assert await inbox.note_deciding(old, None) == 0
    assert await inbox.note_deciding(old, 2) == 0
    assert await inbox.note_deciding(await new_term(inbox), 1) == 1
    assert await tested.blamed(2) == 0


async def test_an_update_that_is_gone_is_blamed_for_nothing(inbox: Inbox) -> None:
    """A noted update that has been done meanwhile, and one that was never here, are no matter."""
    await store(inbox, 1, 2)
    term = await new_term(inbox)
    assert await inbox.note_deciding(term, 1) == 0
    await inbox.dismiss(1)
    assert await inbox.note_deciding(await new_term(inbox), 99) == 0
    assert await inbox.note_deciding(await new_term(inbox), 2) == 0


async def test_a_term_knows_what_is_paused(tested: InboxUnderTest) -> None:
    """As it stands when the term begins; what another term knew is no matter."""
    assert (await new_term(tested.inbox)).orders == NO_ORDERS
    model = Pause("model", "kling", "too slow", "anna@host", 1_700_000_000.5)
    sending = Pause("sending", "", 'ünicode "quotes"', "Anna (192.0.2.7)", 1_700_000_001.0)
    await tested.pause(model, sending)
    term = await new_term(tested.inbox)
    assert term.orders == Orders((model, sending))
    assert term.orders.sending == sending
    await tested.pause()
    assert (await new_term(tested.inbox)).orders == NO_ORDERS


async def test_note_pause(tested: InboxUnderTest) -> None:
    """A pause is noted with its reason, by the current term only, and ends with a word or with the term."""
    inbox = tested.inbox
    old, term = await new_term(inbox), await new_term(inbox)
    await inbox.note_pause(old, "an old leader's")
    await inbox.note_pause(Term(term.epoch, FOREIGN), "a stranger's")
    assert await tested.paused() is None
    await inbox.note_pause(term, "401 Unauthorized")
    await inbox.note_pause(old, None)
    assert await tested.paused() == "401 Unauthorized"
    await inbox.note_pause(term, None)
    assert await tested.paused() is None
    await inbox.note_pause(term, "404 Not Found")
    await new_term(inbox)
    assert await tested.paused() is None


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
    assert (await inbox.store(an_update(1))).outcome is StoreOutcome.FIRST


async def test_prune_dead(tested: InboxUnderTest) -> None:
    """The same of the dead, of which it stays on record that they were here."""
    inbox = tested.inbox
    term = await new_term(inbox)
    for update_id in (3, 1, 2):
        await store(inbox, update_id, chat_id=update_id)
        await inbox.settle(await begun(inbox, update_id, term), Dead("gave up"))
    await store(inbox, 4)
    await inbox.settle(await begun(inbox, 4, term), Done())
    assert await inbox.prune_dead(EVER, 10) == 0
    assert await inbox.prune_dead(LONG_AGO, 2) == 2
    assert set(await tested.dead()) == {2}
    assert await inbox.prune_dead(LONG_AGO, 2) == 1
    assert (await inbox.store(an_update(1))).outcome is StoreOutcome.DUPLICATE
