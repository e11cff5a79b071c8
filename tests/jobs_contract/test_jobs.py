"""From wanted to its end: what the ACTIVE instance does with a job, and what it may not."""

from __future__ import annotations

import msgspec
import pytest
import trio
import trio.testing

from svc.handler.job import ResultFile
from svc.storage.inbox import Done, Effects, Inbox, Term
from svc.storage.jobs import CLAIMED_FOR, FIRST_LOOK_AFTER, Cancelled, Created, Failed, Jobs, PutOff, Ready, Unknown
from svc.storage.orders import Pause
from tests.inbox_contract.under_test import FOREIGN, new_term, store
from tests.jobs_contract.under_test import (
    CHAT,
    READY,
    REQUEST,
    SECRET,
    JobsUnderTest,
    asked,
    at_the_provider,
    begun,
    due,
    handed_in,
    ready,
    the_due_one,
    the_job,
)

LONG = 500.0


async def test_due_once(under_test: JobsUnderTest, inbox: Inbox) -> None:
    """What is due is returned once: a second look finds it claimed, and later it is due again."""
    term = await new_term(inbox)
    await asked(under_test, term, 1)
    await asked(under_test, term, 2)
    assert await due(under_test, term, limit=1) == [1]
    assert await due(under_test, term) == [2]
    assert await due(under_test, term) == []
    await under_test.tested.pass_time(CLAIMED_FOR)
    assert await due(under_test, term) == [1, 2]


async def test_some_are_left_out(under_test: JobsUnderTest, inbox: Inbox, jobs: Jobs) -> None:
    """Those that somebody is at already are not claimed either."""
    term = await new_term(inbox)
    await asked(under_test, term, 1)
    await asked(under_test, term, 2)
    assert [each.job.job_id for each in await jobs.due_jobs(term, (), 10, without=[1])] == [2]
    assert await due(under_test, term) == [1]


@pytest.mark.parametrize("pause", [Pause("model", "kling", "", "anna", 0.0), Pause("provider", "kie", "", "anna", 0.0)])
async def test_what_is_paused_is_in_nobodys_way(
    under_test: JobsUnderTest, inbox: Inbox, jobs: Jobs, pause: Pause
) -> None:
    """Jobs that would have to be created wait, however long they have been due, and others are claimed in their place;
    what is at the provider is followed. When the pause ends they are due at once, the oldest first."""
    term = await new_term(inbox)
    await asked(under_test, term, 1)
    await asked(under_test, term, 2)
    await at_the_provider(under_test, term, 3)
    other = msgspec.structs.replace(REQUEST, provider="another", model="another")
    await asked(under_test, term, 4, other)
    await under_test.tested.pass_time(CLAIMED_FOR)
    await under_test.tested.pause(pause)
    assert sorted(await due(under_test, term, limit=2)) == [3, 4]
    assert not await jobs.begin_create(term, 1, 5)
    assert await jobs.begin_create(term, 4, 6)
    await under_test.tested.pause()
    assert await due(under_test, term, limit=2) == [1, 2]
    assert await jobs.begin_create(term, 1, 5)


async def test_at_its_deadline_a_paused_job_is_due(under_test: JobsUnderTest, inbox: Inbox, jobs: Jobs) -> None:
    """And is known to be paused: its person is told so."""
    term = await new_term(inbox)
    await asked(under_test, term, 1)
    await under_test.tested.pause(Pause("model", "kling", "", "anna", 0.0), Pause("model", "other", "", "anna", 0.0))
    assert await jobs.due_jobs(term, (), 10) == []
    await under_test.tested.pass_time(REQUEST.seconds)
    (late,) = await jobs.due_jobs(term, (), 10)
    assert late.paused
    await under_test.tested.pause()
    await under_test.tested.pass_time(CLAIMED_FOR)
    (late,) = await jobs.due_jobs(term, (), 10)
    assert not late.paused


