"""The whole system with real parts: `svc run` as a process, a real Postgres, the sandbox Telegram over sockets."""

from __future__ import annotations

import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import httpx
import trio

from sandbox.app import Sandbox
from sandbox.postgres import EmbeddedPostgres
from sandbox.telegram import DEMO_TOKEN
from tests.harness import SECRET
from tests.processes import ServiceProcess, running_service, until


@asynccontextmanager
async def sandbox_telegram() -> AsyncIterator[tuple[Sandbox, str]]:
    """A sandbox that listens, and its address."""
    sandbox = Sandbox()
    async with trio.open_nursery() as nursery:
        address: str = await nursery.start(sandbox.run)
        yield sandbox, address
        nursery.cancel_scope.cancel(reason="the test is over")


def set_webhook(sandbox: Sandbox, service: ServiceProcess) -> None:
    """Let Telegram deliver to `service`."""
    params = {"url": f"{service.url}/webhook", "secret_token": SECRET, "max_connections": 40}
    assert sandbox.telegram.call(DEMO_TOKEN, "setWebhook", params).status == 200


def menus(sandbox: Sandbox, user: int) -> int:
    """How many menus a user has been sent."""
    sends = sandbox.telegram.journal.find("sendMessage", chat_id=user)
    return sum(call.took_effect and "reply_markup" in call.params for call in sends)


def _shows(sandbox: Sandbox, text: str) -> bool:
    return text in sandbox.telegram.messages(7)[-1]["text"]


async def test_start_to_menu_and_an_orderly_end(empty_database_url: str) -> None:
    """/start gets one menu, its buttons work; SIGTERM with a send in flight: done, exit 0, nothing owed or in doubt."""
    async with sandbox_telegram() as (sandbox, telegram), running_service(empty_database_url, telegram) as service:
        assert await service.active() == 1
        set_webhook(sandbox, service)

        sandbox.telegram.user_sends_text(7, "/start", language_code="uk")
        await service.event("DONE")
        assert menus(sandbox, 7) == 1
        menu = sandbox.telegram.messages(7)[-1]
        assert "50" in menu["text"]

        for data, shown in (("category:video", "Sora 2"), ("menu", "50")):
            sandbox.telegram.user_presses(7, 7, menu["message_id"], data)
            await until(partial(_shows, sandbox, shown))
        await until(lambda: all(press.answered for press in sandbox.telegram.presses(7)))

        sandbox.faults.order("slow_after", method="sendMessage", delay=1.0)
        sandbox.telegram.user_sends_text(8, "/start")
        await until(lambda: menus(sandbox, 8) == 1)
        service.send_signal(signal.SIGTERM)
        assert await service.exit_code() == 0
        assert service.stderr == b""
        names = [line["event"] for line in service.log]
        assert names[-4:] == ["MAIN_MENU_SENT", "DONE", "LOCK_RELEASED", "EXIT"]
        assert "IN_DOUBT" not in names
        assert menus(sandbox, 8) == 1


async def test_restarts_repeat_nothing_and_lose_nothing(empty_database_url: str) -> None:
    """Killed with acknowledged updates waiting: the next instance answers them, and old ones are not repeated."""
    async with sandbox_telegram() as (sandbox, telegram):
        async with running_service(empty_database_url, telegram) as first:
            await first.active()
            set_webhook(sandbox, first)
            sandbox.telegram.user_sends_text(1, "/start")
            await first.event("DONE")
            sandbox.faults.order("flood", count=None, retry_after=1, method="sendMessage")
            for user in range(2, 12):
                sandbox.telegram.user_sends_text(user, "/start")
            await first.event("ENQUEUED", 11)
            first.send_signal(signal.SIGKILL)
            await first.exit_code()
        sandbox.faults.clear()
        async with running_service(empty_database_url, telegram) as second:
            assert await second.active() == 2
            await until(lambda: all(menus(sandbox, user) for user in range(1, 12)))
            second.send_signal(signal.SIGINT)
            assert await second.exit_code() == 0
        assert [menus(sandbox, user) for user in range(1, 12)] == [1] * 11


async def test_postgres_down_is_503_and_back_again(postgres_to_break: EmbeddedPostgres) -> None:
    """Without a database the webhook answers 503 within 2 s, and takes up again by itself; nobody loses a menu."""
    async with (
        sandbox_telegram() as (sandbox, telegram),
        running_service(postgres_to_break.url, telegram) as service,
        httpx.AsyncClient(trust_env=False) as client,
    ):
        await service.active()
        postgres_to_break.stop()
        await service.event("LOCK_LOST")
        body = b'{"update_id":1,\n"message":{"message_id":1,"date":0,"chat":{"id":5,"type":"private"},"text":"x"}}'
        headers = {"X-Telegram-Bot-Api-Secret-Token": SECRET, "Content-Type": "application/json"}
        started = time.monotonic()
        answer = await client.post(f"{service.url}/webhook", content=body, headers=headers)
        assert time.monotonic() - started < 2.5
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) >= 1
        assert (await client.get(f"{service.url}/healthz")).json()["state"] == "PASSIVE"
        assert (await client.get(f"{service.url}/readyz")).status_code == 503

        set_webhook(sandbox, service)
        sandbox.telegram.user_sends_text(7, "/start")
        await service.event("NOT_STORED", 2)
        postgres_to_break.start()
        await until(lambda: menus(sandbox, 7) == 1)
        assert (await client.get(f"{service.url}/readyz")).status_code == 200
        service.send_signal(signal.SIGTERM)
        assert await service.exit_code() == 0
        assert menus(sandbox, 7) == 1


async def test_stored_while_nobody_leads_is_answered_by_who_does(empty_database_url: str) -> None:
    """Two instances: a message that lands on the PASSIVE one is answered by the ACTIVE one, once."""
    async with (
        sandbox_telegram() as (sandbox, telegram),
        running_service(empty_database_url, telegram) as leader,
    ):
        await leader.active()
        async with running_service(empty_database_url, telegram) as follower:
            await follower.event("LOCK_WAIT")
            set_webhook(sandbox, follower)
            sandbox.telegram.user_sends_text(7, "/start")
            await follower.event("ENQUEUED")
            await leader.event("MAIN_MENU_SENT", user_id=7)
            assert menus(sandbox, 7) == 1
            leader.send_signal(signal.SIGTERM)
            assert await leader.exit_code() == 0
            assert await follower.active() == 2
            sandbox.telegram.user_sends_text(8, "/start")
            await follower.event("MAIN_MENU_SENT", user_id=8)
