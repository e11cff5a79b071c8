"""Several real instances at one database: who answers, and how leadership moves when the one that has it leaves.

How long it takes is measured by `make bench`.
"""

from __future__ import annotations

import signal

import pytest

from fleet.instances import Fleet, running_fleet
from fleet.process import ServiceProcess
from fleet.promises import check_promises
from fleet.traffic import new_users_write
from fleet.waiting import eventually

pytestmark = pytest.mark.processes

MESSAGES = 5
HANDOVERS = 4
BACKLOG = 40


async def test_a_message_at_a_passive_instance_is_answered_by_the_active_one(empty_database_url: str) -> None:
    """Three instances, one ACTIVE: all of them store, and what a PASSIVE one stores is answered by the ACTIVE one."""
    async with running_fleet(empty_database_url) as fleet:
        leader = await fleet.start_active()
        followers = [await fleet.start() for _ in range(2)]
        new_users_write(fleet, 3)
        await eventually(lambda: len(fleet.menus()) == 3)
        assert all(service.lines("ENQUEUED") for service in fleet.members)

        fleet.targets = followers
        for user in range(100, 100 + MESSAGES):
            fleet.says(user)
            await eventually(lambda: fleet.menus()[user] == 1)  # noqa: B023 (awaited right here)
            assert leader.sends[-1].chat_id == user
        assert not any(service.sends or service.lines("STATE", to="ACTIVE") for service in followers)
        await check_promises(fleet)


async def test_planned_handover_repeats_nothing(empty_database_url: str) -> None:
    """SIGTERM or SIGINT under load, time and again: the next one goes on, nothing is lost, doubled or in doubt, and
    every process ends with 0."""
    async with running_fleet(empty_database_url, WORKERS="4") as fleet:
        fleet.sandbox.faults.order("slow_after", count=None, method="sendMessage", delay=0.05)
        old = await fleet.start_active()
        for number in range(HANDOVERS):
            new = await fleet.start()
            await _hand_over(fleet, old, new, signal.SIGINT if number % 2 else signal.SIGTERM)
            old = new
        ledger = await check_promises(fleet)
        assert await old.active() == HANDOVERS + 1
        assert not any(entry.doubts for entry in ledger.processed.values())
        assert not any(service.lines("IN_DOUBT") for service in fleet.members)
        assert set(fleet.menus().values()) == {1}


async def _hand_over(fleet: Fleet, old: ServiceProcess, new: ServiceProcess, how: signal.Signals) -> None:
    """End `old` while it works and more is waiting, and see `new` do the rest."""
    new_users_write(fleet, BACKLOG)
    before = len(old.sends)
    await eventually(lambda: len(old.sends) >= before + 8)
    old.send_signal(how)
    fleet.targets.remove(old)
    assert await old.exit_code() == 0
    assert old.stderr == b""
    await eventually(lambda: sum(len(service.sends) for service in fleet.members) >= len(fleet.users))
    assert len(new.sends) > 4, "no work was waiting"


async def test_a_draining_instance_still_stores_and_the_next_one_answers(empty_database_url: str) -> None:
    """HTTP stays open while an instance drains and, for LINGER, after it: what arrives is answered by the next one."""
    async with running_fleet(empty_database_url, LINGER="2") as fleet:
        old = await fleet.start_active()
        new = await fleet.start(target=False)
        await _begin_to_drain(fleet, old)
        while_draining = fleet.says(2)
        await old.event("ENQUEUED", update_id=while_draining)
        assert not old.lines("LOCK_RELEASED"), "the send in flight was not waited for"
        await old.event("LOCK_RELEASED")
        await new.active()
        while_lingering = fleet.says(3)
        await old.event("ENQUEUED", update_id=while_lingering)
        for update_id in (while_draining, while_lingering):
            await new.event("DONE", update_id=update_id)
        assert await old.exit_code() == 0
        assert [call.chat_id for call in old.sends] == [1]
        assert sorted(call.chat_id or 0 for call in new.sends) == [2, 3]
        ledger = await check_promises(fleet)
        assert not any(entry.doubts for entry in ledger.processed.values())


async def _begin_to_drain(fleet: Fleet, old: ServiceProcess) -> None:
    """SIGTERM with a send in flight, which takes long enough for an update to arrive meanwhile."""
    fleet.sandbox.faults.order("slow_after", method="sendMessage", delay=1.5)
    fleet.says(1)
    await eventually(lambda: len(old.sends) == 1)
    old.send_signal(signal.SIGTERM)
    await old.event("STATE", to="DRAINING")
