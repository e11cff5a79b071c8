"""Looking for a send in doubt: what stands in the row from look to look, and what follows from each."""

from __future__ import annotations

import pytest

from svc.settings.environment import Fallback
from svc.storage import looks
from svc.storage.inbox import (
    CANNOT_BE_TOLD,
    SENDS_IN_DOUBT,
    Attempt,
    BeginOutcome,
    Begun,
    CallMade,
    Done,
    Retry,
    Term,
    Unclear,
)
from svc.storage.looks import Absent, CannotBeTold, Found, LookOutcome, LookResult, Unsure
from tests.inbox_contract.looking import (
    LONG,
    WATERMARK,
    a_send_in_doubt,
    begin_again,
    cleared,
    due,
    look,
    sending,
    the_look,
)
from tests.inbox_contract.under_test import (
    EVER,
    FOREIGN,
    LONG_AGO,
    InboxUnderTest,
    Looking,
    Seen,
    an_update,
    ids,
    ids_read_back,
    new_term,
    outcome,
    store,
)

pytestmark = pytest.mark.usefixtures("slow_motion")

BEGUN_AGAIN = Begun(BeginOutcome.BEGUN, attempts=2, doubts=0, sent_above=WATERMARK)


async def test_a_send_that_is_unclear_waits_for_a_look(tested: InboxUnderTest) -> None:
    """It neither begins again nor lets the next of its chat begin, and is looked for when its delay is over."""
    inbox = tested.inbox
    await store(inbox, 1, 2)
    term = await new_term(inbox)
    await inbox.settle(await sending(inbox, 1, term), Unclear(100, "cut off"))
    assert await tested.row(1) == Seen("in_doubt", attempts=1)
    assert [await outcome(inbox, each, term) for each in (1, 2)] == [BeginOutcome.BUSY] * 2
    assert await ids_read_back(inbox) == []
    assert await inbox.newest(10) == await inbox.fetch([1]) == await inbox.followers([7], 16) == []
    assert await due(inbox, term) == []
    await tested.pass_time(100)
    assert await due(inbox, term) == [1]


async def test_a_look_is_counted_when_it_begins(tested: InboxUnderTest) -> None:
    """A look that ends with its process has been one, and the next is not due before its time."""
    inbox = tested.inbox
    term = await a_send_in_doubt(tested)
    first = await the_look(inbox, term)
    assert first[:6] == (1, 7, 0, WATERMARK, 1, 0)
    assert 0 <= first.age < 60
    assert await due(inbox, term) == []
    term = await new_term(inbox)
    assert await due(inbox, term) == []
    await tested.pass_time(looks.LOOK_GAP)
    assert (await the_look(inbox, term)).number == 2


async def test_found(tested: InboxUnderTest) -> None:
    """The update is done, with the id of its message and no doubt, and the next of its chat goes on."""
    inbox = tested.inbox
    term = await a_send_in_doubt(tested)
    await store(inbox, 2)
    assert await look(inbox, term, Found(105)) is LookOutcome.FOUND
    assert await tested.processed() == {1: Seen("done", attempts=1)}
    assert await tested.messages(1) == (WATERMARK, 105)
    assert await outcome(inbox, 1, term) is BeginOutcome.DUPLICATE
    assert await outcome(inbox, 2, term) is BeginOutcome.BEGUN


async def test_an_apology_that_is_found(tested: InboxUnderTest) -> None:
    """Its update is dead, for the reason that was known before it was sent, and can be replayed."""
    inbox = tested.inbox
    term = await a_send_in_doubt(tested, dead_if_sent="the handler raised")
    assert await look(inbox, term, Found(105)) is LookOutcome.APOLOGISED
    assert await tested.processed() == {1: Seen("dead", attempts=1)}
    assert await tested.dead() == {1: (b"{}", "the handler raised")}
    assert await tested.messages(1) == (WATERMARK, 105)


