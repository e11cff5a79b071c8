"""What no program can prevent, done to real instances: killed, stopped, cut off, without a database, crashed.

How long the next one takes to go on is measured by `make bench`.
"""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest
import trio

from fleet.instances import running_fleet
from fleet.process import ServiceProcess, when
from fleet.promises import check_promises, rows
from fleet.tcp_proxy import TcpProxy
from fleet.traffic import more_menus, new_users_write, trickle
from fleet.waiting import eventually
from sandbox.postgres import EmbeddedPostgres

pytestmark = pytest.mark.processes

KILLS = 3
WAITING = 19


async def test_kill_9_of_the_active_instance(empty_database_url: str) -> None:
    """Killed under load, time and again: the next instance takes over, and nothing accepted is lost."""
    async with running_fleet(empty_database_url) as fleet:
        old = await fleet.start_active()
        async with trickle(fleet):
            for _ in range(KILLS):
                new = await fleet.start()
                await more_menus(fleet)
                old.send_signal(signal.SIGKILL)
                await new.active()
                fleet.targets.remove(old)
                old = new
            await more_menus(fleet)
        await check_promises(fleet, doubts=False)


async def test_an_instance_that_wakes_after_its_lease_sends_nothing(empty_database_url: str) -> None:
    """Stopped with a send in flight and more waiting, until the next one has led and done the rest: the woken one
    neither begins nor sends anything, steps down and waits."""
    async with running_fleet(empty_database_url, WORKERS="1", LEASE="1") as fleet:
        old = await fleet.start_active()
        new = await fleet.start()
        fleet.targets = [old]
        fleet.sandbox.faults.order("slow_after", count=3, method="sendMessage", delay=0.3)
        new_users_write(fleet, WAITING)
        await eventually(lambda: len(fleet.accepted) == WAITING)
        before = len(old.sends)
        await eventually(lambda: len(old.sends) > before)
        old.send_signal(signal.SIGSTOP)
        fleet.targets = [new]
        await new.active()
        fleet.sandbox.faults.clear()
        await eventually(lambda: len(fleet.menus()) == WAITING)

        lines = len(old.log)
        woken = old.send_signal(signal.SIGCONT)
        await old.event("STATE", to="PASSIVE", trigger="lock_lost")
        await old.event("LOCK_WAIT", 2)
        (user,) = new_users_write(fleet, 1)
        await eventually(lambda: fleet.menus()[user] == 1)
        names = [line["event"] for line in old.log[lines:]]
        assert "ACTIVE_PROCESS_START" not in names
        assert names.index("LOCK_LOST") < names.index("STATE") < names.index("LOCK_WAIT")
        assert max(call.begun for call in old.calls) < woken
        assert old.running
        await check_promises(fleet, doubts=False)


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
        old = await fleet.start_active(behind_proxy, LEADER_DATABASE_URL=behind_proxy)
        new = await fleet.start()
        fleet.sandbox.faults.order("slow_after", count=None, method="sendMessage", delay=0.02)
        async with trickle(fleet):
            await more_menus(fleet)
            cut(proxy)
            await new.active()
            await old.event("STATE", to="PASSIVE", trigger="lock_lost")
            _assert_silent_before_active(old, new)
            await eventually(lambda: (old, 503) in fleet.answers)
            await more_menus(fleet)
            proxy.heal()
            await old.ready()
            await more_menus(fleet)
        assert len(old.lines("STATE", to="ACTIVE")) == 1
        await check_promises(fleet, doubts=False)

        new.send_signal(signal.SIGTERM)
        assert await new.exit_code() == 0
        await old.event("STATE", 2, to="ACTIVE")
        nursery.cancel_scope.cancel()


