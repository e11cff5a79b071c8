"""`make many-bots`: who is a candidate for which bot, the verdict, and one small run with real processes and a real
Postgres; processed_updates in partitions, by the statements of docs/scaling.md; and which keys begin with the bot.
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from fleet.many_bots import by_day
from fleet.many_bots.meter import processor_seconds, resident_bytes
from fleet.many_bots.placement import candidates, shares
from fleet.many_bots.report import due_a_second, table, verdict
from fleet.many_bots.run import Outcome, Plan, run
from fleet.many_bots.verdict import Span, gaps, two_at_once, waits, without_leader
from sandbox.postgres import EmbeddedPostgres, PostgresFailed
from svc.storage.database import Database, StatementFailed
from svc.storage.inbox import BeginOutcome, Done, StoreOutcome
from tests.inbox_contract.under_test import PostgresInboxUnderTest, an_update, begun, new_term, outcome
from tests.inbox_contract.under_test import postgres_inbox as inbox_on
from tests.processes import environment_of_checkout, python
from tests.processes import run as run_command

SCALING = (Path(__file__).parent.parent / "docs" / "scaling.md").read_text("utf-8")
TODAY = datetime.now(UTC).date()


# Who is a candidate


@pytest.mark.parametrize("each", [1, 2, 3, 10])
def test_every_bot_has_its_candidates(each: int) -> None:
    """So many different ones, and no member leads more bots than another."""
    placed = [candidates(bot, 10, each) for bot in range(1000)]
    assert {len(set(members)) for members in placed} == {each}
    assert set(Counter(first for first, *_ in placed).values()) == {100}


def test_what_a_lost_member_leads_goes_to_all_others_alike() -> None:
    """A ninth of it to each of nine, one more or less."""
    heirs = Counter(candidates(bot, 10, 2)[1] for bot in range(1000) if candidates(bot, 10, 2)[0] == 4)
    assert heirs.keys() == set(range(10)) - {4}
    assert max(heirs.values()) - min(heirs.values()) <= 1


def test_shares_are_the_candidates_by_member() -> None:
    """What a member leads first and what it stands by for, each bot as often as it has candidates."""
    placed = shares(12, 3, 2)
    assert [len(leads) for leads, _ in placed] == [4, 4, 4]
    assert Counter(bot for leads, stands_by in placed for bot in (*leads, *stands_by)) == dict.fromkeys(range(12), 2)
    assert not any(set(leads) & set(stands_by) for leads, stands_by in placed)


def test_more_candidates_than_members_cannot_be_had() -> None:
    """That is an error and no fewer candidates."""
    with pytest.raises(ValueError, match="3 candidates cannot be had of 2 members"):
        candidates(0, 2, 3)


# The verdict


def term(begin: float, end: float | None = None, *, bot: int = 1, epoch: int = 1) -> Span:
    return Span(bot, epoch, f"leader of {epoch}", begin, end)


def test_terms_that_follow_each_other_are_as_promised() -> None:
    """Also where one begins at the very moment at which the other ends, and where two bots are led at once."""
    assert two_at_once([term(5, epoch=2), term(0, 5), term(1, 9, bot=2)]) == []


@pytest.mark.parametrize(
    "later", [term(4, 9, epoch=2), term(6, epoch=1)], ids=["begins before the end", "has no later epoch"]
)
def test_two_leaders_are_found(later: Span) -> None:
    """By their times, and by their epochs."""
    former = term(0, 5)
    assert two_at_once([later, former]) == [(former, later)]


def test_a_term_without_an_end_lets_no_other_begin() -> None:
    """Whoever has not said that it stopped still leads."""
    assert len(two_at_once([term(0), term(7, epoch=2)])) == 1


def test_a_bot_without_its_latest_leader_is_found() -> None:
    """Nobody leads it, or somebody whose term is not the latest one."""
    spans = [term(0, bot=1, epoch=3), term(0, 4, bot=2), term(0, bot=3, epoch=1)]
    assert without_leader(spans, [1, 2, 3, 4], {1: 3, 2: 1, 3: 2}) == [2, 3, 4]


def test_a_wait_lasts_until_the_next_term() -> None:
    """From the loss on; who has not been taken over has no wait."""
    spans = [term(0, 10, bot=1), term(12, bot=1, epoch=2), term(0, 10, bot=2), term(0, 10, bot=3), term(11, bot=3)]
    assert waits(spans, 10.0, [1, 2]) == {1: 2.0}


def test_a_gap_lies_between_the_last_two_terms() -> None:
    """Of the bots that have had two."""
    assert gaps([term(0, 10), term(10.5, epoch=2), term(0, bot=2)], [1, 2]) == [0.5]


def an_outcome(**fields: Any) -> Outcome:
    return Outcome(Plan(2, 2, 2, 1.0, 1.0, 5.0), leads=[1, 1], **fields)


def test_each_breach_is_told() -> None:
    """Nothing else, and the last line says it."""
    assert an_outcome(lost=1, waits=[1.0]).breaches() == []
    broken = an_outcome(lost=3, waits=[1.0, 6.0], two_at_once=1, without=[2], wrong_locks=1, failed=["member 1 ended"])
    assert len(broken.breaches()) == 6
    assert verdict(broken).startswith("verdict: broken: 1 times a bot had two leaders; ")


def test_what_is_due_follows_from_the_intervals() -> None:
    """A leader's heartbeat twice a second, three or four looks a second of each other candidate, and what each says of
    itself about every 0.7 s."""
    assert due_a_second(1000, 2) == pytest.approx(1000 * (2 + 1 / (0.3 * 0.875) + 2 / 0.7))


# A run


@pytest.mark.processes
@pytest.mark.timeout(400)
def test_twelve_bots_survive_a_deploy_and_a_kill() -> None:
    """Three members lead twelve bots by the service's own leadership; one is deployed anew and one is killed."""
    outcome = run(Plan(bots=12, members=3, each=2, slower=1.0, seconds=1.0, limit=200.0), print)
    assert outcome is not None
    print(table(outcome))
    assert outcome.breaches() == []
    assert outcome.leads == [4, 4, 4]
    assert outcome.sessions == 24
    assert len(outcome.handed_over) == 4
    assert len(outcome.waits) == outcome.lost >= 4
    assert [round(cost.commits, 1) for cost in outcome.updates] == [3.0, 0.2, 3.0, 0.2]
    # Notifications reach those who listen in their database, and cost nobody else anything to speak of.
    assert outcome.notice.server > outcome.notice_elsewhere.server