async def test_absent_in_two_looks_it_is_sent_again(tested: InboxUnderTest) -> None:
    """The second look is due a while after the first; then the update may begin, however it is read back."""
    inbox = tested.inbox
    term = await a_send_in_doubt(tested)
    assert await look(inbox, term, Absent()) is LookOutcome.LOOK_AGAIN
    assert await tested.looking(1) == Looking(WATERMARK, looks=1, absent=1, resends=0)
    assert await due(inbox, term) == await ids_read_back(inbox) == []
    assert await outcome(inbox, 1, term) is BeginOutcome.BUSY
    await tested.pass_time(looks.LOOK_GAP)
    assert await look(inbox, term, Absent()) is LookOutcome.SEND
    assert await tested.looking(1) == Looking(WATERMARK, looks=2, absent=2, resends=0)
    assert await ids_read_back(inbox) == ids(await inbox.newest(10)) == ids(await inbox.fetch([1])) == [1]
    assert await begin_again(inbox, 1, term) == await begin_again(inbox, 1, term) == BEGUN_AGAIN
    assert await tested.looking(1) == Looking(WATERMARK, looks=2, absent=0, resends=1)
    await inbox.settle(Attempt(1, term, 2), Done(), [CallMade("sendMessage", "ok", 8, 106)])
    assert await tested.processed() == {1: Seen("done", attempts=2)}
    assert await tested.messages(1) == (WATERMARK, 106)


async def test_what_was_found_out_outlives_a_takeover(tested: InboxUnderTest) -> None:
    """A new leader goes on with the second look, and neither begins anew nor sends at once."""
    inbox = tested.inbox
    assert await look(inbox, await a_send_in_doubt(tested), Absent()) is LookOutcome.LOOK_AGAIN
    term = await new_term(inbox)
    assert await outcome(inbox, 1, term) is BeginOutcome.BUSY
    await tested.pass_time(looks.LOOK_GAP)
    again = await the_look(inbox, term)
    assert (again.number, again.absent) == (2, 1)
    assert await inbox.settle_look(term, again, Absent(), "resend", probes=3) is LookOutcome.SEND


async def test_what_is_cleared_has_to_begin_soon(tested: InboxUnderTest) -> None:
    """If it does not, it may no longer, one more look comes first, and it may not begin under that look's eyes."""
    inbox = tested.inbox
    term = await a_send_in_doubt(tested)
    await cleared(tested, term)
    assert await due(inbox, term) == []
    await tested.pass_time(looks.CLEARED_FOR)
    assert await begin_again(inbox, 1, term) == Begun(BeginOutcome.BUSY)
    again = await the_look(inbox, term)
    assert (again.number, again.absent) == (3, 1)
    assert await begin_again(inbox, 1, term) == Begun(BeginOutcome.BUSY)
    assert await ids_read_back(inbox) == []
    assert await inbox.settle_look(term, again, Absent(), "resend", probes=3) is LookOutcome.SEND
    assert await begin_again(inbox, 1, term) == BEGUN_AGAIN


async def test_what_arrived_late_is_found_by_the_look_before_sending(tested: InboxUnderTest) -> None:
    """That is what the last look is for."""
    inbox = tested.inbox
    term = await a_send_in_doubt(tested)
    await cleared(tested, term)
    await tested.pass_time(looks.CLEARED_FOR)
    assert await look(inbox, term, Found(105)) is LookOutcome.FOUND
    assert await begin_again(inbox, 1, term) == Begun(BeginOutcome.DUPLICATE)


async def test_the_watermark_stays_that_of_the_first_send(tested: InboxUnderTest) -> None:
    """However often it is sent again, and whatever is known by then: the first message may still be what is found."""
    inbox = tested.inbox
    term = await a_send_in_doubt(tested)
    for token, resends in ((2, 1), (3, 2)):
        await cleared(tested, term)
        assert (await begin_again(inbox, 1, term, token)).sent_above == WATERMARK
        await inbox.settle(Attempt(1, term, token), Unclear(0, "cut off again"))
        assert await tested.looking(1) == Looking(WATERMARK, looks=2 * resends, absent=0, resends=resends)
    assert (await the_look(inbox, term)).watermark == WATERMARK


async def test_an_attempt_that_was_not_sent_leaves_no_watermark(tested: InboxUnderTest) -> None:
    """What is certainly not sent is simply tried again, from what is known by then; nothing is looked for."""
    inbox = tested.inbox
    await store(inbox, 1)
    term = await new_term(inbox)
    await inbox.settle(await sending(inbox, 1, term), Retry(0, "429"))
    assert await tested.row(1) == Seen("pending", attempts=1)
    assert await begin_again(inbox, 1, term) == Begun(BeginOutcome.BEGUN, attempts=2)
    assert (await tested.looking(1)).watermark == 900


