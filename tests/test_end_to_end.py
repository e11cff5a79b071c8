"""The whole system with real parts: `svc run` as a process, a real Postgres, the sandbox Telegram over sockets."""

from __future__ import annotations

import signal

import pytest
import trio

from fleet.instances import Fleet, running_fleet
from fleet.traffic import new_users_write
from fleet.waiting import DEADLINE, eventually
from sandbox.postgres import EmbeddedPostgres
from sandbox.telegram import DEMO_TOKEN, Telegram
from svc.storage.figures import read_slots
from tests.conftest import open_database

pytestmark = pytest.mark.processes

RETRY_AFTER = 1
CROWD = 10


async def _press(telegram: Telegram, user: int, data: str, shown: str) -> None:
    """A user presses a button of the last message and sees what it shows."""
    telegram.user_presses(user, user, telegram.messages(user)[-1]["message_id"], data)
    await eventually(lambda: shown in telegram.messages(user)[-1]["text"])


async def test_start_to_menu_and_an_orderly_end(empty_database_url: str) -> None:
    """/start gets one menu, its buttons work; SIGTERM with a send in flight: done, exit 0, nothing owed or in doubt."""
    async with running_fleet(empty_database_url) as fleet:
        service = await fleet.start()
        assert await service.active() == 1
        telegram = fleet.sandbox.telegram
        telegram.user_sends_text(7, "/start", language_code="uk")
        await service.event("DONE")
        assert fleet.menus()[7] == 1
        assert "50" in telegram.messages(7)[-1]["text"]
        page = await service.get("/metrics")
        assert page is not None
        for name in ("ack", "arrival_to_menu", "loop_lag", "handover"):
            assert f"svc_{name}_seconds_count" in page.text
            assert f"svc_{name}_seconds_count 0.0" not in page.text
        await _press(telegram, 7, "category:video", "Видео")
        await _press(telegram, 7, "menu", "50")
        await eventually(lambda: all(press.answered for press in telegram.presses(7)))

        fleet.sandbox.faults.order("slow_after", method="sendMessage", delay=1.0)
        fleet.says(8)
        await eventually(lambda: fleet.menus()[8] == 1)
        service.send_signal(signal.SIGTERM)
        assert await service.exit_code() == 0
        assert service.stderr == b""
        names = [line["event"] for line in service.log]
        assert names[-4:] == ["MAIN_MENU_SENT", "DONE", "LOCK_RELEASED", "EXIT"]
        assert "IN_DOUBT" not in names
        assert fleet.menus() == {7: 1, 8: 1}


async def test_what_it_counts_is_in_the_database(empty_database_url: str) -> None:
    """The ACTIVE instance shows what it has read, and both write down what they have counted before they end."""
    async with running_fleet(empty_database_url) as fleet:
        one = await fleet.start_active()
        two = await fleet.start()
        await two.event("STATE", to="PASSIVE")
        fleet.says(7)
        await one.event("DONE")
        await eventually(lambda: fleet.menus()[7] == 1)

        async def shown() -> str:
            page = await one.get("/metrics")
            assert page is not None
            return page.text

        with trio.fail_after(DEADLINE):
            while "\nsvc_inbox_updates 0.0\n" not in await shown():
                await trio.sleep(0.1)
        for service in (two, one):
            service.send_signal(signal.SIGTERM)
            assert await service.exit_code() == 0
    async with open_database(empty_database_url) as database:
        rows = await database.fetch("SELECT DISTINCT instance_id FROM figures")
        assert len(rows) == 2
        slots = await read_slots(database, int(DEMO_TOKEN.partition(":")[0]), seconds=3600, slot=3600)
        assert sum(slot.counts.get("accepted", 0) for slot in slots) == 1
        assert sum(slot.counts.get("done", 0) for slot in slots) == 1


async def test_restarts_repeat_nothing_and_lose_nothing(empty_database_url: str) -> None:
    """Killed with acknowledged updates waiting: the next instance answers them, and old ones are not repeated."""
    async with running_fleet(empty_database_url) as fleet:
        first = await fleet.start_active()
        fleet.says(1)
        await first.event("DONE")
        fleet.sandbox.faults.order("flood", count=None, retry_after=RETRY_AFTER, method="sendMessage")
        crowd = new_users_write(fleet, CROWD)
        # Each has been refused once and waits, so none is in doubt, which would take its time.
        await first.event("RETRY", CROWD)
        first.send_signal(signal.SIGKILL)
        await first.exit_code()
        fleet.targets.remove(first)
        fleet.sandbox.faults.clear()
        second = await fleet.start()
        assert await second.active() == 2
        await eventually(lambda: all(fleet.menus()[user] for user in crowd))
        second.send_signal(signal.SIGINT)
        assert await second.exit_code() == 0
        assert fleet.menus() == dict.fromkeys([1, *crowd], 1)


async def test_postgres_down_is_503_and_back_again(postgres_to_break: EmbeddedPostgres) -> None:
    """Without a database the webhook answers 503 and a time to come back, the pages say so, and all takes up again by
    itself; nobody loses a menu."""
    async with running_fleet(postgres_to_break.url) as fleet:
        service = await fleet.start_active()
        postgres_to_break.stop()
        await service.event("LOCK_LOST")
        fleet.says(7)
        await service.event("NOT_STORED", 2)
        await eventually(lambda: bool(fleet.answers))
        assert set(fleet.answers) == {(service, 503)}
        assert all(refusal.retry_after >= 1 for refusal in fleet.refusals)
        assert await _page(fleet, "/healthz") == (200, "PASSIVE")
        assert await _page(fleet, "/readyz") == (503, "PASSIVE")

        postgres_to_break.start()
        await eventually(lambda: fleet.menus()[7] == 1)
        assert await _page(fleet, "/readyz") == (200, "ACTIVE")
        service.send_signal(signal.SIGTERM)
        assert await service.exit_code() == 0
        assert fleet.menus()[7] == 1


async def _page(fleet: Fleet, path: str) -> tuple[int, str]:
    """What the first instance's page says: its status and the state."""
    answer = await fleet.members[0].get(path)
    assert answer is not None
    return answer.status_code, answer.json()["state"]


async def test_stored_while_nobody_leads_is_answered_by_who_does(empty_database_url: str) -> None:
    """Two instances: a message that lands on the PASSIVE one is answered by the ACTIVE one, once, and the PASSIVE one
    answers when it has become ACTIVE."""
    async with running_fleet(empty_database_url) as fleet:
        leader = await fleet.start_active()
        follower = await fleet.start()
        fleet.targets = [follower]
        fleet.says(7)
        await follower.event("ENQUEUED")
        await leader.event("MAIN_MENU_SENT", user_id=7)
        assert fleet.menus()[7] == 1
        leader.send_signal(signal.SIGTERM)
        assert await leader.exit_code() == 0
        assert await follower.active() == 2
        fleet.says(8)
        await follower.event("MAIN_MENU_SENT", user_id=8)