@pytest.mark.processes
@pytest.mark.parametrize("options", [("--each", "3", "--members", "2"), ("--bots", "0"), ("--slower", "0.5")])
async def test_bad_usage_is_said_at_once(options: tuple[str, ...]) -> None:
    """One line on stderr, exit code 2, and nothing is started."""
    done = await run_command(*python("-m", "fleet.many_bots", *options), env=environment_of_checkout())
    assert (done.returncode, done.stdout) == (2, "")
    assert "error: " in done.stderr


def test_a_process_that_has_ended_has_used_nothing() -> None:
    """While one that runs has used some, and takes up memory."""
    assert processor_seconds([1 << 30]) == 0
    assert processor_seconds([_own_pid()]) > 0
    assert resident_bytes(_own_pid()) > 1 << 20


def _own_pid() -> int:
    return int(Path("/proc/self").resolve().name)


# Partitions by day


def name_of(url: str) -> str:
    return url.rpartition("/")[2]


def divide(server: EmbeddedPostgres, url: str) -> None:
    """Partitions from three days ago to tomorrow, and one for all before."""
    days = [TODAY + timedelta(days=number) for number in range(-3, 2)]
    for sql in (by_day.convert(days[0]), *map(by_day.new_day, days)):
        server.execute(sql, name_of(url))


async def settled(tested: PostgresInboxUnderTest, update_id: int) -> None:
    """An update that has been answered."""
    await tested.inbox.store(an_update(update_id))
    attempt = await begun(tested.inbox, update_id, await new_term(tested.inbox), token=update_id)
    await tested.inbox.settle(attempt, Done())


async def days_ago(database: Database, days: int) -> None:
    """All that has been processed was so many days earlier."""
    await database.fetch("UPDATE processed_updates SET processed_at = processed_at - make_interval(days => $1)", days)


async def test_what_was_processed_on_another_day_stays_known(
    postgres: EmbeddedPostgres, database: Database, database_url: str
) -> None:
    """A redelivery is a duplicate; what a store left that raced with a settle does not begin, and leaves no second row
    where it is dismissed."""
    divide(postgres, database_url)
    async with inbox_on(database) as tested:
        await settled(tested, 1)
        await days_ago(database, 2)
        assert (await tested.inbox.store(an_update(1))).outcome is StoreOutcome.DUPLICATE
        await tested.leave_over(an_update(1))
        assert await outcome(tested.inbox, 1, await new_term(tested.inbox)) is BeginOutcome.DUPLICATE
        await tested.leave_over(an_update(1))
        await tested.inbox.dismiss(1)
        assert await tested.row(1) is None
        assert len(await database.fetch("SELECT FROM processed_updates WHERE update_id = 1")) == 1


