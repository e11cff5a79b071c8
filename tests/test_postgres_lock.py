"""The leader's lock on a real Postgres: who has it, when it goes, and how those who wait are notified."""

from __future__ import annotations

import asyncio
import random
import struct
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
import trio
import trio_asyncio

from sandbox.postgres import EmbeddedPostgres
from svc.actions.orders import pause, resume
from svc.leadership.postgres_lock import PoolerInTheWay, PostgresLockSession, connect_lock
from svc.storage.database import Connection, Database, DatabaseRefused, DatabaseUnavailable
from svc.storage.inbox import Term
from svc.storage.keys import IDS_TOLD, NEW_WORK_CHANNEL, RELEASED_CHANNEL, lock_key, new_work_ids, orders_payload
from svc.storage.postgres_inbox import PostgresInbox
from tests.operators import ANNA
from tests.peers import Peer, refusing_port

BOT = 4503599627370495
QUICKLY = 3.0  # the server notices at once; nothing here would happen later by itself
SLOWLY = 10.0  # for what the server does in its own time


def ignore(_update_ids: Sequence[int]) -> None:
    """What a session does with new work of which this test wants to know nothing."""


@dataclass
class LockBench:
    """Sessions of one bot's lock, and a pool beside them."""

    url: str
    database: Database
    sessions: list[PostgresLockSession] = field(default_factory=list)

    async def session(
        self, bot_id: int = BOT, *, timeout: float = 60.0, **told: Callable[..., None]
    ) -> PostgresLockSession:
        session = await connect_lock(self.url, bot_id, server_timeout=timeout, **told)
        self.sessions.append(session)
        return session

    async def inbox(self, bot_id: int = BOT) -> PostgresInbox:
        return PostgresInbox(self.database, bot_id, "one")

    async def lock_is_free(self) -> bool:
        """Take the lock from elsewhere and give it back."""

        async def take(connection: Connection) -> bool:
            if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", lock_key(BOT)):
                return False
            return bool(await connection.fetchval("SELECT pg_advisory_unlock($1)", lock_key(BOT)))

        return await self.database.on_connection(take)

    async def backend(self, session: PostgresLockSession, sql: str, *args: Any) -> None:
        """Run `sql` in the session, behind its back."""
        await trio_asyncio.aio_as_trio(session._connection.execute)(sql, *args)

    async def kill(self, session: PostgresLockSession) -> None:
        await self.database.fetch("SELECT pg_terminate_backend($1)", session._connection.get_server_pid())


@pytest.fixture
async def bench(database: Database) -> AsyncIterator[LockBench]:
    bench = LockBench(database.url, database)
    yield bench
    for session in bench.sessions:
        session.abandon()


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = SLOWLY) -> None:
    with trio.fail_after(seconds):
        while True:
            if await condition():
                return
            await trio.lowlevel.checkpoint()


async def closed(session: PostgresLockSession) -> bool:
    await trio.lowlevel.checkpoint()
    return session.closed.is_set()


async def test_one_session_has_the_lock(bench: LockBench) -> None:
    """While one session has the lock no other gets it."""
    one, two = await bench.session(), await bench.session()
    assert await one.try_lock() is True
    assert await two.try_lock() is False
    assert await bench.lock_is_free() is False


async def test_every_bot_has_its_lock(bench: LockBench) -> None:
    """The locks of different bots in one database do not meet, nor one that somebody else takes on the bare id."""
    one, two = await bench.session(1), await bench.session(2)
    await bench.backend(one, "SELECT pg_advisory_lock(2)")
    assert await one.try_lock()
    assert await two.try_lock()
    assert -(2**63) <= lock_key(2**52 - 1) < 2**63


def end_backend(url: str, pid: int) -> None:
    """End a server process and wait until it is gone, on a thread and a loop of its own."""

    async def end() -> None:
        connection = await asyncpg.connect(url)
        try:
            assert await connection.fetchval("SELECT pg_terminate_backend($1, 10000)", pid)
        finally:
            connection.terminate()

    asyncio.run(end())


