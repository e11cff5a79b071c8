"""How many rows the statements of the inbox read, which is what the planner's switches are for; and who has those."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from svc.observability.metrics import Metrics
from svc.operations import inspect, run
from svc.reports import updates as reports
from svc.storage.asyncio_loop import asyncio_loop
from svc.storage.database import Database
from svc.storage.inbox import Attempt, BeginOutcome, Begun, Dead, Done, Effects, Ending, Received, Resolved, Retry, Term
from svc.storage.inbox_sql import KEPT_PLANS, PLANNER
from svc.storage.jobs import Created, Failed
from svc.storage.known_ids_sql import MOST_ROWS
from svc.storage.looks import Absent, DueLook, Found
from svc.storage.postgres_inbox import PostgresInbox, Storing
from svc.storage.postgres_jobs import CreateRecord, PostgresJobs
from svc.storage.reading_sql import WINDOW
from svc.storage.settlements import Settlement
from tests.conftest import open_database
from tests.harness import settings_for_tests
from tests.jobs_contract.under_test import REQUEST

BOT = 1
ROWS = 30_000
A_LOOK = DueLook(1, 2, 5, 7, 1, 0, 0.0)
FILL = f"""
INSERT INTO inbox (bot_id, update_id, chat_id, update_type, payload, received_by)
SELECT {BOT}, n, 1 + n % $1::bigint, 'message', '{{}}', 'one' FROM generate_series(1, {ROWS}) n
"""
FILL_PROCESSED = f"""
INSERT INTO processed_updates (bot_id, update_id, worker_instance_id, update_type, received_at, outcome, chat_id,
                               received_by)
SELECT {BOT}, -n, 'one', 'message', now(), 'done', n, 'one' FROM generate_series(1, {ROWS}) n
"""
FILL_CHATS = f"""
INSERT INTO chats (bot_id, chat_id, state, version)
SELECT {BOT}, n, '{{}}', 1 FROM generate_series(1, {ROWS + 1}) n
"""
FILL_EVENTS = f"""
INSERT INTO inbox (bot_id, update_id, chat_id, update_type, payload, received_by)
SELECT {BOT}, -n, n, 'job', '{{}}', 'one' FROM generate_series(1, 100) n
"""
FILL_JOBS = f"""
INSERT INTO jobs (bot_id, job_id, chat_id, user_id, provider, model, input, secret, state, deadline_at, due_at,
                  ended_at)
SELECT {BOT}, n, 1 + n % 100, 7, 'kie', 'm', '{{}}', 'x', CASE n % 3 WHEN 0 THEN 'wanted' ELSE 'delivered' END,
       now() + interval '1 hour', now() - make_interval(secs => n), CASE n % 3 WHEN 0 THEN NULL ELSE now() END
FROM generate_series(1, {ROWS}) n
"""
# Rows of tables and entries of indexes; the server counts them when a session is idle, at once only if told to.
COUNT_NOW = "SELECT pg_stat_force_next_flush()"
ROWS_READ = """
SELECT ((SELECT sum(seq_tup_read) FROM pg_stat_user_tables)
      + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes))::bigint AS count
