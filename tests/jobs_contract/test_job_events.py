"""The end of a job, as a row of the inbox: in its chat's lane, and its own end is the job's."""

from __future__ import annotations

import msgspec
import pytest

from svc.storage.inbox import (
    JOB_ENDED,
    Attempt,
    BeginOutcome,
    CallMade,
    Dead,
    Done,
    Effects,
    Ending,
    Inbox,
    Retry,
    SentFile,
    StoreOutcome,
    Unclear,
)
from svc.storage.jobs import Failed, JobEnding, Jobs, Unknown, read_job_event
from svc.storage.looks import Absent, Found, LookOutcome
from tests.inbox_contract.under_test import EVER, LONG_AGO, an_update, ids_read_back, new_term, store
from tests.jobs_contract.under_test import (
    CHAT,
    READY,
    REQUEST,
    RESULTS,
    JobsUnderTest,
    asked,
    at_the_provider,
    begun,
    event_rows,
    outcome,
    ready,
    the_job,
)

BEGUN, BUSY = BeginOutcome.BEGUN, BeginOutcome.BUSY
PHOTO = [CallMade("sendPhoto", "ok", 5.0, 44, SentFile("photo", "AgAC"))]


@pytest.mark.parametrize(
    ("ending", "expected"),
    [
        (READY, {"state": "ready", "results": RESULTS}),
        (Failed("credits", "402"), {"state": "failed", "error": "credits", "error_text": "402"}),
        (Unknown("nothing came"), {"state": "unknown", "error": "lost", "error_text": "nothing came"}),
    ],
    ids=["ready", "failed", "unknown"],
)
async def test_what_the_row_says(
    under_test: JobsUnderTest, inbox: Inbox, ending: JobEnding, expected: dict[str, object]
) -> None:
    """It has the job as it is from then on."""
    term = await new_term(inbox)
    await at_the_provider(under_test, term)
    assert await under_test.jobs.end_job(term, 1, ending)
    (row,) = await event_rows(inbox)
    job = await the_job(under_test)
    assert (row.update_id, row.chat_id, row.kind) == (-1, CHAT, JOB_ENDED)
    assert read_job_event(row.payload) == job
    assert {name: getattr(job, name) for name in expected} == expected
    assert (job.ended_at is None) == (job.state == "ready")


async def test_what_is_no_such_row(inbox: Inbox) -> None:
    """The payload of an update is none of a job's end."""
    for payload in (b'{"update_id": 5, "message": {}}', b"\xff", b"{}"):
        with pytest.raises(msgspec.DecodeError):
            read_job_event(payload)


async def test_delivered(under_test: JobsUnderTest, inbox: Inbox) -> None:
    """When the row is done the job is delivered, with the message and the file that were sent."""
    term = await new_term(inbox)
    event = await ready(under_test, term)
    await inbox.settle(await begun(inbox, event, term), Done(), PHOTO)
    job = await the_job(under_test)
    assert (job.state, job.error, job.sent_id, job.file_kind, job.file_id) == ("delivered", None, 44, "photo", "AgAC")
    assert job.ended_at is not None
    assert await under_test.history(1) == ["asked", "handed_in", "running", "ready", "delivered"]


async def test_the_file_is_that_of_the_message_that_was_sent(under_test: JobsUnderTest, inbox: Inbox) -> None:
    """Not the one in a message that was edited before, unless nothing was sent."""
    edited = CallMade("editMessageCaption", "ok", 5.0, None, SentFile("video", "BAAC"))
    term = await new_term(inbox)
    for job_id, calls, file_id in ((1, [edited, *PHOTO], "AgAC"), (2, [edited], "BAAC")):
        event = await ready(under_test, term, job_id)
        await inbox.settle(await begun(inbox, event, term), Done(), calls)
        assert (await the_job(under_test, job_id)).file_id == file_id


