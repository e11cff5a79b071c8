"""What no program can prevent, done to real instances: killed, stopped, cut off, without a database, crashed."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

import httpx
import pytest
import trio

from sandbox.postgres import EmbeddedPostgres
from tests.processes import (
    READ_LATE,
    ServiceProcess,
    figure,
    more_menus,
    rows,
    running_fleet,
    trickle,
    until,
    when,
)
from tests.tcp_proxy import TcpProxy

KILLS = 5
STOPPED = 10.0
CUT_OFF = 4.0
DOWN = 1.5


async def test_kill_9_of_the_active_instance(empty_database_url: str) -> None:
    """Killed under load, time and again: the next instance is ACTIVE within 500 ms, and nothing accepted is lost."""
    pauses = []
    async with running_fleet(empty_database_url) as fleet:
        old = await fleet.start()
        await old.active()
        async with trickle(fleet):
            for _ in range(KILLS):
                new = await fleet.start()
                await more_menus(fleet)
                killed = old.send_signal(signal.SIGKILL)
                pauses.append(when(await new.event("STATE", to="ACTIVE")) - killed)
                fleet.targets.remove(old)
                old = new
            await more_menus(fleet)
        await fleet.check_promises(doubts=False)
    print(f"FIGURE kill -9 -> next one ACTIVE, each: {', '.join(f'{pause * 1000:.0f}' for pause in pauses)} ms")
    figure("kill -9 -> next one ACTIVE, slowest", max(pauses), below=0.500)


async def test_an_instance_that_wakes_after_its_lease_sends_nothing(empty_database_url: str) -> None:
    """Stopped for 10 s with a send in flight and more waiting: the next one leads within T + 1 s; the woken one
    neither begins nor sends anything, steps down and waits."""
    async with running_fleet(empty_database_url, WORKERS="1") as fleet:
        old = await fleet.start()
        await old.active()
        new = await fleet.start()
        fleet.targets = [old]
        fleet.sandbox.faults.order("slow_after", count=3, method="sendMessage", delay=0.3)
        for user in range(1, 20):
            fleet.says(user)
        await until(lambda: len(fleet.accepted) == 19)
        before = len(old.sends)
        await until(lambda: len(old.sends) > before)
        stopped = old.send_signal(signal.SIGSTOP)
        fleet.targets = [new]
        active = when(await new.event("STATE", to="ACTIVE"))
        figure("SIGSTOP -> next one ACTIVE (T = 3 s)", active - stopped, below=4.0)
        fleet.sandbox.faults.clear()
        await until(lambda: len(fleet.menus()) == 19)
        await trio.sleep(STOPPED - (when(new.log[-1]) - stopped))

        lines = len(old.log)
        old.send_signal(signal.SIGCONT)
        await old.event("STATE", to="PASSIVE", trigger="lock_lost")
        await old.event("LOCK_WAIT", 2)
        fleet.says(20)
        await until(lambda: fleet.menus()[20] == 1)
        names = [line["event"] for line in old.log[lines:]]
        assert "ACTIVE_PROCESS_START" not in names
        assert names.index("LOCK_LOST") < names.index("STATE") < names.index("LOCK_WAIT")
        assert max(call.begun for call in old.calls) < stopped + READ_LATE
        assert old.process.poll() is None
        await fleet.check_promises()


STALL, REFUSE = TcpProxy.stall, TcpProxy.refuse


@pytest.mark.parametrize("cut", [STALL, REFUSE], ids=["stalled", "refused"])
async def test_cut_off_from_postgres_but_not_from_telegram(
    postgres: EmbeddedPostgres, empty_database_url: str, cut: Callable[[TcpProxy], None]
) -> None:
    """It stops sending before the other one is ACTIVE, answers 503 meanwhile, and is one of them again afterwards."""
    async with trio.open_nursery() as nursery, running_fleet(empty_database_url, LEASE="1") as fleet:
        proxy = TcpProxy(postgres.port)
        await nursery.start(proxy.run)
        behind_proxy = empty_database_url.replace(str(postgres.port), str(proxy.port))
        old = await fleet.start(behind_proxy, LEADER_DATABASE_URL=behind_proxy)
        await old.active()
        new = await fleet.start()
        fleet.sandbox.faults.order("slow_after", count=None, method="sendMessage", delay=0.02)
        async with trickle(fleet):
            await more_menus(fleet)
            since = time.time()
            cut(proxy)
            active = when(await new.event("STATE", to="ACTIVE"))
            figure(f"Postgres cut off ({cut.__name__}) -> next one ACTIVE (T = 1 s)", active - since, below=2.0)
            await old.event("STATE", to="PASSIVE", trigger="lock_lost")
            _assert_silent_before(old, active)
            await until(lambda: (old, 503) in fleet.answers)
            await more_menus(fleet)
            await trio.sleep(CUT_OFF - (when(new.log[-1]) - since))
            proxy.heal()
            await _until_ready(old)
            await more_menus(fleet)
        assert len(old.lines("STATE", to="ACTIVE")) == 1
        await fleet.check_promises(doubts=False)

        new.send_signal(signal.SIGTERM)
        assert await new.exit_code() == 0
        await old.event("STATE", 2, to="ACTIVE")
        nursery.cancel_scope.cancel()


async def test_cut_off_from_the_lock_alone(postgres: EmbeddedPostgres, empty_database_url: str) -> None:
    """Only the lock's connection is silent and all work could go on: it ends with the lease, before the next term."""
    async with trio.open_nursery() as nursery, running_fleet(empty_database_url, LEASE="1") as fleet:
        proxy = TcpProxy(postgres.port)
        await nursery.start(proxy.run)
        old = await fleet.start(LEADER_DATABASE_URL=empty_database_url.replace(f":{postgres.port}/", f":{proxy.port}/"))
        await old.active()
        new = await fleet.start()
        async with trickle(fleet, every=0.02):
            await more_menus(fleet)
            stalled = time.time()
            proxy.stall()
            active = when(await new.event("STATE", to="ACTIVE"))
            figure("lock's connection stalled -> next one ACTIVE (T = 1 s)", active - stalled, below=2.0)
            await old.event("STATE", to="PASSIVE", trigger="lock_lost")
            _assert_silent_before(old, active)
            assert when(old.lines("LOCK_LOST")[0]) < active, "its lease was longer than the server's patience"
            assert any(call.begun > stalled + 0.1 for call in old.sends), "its work had ended before its lease"
            await more_menus(fleet)
            proxy.heal()
        await fleet.check_promises(doubts=False)
        nursery.cancel_scope.cancel()


