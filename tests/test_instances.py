"""What the instances write down of themselves and read of each other: in Postgres and in memory the same."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable

import pytest
import trio

from svc.storage.database import Database, asyncio_loop, open_database
from svc.storage.instances import EPOCHS_KEPT, HEARD_WITHIN, Heard, Heartbeat, Instances
from svc.storage.postgres_instances import PostgresInstances
from tests.memory.inbox import MemoryInbox
from tests.memory.instances import MemoryInstances

BOT = 42
PASSIVE = Heartbeat("PASSIVE", 5.0)
OF_INSTANCES = "SELECT instance_id, state, epochs, reaches, reach_error FROM instances WHERE bot_id = $1 ORDER BY 1"


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest) -> str | None:
    """The address of a database; None for the table in memory."""
    address: str | None = request.getfixturevalue("database_url") if request.param == "postgres" else None
    return address


@pytest.fixture
async def process(url: str | None) -> AsyncIterator[Callable[[str], Instances]]:
    """Makes what a new process with a label has of the table."""
    if url is None:
        yield MemoryInstances(MemoryInbox()).of
        return
    async with asyncio_loop(), open_database(url) as database:
        yield lambda label: PostgresInstances(database, BOT, label)


def said(heard: Heard) -> list[tuple[str, str, bool | None]]:
    """What does not depend on the time."""
    return sorted((peer.instance, peer.state, peer.reaches) for peer in heard.peers)


async def test_each_hears_what_the_others_said_last(process: Callable[[str], Instances]) -> None:
    """Not what it has said itself; and how long ago they found out what they reach."""
    one, two = process("one"), process("two")
    assert (await one.beat(PASSIVE)).peers == []
    (peer,) = (await two.beat(Heartbeat("ACTIVE", 1.0, (7,), reaches=True, reach_for=100.0))).peers
    assert (peer.instance, peer.state, peer.reaches, peer.reach_for) == ("one", "PASSIVE", None, math.inf)
    assert 0 <= peer.seen_for < HEARD_WITHIN
    (peer,) = (await one.beat(PASSIVE)).peers
    assert (peer.instance, peer.state, peer.reaches) == ("two", "ACTIVE", True)
    assert 100 <= peer.reach_for < 100 + HEARD_WITHIN
    await two.beat(Heartbeat("DRAINING", 0.0, (7,), reaches=False, reach_error="no way", reach_for=0.0))
    assert said(await one.beat(PASSIVE)) == [("two", "DRAINING", False)]


async def test_processes_with_the_same_label_are_told_apart(process: Callable[[str], Instances]) -> None:
    """An operator may have given all of them one: each has a row of its own, and none hides another's terms."""
    processes = [process("svc") for _ in range(3)]
    for each in processes:
        await each.beat(PASSIVE)
    assert said(await processes[0].beat(PASSIVE)) == [("svc", "PASSIVE", None)] * 2


async def test_who_leaves_is_forgotten_at_once(process: Callable[[str], Instances]) -> None:
    """And may leave twice; whoever stays is not touched."""
    one, two, three = process("one"), process("two"), process("three")
    for each in (one, two, three):
        await each.beat(PASSIVE)
    for _ in range(2):
        await two.leave()
    assert said(await one.beat(PASSIVE)) == [("three", "PASSIVE", None)]


async def test_everything_is_written(database: Database) -> None:
    """Every column of the row, the latest epochs only, and a text that Postgres cannot store as it is."""
    instance = PostgresInstances(database, BOT, "one")
    epochs = tuple(range(1, EPOCHS_KEPT + 6))
    await instance.beat(Heartbeat("ACTIVE", 60.0, epochs, reaches=False, reach_error="no\0 way \ud800", reach_for=5.0))
    (row,) = await database.fetch(OF_INSTANCES, BOT)
    assert tuple(row) == ("one", "ACTIVE", list(epochs[-EPOCHS_KEPT:]), False, "no way ?")
    ages = "extract(epoch FROM now() - {})::float8"
    columns = ", ".join(ages.format(name) for name in ("state_at", "reach_at", "seen_at", "started_at"))
    await instance.beat(Heartbeat("ACTIVE", 61.0, epochs, reaches=True, reach_for=6.0))
    ((state, reach, seen, started),) = await database.fetch(f"SELECT {columns} FROM instances")
    assert 61 <= state < 70
    assert 6 <= reach < 15
    assert 0 <= seen <= started < 10


async def test_who_has_been_silent_is_not_told_of_and_then_forgotten(database: Database) -> None:
    """Another bot's instances are nobody's business here."""
    one, two, other = (PostgresInstances(database, bot, "x") for bot in (BOT, BOT, BOT + 1))
    for each in (one, two, other):
        await each.beat(PASSIVE)
    assert len((await one.beat(PASSIVE)).peers) == 1
    await database.fetch("UPDATE instances SET seen_at = seen_at - make_interval(secs => $1)", HEARD_WITHIN + 1)
    assert (await one.beat(PASSIVE)).peers == []
    await one.forget(HEARD_WITHIN)
    ((here, there),) = await database.fetch(
        "SELECT count(*) FILTER (WHERE bot_id = $1), count(*) FILTER (WHERE bot_id <> $1) FROM instances", BOT
    )
    assert (here, there) == (1, 1)


async def test_a_heartbeat_waits_for_no_disk(database_url: str) -> None:
    """Its commit is not synchronous, and the setting ends with it: what follows on the connection is."""
    async with asyncio_loop(), open_database(database_url) as database:
        await database.fetch(
            """DO $do$ BEGIN
            CREATE TABLE seen (setting text);
            CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$;
            CREATE CONSTRAINT TRIGGER note AFTER INSERT OR UPDATE ON instances
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note();
            END $do$"""
        )
        instance = PostgresInstances(database, BOT, "one")
        await instance.beat(PASSIVE)
        await instance.beat(PASSIVE)
        seen = [row["setting"] for row in await database.fetch("SELECT setting FROM seen")]
        after = (await database.fetch("SELECT current_setting('synchronous_commit') AS now"))[0]["now"]
    assert seen == ["off", "off"]
    assert after == "on"


async def test_work_waits_while_anything_is_in_the_inbox(database: Database) -> None:
    """Of this bot, whatever its state."""
    instance = PostgresInstances(database, BOT, "one")
    assert not await instance.work_waits()
    put = "INSERT INTO inbox (bot_id, update_id, chat_id, update_type, payload, received_by, state) VALUES "
    await database.fetch(put + f"({BOT + 1}, 1, 1, 'message', '', 'one', 'pending')")
    assert not await instance.work_waits()
    await database.fetch(put + f"({BOT}, 1, 1, 'message', '', 'one', 'in_doubt')")
    assert await instance.work_waits()


async def test_many_beat_at_once(database_url: str) -> None:
    """Heartbeats of several processes lock nobody out."""
    async with asyncio_loop(), open_database(database_url) as database:
        processes = [PostgresInstances(database, BOT, f"i{number}") for number in range(6)]

        async def live(instance: Instances) -> None:
            for _ in range(20):
                await instance.beat(PASSIVE)
                await instance.forget(HEARD_WITHIN)

        async with trio.open_nursery() as nursery:
            for each in processes:
                nursery.start_soon(live, each)
        assert len((await processes[0].beat(PASSIVE)).peers) == 5
