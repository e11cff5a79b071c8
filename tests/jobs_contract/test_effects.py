"""What follows from the end of the update that asks for a job, or calls one off: in the same commit, and once."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
import trio

from svc.handler.job import Job, JobRequest
from svc.storage.inbox import CallMade, Dead, Done, Effects, Ending, Inbox, Retry, Unclear
from svc.storage.jobs import Jobs
from svc.storage.looks import Absent, CannotBeTold, Found, LookOutcome
from tests.inbox_contract.under_test import LONG_AGO, an_update, new_term, store
from tests.jobs_contract.under_test import (
    CHAT,
    REQUEST,
    SECRET,
    JobsUnderTest,
    a_job,
    asked,
    at_the_provider,
    begun,
    due,
    handed_in,
    the_due_one,
    the_job,
)

SENT = [CallMade("sendMessage", "ok", 5.0, 33)]


async def test_an_update_that_is_done_asks_for_its_job(under_test: JobsUnderTest, inbox: Inbox, jobs: Jobs) -> None:
    """The job has the id of its update and stands there as it was asked for, due at once."""
    request = msgspec.structs.replace(REQUEST, context={"card": 5}, seconds=60.0)
    await store(inbox, 1)
    term = await new_term(inbox)
    await inbox.settle(await begun(inbox, 1, term, a_job(request)), Done(), SENT)
    (job,) = await jobs.jobs_of(CHAT, 10)
    assert msgspec.structs.replace(job, created_at=0.0) == Job(
        1, CHAT, CHAT, "kie", "kling", {"prompt": "a cat"}, {"card": 5}, "wanted", 0.0, status_message_id=33
    )
    found = await the_due_one(under_test, term)
    assert (found.job, found.secret, found.attempts, found.task_id, found.hint) == (job, SECRET, 0, None, None)
    assert 0 <= found.age < 30 < found.left <= 60
    assert await under_test.history(1) == ["asked"]


async def test_the_message_that_shows_it(under_test: JobsUnderTest, inbox: Inbox) -> None:
    """The one that the reply has sent, if it has sent one: an edit may have been refused, and this came in its place.
    Else the one that the request names.
    """
    term = await new_term(inbox)
    for job_id, given, calls, shown in ((1, 9, [], 9), (2, 9, SENT, 33), (3, None, SENT, 33), (4, None, [], None)):
        await store(inbox, job_id)
        request = msgspec.structs.replace(REQUEST, status_message_id=given)
        await inbox.settle(await begun(inbox, job_id, term, a_job(request)), Done(), calls)
        assert (await the_job(under_test, job_id)).status_message_id == shown


@pytest.mark.parametrize("ending", [Done("refused"), Done("ignored"), Dead("gave up"), Retry(0, "flood")])
async def test_nothing_is_asked_for_by_what_is_not_done(inbox: Inbox, jobs: Jobs, ending: Ending) -> None:
    """Without its answer there is no job."""
    await store(inbox, 1)
    await inbox.settle(await begun(inbox, 1, await new_term(inbox), a_job()), ending)
    assert await jobs.jobs_of(CHAT, 10) == []


async def test_a_settlement_made_again_asks_for_nothing_more(
    under_test: JobsUnderTest, inbox: Inbox, jobs: Jobs
) -> None:
    """The job is asked for once, and goes on as it was."""
    await store(inbox, 1)
    term = await new_term(inbox)
    attempt = await begun(inbox, 1, term, a_job())
    await inbox.settle(attempt, Done())
    assert await jobs.begin_create(term, 1, 5)
    await inbox.settle(attempt, Done())
    assert [job.state for job in await jobs.jobs_of(CHAT, 10)] == ["submitting"]
    assert await under_test.history(1) == ["asked", "handed_in"]


async def test_what_the_database_cannot_hold(under_test: JobsUnderTest, inbox: Inbox) -> None:
    """NUL and half an emoji, which a person may have typed, are left out of what is asked for."""
    typed = JobRequest("kie", "kling", {"prompt": "a\0 cat\ud83d", "more": ["\0"]}, CHAT, {"\ud83d": "\\u0000"})
    await asked(under_test, await new_term(inbox), request=typed)
    job = await the_job(under_test)
    assert (job.input, job.context) == ({"prompt": "a cat?", "more": [""]}, {"?": "\\u0000"})


@pytest.mark.usefixtures("no_waiting")
async def test_found_by_a_look(under_test: JobsUnderTest, inbox: Inbox, jobs: Jobs) -> None:
    """A message that was in doubt and is found counts as sent: what it was to change has changed, once."""
    await store(inbox, 1)
    term = await new_term(inbox)
    effects = replace(a_job(), state=b'{"n": 1}')
    await inbox.settle(await begun(inbox, 1, term, effects, watermark=30), Unclear(0, "cut off"))
    assert await jobs.jobs_of(CHAT, 10) == []
    (look,) = await inbox.due_looks(term, (), 10)
    assert await inbox.settle_look(term, look, Found(33), "resend", probes=1) is LookOutcome.FOUND
    assert await inbox.settle_look(term, look, Found(33), "resend", probes=1) is LookOutcome.GONE
    assert (await the_job(under_test)).status_message_id == 33
    assert (await under_test.state_of(CHAT)).version == 1


@pytest.mark.usefixtures("no_waiting")
async def test_sent_again_by_another_decision(under_test: JobsUnderTest, inbox: Inbox) -> None:
    """Where nothing was found, the attempt that sends it again decides what changes."""
    await store(inbox, 1)
    term = await new_term(inbox)
    first = Effects(b'{"n": 1}')
    await inbox.settle(await begun(inbox, 1, term, first, watermark=30), Unclear(0, "cut off"))
    for outcome in (LookOutcome.LOOK_AGAIN, LookOutcome.SEND):
        (look,) = await inbox.due_looks(term, (), 10)
        assert await inbox.settle_look(term, look, Absent(), "resend", probes=1) is outcome
    await inbox.settle(await begun(inbox, 1, term, a_job()), Done())
    assert (await under_test.state_of(CHAT)).version == 0
    assert (await the_job(under_test)).state == "wanted"


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("policy", ["skip", "resend"])
async def test_a_look_that_cannot_tell(under_test: JobsUnderTest, inbox: Inbox, policy: str) -> None:
    """By the policy `skip` it counts as sent and takes effect; what is sent once more has yet to."""
    await store(inbox, 1)
    term = await new_term(inbox)
    await inbox.settle(await begun(inbox, 1, term, Effects(b'{"n": 1}'), watermark=30), Unclear(0, "cut off"))
    (look,) = await inbox.due_looks(term, (), 10)
    await inbox.settle_look(term, look, CannotBeTold("403"), "skip" if policy == "skip" else "resend", probes=1)
    assert (await under_test.state_of(CHAT)).version == (policy == "skip")


async def test_resolved_by_policy(under_test: JobsUnderTest, inbox: Inbox, jobs: Jobs) -> None:
    """What a former leader left begun takes effect if the policy skips it."""
    await store(inbox, 1, 2)
    await store(inbox, 3, chat_id=8)
    term = await new_term(inbox)
    await begun(inbox, 1, term, replace(a_job(), state=b'{"n": 1}'))
    await begun(inbox, 3, term)
    term = await new_term(inbox)
    assert [each.how for each in await inbox.resolve_doubts(term, "skip", LONG_AGO, ())] == ["skip", "skip"]
    assert [job.job_id for job in await jobs.jobs_of(CHAT, 10)] == [1]
    assert (await under_test.state_of(CHAT)).version == 1
    assert (await under_test.state_of(8)).version == 0


async def test_of_two_doubts_of_a_chat_the_later_state_stays(under_test: JobsUnderTest, inbox: Inbox) -> None:
    """An older update that came after a younger one had begun may be in doubt beside it: both are resolved at once."""
    await store(inbox, 2)
    term = await new_term(inbox)
    await begun(inbox, 2, term, Effects(b'{"n": 2}'))
    await store(inbox, 1)
    await begun(inbox, 1, term, Effects(b'{"n": 1}'))
    term = await new_term(inbox)
    assert len(await inbox.resolve_doubts(term, "skip", LONG_AGO, ())) == 2
    assert (await under_test.state_of(CHAT)).json.replace(b" ", b"") == b'{"n":2}'


async def test_dead_of_doubt_takes_no_effect(inbox: Inbox, jobs: Jobs) -> None:
    """An update that has been sent twice without an answer is dead, and changes nothing."""
    await store(inbox, 1)
    for how in ("resend", "dead"):
        term = await new_term(inbox)
        await begun(inbox, 1, term, a_job())
        term = await new_term(inbox)
        assert [each.how for each in await inbox.resolve_doubts(term, "resend", LONG_AGO, ())] == [how]
    assert await jobs.jobs_of(CHAT, 10) == []


async def test_a_job_is_cancelled_while_it_is_wanted(under_test: JobsUnderTest, inbox: Inbox) -> None:
    """It is over by that, and nobody hands it in; whoever asked has been answered, so nothing more is told."""
    term = await new_term(inbox)
    await asked(under_test, term)
    await store(inbox, 2)
    await inbox.settle(await begun(inbox, 2, term, Effects(cancel=1)), Done())
    job = await the_job(under_test)
    assert (job.state, job.error, job.ended_at is None) == ("cancelled", None, False)
    assert await due(under_test, term) == []
    assert not await under_test.jobs.begin_create(term, 1, 5)
    assert (await inbox.backfill(10)).updates == []
    assert await under_test.history(1) == ["asked", "cancelled"]


async def test_what_is_handed_in_is_not_cancelled(under_test: JobsUnderTest, inbox: Inbox) -> None:
    """It may exist by then, and be billed."""
    term = await new_term(inbox)
    await handed_in(under_test, term, 1)
    await at_the_provider(under_test, term, 2)
    await asked(under_test, term, 3)
    for update_id, cancel in ((4, 1), (5, 2), (6, 99), (7, 2**70), (8, -1)):
        await store(inbox, update_id)
        await inbox.settle(await begun(inbox, update_id, term, Effects(cancel=cancel)), Done())
    assert [job.state for job in await under_test.jobs.jobs_of(CHAT, 10)] == ["wanted", "running", "submitting"]


async def test_nobody_cancels_another_chats_job(under_test: JobsUnderTest, inbox: Inbox) -> None:
    """A button names a job, and a button may be sent by anybody."""
    term = await new_term(inbox)
    await asked(under_test, term)
    await inbox.store(an_update(2, chat_id=8))
    await inbox.settle(await begun(inbox, 2, term, Effects(cancel=1)), Done())
    assert (await the_job(under_test)).state == "wanted"


async def test_records_of_effects_survive_an_outage(under_test: JobsUnderTest, inbox: Inbox, jobs: Jobs) -> None:
    """A settlement that waits for the database brings its effects along when it is written."""
    await store(inbox, 1)
    attempt = await begun(inbox, 1, await new_term(inbox), a_job())
    under_test.tested.go_away()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(inbox.settle, attempt, Done())
        await trio.lowlevel.checkpoint()
        under_test.tested.come_back()
    assert [job.state for job in await jobs.jobs_of(CHAT, 10)] == ["wanted"]