async def test_a_closed_session_is_known_before_it_is_read(bench: LockBench) -> None:
    """A busy process reads of it only later, and until then another may lead: the system knows at once."""
    session = await bench.session()
    assert not session.severed()
    pid = session.pid
    assert pid is not None
    # Trio's loop stands still meanwhile.
    thread = threading.Thread(target=end_backend, args=(bench.url, pid))
    thread.start()
    thread.join()
    assert session.severed()
    assert not session.closed.is_set()
    await until(partial(closed, session))
    assert session.severed()


async def test_a_release_notifies_those_who_wait_at_once(bench: LockBench) -> None:
    """A release frees the lock before it notifies, and whoever waits is woken and gets the lock."""
    one, two = await bench.session(), await bench.session()
    assert await one.try_lock()
    assert not await two.try_lock()
    got: list[bool] = []

    async def wait() -> None:
        await two.wait_for_release()
        got.append(await two.try_lock())

    with trio.fail_after(QUICKLY):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            await one.release()
    assert got == [True]
    assert one.closed.is_set()


async def test_a_release_right_after_the_attempt_is_not_missed(bench: LockBench) -> None:
    """A release between the attempt and the waiting wakes the one who waits."""
    one, two = await bench.session(), await bench.session()
    assert await one.try_lock()
    assert not await two.try_lock()
    await one.release()
    with trio.fail_after(QUICKLY):
        await two.wait_for_release()
        assert await two.try_lock()


