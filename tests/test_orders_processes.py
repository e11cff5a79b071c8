"""Real instances obey operators' orders: a handover that nobody notices, and a pause that outlives every process."""

from __future__ import annotations

import signal

import pytest

from fleet.instances import running_fleet
from fleet.process import when
from fleet.promises import check_promises
from fleet.traffic import new_users_write
from fleet.waiting import eventually
from svc.actions.orders import obeyed, pause, resume, step_down
from svc.storage.database import asyncio_loop, open_database
from tests.operators import ANNA, settings_on

pytestmark = pytest.mark.processes

BACKLOG = 40
WAITING = 5


async def test_a_step_down_repeats_nothing(empty_database_url: str) -> None:
    """Ordered under load, there and back: one menu each, nothing in doubt, and both processes live on."""
    bot_id = settings_on(empty_database_url).bot_id
    async with (
        running_fleet(empty_database_url, WORKERS="4") as fleet,
        asyncio_loop(),
        open_database(empty_database_url) as database,
    ):
        fleet.sandbox.faults.order("slow_after", count=None, method="sendMessage", delay=0.05)
        leader = await fleet.start_active()
        heir = await fleet.start()
        for _ in range(2):
            before = len(leader.sends)
            new_users_write(fleet, BACKLOG)
            await eventually(lambda: len(leader.sends) >= before + 8)  # noqa: B023 (awaited right here)
            done = await step_down(database, bot_id, ANNA)
            assert done.successor != done.former
            await leader.event("STEP_DOWN", by="anna@host", epoch=done.epoch - 1)
            released = await leader.event("LOCK_RELEASED", epoch=done.epoch - 1)
            acquired = await heir.event("LOCK_ACQUIRED", epoch=done.epoch)
            gap = (when(acquired) - when(released)) * 1000
            print(f"nobody led for {gap:.0f} ms, {done.seconds * 1000:.0f} ms after the order somebody did again")
            await eventually(lambda: sum(len(each.sends) for each in fleet.members) >= len(fleet.users))
            leader, heir = heir, leader
        ledger = await check_promises(fleet)
        assert set(fleet.menus().values()) == {1}
        assert not any(entry.doubts for entry in ledger.processed.values())
        assert not any(each.lines("IN_DOUBT") + each.lines("LOCK_LOST") for each in fleet.members)
        assert all(each.running for each in fleet.members)


async def test_a_pause_outlives_every_process(empty_database_url: str) -> None:
    """Sending is paused and all instances are replaced: the new ones store what people write and send nothing, until
    an operator resumes."""
    bot_id = settings_on(empty_database_url).bot_id
    async with (
        running_fleet(empty_database_url) as fleet,
        asyncio_loop(),
        open_database(empty_database_url) as database,
    ):
        old = await fleet.start_active()
        fleet.says(1)
        await eventually(lambda: fleet.menus()[1] == 1)
        await pause(database, bot_id, ANNA, "sending", "", "the menu is wrong")
        assert await obeyed(database, bot_id, paused=True) is not None
        old.send_signal(signal.SIGTERM)
        assert await old.exit_code() == 0
        fleet.targets.remove(old)
        new = await fleet.start_active()
        waiting = [fleet.says(user) for user in range(2, 2 + WAITING)]
        for update_id in waiting:
            await new.event("ENQUEUED", update_id=update_id)
        await new.event("SENDING_PAUSED", by="anna@host", reason="the menu is wrong")
        assert await obeyed(database, bot_id, paused=True) is not None
        assert new.sends == []
        assert await resume(database, bot_id, ANNA, "sending", "")
        assert await obeyed(database, bot_id, paused=False) is not None
        await eventually(lambda: len(fleet.menus()) == 1 + WAITING)
        await check_promises(fleet)
        assert set(fleet.menus().values()) == {1}