async def test_a_table_that_is_in_use_becomes_the_first_partition(
    postgres: EmbeddedPostgres, database: Database, database_url: str
) -> None:
    """What it holds stays known, with the indexes that it had; what comes goes to its day."""
    async with inbox_on(database) as tested:
        await settled(tested, 1)
        await days_ago(database, 4)
        divide(postgres, database_url)
        assert (await tested.inbox.store(an_update(1))).outcome is StoreOutcome.DUPLICATE
        await settled(tested, 2)
    found = await database.fetch("SELECT update_id, tableoid::regclass::text FROM processed_updates ORDER BY 1")
    assert [tuple(row) for row in found] == [
        (1, "processed_updates_before"),
        (2, f"processed_updates_{TODAY:%Y%m%d}"),
    ]


async def test_a_day_is_forgotten_at_once(postgres: EmbeddedPostgres, database: Database, database_url: str) -> None:
    """It is detached while others write, and dropped; what it held may come again, what others hold may not."""
    divide(postgres, database_url)
    async with inbox_on(database) as tested:
        await settled(tested, 1)
        await days_ago(database, 3)
        await settled(tested, 2)
        postgres.execute(by_day.old_day(TODAY - timedelta(days=3)), name_of(database_url))
        assert (await tested.inbox.store(an_update(2))).outcome is StoreOutcome.DUPLICATE
        assert (await tested.inbox.store(an_update(1))).outcome is StoreOutcome.FIRST


async def test_what_has_no_partition_is_not_processed(
    postgres: EmbeddedPostgres, database: Database, database_url: str
) -> None:
    """Days have to be made ahead: without one nothing can be recorded, which is an error and no loss."""
    postgres.execute(by_day.convert(TODAY - timedelta(days=3)), name_of(database_url))
    async with inbox_on(database) as tested:
        await tested.inbox.store(an_update(1))
        with pytest.raises((StatementFailed, asyncpg.CheckViolationError), match="no partition"):
            await tested.inbox.dismiss(1)
        assert await tested.row(1) is not None


async def test_the_service_must_not_prune_partitions(
    postgres: EmbeddedPostgres, database: Database, database_url: str
) -> None:
    """It deletes rows by their place, which in another partition is another row's. With a KEEP_PROCESSED that is longer
    than anything is kept it deletes none."""
    divide(postgres, database_url)
    async with inbox_on(database) as tested:
        await settled(tested, 1)
        await days_ago(database, 2)
        await database.fetch(f"TRUNCATE processed_updates_{TODAY:%Y%m%d}")  # the next row is its first one again
        await settled(tested, 2)
        assert await tested.inbox.prune(100_000 * 3600.0, 100) == 0
        await tested.inbox.prune(36 * 3600.0, 100)
        assert await tested.processed() == {}  # the one of today went, too


def test_a_key_of_a_partitioned_table_needs_its_column(postgres: EmbeddedPostgres, database_url: str) -> None:
    """Which is why every day has its own. Nor can it have an index that is built while others write."""
    postgres.execute(by_day.convert(TODAY), name_of(database_url))
    for sql, why in (
        ("ALTER TABLE processed_updates ADD PRIMARY KEY (bot_id, update_id)", "must include all partitioning columns"),
        ("CREATE INDEX CONCURRENTLY late ON processed_updates (received_at)", "cannot create index .* concurrently"),
    ):
        with pytest.raises(PostgresFailed, match=why):
            postgres.execute(sql, name_of(database_url))


@pytest.mark.parametrize(
    "sql", [by_day.convert(date(2026, 1, 1)), by_day.new_day(date(2026, 1, 1)), by_day.old_day(date(2026, 1, 1))]
)
def test_the_document_has_these_statements(sql: str) -> None:
    """docs/scaling.md shows what is run here, for one day."""
    assert sql in SCALING


# Keys


async def test_the_document_names_every_key_that_does_not_begin_with_the_bot(database: Database) -> None:
    """All others do: tables can be distributed by bot_id."""
    found = await database.fetch("""
        SELECT c.relname AS name, a.attname AS first
        FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid
        JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = x.indkey[0]
        WHERE c.relnamespace = 'public'::regnamespace""")
    others = {row["name"] for row in found if row["first"] != "bot_id"}
    assert len(found) > len(others) > 0
    (listed,) = re.findall(r"Keys that do not begin with `bot_id`: (.+?)\.", SCALING, re.DOTALL)
    assert set(re.findall(r"`(\w+)`", listed)) == others