async def test_a_release_during_the_attempt_is_not_missed(bench: LockBench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A release while the attempt is on its way back wakes the one who waits; one from before it does not."""
    one = await bench.session()
    one._hear(None, 0, RELEASED_CHANNEL, str(BOT))

    async def too_late(sql: str, *args: Any) -> bool:
        assert not one._released.is_set()
        await trio.lowlevel.checkpoint()
        one._hear(None, 0, RELEASED_CHANNEL, str(BOT))
        return False

    monkeypatch.setattr(one, "_value", too_late)
    assert not await one.try_lock()
    with trio.fail_after(QUICKLY):
        await one.wait_for_release()


async def test_releases_of_other_bots_notify_nobody(bench: LockBench) -> None:
    """Another bot's release wakes nobody; a later one of our own does, and it comes after the other."""
    ours, other, waiting = await bench.session(), await bench.session(2), await bench.session()
    assert await ours.try_lock()
    assert await other.try_lock()
    assert not await waiting.try_lock()
    await other.release()
    await waiting.beat(Term(1, UUID(int=1)))  # a round trip: what was announced before has arrived
    assert not waiting._released.is_set()
    await ours.release()
    with trio.fail_after(QUICKLY):
        await waiting.wait_for_release()


async def test_abandon_frees_the_lock(bench: LockBench) -> None:
    """A session that is closed without a word loses the lock as soon as the server sees it."""
    one, two = await bench.session(), await bench.session()
    assert await one.try_lock()
    one.abandon()
    assert one.closed.is_set()
    await until(two.try_lock, QUICKLY)
    with pytest.raises(DatabaseUnavailable):
        await one.try_lock()


async def test_a_silent_session_loses_the_lock(bench: LockBench) -> None:
    """The server closes a session that is silent for `server_timeout`, and no earlier: only then another gets it."""
    one, two = await bench.session(timeout=1), await bench.session()
    sent = trio.current_time()
    assert await one.try_lock()
    await until(two.try_lock)
    assert trio.current_time() - sent >= 1.0
    await until(partial(closed, one))
    with pytest.raises(DatabaseUnavailable):
        await one.beat(Term(1, UUID(int=1)))


async def test_a_session_that_beats_keeps_the_lock(bench: LockBench) -> None:
    """As long as a session beats, the server lets it be."""
    one, two = await bench.session(timeout=1), await bench.session()
    term = await (await bench.inbox()).take_over(UUID(int=1), "one")
    assert await one.try_lock()
    end = trio.current_time() + 1.5
    while trio.current_time() < end:
        assert await one.beat(term)
        assert not await two.try_lock()


async def test_beat(bench: LockBench) -> None:
    """A beat is good while lock and term are ours, and only then."""
    inbox = await bench.inbox()
    one = await bench.session()
    term = await inbox.take_over(UUID(int=1), "one")
    assert await one.beat(term) is False  # not locked yet
    assert await one.try_lock()
    assert await one.beat(term) is True
    assert await one.beat(Term(term.epoch, UUID(int=9))) is False
    assert await one.beat(Term(term.epoch - 1, term.holder)) is False


async def test_beat_after_a_new_term(bench: LockBench) -> None:
    """A beat is bad once another term has begun."""
    inbox = await bench.inbox()
    one = await bench.session()
    term = await inbox.take_over(UUID(int=1), "one")
    assert await one.try_lock()
    await (await bench.inbox(2)).take_over(UUID(int=2), "other bot")
    assert await one.beat(term) is True
    await inbox.take_over(UUID(int=1), "one")
    assert await one.beat(term) is False


@pytest.mark.parametrize(
    "behind", ["SELECT pg_advisory_unlock_all()", "UNLISTEN *", "UNLISTEN svc_new_work", "UNLISTEN svc_lock_released"]
)
async def test_beat_after_something_got_lost(bench: LockBench, behind: str) -> None:
    """A beat is bad when the session lost its lock, or would no longer be notified."""
    one = await bench.session()
    term = await (await bench.inbox()).take_over(UUID(int=1), "one")
    assert await one.try_lock()
    assert await one.beat(term) is True
    await bench.backend(one, behind)
    assert await one.beat(term) is False


async def test_beat_of_somebody_elses_lock(bench: LockBench) -> None:
    """That the lock is held is not enough: it has to be held by this session, and be this one."""
    one, two = await bench.session(), await bench.session()
    term = await (await bench.inbox()).take_over(UUID(int=1), "one")
    assert await two.try_lock()
    assert await one.beat(term) is False
    await bench.backend(one, "SELECT pg_advisory_lock(1)")
    key = lock_key(BOT)
    await bench.backend(one, "SELECT pg_advisory_lock($1, $2)", (key >> 32), (key & 0xFFFFFFFF) - (1 << 32))
    assert await one.beat(term) is False


async def test_a_killed_backend(bench: LockBench) -> None:
    """When the server ends the session, a beat gets no answer, the session is not alive, and the lock is free."""
    one, two = await bench.session(), await bench.session()
    term = await (await bench.inbox()).take_over(UUID(int=1), "one")
    assert await one.try_lock()
    await bench.kill(one)
    with pytest.raises(DatabaseUnavailable):
        await one.beat(term)
    with trio.fail_after(QUICKLY):
        await one.closed.wait()
    await until(two.try_lock, QUICKLY)


async def test_a_killed_idle_backend(bench: LockBench) -> None:
    """A session that is not talking notices by itself that it was ended."""
    one = await bench.session()
    await bench.kill(one)
    await until(partial(closed, one), QUICKLY)


async def test_release_of_a_dead_session(bench: LockBench) -> None:
    """Releasing a session that was ended says that it could not be done."""
    one = await bench.session()
    assert await one.try_lock()
    await bench.kill(one)
    with pytest.raises(DatabaseUnavailable):
        await one.release()


async def test_new_work_notifies_the_session(bench: LockBench) -> None:
    """Another instance's notification reaches the sessions of that bot, and of no other, with the ids that it tells."""
    heard: list[Sequence[int]] = []
    one = await bench.session(on_new_work=heard.append)
    others: list[Sequence[int]] = []
    other = await bench.session(2, on_new_work=others.append)
    inbox = await bench.inbox()
    await inbox.notify_leader()
    await inbox.notify_leader([5])
    await inbox.notify_leader([1, -(2**63), 2**63 - 1])
    for session in (one, other):
        await session.beat(Term(1, UUID(int=1)))  # a round trip: what was announced before has arrived

    async def all_heard() -> bool:
        await trio.lowlevel.checkpoint()
        return len(heard) >= 3

    await until(all_heard, QUICKLY)
    assert heard == [[], [5], [1, -(2**63), 2**63 - 1]]
    assert others == []


@pytest.mark.parametrize(
    ("update_ids", "told"),
    [
        (range(10**9, 10**9 + IDS_TOLD), range(10**9, 10**9 + IDS_TOLD)),
        (range(IDS_TOLD + 1), ()),
        (range(-(2**63), -(2**63) + IDS_TOLD), ()),
    ],
    ids=["as many as fit", "too many", "too long"],
)
async def test_a_notification_is_never_too_long(
    bench: LockBench, update_ids: Sequence[int], told: Sequence[int]
) -> None:
    """What the server would refuse as too long is told without ids."""
    heard: list[Sequence[int]] = []
    one = await bench.session(on_new_work=heard.append)
    await (await bench.inbox()).notify_leader(update_ids)
    await one.beat(Term(1, UUID(int=1)))

    async def something_heard() -> bool:
        await trio.lowlevel.checkpoint()
        return bool(heard)

    await until(something_heard, QUICKLY)
    assert heard == [list(told)]


@pytest.mark.parametrize("payload", [f"{BOT}:1,x", f"{BOT}:,", f"{BOT}:"])
async def test_a_notification_that_cannot_be_read_tells_of_something(bench: LockBench, payload: str) -> None:
    """Whatever another release may say about this bot, it is new work."""
    heard: list[Sequence[int]] = []
    one = await bench.session(on_new_work=heard.append)
    one._hear(None, 0, NEW_WORK_CHANNEL, payload)
    one._hear(None, 0, NEW_WORK_CHANNEL, f"1{payload}")
    assert heard == [[]]


async def test_an_order_is_announced_to_the_bots_sessions(bench: LockBench) -> None:
    """By whoever gives it, to the sessions of that bot; to a release that does not know the word it is new work."""
    heard: list[str] = []
    one = await bench.session(on_new_work=lambda _: heard.append("work"), on_orders=lambda: heard.append("orders"))
    other = await bench.session(2, on_orders=lambda: heard.append("another bot's"))
    await pause(bench.database, BOT, ANNA, "model", "a model", "too dear")
    assert not await resume(bench.database, BOT, ANNA, "model", "another model")
    assert await resume(bench.database, BOT, ANNA, "model", "a model")
    for session in (one, other):
        await session.beat(Term(1, UUID(int=1)))

    async def all_heard() -> bool:
        await trio.lowlevel.checkpoint()
        return len(heard) >= 2

    await until(all_heard, QUICKLY)
    assert heard == ["orders", "orders"]
    assert new_work_ids(orders_payload(BOT), BOT) == []


async def test_a_listener_that_raises_does_no_harm(bench: LockBench) -> None:
    """A fault in what is called for new work is logged, and the session lives on."""

    def fail(_update_ids: Sequence[int]) -> None:
        called.set()
        raise KeyError

    called = trio.Event()
    one = await bench.session(on_new_work=fail)
    await (await bench.inbox()).notify_leader()
    with trio.fail_after(QUICKLY):
        await called.wait()
    assert await one.try_lock()


async def test_a_cancelled_attempt_leaves_no_lock(bench: LockBench) -> None:
    """Whenever an attempt is cancelled, abandoning the session frees the lock that it may have been granted."""
    rng = random.Random(1)
    cancelled = 0
    for _ in range(100):
        session = await bench.session()
        with trio.move_on_after(rng.uniform(0, 0.001)) as scope:
            await session.try_lock()
        cancelled += scope.cancelled_caught
        session.abandon()
        await until(bench.lock_is_free, QUICKLY)
    assert cancelled > 20


async def test_connecting_when_cancelled_leaves_no_session(bench: LockBench) -> None:
    """A connection that is given up half way is closed."""
    rng = random.Random(1)
    for _ in range(30):
        with trio.move_on_after(rng.uniform(0, 0.01)):
            (await bench.session()).abandon()

    async def gone() -> bool:
        rows = await bench.database.fetch(
            "SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'svc lock'"
        )
        return not rows

    await until(gone)


async def test_a_server_that_is_away(bench: LockBench) -> None:
    """Without a server the connection fails as the database's absence does."""
    with refusing_port() as port, trio.fail_after(QUICKLY), pytest.raises(DatabaseUnavailable):
        await connect_lock(f"postgresql://x@127.0.0.1:{port}/x", BOT, server_timeout=3, on_new_work=ignore)


async def test_a_database_that_refuses(bench: LockBench) -> None:
    """An unknown database is a refusal."""
    with pytest.raises(DatabaseRefused):
        await connect_lock(bench.url + "_not", BOT, server_timeout=3, on_new_work=ignore)


async def refuse_parameters(stream: trio.SocketStream) -> None:
    """What PgBouncer says to a startup parameter that it does not know."""
    # First the client asks for TLS, in eight bytes.
    await stream.receive_some(8)
    await stream.send_all(b"N")
    await stream.receive_some(4096)
    fields = b"SFATAL\0C08P01\0Munsupported startup parameter: idle_session_timeout\0\0"
    await stream.send_all(b"E" + struct.pack("!i", len(fields) + 4) + fields)


async def test_a_pooler_that_refuses_the_parameters(bench: LockBench, nursery: trio.Nursery) -> None:
    """A pooler that does not take the startup parameters is named as what it is, with the way out."""
    pooler = Peer(refuse_parameters)
    await nursery.start(pooler.serve)
    url = f"postgresql://x:secret@127.0.0.1:{pooler.port}/x"
    with pytest.raises(PoolerInTheWay, match=r"127\.0\.0\.1 .* LEADER_DATABASE_URL at Postgres itself") as raised:
        await connect_lock(url, BOT, server_timeout=3, on_new_work=ignore)
    assert "idle_session_timeout" in str(raised.value)
    assert "secret" not in str(raised.value)


async def test_a_pooler_that_drops_the_parameters(bench: LockBench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pooler that swallows the startup parameters is found out."""
    connect = asyncpg.connect

    async def without_settings(*args: Any, server_settings: dict[str, str], **options: Any) -> Any:
        return await connect(*args, **options)

    monkeypatch.setattr(asyncpg, "connect", without_settings)
    with pytest.raises(PoolerInTheWay, match="did not take the session's timeouts"):
        await bench.session()


async def test_a_pooler_that_changes_backends(bench: LockBench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pooler is found out by a process id that is not the one it announced, and the connection is closed."""
    monkeypatch.setattr(asyncpg.Connection, "get_server_pid", lambda _connection: -1)
    with pytest.raises(PoolerInTheWay, match="its backends change"):
        await bench.session()


async def test_a_term_begins_only_while_its_lock_is_held(bench: LockBench) -> None:
    """A take-over that was held up on its way, and whose lock has gone since, does not fence its successor."""
    inbox = await bench.inbox()
    one = await bench.session()
    assert await one.try_lock()
    term = await inbox.take_over(uuid4(), "one", one.pid)
    pid = one.pid
    await one.release()
    with pytest.raises(DatabaseUnavailable, match="the lock was lost"):
        await inbox.take_over(uuid4(), "one", pid)
    two = await bench.session()
    assert await two.try_lock()
    assert (await inbox.take_over(uuid4(), "two", two.pid)).epoch == term.epoch + 1


async def test_the_same_lock_in_another_database_is_not_it(bench: LockBench, postgres: EmbeddedPostgres) -> None:
    """A lock of the same key in another database of the server does not let a term begin here."""
    elsewhere = await trio_asyncio.aio_as_trio(asyncpg.connect)(postgres.url)
    await trio_asyncio.aio_as_trio(elsewhere.execute)("SELECT pg_advisory_lock($1)", lock_key(BOT))
    try:
        with pytest.raises(DatabaseUnavailable, match="the lock was lost"):
            await (await bench.inbox()).take_over(uuid4(), "one", elsewhere.get_server_pid())
    finally:
        elsewhere.terminate()