async def test_delivered_without_a_file(under_test: JobsUnderTest, inbox: Inbox) -> None:
    """What is sent as a link has no file to send again."""
    term = await new_term(inbox)
    event = await ready(under_test, term)
    await inbox.settle(await begun(inbox, event, term), Done(), [CallMade("sendMessage", "ok", 5.0, 44)])
    job = await the_job(under_test)
    assert (job.state, job.sent_id, job.file_id) == ("delivered", 44, None)


async def test_delivered_once(under_test: JobsUnderTest, inbox: Inbox, jobs: Jobs) -> None:
    """Neither its settlement nor its end told again brings another row."""
    term = await new_term(inbox)
    event = await ready(under_test, term)
    attempt = await begun(inbox, event, term)
    await inbox.settle(attempt, Done(), PHOTO)
    await inbox.settle(attempt, Done("refused"))
    assert not await jobs.end_job(term, 1, READY)
    assert (await the_job(under_test)).state == "delivered"
    assert await ids_read_back(inbox) == []
    assert await inbox.store(an_update(event)) == (StoreOutcome.DUPLICATE, (0, b"{}"), None)


@pytest.mark.parametrize("ending", [Done("refused"), Done("ignored"), Dead("gave up"), Done("in_doubt", doubts=1)])
async def test_not_delivered(under_test: JobsUnderTest, inbox: Inbox, ending: Ending) -> None:
    """However else its row ends: it was made, and nobody knows that it has arrived."""
    term = await new_term(inbox)
    event = await ready(under_test, term)
    await inbox.settle(await begun(inbox, event, term), ending)
    job = await the_job(under_test)
    assert (job.state, job.error, job.results) == ("failed", "not_delivered", RESULTS)


async def test_dismissed(under_test: JobsUnderTest, inbox: Inbox) -> None:
    """A bot that says nothing of a job has not delivered it."""
    term = await new_term(inbox)
    await inbox.dismiss(await ready(under_test, term))
    job = await the_job(under_test)
    assert (job.state, job.error) == ("failed", "not_delivered")


@pytest.mark.parametrize("ending", [Done(), Done("refused"), Dead("gave up")])
async def test_what_has_failed_stays_so(under_test: JobsUnderTest, inbox: Inbox, ending: Ending) -> None:
    """Whether its person could be told or not."""
    term = await new_term(inbox)
    await at_the_provider(under_test, term)
    await under_test.jobs.end_job(term, 1, Failed("credits", "402"))
    before = await the_job(under_test)
    await inbox.settle(await begun(inbox, -1, term), ending)
    assert await the_job(under_test) == before


async def test_a_retry_is_no_end(under_test: JobsUnderTest, inbox: Inbox) -> None:
    """A row that waits for another attempt leaves its job ready."""
    term = await new_term(inbox)
    event = await ready(under_test, term)
    await inbox.settle(await begun(inbox, event, term), Retry(0, "flood"))
    assert (await the_job(under_test)).state == "ready"
    assert await ids_read_back(inbox) == [event]


@pytest.mark.usefixtures("no_waiting")
async def test_found_by_a_look(under_test: JobsUnderTest, inbox: Inbox) -> None:
    """A delivery in doubt that is found was one; what Telegram calls its file is not known."""
    term = await new_term(inbox)
    event = await ready(under_test, term)
    await inbox.settle(await begun(inbox, event, term, watermark=40), Unclear(0, "cut off"))
    assert (await the_job(under_test)).state == "ready"
    (look,) = await inbox.due_looks(term, (), 10)
    assert await inbox.settle_look(term, look, Found(44), "resend", probes=1) is LookOutcome.FOUND
    job = await the_job(under_test)
    assert (job.state, job.sent_id, job.file_id) == ("delivered", 44, None)


