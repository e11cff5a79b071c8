"""Real instances of which one has no way to the Bot API: it hands the lead over, and takes it again when it has one."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest
import trio

from fleet.bot_api import ObservedBotApi
from fleet.instances import Fleet, running_fleet
from fleet.process import ServiceProcess
from fleet.promises import check_promises
from fleet.tcp_proxy import TcpProxy
from fleet.traffic import new_users_write
from fleet.waiting import eventually

pytestmark = pytest.mark.processes

USERS = 30
# Nothing tells a test that an instance has found out what it reaches, so it is asked again and again.
LOOK_EVERY = 0.1

STALL, REFUSE = TcpProxy.stall, TcpProxy.refuse


@asynccontextmanager
async def way_to(fleet: Fleet) -> AsyncIterator[tuple[TcpProxy, ObservedBotApi]]:
    """One instance's own way to the fleet's Telegram, through a network that can fail."""
    bot_api = ObservedBotApi(fleet.sandbox.api)
    async with trio.open_nursery() as nursery:
        address: str = await nursery.start(bot_api.run)
        proxy = TcpProxy(urlsplit(address).port or 0)
        await nursery.start(proxy.run)
        yield proxy, bot_api
        nursery.cancel_scope.cancel(reason="the test is over")


async def start_behind(fleet: Fleet, proxy: TcpProxy, bot_api: ObservedBotApi) -> ServiceProcess:
    """Start an instance that reaches the Bot API through `proxy`, and wait until it is ACTIVE."""
    service = await fleet.start_active(TELEGRAM_API_ROOT=f"http://127.0.0.1:{proxy.port}")
    service.bot_api = bot_api
    return service


async def reaches(service: ServiceProcess, *, expected: bool) -> None:
    """Wait until an instance says of itself whether it gets through."""

    async def says() -> bool:
        answer = await service.get("/healthz")
        return answer is not None and answer.json()["reaches"] is expected

    with trio.fail_after(45):
        while not await says():
            await trio.sleep(LOOK_EVERY)


async def everybody_has_one_menu(fleet: Fleet) -> None:
    """All who have written so far, each exactly one."""
    users = set(fleet.users.values())
    await eventually(lambda: fleet.menus().keys() >= users)
    assert set(fleet.menus().values()) == {1}


@pytest.mark.parametrize("cut", [STALL, REFUSE], ids=["stalled", "refused"])
async def test_the_lead_goes_to_an_instance_that_gets_through(
    empty_database_url: str, cut: Callable[[TcpProxy], None]
) -> None:
    """The leader's way is cut and people write to all instances: another one takes over, and everybody gets one menu.
    The one that was cut off does not lead before its way is back, though nobody else does; then it does."""
    async with running_fleet(empty_database_url, STEP_DOWN_AFTER="2") as fleet, way_to(fleet) as (proxy, bot_api):
        first = await start_behind(fleet, proxy, bot_api)
        second = await fleet.start()
        new_users_write(fleet, USERS)
        await everybody_has_one_menu(fleet)
        await reaches(second, expected=True)

        cut(proxy)
        new_users_write(fleet, USERS)
        stepped_down = await first.event("STEP_DOWN")
        assert "seconds" in stepped_down
        await first.event("LOCK_RELEASED")
        left = await first.event("STATE", to="PASSIVE", trigger="lock_lost")
        assert "Bot API" in left["reason"]
        await second.active()
        await everybody_has_one_menu(fleet)
        await reaches(first, expected=False)

        # It hears at once that the lock is free. Still it is the next one that can who takes it, seconds later.
        second.send_signal(signal.SIGTERM)
        fleet.targets.remove(second)
        assert await second.exit_code() == 0
        third = await fleet.start_active()
        assert len(first.lines("STATE", to="ACTIVE")) == 1

        proxy.drop()
        proxy.heal()
        await reaches(first, expected=True)
        third.send_signal(signal.SIGTERM)
        fleet.targets.remove(third)
        await first.event("STATE", 2, to="ACTIVE")
        new_users_write(fleet, USERS)
        await everybody_has_one_menu(fleet)
        await check_promises(fleet)


async def test_an_instance_that_gets_through_is_preferred(empty_database_url: str) -> None:
    """Two wait, one of them without a way to the Bot API: when the leader is killed, the other one leads."""
    async with running_fleet(empty_database_url) as fleet, way_to(fleet) as (proxy, _):
        leader = await fleet.start_active()
        proxy.refuse()
        cut_off = await fleet.start(TELEGRAM_API_ROOT=f"http://127.0.0.1:{proxy.port}")
        able = await fleet.start()
        await cut_off.event("STAND_BACK")
        leader.send_signal(signal.SIGKILL)
        fleet.targets.remove(leader)
        await able.active()
        new_users_write(fleet, USERS)
        await everybody_has_one_menu(fleet)
        assert not cut_off.lines("STATE", to="ACTIVE")
        await check_promises(fleet)