async def test_a_retry_of_what_was_sent_before_is_looked_for_once_more(tested: InboxUnderTest) -> None:
    """The send before may have arrived since: after the retry's delay one look comes, and then it may begin."""
    inbox = tested.inbox
    term = await a_send_in_doubt(tested)
    await cleared(tested, term)
    await begin_again(inbox, 1, term)
    await inbox.settle(Attempt(1, term, 2), Retry(100, "429"))
    assert await tested.row(1) == Seen("in_doubt", attempts=2)
    assert await outcome(inbox, 1, term) is BeginOutcome.BUSY
    assert await due(inbox, term) == []
    await tested.pass_time(100)
    assert await look(inbox, term, Absent()) is LookOutcome.SEND
    assert (await begin_again(inbox, 1, term, 3)).sent_above == WATERMARK


async def test_a_retry_with_a_doubt_is_the_policys(tested: InboxUnderTest) -> None:
    """Sent again though nothing can be told, it waits for no look, and begins anew."""
    inbox = tested.inbox
    term = await a_send_in_doubt(tested)
    await cleared(tested, term)
    await begin_again(inbox, 1, term)
    await inbox.settle(Attempt(1, term, 2), Retry(0, "504", doubts=1))
    assert await tested.row(1) == Seen("pending", attempts=2, doubts=1)
    assert await begin_again(inbox, 1, term, 3) == Begun(BeginOutcome.BEGUN, attempts=3, doubts=1)
    assert await tested.looking(1) == Looking(900, looks=0, absent=0, resends=0)


@pytest.mark.parametrize("unsure", [Unsure("429"), Unsure("many", crowded=True)], ids=["not sure", "crowded"])
async def test_a_look_that_is_not_sure_waits_longer_each_time(tested: InboxUnderTest, unsure: Unsure) -> None:
    """It counts as a look, changes nothing of what was found out, and comes again after a pause that has a bound."""
    inbox = tested.inbox
    term = await a_send_in_doubt(tested)
    assert await look(inbox, term, Absent()) is LookOutcome.LOOK_AGAIN
    await tested.pass_time(looks.LOOK_GAP)
    for number in range(2, looks.MOST_LOOKS):
        assert await look(inbox, term, unsure) is LookOutcome.LOOK_AGAIN
        assert await tested.looking(1) == Looking(WATERMARK, looks=number, absent=1, resends=0)
        pause = unsure.pause(number)
        await tested.pass_time(pause - 100)
        assert await due(inbox, term) == []
        await tested.pass_time(100)
    assert await look(inbox, term, Absent()) is LookOutcome.SEND


@pytest.mark.parametrize("result", [Unsure("429"), Absent()], ids=["not sure", "absent"])
async def test_the_last_look(tested: InboxUnderTest, result: LookResult) -> None:
    """After so many looks that were not sure it cannot be told, also if the last one found nothing."""
    inbox = tested.inbox
    term = await a_send_in_doubt(tested)
    for _ in range(looks.MOST_LOOKS - 1):
        assert await look(inbox, term, Unsure("429")) is LookOutcome.LOOK_AGAIN
        await tested.pass_time(LONG)
    assert await look(inbox, term, result) is LookOutcome.RESEND
    assert await tested.row(1) == Seen("pending", attempts=1, doubts=1)


async def test_what_the_last_look_clears_stays_so(tested: InboxUnderTest) -> None:
    """There is no further look, so it may begin whenever it gets to that; sent once more, it cannot be told."""
    inbox = tested.inbox
    term = await a_send_in_doubt(tested)
    for _ in range(looks.MOST_LOOKS - 2):
        await look(inbox, term, Unsure("429"))
        await tested.pass_time(LONG)
    await cleared(tested, term)
    await tested.pass_time(LONG)
    assert await due(inbox, term) == []
    assert await begin_again(inbox, 1, term) == BEGUN_AGAIN
    await inbox.settle(Attempt(1, term, 2), Unclear(0, "cut off"))
    assert await look(inbox, term, Absent()) is LookOutcome.RESEND