@pytest.mark.parametrize(("policy", "states"), [("skip", ["failed"]), ("resend", ["ready", "failed"])])
async def test_resolved_by_policy(under_test: JobsUnderTest, inbox: Inbox, policy: str, states: list[str]) -> None:
    """A delivery of which nothing can be told: skipped it is not known to be one, resent it is still to be made."""
    event = await ready(under_test, await new_term(inbox))
    for state in states:
        term = await new_term(inbox)
        await begun(inbox, event, term)
        term = await new_term(inbox)
        await inbox.resolve_doubts(term, "skip" if policy == "skip" else "resend", LONG_AGO, ())
        assert (await the_job(under_test)).state == state


async def test_a_file_may_be_on_its_way(under_test: JobsUnderTest, inbox: Inbox) -> None:
    """The policy does not decide on a result until that must have arrived or failed; what may be made twice can be at
    once.
    """
    event = await ready(under_test, await new_term(inbox))
    await begun(inbox, event, await new_term(inbox))
    term = await new_term(inbox)
    assert await inbox.resolve_doubts(term, "resend", LONG_AGO, (), file_age=EVER) == []
    assert await inbox.resolve_doubts(term, "resend", LONG_AGO, (), file_age=LONG_AGO) == [(event, "resend")]
    assert (await inbox.begin(Attempt(event, term, 3, repeatable=True))).outcome is BeginOutcome.BEGUN
    term = await new_term(inbox)
    assert await inbox.resolve_doubts(term, "resend", LONG_AGO, (), file_age=EVER) == [(event, "repeat")]


async def test_its_row_has_effects_too(under_test: JobsUnderTest, inbox: Inbox, jobs: Jobs) -> None:
    """What the bot remembers with it counts; a job it cannot ask for, since that has the id of an update."""
    term = await new_term(inbox)
    event = await ready(under_test, term)
    effects = Effects(b'{"n": 1}', job=REQUEST)
    await inbox.settle(await begun(inbox, event, term, effects), Done(), PHOTO)
    assert (await under_test.state_of(CHAT)).version == 1
    assert [job.job_id for job in await jobs.jobs_of(CHAT, 10)] == [1]


async def test_it_comes_before_what_waits(under_test: JobsUnderTest, inbox: Inbox) -> None:
    """The end of a job is told before the chat's updates that wait, and those wait for it; other chats do not."""
    term = await new_term(inbox)
    await at_the_provider(under_test, term)
    await store(inbox, 5, 6)
    await store(inbox, 7, chat_id=8)
    assert await under_test.jobs.end_job(term, 1, READY)
    assert await ids_read_back(inbox) == [-1, 7]
    assert (await outcome(inbox, 5, term)).outcome is BUSY
    assert await inbox.store(an_update(8)) == (StoreOutcome.BEHIND, (0, b"{}"), None)
    assert [(each.update_id, each.has_followers) for each in await inbox.followers([CHAT], 2)] == [
        (-1, True),
        (5, True),
    ]
    await inbox.settle(await begun(inbox, -1, term), Done())
    assert (await outcome(inbox, 5, term)).outcome is BEGUN


async def test_it_waits_for_what_is_under_way(under_test: JobsUnderTest, inbox: Inbox) -> None:
    """While an answer to the chat is being sent, the end of a job does not begin, and after it, it does."""
    term = await new_term(inbox)
    await at_the_provider(under_test, term)
    await store(inbox, 5, 6)
    await store(inbox, 7, chat_id=8)
    attempt = await begun(inbox, 5, term)
    await begun(inbox, 7, term)
    assert await under_test.jobs.end_job(term, 1, READY)
    assert (await outcome(inbox, -1, term)).outcome is BUSY
    assert (await inbox.begin(attempt)).outcome is BEGUN
    await inbox.settle(attempt, Done())
    assert (await outcome(inbox, 6, term)).outcome is BUSY
    assert (await outcome(inbox, -1, term)).outcome is BEGUN