def _assert_silent_before(old: ServiceProcess, active: float) -> None:
    margin = active - max(call.begun for call in old.sends)
    print(f"FIGURE last call of the old one -> the new one ACTIVE: {margin * 1000:.1f} ms (promised: over 0)")
    assert margin > 0


async def _until_ready(service: ServiceProcess) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        with trio.fail_after(10):
            while (await client.get(f"{service.url}/readyz")).status_code != 200:
                await trio.sleep(0.05)


async def test_postgres_restarts_and_crashes_under_load(postgres_to_break: EmbeddedPostgres) -> None:
    """Stopped in order, then crashed: both instances come back by themselves, and nothing that got a 200 is lost."""
    async with running_fleet(postgres_to_break.url) as fleet:
        first = await fleet.start()
        await first.active()
        second = await fleet.start()
        async with trickle(fleet):
            for end in (postgres_to_break.stop, postgres_to_break.kill):
                await more_menus(fleet)
                await trio.to_thread.run_sync(end)
                refused = len(fleet.answers)
                await until(lambda: 503 in [status for _, status in fleet.answers[refused:]])  # noqa: B023
                await trio.sleep(DOWN)
                await trio.to_thread.run_sync(postgres_to_break.start)
                up = time.time()
                accepted = len(fleet.accepted)
                await until(lambda: len(fleet.accepted) > accepted)  # noqa: B023
                await more_menus(fleet)
                figure("Postgres is up again -> 10 menus", time.time() - up, below=5.0)
        assert first.process.poll() is second.process.poll() is None
        await fleet.check_promises(doubts=False)


CRASH_IN_TERM_1 = """
CREATE FUNCTION crash() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'sabotage'; END $$;
CREATE TRIGGER crash BEFORE UPDATE ON inbox FOR EACH ROW
WHEN (NEW.state = 'processing' AND NEW.epoch = 1) EXECUTE FUNCTION crash();
"""


async def test_an_active_scope_that_crashes_gives_the_lock_back(
    postgres: EmbeddedPostgres, empty_database_url: str
) -> None:
    """An error that nobody foresaw ends the process with 1 and its reason; the next one is ACTIVE at once."""
    async with running_fleet(empty_database_url) as fleet:
        old = await fleet.start()
        await old.active()
        new = await fleet.start()
        await trio.to_thread.run_sync(postgres.execute, CRASH_IN_TERM_1, empty_database_url.rpartition("/")[2])
        fleet.says(1)
        assert await old.exit_code() == 1
        failed = old.lines("FAILED")[0]
        assert "sabotage" in failed["exception"]
        assert old.log[-1]["event"] == "EXIT"
        assert old.log[-1]["code"] == 1
        active = when(await new.event("STATE", to="ACTIVE"))
        figure("crash: lock released -> next one ACTIVE", active - when(old.lines("LOCK_RELEASED")[0]), below=0.1)
        await until(lambda: fleet.menus()[1] == 1)
        await fleet.check_promises()
        assert await rows(empty_database_url, "SELECT epoch FROM leadership") == [(2,)]


async def test_a_table_that_somebody_locks_costs_time_only(empty_database_url: str) -> None:
    """Maintenance holds the inbox for four seconds: 503 meanwhile, nobody loses the lead, and then all are answered."""
    async with running_fleet(empty_database_url) as fleet:
        instance = await fleet.start()
        await instance.active()
        async with trickle(fleet):
            await more_menus(fleet)
            before = len(fleet.answers)
            await rows(empty_database_url, "DO $$ BEGIN LOCK TABLE inbox; PERFORM pg_sleep(4); END $$")
            unlocked = time.time()
            assert 503 in [status for _, status in fleet.answers[before:]]
            await more_menus(fleet)
            figure("the inbox is unlocked -> 10 menus", time.time() - unlocked, below=5.0)
        assert len(instance.lines("STATE", to="ACTIVE")) == 1
        assert instance.lines("LOCK_LOST") == []
        await fleet.check_promises(doubts=False)
