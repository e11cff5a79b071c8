"""What is looked for when: an owner that lives is left the time to hear its answers."""

from __future__ import annotations

import pytest

from svc.storage import looks
from svc.storage.inbox import Unclear
from svc.storage.looks import Absent, LookOutcome, Unsure
from tests.inbox_contract.looking import LONG, WATERMARK, due, sending
from tests.inbox_contract.under_test import InboxUnderTest, Seen, an_update, new_term, store

pytestmark = pytest.mark.usefixtures("slow_motion")


async def test_what_a_dead_owner_left(tested: InboxUnderTest) -> None:
    """It is looked for when the former leader has been silent for a while, and says whose send it was."""
    inbox = tested.inbox
    await store(inbox, 1)
    await sending(inbox, 1, await new_term(inbox), token=5)
    term = await new_term(inbox)
    assert await due(inbox, term) == []
    await tested.pass_time(looks.OWNER_SILENT)
    # That this leader holds a token of the same number is no matter.
    (found,) = await inbox.due_looks(term, {5}, 10)
    assert found[:6] == (1, 7, 5, WATERMARK, 1, 0)
    assert found.age >= looks.OWNER_SILENT
    assert await tested.row(1) == Seen("in_doubt", attempts=1)


async def test_an_owner_that_lives_is_waited_for(tested: InboxUnderTest) -> None:
    """A heartbeat since the takeover says that its answer may still come, so the row is left to it for a time."""
    inbox = tested.inbox
    await store(inbox, 1)
    old = await new_term(inbox)
    await sending(inbox, 1, old)
    term = await new_term(inbox)
    await tested.hear_of_the_leader_of(old.epoch)
    await tested.pass_time(looks.OWNER_PATIENCE - 100)
    assert await due(inbox, term) == []
    await tested.pass_time(100)
    assert await due(inbox, term) == [1]


async def test_an_owner_is_heard_of_late(tested: InboxUnderTest) -> None:
    """It was taken for dead, and a first look was made; what it is still waiting for is not sent again before."""
    inbox = tested.inbox
    await store(inbox, 1)
    old = await new_term(inbox)
    await sending(inbox, 1, old)
    term = await new_term(inbox)
    await tested.pass_time(looks.OWNER_SILENT)
    (first,) = await inbox.due_looks(term, (), 10)
    assert await inbox.settle_look(term, first, Absent(), "resend", probes=1) is LookOutcome.LOOK_AGAIN
    await tested.hear_of_the_leader_of(old.epoch)
    await tested.pass_time(looks.LOOK_GAP)
    assert await due(inbox, term) == []
    await tested.pass_time(looks.OWNER_PATIENCE)
    assert await due(inbox, term) == [1]


async def test_a_heartbeat_from_before_the_takeover_says_nothing(tested: InboxUnderTest) -> None:
    """Nor does that of an instance which led another term."""
    inbox = tested.inbox
    await store(inbox, 1)
    older = await new_term(inbox)
    old = await new_term(inbox)
    await sending(inbox, 1, old)
    await tested.hear_of_the_leader_of(old.epoch)
    term = await new_term(inbox)
    await tested.hear_of_the_leader_of(older.epoch)
    await tested.pass_time(looks.OWNER_SILENT)
    assert await due(inbox, term) == [1]


async def test_what_no_worker_holds(tested: InboxUnderTest) -> None:
    """Of this term, an attempt that no worker holds is looked for after a time; one that is held is not."""
    inbox = tested.inbox
    term = await new_term(inbox)
    for update_id in (1, 2):
        await inbox.store(an_update(update_id, update_id))
        await sending(inbox, update_id, term, token=update_id)
    await tested.pass_time(looks.OWNER_PATIENCE - 100)
    assert await due(inbox, term, {2}) == []
    await tested.pass_time(LONG)
    assert await due(inbox, term, {2}) == [1]


async def test_the_oldest_come_first(tested: InboxUnderTest) -> None:
    """No more than so many at once, and those that are under way keep none of the others waiting."""
    inbox = tested.inbox
    term = await new_term(inbox)
    for update_id in (4, 2, 1, 3):
        await inbox.store(an_update(update_id, update_id))
        await inbox.settle(await sending(inbox, update_id, term), Unclear(0, "cut off"))
    assert [await due(inbox, term, limit=3) for _ in range(3)] == [[1, 2, 3], [4], []]


async def test_what_is_being_looked_at_is_left_out(tested: InboxUnderTest) -> None:
    """Its look takes longer than the claim lasts."""
    inbox = tested.inbox
    term = await new_term(inbox)
    for update_id in (1, 2):
        await inbox.store(an_update(update_id, update_id))
        await inbox.settle(await sending(inbox, update_id, term), Unclear(0, "cut off"))
    assert [each.update_id for each in await inbox.due_looks(term, (), 10, without={1})] == [2]
    assert await due(inbox, term) == [1]


async def test_each_has_its_own_looks(tested: InboxUnderTest) -> None:
    """One that cannot be told for now waits longer than another that is looked for beside it."""
    inbox = tested.inbox
    term = await new_term(inbox)
    for update_id in (1, 2):
        await inbox.store(an_update(update_id, update_id))
        await inbox.settle(await sending(inbox, update_id, term), Unclear(0, "cut off"))
    one, two = await inbox.due_looks(term, (), 10)
    assert await inbox.settle_look(term, one, Unsure("429"), "resend", probes=1) is LookOutcome.LOOK_AGAIN
    await tested.pass_time(looks.LOOK_GAP)
    assert await due(inbox, term) == [2]
    assert await inbox.settle_look(term, two, Unsure("429"), "resend", probes=1) is LookOutcome.GONE


async def test_who_has_been_looked_for_least_comes_first(tested: InboxUnderTest) -> None:
    """What becomes of it may be what the others wait for."""
    inbox = tested.inbox
    term = await new_term(inbox)
    for update_id in (1, 2, 3):
        await inbox.store(an_update(update_id, update_id))
        await inbox.settle(await sending(inbox, update_id, term), Unclear(0, "cut off"))
    for seen, left in ((1, {2, 3}), (1, {2, 3}), (2, {3})):
        (looked,) = await inbox.due_looks(term, (), 10, without=left | ({1} if seen == 2 else set()))
        assert looked.update_id == seen
        await tested.pass_time(looks.LOOK_GAP)
    assert [each.update_id for each in await inbox.due_looks(term, (), 1)] == [3]
    assert [each.update_id for each in await inbox.due_looks(term, (), 1)] == [2]