async def test_resend(tested: InboxUnderTest) -> None:
    """What cannot be told is sent once more, at once and from anew; what its owner says late still counts."""
    inbox = tested.inbox
    await store(inbox, 1)
    attempt = await sending(inbox, 1, await new_term(inbox))
    term = await new_term(inbox)
    await tested.pass_time(LONG)
    assert await look(inbox, term, CannotBeTold("403")) is LookOutcome.RESEND
    assert await tested.row(1) == Seen("pending", attempts=1, doubts=1)
    assert await ids_read_back(inbox) == [1]
    assert await tested.looking(1) == Looking(WATERMARK, looks=0, absent=0, resends=0)
    await inbox.settle(attempt, Done())
    assert await tested.processed() == {1: Seen("done", attempts=1, doubts=1)}


async def test_skip(tested: InboxUnderTest) -> None:
    """Under `skip` what cannot be told is finished, and says why."""
    inbox = tested.inbox
    term = await a_send_in_doubt(tested)
    assert await look(inbox, term, CannotBeTold("403"), "skip") is LookOutcome.SKIP
    assert await tested.processed() == {1: Seen("in_doubt", attempts=1, doubts=1)}
    assert await tested.messages(1) == (WATERMARK, None)


async def test_what_cannot_be_told_is_not_sent_for_ever(tested: InboxUnderTest) -> None:
    """After so many sends of which nothing could be told it is dead."""
    inbox = tested.inbox
    term = await a_send_in_doubt(tested)
    for token in range(2, SENDS_IN_DOUBT + 1):
        assert await look(inbox, term, CannotBeTold("403")) is LookOutcome.RESEND
        await begin_again(inbox, 1, term, token)
        await inbox.settle(Attempt(1, term, token), Unclear(0, "cut off"))
    assert await look(inbox, term, CannotBeTold("403")) is LookOutcome.DEAD
    assert await tested.processed() == {1: Seen("dead", attempts=SENDS_IN_DOUBT, doubts=SENDS_IN_DOUBT)}
    assert await tested.dead() == {1: (b"{}", CANNOT_BE_TOLD)}


@pytest.mark.parametrize("policy", ["resend", "skip"])
async def test_an_apology_is_never_sent_twice(tested: InboxUnderTest, policy: Fallback) -> None:
    """If it cannot be told whether it came, its update is dead for the reason that it apologises for."""
    inbox = tested.inbox
    term = await a_send_in_doubt(tested, dead_if_sent="the handler raised")
    assert await look(inbox, term, CannotBeTold("403"), policy) is LookOutcome.DEAD
    assert await tested.processed() == {1: Seen("dead", attempts=1, doubts=1)}
    assert await tested.dead() == {1: (b"{}", "the handler raised")}


async def test_a_result_counts_once(tested: InboxUnderTest) -> None:
    """Told again, because the answer was lost, one look does not become two."""
    inbox = tested.inbox
    term = await a_send_in_doubt(tested)
    first = await the_look(inbox, term)
    assert await inbox.settle_look(term, first, Absent(), "resend", probes=3) is LookOutcome.LOOK_AGAIN
    assert await inbox.settle_look(term, first, Absent(), "resend", probes=3) is LookOutcome.GONE
    assert await tested.looking(1) == Looking(WATERMARK, looks=1, absent=1, resends=0)
    await tested.pass_time(looks.LOOK_GAP)
    second = await the_look(inbox, term)
    assert await inbox.settle_look(term, first, Absent(), "resend", probes=3) is LookOutcome.GONE
    assert await inbox.settle_look(term, second, Found(105), "resend", probes=3) is LookOutcome.FOUND
    assert await inbox.settle_look(term, second, Found(105), "resend", probes=3) is LookOutcome.GONE


async def test_a_result_of_what_has_begun_again_is_none(tested: InboxUnderTest) -> None:
    """Whatever a look says that was made before it was sent again, it says nothing of this send."""
    inbox = tested.inbox
    term = await a_send_in_doubt(tested)
    await cleared(tested, term)
    await tested.pass_time(looks.CLEARED_FOR)
    old = await the_look(inbox, term)
    assert await inbox.settle_look(term, old, Absent(), "resend", probes=3) is LookOutcome.SEND
    await begin_again(inbox, 1, term)
    assert await inbox.settle_look(term, old, Found(105), "resend", probes=3) is LookOutcome.GONE
    await inbox.settle(Attempt(1, term, 2), Unclear(0, "cut off"))
    assert await inbox.settle_look(term, old, Found(105), "resend", probes=3) is LookOutcome.GONE
    assert await tested.row(1) == Seen("in_doubt", attempts=2)