@pytest.mark.usefixtures("no_waiting")
async def test_it_waits_for_a_doubt(under_test: JobsUnderTest, inbox: Inbox) -> None:
    """An update that is in doubt is found out first, and sent again if need be, though the end of a job is older."""
    term = await new_term(inbox)
    await at_the_provider(under_test, term)
    await store(inbox, 5)
    await inbox.settle(await begun(inbox, 5, term, watermark=30), Unclear(0, "cut off"))
    assert await under_test.jobs.end_job(term, 1, READY)
    assert (await outcome(inbox, -1, term)).outcome is BUSY
    for expected in (LookOutcome.LOOK_AGAIN, LookOutcome.SEND):
        (look,) = await inbox.due_looks(term, (), 10)
        assert await inbox.settle_look(term, look, Absent(), "resend", probes=1) is expected
        assert (await outcome(inbox, -1, term)).outcome is BUSY
    assert [each.update_id for each in await inbox.fetch([5])] == [5]
    assert await ids_read_back(inbox) == [-1, 5]
    attempt = Attempt(5, term, 9)
    assert (await inbox.begin(attempt)).outcome is BEGUN
    assert (await outcome(inbox, -1, term)).outcome is BUSY
    await inbox.settle(attempt, Done())
    assert (await outcome(inbox, -1, term)).outcome is BEGUN


async def test_put_back_it_waits_behind(under_test: JobsUnderTest, inbox: Inbox) -> None:
    """An update that is to be sent once more waits for the end of the job; that one's send is told of the doubt."""
    term = await new_term(inbox)
    await at_the_provider(under_test, term)
    await store(inbox, 5)
    await inbox.settle(await begun(inbox, 5, term), Retry(0, "in doubt", doubts=1))
    assert await under_test.jobs.end_job(term, 1, READY)
    assert (await outcome(inbox, 5, term)).outcome is BUSY
    await inbox.settle(await begun(inbox, -1, term, watermark=30), Unclear(0, "cut off"))
    (look,) = await inbox.due_looks(term, (), 10)
    assert (await inbox.known_ids(look)).untold


async def test_two_of_a_chat(under_test: JobsUnderTest, inbox: Inbox) -> None:
    """The ends of two jobs are told one after the other: the one of the younger job first, if both wait."""
    term = await new_term(inbox)
    for job_id in (1, 2, 3):
        await at_the_provider(under_test, term, job_id)
    assert await under_test.jobs.end_job(term, 1, READY)
    first = await begun(inbox, -1, term)
    assert await under_test.jobs.end_job(term, 2, READY)
    assert await under_test.jobs.end_job(term, 3, READY)
    assert (await outcome(inbox, -2, term)).outcome is BUSY
    assert (await outcome(inbox, -3, term)).outcome is BUSY
    await inbox.settle(first, Done())
    assert await ids_read_back(inbox) == [-3]
    assert (await outcome(inbox, -2, term)).outcome is BUSY
    await inbox.settle(await begun(inbox, -3, term), Done())
    assert (await outcome(inbox, -2, term)).outcome is BEGUN


async def test_of_different_chats(under_test: JobsUnderTest, inbox: Inbox) -> None:
    """What is under way in one chat holds up no other's."""
    term = await new_term(inbox)
    await asked(under_test, term)
    await store(inbox, 5, chat_id=8)
    await begun(inbox, 5, term)
    assert await under_test.jobs.end_job(term, 1, Failed("busy"))
    assert (await outcome(inbox, -1, term)).outcome is BEGUN


async def test_decided_by_an_old_state(under_test: JobsUnderTest, inbox: Inbox) -> None:
    """The end of a job is told in the chat's latest language, for one: it is read with its state."""
    term = await new_term(inbox)
    await at_the_provider(under_test, term)
    await store(inbox, 5)
    await inbox.settle(await begun(inbox, 5, term, Effects(b'{"lang": "ru"}')), Done())
    assert await under_test.jobs.end_job(term, 1, READY)
    (row,) = await event_rows(inbox)
    assert row.state.version == 1
    assert (await outcome(inbox, -1, term)).outcome is BUSY
    assert (await outcome(inbox, -1, term, version=1)).outcome is BEGUN