"""
PAGES_READ = """
SELECT idx_blks_read + idx_blks_hit AS count FROM pg_statio_user_indexes
WHERE indexrelname = 'idx_processed_updates_processed_at'
"""
SWITCHES = "SELECT name, setting FROM pg_settings WHERE source <> 'default' AND name = ANY ($1::text[])"
NAMES = list(PLANNER)


class Measured:
    """An inbox whose statements were first planned on empty tables; since these were filled, none was analysed."""

    def __init__(self, database: Database, term: Term) -> None:
        self.database = database
        self.inbox = PostgresInbox(database, BOT, "one")
        self.term = term

    def attempts(self, size: int) -> list[Attempt]:
        return [Attempt(5000 + number, self.term, 7) for number in range(size)]

    async def reads(self, call: Callable[[], Awaitable[Any]], what: str = ROWS_READ) -> int:
        """How many rows the server reads for `call`, or how much of something else that it counts."""
        before = await self._count(what)
        await call()
        return await self._count(what) - before

    async def _count(self, what: str) -> int:
        await self.database.fetch(COUNT_NOW)
        ((count,),) = await self.database.fetch(what)
        assert isinstance(count, int)
        return count


async def measured_on(database: Database, chats: int = ROWS) -> Measured:
    term = Term(1, UUID(int=1))
    inbox = PostgresInbox(database, BOT, "one")
    assert await inbox.take_over(term.holder, "one") == term
    # Often enough for a plan to be cached, on one and the same connection.
    for _ in range(10):
        await inbox._begin_group([Attempt(1, term, 5)])
        await inbox.backfill(100)
        await inbox.newest(100)
        await inbox.fetch([1, 2])
        await inbox.followers([1, 2], 16)
        await inbox.resolve_doubts(term, "resend", 0, [5])
        await inbox.due_looks(term, [5], 8)
        await inbox.settle_look(term, A_LOOK, Absent(), "resend", probes=1)
        await inbox.known_ids(A_LOOK)
        await inbox.prune(0, 100)
    await database.fetch(FILL, chats)
    await database.fetch(FILL_PROCESSED)
    return Measured(database, term)


@pytest.fixture
async def measured(database: Database) -> Measured:
    return await measured_on(database)


@pytest.fixture(params=[1, 100, ROWS], ids=["one chat", "100 chats", "all of different chats"])
async def backlog(database: Database, request: pytest.FixtureRequest) -> Measured:
    return await measured_on(database, request.param)


@pytest.fixture
async def with_jobs(database: Database) -> Measured:
    jobs = PostgresJobs(database, BOT, "one")
    measured = await measured_on(database)
    for _ in range(10):
        for statement in statements_about_jobs(jobs, measured.term, 1):
            await statement()
    await database.fetch(FILL_CHATS)
    await database.fetch(FILL_JOBS)
    return measured


def statements_about_jobs(jobs: PostgresJobs, term: Term, job_id: int) -> list[Callable[[], Awaitable[Any]]]:
    """One of each that is about a few jobs; they are for one that is over, or not there."""
    return [
        partial(jobs.due_jobs, term, [5], 8),
        partial(jobs.begin_create, term, job_id, 5),
        partial(jobs._record_group, [CreateRecord(job_id, 5, Created("a"))]),
        partial(jobs.note_look, term, job_id, 5.0),
        partial(jobs.identify, term, job_id, "a"),
        partial(jobs.end_job, term, job_id, Failed("busy")),
        partial(jobs.note_callback, job_id, "x", "a"),
        partial(jobs.jobs_of, 7, 10),
        partial(jobs.live_jobs, 0, 10),
        partial(jobs.running),
        partial(jobs.prune_jobs, 3600, 10),
    ]


@pytest.fixture
async def without_switches(database_url: str) -> AsyncIterator[Measured]:
    async with open_database(database_url) as database:
        yield await measured_on(database)


@pytest.mark.parametrize("size", [1, 20, 100])
@pytest.mark.parametrize("ending", [Done(), Retry(0, "flood"), Dead("gave up")], ids=["done", "retry", "dead"])
async def test_begin_and_settle_read_their_own_rows(measured: Measured, ending: Ending, size: int) -> None:
    """However many rows the inbox holds, a group reads a few for each of its own."""
    inbox, attempts = measured.inbox, measured.attempts(size)
    outcomes: list[Begun] = []

    async def begin() -> None:
        outcomes.extend(await inbox._begin_group(attempts))

    settle = partial(inbox._settle_group, [Settlement(attempt, ending, ()) for attempt in attempts])
    assert await measured.reads(begin) <= 4 * size
    assert {begun.outcome for begun in outcomes} == {BeginOutcome.BEGUN}
    assert await measured.reads(settle) <= 4 * size
    # Asked again, it is found to be processed, or begins once more.
    assert await measured.reads(begin) <= 6 * size


@pytest.mark.parametrize("size", [1, 20, 100])
async def test_the_others_read_their_own_rows(measured: Measured, size: int) -> None:
    """The same of store and dismiss, and of reading by key."""
    inbox, ids = measured.inbox, [attempt.update_id for attempt in measured.attempts(size)]
    new = [Received(ROWS + number, 7, "message", b"{}", 0.0) for number in range(1, size + 1)]
    assert await measured.reads(partial(inbox._store_group, [Storing(update, None) for update in new])) <= 4 * size
    beginning = [Storing(replace(update, update_id=update.update_id + ROWS), None) for update in new]
    beginning = [Storing(update, Attempt(update.update_id, measured.term, 1)) for update, _ in beginning]
    assert await measured.reads(partial(inbox._store_group, beginning)) <= 6 * size
    assert await measured.reads(partial(inbox._dismiss_group, ids)) <= 4 * size
    assert await measured.reads(partial(inbox.fetch, [update_id + 500 for update_id in ids])) <= 4 * size


@pytest.mark.parametrize("size", [1, 20, 100])
async def test_states_and_effects_are_read_by_key(with_jobs: Measured, size: int) -> None:
    """However many chats and jobs there are, each update of a group costs a few rows of them."""
    inbox, term = with_jobs.inbox, with_jobs.term
    changes = Effects(b'{"n": 1}', REQUEST, "x", cancel=9)
    attempts = [Attempt(5000 + n, term, 7, effects=changes, state_version=1) for n in range(size)]
    outcomes: list[Begun] = []

    async def begin() -> None:
        outcomes.extend(await inbox._begin_group(attempts))

    assert await with_jobs.reads(begin) <= 5 * size
    assert {begun.outcome for begun in outcomes} == {BeginOutcome.BEGUN}
    settlements = [Settlement(attempt, Done(), ()) for attempt in attempts]
    assert await with_jobs.reads(partial(inbox._settle_group, settlements)) <= 12 * size
    new = [Received(ROWS + number, 7, "message", b"{}", 0.0) for number in range(1, size + 1)]
    assert await with_jobs.reads(partial(inbox._store_group, [Storing(update, None) for update in new])) <= 6 * size
    ids = [attempt.update_id + 500 for attempt in attempts]
    assert await with_jobs.reads(partial(inbox.fetch, ids)) <= 6 * size
    assert await with_jobs.reads(partial(inbox._dismiss_group, ids)) <= 4 * size


async def test_ends_of_jobs_are_read_by_key(with_jobs: Measured) -> None:
    """Whether such a row may begin is seen from what is under way, of which there is little, and its job has a key."""
    inbox, database, term = with_jobs.inbox, with_jobs.database, with_jobs.term
    await database.fetch(FILL_EVENTS)
    under_way = [Attempt(7000 + number, term, 7, state_version=1) for number in range(16)]
    await inbox._begin_group(under_way)
    attempts = [Attempt(-3 * number, term, 7, state_version=1) for number in range(1, 21)]
    assert await with_jobs.reads(partial(inbox._begin_group, attempts)) <= 6 * 20 + 20
    settlements = [Settlement(attempt, Done(), ()) for attempt in attempts]
    assert await with_jobs.reads(partial(inbox._settle_group, settlements)) <= 10 * 20


async def test_jobs_are_found_among_all_of_them(with_jobs: Measured) -> None:
    """Each statement about jobs reads a few rows, whatever waits or is kept."""
    jobs = PostgresJobs(with_jobs.database, BOT, "one")
    for statement in statements_about_jobs(jobs, with_jobs.term, 300):
        assert await with_jobs.reads(statement) <= 60, statement


async def test_what_goes_on_is_found_among_all_that_is_over(with_jobs: Measured) -> None:
    """The few jobs whose progress is shown are the latest: those that ended before them are not read."""
    database, jobs = with_jobs.database, PostgresJobs(with_jobs.database, BOT, "one")
    await database.fetch("DELETE FROM jobs WHERE job_id <= $1", ROWS)
    await database.fetch(FILL_JOBS.replace("'wanted'", "'delivered'"))
    await database.fetch("UPDATE jobs SET state = 'running' WHERE job_id > $1", ROWS - 5)
    found: list[int] = []

    async def live() -> None:
        found.extend(each.job.job_id for each in await jobs.live_jobs(0, 10))

    await live()
    assert await with_jobs.reads(live) <= 60
    assert found == [ROWS - 4, ROWS - 3, ROWS - 2, ROWS - 1, ROWS] * 2


async def test_a_window_is_read_whatever_waits(backlog: Measured) -> None:
    """Reading back looks at the rows of one window, and once at the index for each that may be its chat's first."""
    inbox = backlog.inbox
    for call in (
        partial(inbox.backfill, 100),
        partial(inbox.backfill, 100, after=ROWS // 2),
        partial(inbox.backfill, 100, after=ROWS - 10),
        partial(inbox.newest, 100),
    ):
        assert await backlog.reads(call) <= 2 * WINDOW + 4 * 100


async def test_the_next_of_a_chat_are_read_by_key(backlog: Measured) -> None:
    """However deep a chat's backlog, its next few cost a few rows each."""
    inbox = backlog.inbox
    assert await backlog.reads(partial(inbox.followers, [1], 16)) <= 4 * 16
    assert await backlog.reads(partial(inbox.followers, range(1, 11), 16)) <= 10 * 4 * 16


async def test_taking_over_reads_one_row(backlog: Measured) -> None:
    """A new term does not look at the inbox."""
    assert await backlog.reads(lambda: backlog.inbox.take_over(UUID(int=2), "two")) <= 3


async def test_doubts_are_found_among_all_that_waits(backlog: Measured) -> None:
    """What is in flight or in doubt has an index of its own: none of the rows that wait is looked at."""
    inbox = backlog.inbox
    await inbox._begin_group([Attempt(1, backlog.term, 5), Attempt(2, backlog.term, 6)])
    term = await inbox.take_over(UUID(int=2), "two")
    found: list[Resolved] = []

    async def resolve() -> None:
        found.extend(await inbox.resolve_doubts(term, "resend", 0, []))

    assert await backlog.reads(resolve) <= 20
    assert (1, "resend") in found


async def test_looks_are_found_among_all_that_waits(backlog: Measured) -> None:
    """The same of what is to be looked for; and what a look brings is written to its row."""
    inbox = backlog.inbox
    await inbox._begin_group([Attempt(each, backlog.term, 5, watermark=7) for each in (1, 2)])
    await backlog.database.fetch("UPDATE inbox SET started_at = now() - interval '1 minute' WHERE state <> 'pending'")
    due: list[DueLook] = []

    async def claim() -> None:
        due.extend(await inbox.due_looks(backlog.term, [], 8))

    assert await backlog.reads(claim) <= 30
    assert due[0].update_id == 1
    settle = partial(inbox.settle_look, backlog.term, due[0], Absent(), "resend", probes=1)
    assert await backlog.reads(settle) <= 10
    settle = partial(inbox.settle_look, backlog.term, due[0]._replace(absent=1), Found(9), "resend", probes=1)
    assert await backlog.reads(settle) <= 10


async def test_what_is_known_of_ids_has_a_bound(backlog: Measured) -> None:
    """However much waits or has been processed, so many rows of each are read."""
    known = partial(backlog.inbox.known_ids, A_LOOK)
    assert MOST_ROWS <= await backlog.reads(known) <= 4 * MOST_ROWS + 10


async def test_pruning_reads_what_it_forgets(measured: Measured) -> None:
    """The oldest are found by their age, and not by looking at all that is kept."""
    assert await measured.reads(partial(measured.inbox.prune, 0, 500)) <= 2 * 500
    assert await measured.reads(partial(measured.inbox.prune, 3600, 500)) <= 3


async def test_what_is_forgotten_is_not_walked_past_again(measured: Measured) -> None:
    """Until the server vacuums, the index has the rows that are gone: a batch begins behind them."""
    database, inbox = measured.database, measured.inbox
    await database.fetch("ALTER TABLE processed_updates SET (autovacuum_enabled = off)")
    await database.fetch("UPDATE processed_updates SET processed_at = now() + make_interval(secs => update_id)")
    for _ in range(ROWS * 9 // 10 // 500):
        assert await inbox.prune(0, 500) == 500
    assert await measured.reads(partial(inbox.prune, 0, 50), PAGES_READ) <= 10
    another = PostgresInbox(database, BOT, "two")
    assert await measured.reads(partial(another.prune, 0, 50), PAGES_READ) > ROWS / 500


async def test_without_the_switches_all_rows_are_read(without_switches: Measured) -> None:
    """What the switches are for, and proof that the counting above notices it."""
    assert await without_switches.reads(partial(without_switches.inbox.prune, 0, 500)) >= ROWS


async def switches(database: Database) -> dict[str, str]:
    """The planner's settings that are not the server's defaults on the next connection."""
    return {row["name"]: row["setting"] for row in await database.fetch(SWITCHES, NAMES)}


async def test_the_inboxs_sessions_have_the_switches(database: Database) -> None:
    """Every one of them is set, for as long as the session lives, also after a transaction that failed."""
    expected = PLANNER

    async def fail(_: Any) -> None:
        raise KeyError

    assert await switches(database) == expected
    with pytest.raises(KeyError):
        await database.transaction(fail)
    assert await switches(database) == expected


async def test_operators_have_the_servers_defaults(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A report scans, sorts and joins as the planner thinks best."""
    seen: list[dict[str, str]] = []

    async def look(database: Database, *_: Any) -> list[dict[str, Any]]:
        seen.append(await switches(database))
        return []

    monkeypatch.setattr(reports, "list_updates", look)
    async with asyncio_loop():
        settings = replace(settings_for_tests(), database_url=database_url)
        assert await inspect.list_updates(settings, state="pending", as_json=True, limit=1)
    assert seen == [{}]


async def test_svc_run_opens_its_database_for_the_inbox(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pools that `svc run` gives to the inbox have the switches, and one of them keeps plans."""

    seen: list[dict[str, str]] = []

    def parts(_settings: object, _metrics: object, *databases: Database) -> None:
        seen.extend(database.settings for database in databases)
        raise KeyError("far enough for this test")

    monkeypatch.setattr(run, "real_parts", parts)
    with pytest.RaisesGroup(KeyError, flatten_subgroups=True):
        await run.run_instance(replace(settings_for_tests(), database_url=database_url), Metrics())
    assert [{name: settings[name] for name in NAMES} for settings in seen] == [PLANNER, KEPT_PLANS]