@pytest.mark.parametrize("result", [Found(105), Absent(), Unsure("429"), CannotBeTold("403")], ids=str)
async def test_only_the_leader_decides(tested: InboxUnderTest, result: LookResult) -> None:
    """A former leader and a stranger claim no look and settle none."""
    inbox = tested.inbox
    old = await a_send_in_doubt(tested)
    term = await new_term(inbox)
    claimed = await the_look(inbox, term)
    await tested.pass_time(LONG)
    for stranger in (old, Term(term.epoch, FOREIGN)):
        assert await due(inbox, stranger) == []
        assert await inbox.settle_look(stranger, claimed, result, "resend", probes=3) is LookOutcome.GONE
    assert await tested.looking(1) == Looking(WATERMARK, looks=1, absent=0, resends=0)


async def test_the_owner_may_still_say_that_it_is_done(tested: InboxUnderTest) -> None:
    """What it hears late counts, before and after looks have found nothing; the look then settles nothing."""
    inbox = tested.inbox
    for update_id, absent in ((1, False), (2, True)):
        await inbox.store(an_update(update_id, update_id))
        attempt = await sending(inbox, update_id, await new_term(inbox))
        term = await new_term(inbox)
        await tested.pass_time(LONG)
        found = await the_look(inbox, term)
        if absent:
            await inbox.settle_look(term, found, Absent(), "resend", probes=3)
            await tested.pass_time(looks.LOOK_GAP)
            await look(inbox, term, Absent())
        await inbox.settle(attempt, Done(), [CallMade("sendMessage", "ok", 8, 105)])
        assert await inbox.settle_look(term, found, Absent(), "resend", probes=3) is LookOutcome.GONE
        assert await begin_again(inbox, update_id, term) == Begun(BeginOutcome.DUPLICATE)
        assert await tested.messages(update_id) == (None, 105)


async def test_an_owner_that_does_not_know_either(tested: InboxUnderTest) -> None:
    """That its send is unclear says that it was under way until now: looks that found nothing before do not count."""
    inbox = tested.inbox
    await store(inbox, 1)
    attempt = await sending(inbox, 1, await new_term(inbox))
    term = await new_term(inbox)
    await tested.pass_time(LONG)
    await cleared(tested, term)
    await inbox.settle(attempt, Unclear(100, "no answer in time"))
    assert await begin_again(inbox, 1, term) == Begun(BeginOutcome.BUSY)
    assert await tested.looking(1) == Looking(WATERMARK, looks=2, absent=0, resends=0)
    assert await due(inbox, term) == []
    await tested.pass_time(100)
    await cleared(tested, term)


async def test_an_owner_that_knows_that_it_was_not_sent(tested: InboxUnderTest) -> None:
    """Then nothing is looked for any more."""
    inbox = tested.inbox
    await store(inbox, 1)
    attempt = await sending(inbox, 1, await new_term(inbox))
    term = await new_term(inbox)
    await tested.pass_time(LONG)
    claimed = await the_look(inbox, term)
    await inbox.settle(attempt, Retry(0, "not sent"))
    assert await inbox.settle_look(term, claimed, CannotBeTold("403"), "resend", probes=3) is LookOutcome.GONE
    assert await begin_again(inbox, 1, term) == Begun(BeginOutcome.BEGUN, attempts=2)


async def test_followers_do_not_pass_what_is_in_doubt(tested: InboxUnderTest) -> None:
    """They follow once it is cleared, in their order, and not before."""
    inbox = tested.inbox
    term = await a_send_in_doubt(tested)
    await store(inbox, 2, 3)
    assert await inbox.followers([7], 16) == []
    await cleared(tested, term)
    assert ids(await inbox.followers([7], 16)) == [1, 2, 3]
    assert ids(await inbox.fetch([1, 2])) == [1]
    await tested.pass_time(looks.CLEARED_FOR)
    assert await inbox.followers([7], 16) == []


