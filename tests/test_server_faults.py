"""What the database's side does to running instances: refusals, locks, restarts and stalls. None of it ends one, and
none of it makes anybody's answer come twice."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
import trio

from fleet.instances import Fleet, running_fleet
from fleet.promises import check_promises
from fleet.tcp_proxy import TcpProxy
from fleet.traffic import new_users_write
from fleet.waiting import eventually
from sandbox.postgres import EmbeddedPostgres

pytestmark = pytest.mark.processes

# As many as there are workers: all of them have a send in flight.
USERS = 16
LASTS = 3.0
# More than the graceful end of HTTP and the shortest flush take together, less than until a leader decides on doubts.
STALL = 5.0
ROLE = "bot"
DATABASE = "bot_data"


@dataclass(frozen=True)
class Trouble:
    """What an administrator does, and how it is taken back."""

    begin: str
    end: str = ""


TROUBLES = {
    "no login": Trouble(
        f"ALTER ROLE {ROLE} NOLOGIN; SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{ROLE}'",
        f"ALTER ROLE {ROLE} LOGIN",
    ),
    "no connections": Trouble(
        f"ALTER DATABASE {DATABASE} ALLOW_CONNECTIONS false;"
        f" SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{DATABASE}'",
        f"ALTER DATABASE {DATABASE} ALLOW_CONNECTIONS true",
    ),
    "no rights": Trouble(
        f"\\c {DATABASE}\nREVOKE ALL ON inbox, processed_updates FROM {ROLE}",
        f"\\c {DATABASE}\nGRANT ALL ON inbox, processed_updates TO {ROLE}",
    ),
    "a table locked": Trouble(f"\\c {DATABASE}\nBEGIN; LOCK TABLE inbox, processed_updates; SELECT pg_sleep({LASTS})"),
}


@asynccontextmanager
async def in_flight(server: EmbeddedPostgres, *, role_settings: str = "") -> AsyncIterator[Fleet]:
    """Two instances that work under a role of their own; every worker of the one that leads waits for an answer."""
    server.execute(f"CREATE ROLE {ROLE} LOGIN {role_settings}")
    server.execute(f"CREATE DATABASE {DATABASE} OWNER {ROLE}")
    url = server.url_of(DATABASE).replace("postgres@", f"{ROLE}@", 1)
    async with running_fleet(url) as fleet:
        await fleet.start_active()
        await fleet.start()
        fleet.sandbox.faults.order("slow_after", count=USERS, method="sendMessage", delay=1.0)
        new_users_write(fleet, USERS)
        await eventually(lambda: len(fleet.menus()) == USERS)
        yield fleet


async def once_each(fleet: Fleet) -> None:
    """A newcomer is answered; everybody has one menu; every instance lives."""
    (newcomer,) = new_users_write(fleet, 1)
    await eventually(lambda: fleet.menus()[newcomer] == 1)
    # The ledger is read by the server's administrator, who may always.
    await check_promises(fleet)
    assert set(fleet.menus().values()) == {1}
    assert all(instance.running for instance in fleet.members)


@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES)
async def test_no_error_of_the_server_ends_an_instance(postgres_to_break: EmbeddedPostgres, trouble: Trouble) -> None:
    """It lasts three seconds and comes while sixteen menus are on their way: everybody has one, both instances live."""
    async with in_flight(postgres_to_break) as fleet:
        postgres_to_break.execute(f"ALTER ROLE {ROLE} SET lock_timeout = '200ms'")
        await trio.to_thread.run_sync(postgres_to_break.execute, trouble.begin)
        if trouble.end:
            await trio.sleep(LASTS)
            await trio.to_thread.run_sync(postgres_to_break.execute, trouble.end)
        await once_each(fleet)


async def test_a_restart_of_the_server_throws_no_answer_away(postgres_to_break: EmbeddedPostgres) -> None:
    """A clean restart ends the lock's session while sixteen answers are on their way: they are heard all the same."""
    async with in_flight(postgres_to_break) as fleet:
        await trio.to_thread.run_sync(postgres_to_break.stop)
        await trio.to_thread.run_sync(postgres_to_break.start)
        await once_each(fleet)


async def test_what_is_known_outlives_a_stall_in_a_drain(postgres: EmbeddedPostgres, empty_database_url: str) -> None:
    """SIGTERM while the database answers nothing: the process ends when it has written down what it has sent."""
    async with trio.open_nursery() as nursery, running_fleet(empty_database_url) as fleet:
        proxy = TcpProxy(postgres.port)
        await nursery.start(proxy.run)
        behind_proxy = empty_database_url.replace(f":{postgres.port}/", f":{proxy.port}/")
        old = await fleet.start_active(behind_proxy, LEADER_DATABASE_URL=behind_proxy)
        fleet.sandbox.faults.order("slow_after", count=USERS, method="sendMessage", delay=0.5)
        new_users_write(fleet, USERS)
        await eventually(lambda: len(fleet.menus()) == USERS)
        proxy.stall()
        old.send_signal(signal.SIGTERM)
        await trio.sleep(STALL)
        assert old.running
        proxy.heal()
        assert await old.exit_code() == 0
        await check_promises(fleet)
        assert set(fleet.menus().values()) == {1}
        nursery.cancel_scope.cancel()