async def test_cut_off_from_the_lock_alone(postgres: EmbeddedPostgres, empty_database_url: str) -> None:
    """Only the lock's connection is silent and all work could go on: it ends with the lease, before the next term."""
    async with trio.open_nursery() as nursery, running_fleet(empty_database_url, LEASE="1") as fleet:
        proxy = TcpProxy(postgres.port)
        await nursery.start(proxy.run)
        behind_proxy = empty_database_url.replace(f":{postgres.port}/", f":{proxy.port}/")
        old = await fleet.start_active(LEADER_DATABASE_URL=behind_proxy)
        new = await fleet.start()
        async with trickle(fleet, every=0.02):
            await more_menus(fleet)
            proxy.stall()
            before = len(old.sends)
            await new.active()
            await old.event("STATE", to="PASSIVE", trigger="lock_lost")
            _assert_silent_before_active(old, new)
            assert len(old.sends) > before + 2, "its work had ended before its lease"
            await more_menus(fleet)
            proxy.heal()
        await check_promises(fleet, doubts=False)
        nursery.cancel_scope.cancel()


def _assert_silent_before_active(old: ServiceProcess, new: ServiceProcess) -> None:
    """The old one had given up its work and its lease when the new one became ACTIVE."""
    active = when(new.lines("STATE", to="ACTIVE")[0])
    assert max(call.begun for call in old.sends) < active
    assert when(old.lines("LOCK_LOST")[0]) < active, "its lease was longer than the server's patience"


async def test_postgres_restarts_and_crashes_under_load(postgres_to_break: EmbeddedPostgres) -> None:
    """Stopped in order, then crashed: both instances come back by themselves, and nothing that got a 200 is lost."""
    async with running_fleet(postgres_to_break.url) as fleet:
        first = await fleet.start_active()
        second = await fleet.start()
        async with trickle(fleet):
            for end in (postgres_to_break.stop, postgres_to_break.kill):
                await more_menus(fleet)
                await trio.to_thread.run_sync(end)
                before = len(fleet.answers)
                both = {(first, 503), (second, 503)}
                await eventually(lambda: both <= set(fleet.answers[before:]))  # noqa: B023 (awaited right here)
                await trio.to_thread.run_sync(postgres_to_break.start)
                await more_menus(fleet)
        assert first.running
        assert second.running
        await check_promises(fleet, doubts=False)


REFUSE_USER_1 = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'sabotage' USING ERRCODE = 'check_violation'; END $$;
CREATE TRIGGER refuse BEFORE UPDATE ON inbox FOR EACH ROW
WHEN (NEW.state = 'processing' AND NEW.chat_id = 1) EXECUTE FUNCTION refuse();
"""


async def test_what_the_server_objects_to_in_one_row_costs_that_row_time(
    postgres: EmbeddedPostgres, empty_database_url: str
) -> None:
    """A trigger lets nothing begin for one user: no instance ends, others are answered, and then that user is."""
    database = empty_database_url.rpartition("/")[2]
    async with running_fleet(empty_database_url) as fleet:
        instance = await fleet.start_active()
        await trio.to_thread.run_sync(postgres.execute, REFUSE_USER_1, database)
        fleet.says(1)
        await instance.event("DB_LOST", 2)
        fleet.says(2)
        await eventually(lambda: fleet.menus()[2] == 1)
        assert fleet.menus()[1] == 0
        await trio.to_thread.run_sync(postgres.execute, "DROP TRIGGER refuse ON inbox", database)
        await eventually(lambda: fleet.menus()[1] == 1)
        assert instance.running
        assert len(instance.lines("STATE", to="ACTIVE")) == 1
        await check_promises(fleet)


async def test_a_table_that_somebody_locks_costs_time_only(empty_database_url: str) -> None:
    """Maintenance holds the inbox for four seconds: 503 meanwhile, nobody loses the lead, and then all are answered."""
    async with running_fleet(empty_database_url) as fleet:
        instance = await fleet.start_active()
        async with trickle(fleet):
            await more_menus(fleet)
            before = len(fleet.answers)
            await rows(empty_database_url, "DO $$ BEGIN LOCK TABLE inbox; PERFORM pg_sleep(4); END $$")
            assert 503 in [status for _, status in fleet.answers[before:]]
            await more_menus(fleet)
        assert len(instance.lines("STATE", to="ACTIVE")) == 1
        assert instance.lines("LOCK_LOST") == []
        await check_promises(fleet, doubts=False)