@pytest.mark.parametrize("whose", ["older epoch", "foreign holder"])
async def test_everything_asks_for_the_term(under_test: JobsUnderTest, inbox: Inbox, jobs: Jobs, whose: str) -> None:
    """Under another term than the current one nothing is due, and nothing changes."""
    old = await new_term(inbox)
    await asked(under_test, old, 1)
    await handed_in(under_test, old, 2)
    await at_the_provider(under_test, old, 3)
    current = await new_term(inbox)
    term = old if whose == "older epoch" else Term(current.epoch, FOREIGN)
    before = [await under_test.behind(job_id) for job_id in (1, 2, 3)]
    await under_test.tested.pass_time(LONG)
    assert await due(under_test, term) == []
    assert not await jobs.begin_create(term, 1, 6)
    assert not await jobs.begin_create(term, 2, 5)
    assert not await jobs.identify(term, 2, "task 2")
    await jobs.note_look(term, 3, 9.0, 0.5)
    for job_id in (1, 2, 3):
        assert not await jobs.end_job(term, job_id, READY)
    assert [await under_test.behind(job_id) for job_id in (1, 2, 3)] == before
    assert [job.state for job in await jobs.jobs_of(CHAT, 10)] == ["running", "submitting", "wanted"]
    assert sorted(await due(under_test, current)) == [1, 2, 3]


async def test_handed_in_by_one_create(under_test: JobsUnderTest, inbox: Inbox, jobs: Jobs) -> None:
    """Of two creates one begins; asked again after a lost answer it has begun."""
    term = await new_term(inbox)
    await asked(under_test, term)
    assert await jobs.begin_create(term, 1, 5)
    assert await jobs.begin_create(term, 1, 5)
    assert not await jobs.begin_create(term, 1, 6)
    assert (await under_test.behind(1))[:2] == (5, 1)
    assert not await jobs.begin_create(term, 99, 5)


async def test_created(under_test: JobsUnderTest, inbox: Inbox, jobs: Jobs) -> None:
    """It is running under the provider's name for it, and asked for a little later."""
    term = await new_term(inbox)
    await at_the_provider(under_test, term)
    job = await the_job(under_test)
    assert (job.state, job.submitted_at is None) == ("running", False)
    assert await due(under_test, term) == []
    await under_test.tested.pass_time(FIRST_LOOK_AFTER)
    found = await the_due_one(under_test, term)
    assert (found.task_id, found.attempts, found.polls) == ("task 1", 1, 0)
    assert found.submitted_ago >= FIRST_LOOK_AFTER


async def test_put_off(under_test: JobsUnderTest, inbox: Inbox, jobs: Jobs) -> None:
    """What was certainly not created is wanted again, after a while, and says why; told twice, it counts once."""
    term = await new_term(inbox)
    await handed_in(under_test, term)
    for _ in range(2):
        await jobs.record_create(1, 5, PutOff(30.0, "429"))
    assert (await the_job(under_test)).state == "wanted"
    assert await due(under_test, term) == []
    await under_test.tested.pass_time(30.0)
    found = await the_due_one(under_test, term)
    assert (found.attempts, found.job.error_text, found.task_id) == (1, "429", None)
    assert await jobs.begin_create(term, 1, 6)
    await jobs.record_create(1, 5, Created("of the first create"))
    await jobs.record_create(1, 6, Created("task 1"))
    assert (await under_test.behind(1)).task_id == "task 1"
    assert (await the_job(under_test)).error_text is None
    assert await under_test.history(1) == ["asked", "handed_in", "put_off", "handed_in", "running"]


async def test_under_way_is_not_in_doubt(under_test: JobsUnderTest, inbox: Inbox) -> None:
    """A create whose token is held is left alone, however long it takes; one that nobody holds is due."""
    term = await new_term(inbox)
    await handed_in(under_test, term)
    assert await due(under_test, term) == []
    await under_test.tested.pass_time(LONG)
    assert await due(under_test, term, 5, 6) == []
    found = await the_due_one(under_test, term)
    assert (found.job.state, found.submitted_ago >= LONG) == ("submitting", True)


async def test_left_by_a_former_leader(under_test: JobsUnderTest, inbox: Inbox, jobs: Jobs) -> None:
    """A create of an older term is in doubt, also under a token that is held now, and is never handed in again."""
    await handed_in(under_test, await new_term(inbox))
    term = await new_term(inbox)
    await under_test.tested.pass_time(CLAIMED_FOR)
    assert await due(under_test, term, 5) == [1]
    assert not await jobs.begin_create(term, 1, 5)
    assert not await jobs.begin_create(term, 1, 6)