async def test_what_needs_no_answer_any_more_is_dismissed(tested: InboxUnderTest) -> None:
    """Another release may have nothing to say to what was cleared; what is being looked for stays."""
    inbox = tested.inbox
    term = await a_send_in_doubt(tested)
    await inbox.dismiss(1)
    assert await tested.row(1) == Seen("in_doubt", attempts=1)
    await cleared(tested, term)
    await inbox.dismiss(1)
    assert await tested.processed() == {1: Seen("ignored", attempts=1)}
    assert await tested.messages(1) == (WATERMARK, None)


async def test_with_looking_the_policy_is_for_the_rest(tested: InboxUnderTest) -> None:
    """What can be looked for is left to that; what may be repeated, or has no watermark, is not looked for."""
    inbox = tested.inbox
    term = await new_term(inbox)
    for update_id in range(1, 5):
        await inbox.store(an_update(update_id, update_id))
    await inbox.settle(await sending(inbox, 1, term), Unclear(0, "cut off"))
    await sending(inbox, 2, term)
    await sending(inbox, 3, term, watermark=None)
    await sending(inbox, 4, term, repeatable=True)
    term = await new_term(inbox)
    assert sorted(await inbox.resolve_doubts(term, "resend", LONG_AGO, (), look=True)) == [(3, "resend"), (4, "repeat")]
    await tested.pass_time(LONG)
    assert await due(inbox, term) == [1, 2]
    assert sorted(await inbox.resolve_doubts(term, "skip", LONG_AGO, ())) == [(1, "skip"), (2, "skip")]


async def test_without_looking_the_policy_begins_anew(tested: InboxUnderTest) -> None:
    """Where looking was turned off in between, what it had found out is forgotten."""
    inbox = tested.inbox
    term = await a_send_in_doubt(tested)
    await cleared(tested, term)
    await begin_again(inbox, 1, term)
    term = await new_term(inbox)
    assert await inbox.resolve_doubts(term, "resend", LONG_AGO, ()) == [(1, "resend")]
    assert await begin_again(inbox, 1, term, 3) == Begun(BeginOutcome.BEGUN, attempts=3, doubts=1)
    assert await tested.looking(1) == Looking(900, looks=0, absent=0, resends=0)


@pytest.mark.parametrize("policy", ["resend", "skip"])
async def test_an_apology_in_doubt_without_looking(tested: InboxUnderTest, policy: Fallback) -> None:
    """It is not sent twice, and its update is dead for the reason that it apologises for."""
    inbox = tested.inbox
    await store(inbox, 1)
    await sending(inbox, 1, await new_term(inbox), watermark=None, dead_if_sent="the handler raised")
    term = await new_term(inbox)
    assert await inbox.resolve_doubts(term, policy, LONG_AGO, (), look=True) == [(1, "dead")]
    assert await tested.dead() == {1: (b"{}", "the handler raised")}
    assert await tested.processed() == {1: Seen("dead", attempts=1, doubts=1)}


async def test_an_attempt_that_only_repeats_is_not_looked_for(tested: InboxUnderTest) -> None:
    """If what was sent before is by now an edit, and that one was put off, it is repeated and looked for no more."""
    inbox = tested.inbox
    term = await a_send_in_doubt(tested)
    await cleared(tested, term)
    await inbox.begin(Attempt(1, term, 2, repeatable=True))
    await inbox.settle(Attempt(1, term, 2), Retry(0, "429"))
    await tested.pass_time(LONG)
    assert await due(inbox, term) == []
    assert await inbox.resolve_doubts(term, "skip", EVER, (), look=True) == [(1, "repeat")]
    assert await ids_read_back(inbox) == [1]


async def test_sending_again_has_an_end(tested: InboxUnderTest) -> None:
    """What is sent again and again and never found is no better than a doubt: it is dead, and can be replayed."""
    inbox = tested.inbox
    term = await a_send_in_doubt(tested)
    for number in range(looks.MOST_RESENDS):
        await cleared(tested, term)
        assert (await begin_again(inbox, 1, term, token=10 + number)).outcome is BeginOutcome.BEGUN
        await inbox.settle(Attempt(1, term, 10 + number, watermark=900), Unclear(0, "cut off"))
    assert await look(inbox, term, Absent()) is LookOutcome.LOOK_AGAIN
    await tested.pass_time(looks.LOOK_GAP)
    assert await look(inbox, term, Absent()) is LookOutcome.DEAD
    assert list(await tested.dead()) == [1]
