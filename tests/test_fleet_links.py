"""The links and servers of a fleet, which the tests with real instances take down: each does what it says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
import trio
import trio.testing

from fleet.bot_api import ObservedBotApi
from fleet.postgres_pair import postgres_cluster
from fleet.waiting import eventually
from sandbox.app import Sandbox
from sandbox.postgres import PostgresFailed
from sandbox.telegram import DEMO_TOKEN

pytestmark = pytest.mark.processes

SOON = 10.0


class Link:
    """A way to a sandbox, and somebody who sends messages over it."""

    def __init__(self, sandbox: Sandbox, bot_api: ObservedBotApi, url: str) -> None:
        self.sandbox = sandbox
        self.bot_api = bot_api
        self.answers: list[int | str] = []
        self._url = f"{url}/bot{DEMO_TOKEN}/sendMessage"

    async def send(self) -> None:
        """Send a message; the status of its answer, or the class of the error."""
        async with httpx.AsyncClient(trust_env=False, timeout=SOON) as client:
            try:
                answer = await client.post(self._url, json={"chat_id": 7, "text": "Hello"})
                self.answers.append(answer.status_code)
            except httpx.TransportError as error:
                self.answers.append(type(error).__name__)

    @property
    def sent(self) -> int:
        """How many messages Telegram has accepted."""
        return len(self.sandbox.telegram.call_log.find("sendMessage", status=200))


@asynccontextmanager
async def link(latency: float = 0.0) -> AsyncIterator[Link]:
    sandbox = Sandbox()
    sandbox.telegram.user_sends_text(7, "/start")
    bot_api = ObservedBotApi(sandbox.api, latency=latency)
    async with trio.open_nursery() as nursery:
        url: str = await nursery.start(bot_api.run)
        with trio.fail_after(SOON):
            await trio.lowlevel.checkpoint()
            yield Link(sandbox, bot_api, url)
        nursery.cancel_scope.cancel(reason="the test is over")


async def test_a_link_that_is_cut_is_there_again_at_once() -> None:
    """Whoever waits for an answer gets none; whoever comes next does."""
    async with link(latency=2 * SOON) as way, trio.open_nursery() as nursery:
        nursery.start_soon(way.send)
        await eventually(lambda: len(way.bot_api.calls) == 1)
        way.bot_api.cut()
        await eventually(lambda: len(way.answers) == 1)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(way.send)
        await eventually(lambda: len(way.bot_api.calls) == 2)
        assert way.answers == ["RemoteProtocolError"]
        nursery.cancel_scope.cancel(reason="nobody waits for the second answer")


async def test_a_link_that_refuses_lets_nobody_in_until_it_heals() -> None:
    """At the same address before and after."""
    async with link() as way:
        way.bot_api.refuse()
        await trio.testing.wait_all_tasks_blocked()
        await way.send()
        way.bot_api.heal()
        await trio.testing.wait_all_tasks_blocked()
        await way.send()
        assert way.answers == ["ConnectError", 200]
        assert way.sent == 1


async def test_what_is_asked_while_a_link_is_stalled_is_lost() -> None:
    """It is written down when it comes, and is cut off without an effect when the link heals."""
    async with link() as way, trio.open_nursery() as nursery:
        way.bot_api.stall()
        nursery.start_soon(way.send)
        await eventually(lambda: len(way.bot_api.calls) == 1)
        await trio.testing.wait_all_tasks_blocked()
        assert way.answers == []
        way.bot_api.heal()
        await eventually(lambda: way.answers == ["RemoteProtocolError"])
        assert way.sent == 0


async def test_an_answer_that_is_under_way_when_the_link_stalls_comes_when_it_heals() -> None:
    """What was asked before has had its effect."""
    async with link(latency=0.4) as way, trio.open_nursery() as nursery:
        nursery.start_soon(way.send)
        await eventually(lambda: way.sent == 1)
        way.bot_api.stall()
        await trio.sleep(0.4)  # longer than what is left of its way
        assert way.answers == []
        way.bot_api.heal()
        await eventually(lambda: way.answers == [200])


async def test_a_cluster_fails_over_there_and_back_again() -> None:
    """What was committed stays, the ports stay, and whoever is the standby takes no writes."""

    def there_and_back() -> None:
        with postgres_cluster(with_standby=True) as cluster:
            ports = list(cluster.ports)
            cluster.primary.execute("CREATE TABLE kept (number int)")
            for number in range(2):
                cluster.primary.execute(f"INSERT INTO kept VALUES ({number})")
                cluster.fail_over()
                assert cluster.standby is not None
                assert cluster.primary.execute("SELECT count(*) FROM kept") == str(number + 1)
                with pytest.raises(PostgresFailed, match="read-only"):
                    cluster.standby.execute("INSERT INTO kept VALUES (9)")
                assert {cluster.primary.port, cluster.standby.port} == set(ports)
            assert cluster.primary.port == ports[0]

    await trio.to_thread.run_sync(there_and_back)


async def test_a_server_that_stands_still_answers_when_it_goes_on() -> None:
    """Not before: each of its processes is stopped, and none is lost."""

    def stand_still() -> None:
        with postgres_cluster(with_standby=False) as cluster:
            with cluster.standing_still(), pytest.raises(PostgresFailed, match="timeout"):
                cluster.primary.execute("SELECT 1", "postgres?connect_timeout=2")
            assert cluster.primary.execute("SELECT 1") == "1"
            cluster.restart()
            cluster.crash()
            assert cluster.primary.execute("SELECT 1") == "1"

    await trio.to_thread.run_sync(stand_still)
