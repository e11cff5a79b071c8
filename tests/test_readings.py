"""What the ACTIVE instance reads of the database, over a real Postgres: what it finds, and that it costs little."""

from __future__ import annotations

import time

import pytest

from svc.reports import readings as readings_module
from svc.reports.readings import ENDED_WITHIN, take_readings
from svc.settings.environment import Settings
from svc.storage.database import Connection, Database, open_database
from svc.storage.errors import DatabaseUnavailable
from svc.storage.inbox import Attempt, Dead
from tests.operators import DEAD, WAITING, an_inbox, attempt, received, rows_read, settings_on

JOB = """
INSERT INTO jobs (bot_id, job_id, chat_id, user_id, provider, model, state, input, context, secret, due_at, deadline_at,
                  ended_at)
SELECT $1, $2 + n, 7, 7, $3, 'a-model', $4, '{}', '{}', 's', now(), now(),
       CASE WHEN $5::float8 IS NOT NULL THEN now() - make_interval(hours => $5::int) END
FROM generate_series(1, $6::int) n
"""


@pytest.fixture
def settings(database_url: str) -> Settings:
    """Settings whose database is the test's."""
    return settings_on(database_url)


async def jobs(
    database: Database, bot: int, first: int, provider: str, state: str, count: int = 1, *, ended: float | None = None
) -> None:
    """So many jobs, with ids after `first`; `ended` hours ago."""
    await database.fetch(JOB, bot, first, provider, state, ended, count)


async def test_what_waits_what_is_dead_and_what_is_in_doubt(database: Database, settings: Settings) -> None:
    """And how old the oldest is."""
    async with an_inbox(database, settings) as (inbox, term):
        for update_id in (1, 2, 3):
            await inbox.store(received(update_id))
        await attempt(inbox, term, 1, Dead("x"))
        await inbox.begin(Attempt(2, term, 1))
    await database.fetch(
        "UPDATE inbox SET state = 'in_doubt', received_at = now() - interval '1 h' WHERE update_id = 2"
    )
    found = await take_readings(database, settings.bot_id)
    assert (found.inbox, found.dead, found.in_doubt, found.looked_for) == (2, 1, 1, 0)
    assert found.oldest_seconds == pytest.approx(3600, abs=60)
    assert found.at == pytest.approx(time.time(), abs=60)


async def test_nothing_is_nothing(database: Database, settings: Settings) -> None:
    """An empty database: zeros, and no age."""
    found = await take_readings(database, settings.bot_id)
    assert (found.inbox, found.oldest_seconds, found.dead, found.in_doubt, found.jobs) == (0, None, 0, 0, {})


async def test_jobs_by_provider_and_state(database: Database, settings: Settings) -> None:
    """Those that are under way, those that wait to be told of, and those that ended within a day; of this bot."""
    bot = settings.bot_id
    await jobs(database, bot, 0, "kie", "wanted", 2)
    await jobs(database, bot, 10, "kie", "running")
    await jobs(database, bot, 20, "another", "running")
    await jobs(database, bot, 30, "kie", "delivered", 3, ended=1)
    await jobs(database, bot, 40, "kie", "failed", ended=23)
    await jobs(database, bot, 50, "kie", "delivered", 5, ended=25)
    await jobs(database, bot, 60, "kie", "ready", 2)
    await jobs(database, bot + 1, 0, "kie", "wanted", 9)
    await database.fetch(
        "INSERT INTO inbox (bot_id, update_id, chat_id, update_type, payload, received_by)"
        " SELECT $1, id, 7, 'job', '{}', 'one' FROM unnest(ARRAY[-61, -62, -41]) id",
        bot,
    )
    found = await take_readings(database, bot)
    assert found.jobs == {
        "kie": {"wanted": 2, "running": 1, "delivered": 3, "failed": 1, "ready": 2},
        "another": {"running": 1},
    }


async def test_it_reads_as_little_of_a_large_inbox(database: Database, settings: Settings) -> None:
    """Beyond `counted` there are estimates; what is read does not grow with the tables."""
    bot, counted = settings.bot_id, 100
    await database.fetch(WAITING, bot, 3000)
    await database.fetch(DEAD, bot, 2000)
    await jobs(database, bot, 0, "kie", "wanted", 500)
    await jobs(database, bot, 1000, "kie", "delivered", 500, ended=1)
    await database.fetch("ANALYZE")
    found = await take_readings(database, bot, counted=counted)
    assert (found.inbox, found.dead) == (3000, 2000)
    assert found.jobs == {"kie": {"wanted": counted, "delivered": counted}}
    assert await rows_read(database, readings_module.JOBS, bot, counted, ENDED_WITHIN) <= 2 * counted + 1


async def test_what_does_not_come_in_time_is_not_told_half(database: Database, settings: Settings) -> None:
    """Somebody has locked the dead updates: it fails as a whole, and what was read before stays."""

    async def lock(connection: Connection) -> None:
        await connection.execute("BEGIN; LOCK TABLE dead_updates")

    async with open_database(settings.database_url) as other:
        await other.on_connection(lock)
        with pytest.raises(DatabaseUnavailable):
            await take_readings(database, settings.bot_id)