@pytest.mark.parametrize(
    ("outcome", "state"), [(Created("task 1"), "running"), (PutOff(0.0, "no connection"), "wanted")]
)
async def test_the_former_leader_tells_late(
    under_test: JobsUnderTest, inbox: Inbox, jobs: Jobs, outcome: Created | PutOff, state: str
) -> None:
    """What a create has brought counts also where a later leader has taken it for in doubt meanwhile."""
    await handed_in(under_test, await new_term(inbox))
    term = await new_term(inbox)
    await under_test.tested.pass_time(CLAIMED_FOR)
    assert (await the_due_one(under_test, term)).job.state == "submitting"
    await jobs.record_create(1, 5, outcome)
    assert (await the_job(under_test)).state == state


async def test_identified(under_test: JobsUnderTest, inbox: Inbox, jobs: Jobs) -> None:
    """A create in doubt whose task is known is running, and due; told again, the same. Its own record is too late."""
    await handed_in(under_test, await new_term(inbox))
    term = await new_term(inbox)
    assert await jobs.identify(term, 1, "task 1")
    assert await jobs.identify(term, 1, "task 1")
    assert not await jobs.identify(term, 1, "another")
    await jobs.record_create(1, 5, PutOff(0.0, "no connection"))
    assert await due(under_test, term) == [1]
    assert (await the_job(under_test)).state == "running"
    assert (await under_test.behind(1)).task_id == "task 1"


async def test_only_a_doubt_is_identified(under_test: JobsUnderTest, inbox: Inbox, jobs: Jobs) -> None:
    """What is wanted has no task, and what is over needs none."""
    term = await new_term(inbox)
    await asked(under_test, term, 1)
    await ready(under_test, term, 2)
    for job_id in (1, 2, 99):
        assert not await jobs.identify(term, job_id, f"task {job_id}")


async def test_the_record_survives_an_outage(under_test: JobsUnderTest, inbox: Inbox, jobs: Jobs) -> None:
    """What became of a create is written once the database is back, also if whoever records it is cancelled."""
    await handed_in(under_test, await new_term(inbox))
    under_test.tested.go_away()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(jobs.record_create, 1, 5, Created("task 1"))
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel(reason="the lease has ended")
    under_test.tested.come_back()
    await jobs.flush()
    assert (await the_job(under_test)).state == "running"


async def test_records_share_a_group(under_test: JobsUnderTest, inbox: Inbox, jobs: Jobs) -> None:
    """Creates that end at the same time are each recorded with their own outcome."""
    term = await new_term(inbox)
    for job_id in (1, 2, 3):
        await handed_in(under_test, term, job_id, token=job_id)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(jobs.record_create, 3, 3, Created("task 3"))
        nursery.start_soon(jobs.record_create, 2, 1, Created("of another create"))
        nursery.start_soon(jobs.record_create, 1, 1, PutOff(5.0, "429"))
    assert [job.state for job in await jobs.jobs_of(CHAT, 10)] == ["running", "submitting", "wanted"]


async def test_put_off_by_a_look(under_test: JobsUnderTest, inbox: Inbox, jobs: Jobs) -> None:
    """A task that is not over is asked for again later; its progress is kept where the provider tells none."""
    term = await new_term(inbox)
    await at_the_provider(under_test, term)
    await jobs.note_look(term, 1, 9.0, 0.5)
    await jobs.note_look(term, 1, 9.0)
    assert await due(under_test, term) == []
    await under_test.tested.pass_time(9.0)
    found = await the_due_one(under_test, term)
    assert (found.polls, found.job.progress) == (2, 0.5)


async def test_its_deadline_makes_it_due(under_test: JobsUnderTest, inbox: Inbox, jobs: Jobs) -> None:
    """Put off for longer than it has left, it is due when its time is over; from then on as it is put off."""
    term = await new_term(inbox)
    await asked(under_test, term, request=msgspec.structs.replace(REQUEST, seconds=60.0))
    await jobs.begin_create(term, 1, 5)
    await jobs.record_create(1, 5, PutOff(1000.0, "429"))
    await under_test.tested.pass_time(60.0)
    assert (await the_due_one(under_test, term)).left <= 0
    await jobs.note_look(term, 1, 30.0)
    assert await due(under_test, term) == []
    await under_test.tested.pass_time(30.0)
    assert await due(under_test, term) == [1]


async def test_a_callback_makes_it_due(under_test: JobsUnderTest, inbox: Inbox, jobs: Jobs) -> None:
    """It is asked for at once, however far it was put off; what the callback says is kept, and not believed."""
    term = await new_term(inbox)
    await at_the_provider(under_test, term)
    await jobs.note_look(term, 1, 100.0)
    assert await jobs.note_callback(1, SECRET, "task 1")
    found = await the_due_one(under_test, term)
    assert (found.hint, found.task_id, found.job.state) == ("task 1", "task 1", "running")
    assert await jobs.note_callback(1, SECRET, None)
    assert (await the_due_one(under_test, term)).hint == "task 1"


