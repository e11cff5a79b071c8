"""What only Postgres can show: the bounds of histories, what operators see and do, replays, and groups."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import trio

from svc.actions.dead_letters import REPLAY, Selection, Tally
from svc.reports.updates import list_updates, show_update
from svc.storage import jobs_reading
from svc.storage.database import Connection, Database
from svc.storage.history import ENTRIES
from svc.storage.inbox import GIVEN_UP, CallMade, Dead, Done, Effects, SentFile
from svc.storage.jobs import CLAIMED_FOR, Cancelled, Failed, PutOff, read_job_event
from svc.storage.jobs_reading_sql import LISTS
from svc.storage.jobs_sql import BEGIN_CREATE
from tests.inbox_contract.under_test import BOT, at_once, new_term, store
from tests.jobs_contract.under_test import (
    CHAT,
    READY,
    SECRET,
    PostgresJobsUnderTest,
    asked,
    at_the_provider,
    begun,
    event_rows,
    handed_in,
    postgres_jobs,
    ready,
    the_job,
)
from tests.operators import ANNA

PHOTO = [CallMade("sendPhoto", "ok", 5.0, 44, SentFile("photo", "AgAC"))]

SOMEBODY_WAITS = """
SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid)))
"""


@pytest.fixture
async def real(database: Database) -> AsyncIterator[PostgresJobsUnderTest]:
    async with postgres_jobs(database) as under_test:
        yield under_test


async def test_the_history_is_bounded(real: PostgresJobsUnderTest) -> None:
    """Its first event and the latest stay, however many callbacks come."""
    await at_the_provider(real, await new_term(real.tested.inbox))
    for number in range(ENTRIES + 20):
        await real.jobs.note_callback(1, SECRET, f"task {number}")
    shown = await jobs_reading.show_job(real.database, BOT, 1)
    assert shown is not None
    history = shown["history"]
    assert (len(history), history[0]["event"]) == (ENTRIES, "asked")
    assert (history[-1]["event"], history[-1]["task_id"]) == ("callback", f"task {ENTRIES + 19}")


async def test_what_became_of_a_create_is_recorded_though_its_mark_comes_late(real: PostgresJobsUnderTest) -> None:
    """A create is given up while it is being marked, and that commits after all: it is not taken for one in doubt."""
    term = await new_term(real.tested.inbox)
    await asked(real, term)
    marked, recorded = trio.Event(), trio.Event()

    async def mark(connection: Connection) -> None:
        await connection.fetch(BEGIN_CREATE, BOT, term.epoch, term.holder, 1, 5, CLAIMED_FOR, "one")
        marked.set()
        while not recorded.is_set() and not await connection.fetchval(SOMEBODY_WAITS):
            await asyncio.sleep(0)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(real.database.transaction, mark)
        await marked.wait()
        await real.jobs.record_create(1, 5, PutOff(0.0, GIVEN_UP))
        recorded.set()
    job = await the_job(real)
    assert (job.state, job.error_text) == ("wanted", GIVEN_UP)


async def test_operators_see_jobs(real: PostgresJobsUnderTest) -> None:
    """All of them, those in one state, and one with its life."""
    inbox, jobs = real.tested.inbox, real.jobs
    term = await new_term(inbox)
    await asked(real, term, 1)
    await handed_in(real, term, 2)
    await at_the_provider(real, term, 3)
    await ready(real, term, 4)
    await inbox.settle(await begun(inbox, -4, term), Done(), PHOTO)
    await ready(real, term, 5)
    states = {"wanted": 1, "submitting": 2, "running": 3, "delivered": 4, "ready": 5}
    for state in LISTS:
        listed = await jobs_reading.list_jobs(real.database, BOT, state, 10)
        assert [row["job_id"] for row in listed] == ([states[state]] if state in states else [])
    assert [row["job_id"] for row in await jobs_reading.list_jobs(real.database, BOT, None, 3)] == [5, 4, 3]
    shown = await jobs_reading.show_job(real.database, BOT, 4)
    assert shown is not None
    assert (shown["state"], shown["input"], shown["results"][0]["name"]) == (
        "delivered",
        {"prompt": "a cat"},
        "cat.png",
    )
    assert [entry["event"] for entry in shown["history"]] == ["asked", "handed_in", "running", "ready", "delivered"]
    assert shown["history"][1]["instance"] == "one"
    assert await jobs_reading.show_job(real.database, BOT, 99) is None
    assert await jobs.running() == 2


async def test_operators_cancel_jobs(real: PostgresJobsUnderTest) -> None:
    """One that is not made yet is over, and its person is told; one that is made is not called back."""
    inbox = real.tested.inbox
    term = await new_term(inbox)
    await at_the_provider(real, term, 1)
    await ready(real, term, 2)
    await inbox.dismiss(-2)
    assert await jobs_reading.cancel_job(real.database, BOT, 1, "the provider has\0 lost it")
    assert not await jobs_reading.cancel_job(real.database, BOT, 1)
    assert not await jobs_reading.cancel_job(real.database, BOT, 2)
    assert not await jobs_reading.cancel_job(real.database, BOT, 99)
    (row,) = await event_rows(inbox)
    told = read_job_event(row.payload)
    assert (told.job_id, told.state, told.error, told.error_text) == (
        1,
        "cancelled",
        "cancelled",
        "the provider has lost it",
    )
    assert not await real.jobs.end_job(term, 1, Cancelled())


async def test_the_dead_end_of_a_job_is_replayed(real: PostgresJobsUnderTest) -> None:
    """Then it is on its way again, and delivered when that row is done; so by its id, and with all."""
    inbox = real.tested.inbox
    term = await new_term(inbox)
    event = await ready(real, term)
    for by_id in (True, False):
        await inbox.settle(await begun(inbox, event, term), Dead("gave up"))
        assert (await the_job(real)).error == "not_delivered"
        if by_id:
            assert await REPLAY.by_ids(real.database, BOT, ANNA, [event]) == {event: True}
        else:
            tally = Tally()
            how = {"dry_run": False, "tally": tally, "tell": lambda: None}
            await REPLAY.by_selection(real.database, BOT, ANNA, Selection(reason="gave up"), **how)  # type: ignore[arg-type]
            assert tally.chosen == {"gave up": 1}
        job = await the_job(real)
        assert (job.state, job.error, job.ended_at) == ("ready", None, None)
        (row,) = await event_rows(inbox)
        assert read_job_event(row.payload).state == "ready"
    await inbox.settle(await begun(inbox, event, term), Done(), PHOTO)
    assert (await the_job(real)).state == "delivered"


async def test_a_replay_leaves_what_has_failed(real: PostgresJobsUnderTest) -> None:
    """A person who could not be told that it failed is told again; it has failed all the same."""
    inbox = real.tested.inbox
    term = await new_term(inbox)
    await at_the_provider(real, term)
    await real.jobs.end_job(term, 1, Failed("credits"))
    await inbox.settle(await begun(inbox, -1, term), Dead("gave up"))
    await REPLAY.by_ids(real.database, BOT, ANNA, [-1])
    assert (await the_job(real)).state == "failed"


async def test_operators_see_the_rows_of_ends(real: PostgresJobsUnderTest) -> None:
    """`svc updates` lists and shows them like any update, by their ids below zero."""
    inbox = real.tested.inbox
    term = await new_term(inbox)
    event = await ready(real, term)
    (listed,) = await list_updates(real.database, BOT, "pending", 10)
    assert (listed["update_id"], listed["update_type"]) == (event, "job")
    await inbox.settle(await begun(inbox, event, term), Done(), PHOTO)
    shown = await show_update(real.database, BOT, event)
    assert shown is not None
    assert (shown["state"], shown["chat_id"]) == ("done", CHAT)


async def test_a_group_of_all_kinds(real: PostgresJobsUnderTest) -> None:
    """One statement settles what changes nothing, what asks for a job, what cancels one and what delivers one."""
    inbox = real.tested.inbox
    term = await new_term(inbox)
    await asked(real, term, 1)
    for chat_id, update_id in ((8, 11), (9, 12)):
        await store(inbox, update_id, chat_id=chat_id)
    plain = await begun(inbox, 11, term)
    state = await begun(inbox, 12, term, Effects(b'{"n": 1}'))
    assert await real.jobs.begin_create(term, 1, 5)
    assert await real.jobs.end_job(term, 1, READY)
    event = await begun(inbox, -1, term)
    await at_once(*(lambda it=it: inbox.settle(it, Done(), PHOTO) for it in (state, plain, event)))
    job = await the_job(real)
    assert (job.state, job.file_id) == ("delivered", "AgAC")
    assert (await real.state_of(9)).version == 1
    assert (await real.state_of(8)).version == 0
