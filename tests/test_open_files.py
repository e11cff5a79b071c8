"""A real instance with few open files allowed, and more silent connections than that."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import pytest
import trio

from fleet.process import SECRET, THIS, Checkout, ServiceProcess, running_service
from fleet.waiting import DEADLINE

pytestmark = pytest.mark.processes

CROWD = 400
NOWHERE = "http://127.0.0.1:1"
UPDATE = b'{"update_id":7,"message":{"message_id":1,"chat":{"id":5,"type":"private"},"text":"/start"}}'


def limited(folder: Path, limits: str) -> Checkout:
    """This checkout, run by a Python that first sets its limits of open files."""
    python = folder / "python"
    python.write_text(f'#!/bin/sh\n{limits}\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    return Checkout(THIS.folder, str(python))


@asynccontextmanager
async def silent_connections(service: ServiceProcess, count: int) -> AsyncIterator[None]:
    """`count` connections to the instance that say nothing; they are closed at the end of the block."""
    port = httpx.URL(service.url).port
    assert port is not None
    async with AsyncExitStack() as stack:
        with trio.fail_after(DEADLINE):
            for _ in range(count):
                await stack.enter_async_context(await trio.open_tcp_stream("127.0.0.1", port))
        yield


async def page(service: ServiceProcess) -> int | None:
    """The status of /healthz."""
    answer = await service.get("/healthz")
    return None if answer is None else answer.status_code


async def post(service: ServiceProcess) -> int:
    """The status that a webhook's update gets."""
    headers = {"X-Telegram-Bot-Api-Secret-Token": SECRET, "Content-Type": "application/json"}
    async with httpx.AsyncClient(trust_env=False, timeout=DEADLINE) as client:
        answer = await client.post(f"{service.url}/webhook", content=UPDATE, headers=headers)
    return answer.status_code


async def test_more_silent_connections_than_open_files_keep_nobody_out(database_url: str, tmp_path: Path) -> None:
    """256 open files at most and 400 clients that say nothing: /healthz and the webhook answer, the update is stored,
    and no descriptor was missing."""
    async with running_service(database_url, NOWHERE, limited(tmp_path, "ulimit -n 256")) as service:
        await service.ready()
        async with silent_connections(service, CROWD):
            assert await page(service) == 200
            assert await post(service) == 200
            assert await page(service) == 200
        await service.event("ENQUEUED", update_id=7)
        assert service.lines("CONNECTIONS_FULL", limit=128)
        assert service.lines("LIBRARY") == []


async def test_the_soft_limit_is_raised(database_url: str, tmp_path: Path) -> None:
    """A soft limit of 128 is not what counts: 400 clients are let in without closing any, where the hard one allows."""
    checkout = limited(tmp_path, "ulimit -Hn 2048; ulimit -Sn 128")
    async with running_service(database_url, NOWHERE, checkout) as service:
        await service.ready()
        async with silent_connections(service, CROWD):
            assert await page(service) == 200
        assert service.lines("CONNECTIONS_FULL") == []