async def test_whose_callback_has_come_is_first(under_test: JobsUnderTest, inbox: Inbox, jobs: Jobs) -> None:
    """Whatever else has been due for long: that one is made, most likely, and somebody waits for it."""
    term = await new_term(inbox)
    for job_id in range(1, 5):
        await asked(under_test, term, job_id)
    await at_the_provider(under_test, term, 5)
    await under_test.tested.pass_time(600.0)
    await jobs.note_look(term, 5, 100.0)
    await jobs.note_callback(5, SECRET, "task 5")
    assert await due(under_test, term, limit=1) == [5]


async def test_after_a_callback_it_is_asked_for_often_again(
    under_test: JobsUnderTest, inbox: Inbox, jobs: Jobs
) -> None:
    """What the provider has called about may be in its record a moment later only."""
    term = await new_term(inbox)
    await at_the_provider(under_test, term)
    for _ in range(9):
        await jobs.note_look(term, 1, 0.0)
    await jobs.note_callback(1, SECRET, "task 1")
    assert (await the_due_one(under_test, term)).polls == 0


async def test_a_callback_during_a_look(under_test: JobsUnderTest, inbox: Inbox, jobs: Jobs) -> None:
    """One that came while its task was being asked for is not put off by the answer; the next one is."""
    term = await new_term(inbox)
    await at_the_provider(under_test, term)
    await under_test.tested.pass_time(FIRST_LOOK_AFTER)
    assert await due(under_test, term) == [1]
    await jobs.note_callback(1, SECRET, None)
    await jobs.note_look(term, 1, 100.0)
    assert await due(under_test, term) == [1]
    await jobs.note_look(term, 1, 100.0)
    assert await due(under_test, term) == []


async def test_a_callback_before_the_creates_answer(under_test: JobsUnderTest, inbox: Inbox, jobs: Jobs) -> None:
    """It makes nobody take the create for in doubt; once that is recorded, the job is due at once."""
    term = await new_term(inbox)
    await handed_in(under_test, term)
    assert await jobs.note_callback(1, SECRET, "task 1")
    assert await due(under_test, term, 5) == []
    await jobs.record_create(1, 5, Created("task 1"))
    found = await the_due_one(under_test, term)
    assert (found.job.state, found.hint) == ("running", "task 1")


async def test_a_callback_tells_of_a_doubt(under_test: JobsUnderTest, inbox: Inbox, jobs: Jobs) -> None:
    """A create in doubt is due as soon as a callback names its task."""
    await handed_in(under_test, await new_term(inbox))
    term = await new_term(inbox)
    assert await due(under_test, term) == []
    assert await jobs.note_callback(1, SECRET, "task 1")
    found = await the_due_one(under_test, term)
    assert (found.job.state, found.hint) == ("submitting", "task 1")


@pytest.mark.parametrize(
    ("job_id", "secret"),
    [(1, "another"), (1, ""), (2, SECRET), (-1, SECRET), (0, SECRET), (2**70, SECRET), (1, "\0"), (1, "\ud83d")],
)
async def test_a_forged_callback(under_test: JobsUnderTest, inbox: Inbox, job_id: int, secret: str) -> None:
    """Whoever does not know the secret changes nothing."""
    term = await new_term(inbox)
    await at_the_provider(under_test, term)
    assert not await under_test.jobs.note_callback(job_id, secret, "task 1")
    assert await due(under_test, term) == []
    assert await under_test.history(1) == ["asked", "handed_in", "running"]


async def test_a_callback_names_anything(under_test: JobsUnderTest, inbox: Inbox) -> None:
    """What comes from outside is kept within bounds."""
    await at_the_provider(under_test, await new_term(inbox))
    assert await under_test.jobs.note_callback(1, SECRET, "\0" + 5000 * "x")
    assert (await under_test.behind(1)).hint == 1000 * "x"


async def test_a_callback_after_the_end(under_test: JobsUnderTest, inbox: Inbox, jobs: Jobs) -> None:
    """It is known, and nothing follows."""
    term = await new_term(inbox)
    await ready(under_test, term)
    assert await jobs.note_callback(1, SECRET, "task 1")
    assert await due(under_test, term) == []
    assert await under_test.history(1) == ["asked", "handed_in", "running", "ready"]


@pytest.mark.parametrize("ending", [READY, Failed("failed", "500"), Unknown(), Cancelled("as asked")])
async def test_it_ends_once(
    under_test: JobsUnderTest, inbox: Inbox, jobs: Jobs, ending: Ready | Failed | Unknown | Cancelled
) -> None:
    """After its end nothing is due and nothing changes any more."""
    term = await new_term(inbox)
    await at_the_provider(under_test, term)
    assert await jobs.end_job(term, 1, ending)
    before = await the_job(under_test)
    assert not await jobs.end_job(term, 1, Failed("too_slow"))
    assert not await jobs.end_job(term, 99, READY)
    await jobs.note_look(term, 1, 0.0, 0.9)
    assert not await jobs.begin_create(term, 1, 5)
    await jobs.record_create(1, 5, PutOff(0.0, "late"))
    assert await due(under_test, term) == []
    assert await the_job(under_test) == before


async def test_it_ends_from_any_state(under_test: JobsUnderTest, inbox: Inbox, jobs: Jobs) -> None:
    """What is wanted or in doubt can be given up as well."""
    term = await new_term(inbox)
    await asked(under_test, term, 1)
    await handed_in(under_test, term, 2)
    assert await jobs.end_job(term, 1, Failed("busy"))
    assert await jobs.end_job(term, 2, Unknown())
    await jobs.record_create(2, 5, Created("task 2"))
    assert [job.state for job in await jobs.jobs_of(CHAT, 10)] == ["unknown", "failed"]


async def test_results_of_any_kind(under_test: JobsUnderTest, inbox: Inbox, jobs: Jobs) -> None:
    """What the provider names its files comes back as far as the database can hold it."""
    term = await new_term(inbox)
    await at_the_provider(under_test, term)
    files = ResultFile("https://h/\0a", "video", "ку\ud83d.mp4", None), ResultFile("b", "audio", "b.mp3", 2**40)
    assert await jobs.end_job(term, 1, Ready(files))
    assert (await the_job(under_test)).results == (
        ResultFile("https://h/a", "video", "ку?.mp4", None),
        ResultFile("b", "audio", "b.mp3", 2**40),
    )


async def test_jobs_of_a_chat(under_test: JobsUnderTest, inbox: Inbox, jobs: Jobs) -> None:
    """The newest first, as many as wanted, and of this chat only."""
    term = await new_term(inbox)
    for job_id in (1, 2, 3):
        await asked(under_test, term, job_id)
    await store(inbox, 4, chat_id=8)
    await inbox.settle(await begun(inbox, 4, term, Effects(job=REQUEST, secret=SECRET)), Done())
    assert [job.job_id for job in await jobs.jobs_of(CHAT, 2)] == [3, 2]
    assert [job.job_id for job in await jobs.jobs_of(8, 2)] == [4]
    assert await jobs.jobs_of(9, 2) == []


async def test_how_many_run(under_test: JobsUnderTest, inbox: Inbox, jobs: Jobs) -> None:
    """Those that the provider has or may have."""
    term = await new_term(inbox)
    assert await jobs.running() == 0
    await asked(under_test, term, 1)
    await handed_in(under_test, term, 2)
    await at_the_provider(under_test, term, 3)
    await ready(under_test, term, 4)
    assert await jobs.running() == 2


async def test_pruning(under_test: JobsUnderTest, inbox: Inbox, jobs: Jobs) -> None:
    """What ended long ago is forgotten, the oldest first; what is not over stays."""
    term = await new_term(inbox)
    for job_id in (1, 2):
        await asked(under_test, term, job_id)
        await jobs.end_job(term, job_id, Failed("busy"))
        await inbox.dismiss(-job_id)
        await under_test.tested.pass_time(10.0)
    await asked(under_test, term, 3)
    await ready(under_test, term, 4)
    await under_test.tested.pass_time(1000.0)
    assert await jobs.prune_jobs(2000.0, 10) == 0
    assert await jobs.prune_jobs(500.0, 1) == 1
    assert [job.job_id for job in await jobs.jobs_of(CHAT, 10)] == [4, 3, 2]
    assert await jobs.prune_jobs(500.0, 10) == 1
    assert await jobs.prune_jobs(500.0, 10) == 0
    assert [job.job_id for job in await jobs.jobs_of(CHAT, 10)] == [4, 3]
