"""The client and the stand-in for kie over real loopback sockets, and the stand-in as a process of its own."""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import trio

from providers.kie.client import Kie
from providers.provider import InDoubt, Made, NotSent, ProviderError
from sandbox.kie.app import DEMO_KEY, KieSandbox
from sandbox.kie.tasks import Durations
from tests.faked_kie import shows_no_key
from tests.peers import OK, ScriptedServer, refusing_port
from tests.processes import environment, running

CREATED = b'HTTP/1.1 200 OK\r\nContent-Length: 48\r\n\r\n{"code":200,"msg":"","data":{"taskId":"abcdef"}}'


@pytest.fixture
async def sandbox() -> KieSandbox:
    return KieSandbox(durations=Durations(0.05, 0.05, 0.05))


@pytest.fixture
async def root(sandbox: KieSandbox, nursery: trio.Nursery) -> str:
    url: str = await nursery.start(sandbox.run)
    return url


@pytest.fixture
async def kie(root: str) -> AsyncIterator[Kie]:
    async with Kie(DEMO_KEY, root, root) as kie:
        yield kie


async def made(kie: Kie, task_id: str) -> tuple[str, ...]:
    """What a task has made, as soon as it has."""
    with trio.fail_after(30):
        while True:
            task = await kie.task(task_id)
            assert task is not None
            if isinstance(task.outcome, Made):
                return task.outcome.urls
            await trio.sleep(0.01)


async def megabytes(count: int) -> AsyncIterator[bytes]:
    for number in range(16 * count):
        yield bytes([number % 256]) * 65_536


async def test_everything_works_over_sockets(nursery: trio.Nursery, root: str, kie: Kie) -> None:
    """A file is uploaded, a picture is made of it and fetched, and the callback comes."""
    listener = ScriptedServer(OK)
    await nursery.start(listener.serve)
    assert await kie.credit() > 0
    (drawn,) = await made(kie, await kie.create("z-image", {"prompt": "a fox"}, None))
    async with httpx.AsyncClient() as http:
        picture = (await http.get(drawn)).content
        head = await http.head(drawn)
        assert (head.headers["content-type"], int(head.headers["content-length"])) == ("image/png", len(picture))
        url = await kie.upload("fox.png", pieces(picture), len(picture))
        assert (await http.get(url)).content == picture
        task_id = await kie.create("recraft/remove-background", {"image": url}, f"{listener.url}/callback/kie/1.s")
        (result,) = await made(kie, task_id)
        assert (await http.get(await kie.fresh_url(result))).content.startswith(b"\x89PNG")
    with trio.fail_after(30):
        await listener.finished.wait()
    (request,) = listener.requests
    assert request.startswith(b"POST /callback/kie/1.s HTTP/1.1\r\n")
    assert task_id.encode() in request
    nursery.cancel_scope.cancel(reason="the test is over")


async def pieces(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 10_000):
        await trio.lowlevel.checkpoint()
        yield content[start : start + 10_000]


async def test_a_large_file_is_sent_in_pieces(nursery: trio.Nursery, kie: Kie) -> None:
    """20 MB, as much as a bot can have from Telegram."""
    url = await kie.upload("large.bin", megabytes(20), 20 * 1024 * 1024)
    async with httpx.AsyncClient() as http:
        assert int((await http.head(url)).headers["content-length"]) == 20 * 1024 * 1024
    nursery.cancel_scope.cancel(reason="the test is over")


@pytest.mark.parametrize(("fault", "created"), [("cut_before", 0), ("cut_after", 1), ("html", 0), ("code_after", 1)])
async def test_a_create_whose_answer_is_lost_is_in_doubt(
    nursery: trio.Nursery, sandbox: KieSandbox, kie: Kie, fault: str, created: int
) -> None:
    """Whether or not it was made; the connection after it is a good one."""
    sandbox.faults.order(fault)
    with pytest.raises(InDoubt) as caught:
        await kie.create("z-image", {}, "http://127.0.0.1:9/1.s")
    shows_no_key(caught.value)
    assert len(sandbox.tasks.all()) == created
    await kie.create("z-image", {}, None)
    nursery.cancel_scope.cancel(reason="the test is over")


async def test_no_connection_is_not_sent() -> None:
    """A refused connection, and a port that is reached through nobody."""
    with refusing_port() as port:
        async with Kie(DEMO_KEY, f"http://127.0.0.1:{port}") as kie:
            with pytest.raises(NotSent, match="ConnectError") as caught:
                await kie.create("z-image", {}, None)
    shows_no_key(caught.value)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", InDoubt),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", InDoubt),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 48\r\nConnection: close\r\n\r\n{", InDoubt),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n", InDoubt),
        (b"HTTP/1.1 302 Found\r\nLocation: http://[\r\nContent-Length: 0\r\n\r\n", InDoubt),
        (b"HTTP/1.1 204 No Content\r\n\r\n", InDoubt),
    ],
)
async def test_what_is_no_answer_over_a_socket(
    nursery: trio.Nursery, answer: bytes, error: type[ProviderError]
) -> None:
    """Cut, foreign, redirected: in doubt, and the key goes nowhere else."""
    server = ScriptedServer(answer)
    await nursery.start(server.serve)
    async with Kie(DEMO_KEY, server.url) as kie:
        with pytest.raises(error) as caught, trio.fail_after(20):
            await kie.create("z-image", {}, None)
    shows_no_key(caught.value)
    nursery.cancel_scope.cancel(reason="the test is over")


async def test_the_connection_is_used_again(nursery: trio.Nursery) -> None:
    """Calls one after another go over one connection."""
    server = ScriptedServer(CREATED, CREATED, CREATED)
    await nursery.start(server.serve)
    async with Kie(DEMO_KEY, server.url) as kie:
        for _ in range(3):
            assert await kie.create("z-image", {}, None) == "abcdef"
    assert server.connections == 1
    assert b"Authorization: Bearer demo-kie-key\r\n" in server.requests[0]
    nursery.cancel_scope.cancel(reason="the test is over")


async def test_a_server_on_this_machine_is_reached_through_no_proxy(
    nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proxy that the environment names is for the outside."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    server = ScriptedServer(CREATED)
    await nursery.start(server.serve)
    async with Kie(DEMO_KEY, server.url) as kie:
        assert await kie.create("z-image", {}, None) == "abcdef"
    nursery.cancel_scope.cancel(reason="the test is over")


async def test_faults_and_tasks_over_http(nursery: trio.Nursery, root: str, kie: Kie) -> None:
    """What a torture needs: order faults, count the creates of each address, see how each task went."""
    async with httpx.AsyncClient(base_url=root) as http:
        ordered = await http.post("/control/faults", json={"kind": "cut_after", "call": "createTask"})
        assert ordered.json()["kind"] == "cut_after"
        assert len((await http.get("/control/faults")).json()["faults"]) == 1
        with pytest.raises(InDoubt):
            await kie.create("z-image", {"prompt": "a"}, "http://127.0.0.1:9/1.s")
        await kie.create("z-image", {"prompt": "b"}, "http://127.0.0.1:9/2.s")
        counted = (await http.get("/control/creates")).json()
        assert counted == {"creates": {"http://127.0.0.1:9/1.s": 1, "http://127.0.0.1:9/2.s": 1}, "refused": 0}
        asked = await http.get("/control/tasks", params={"callback_url": "http://127.0.0.1:9/2.s"})
        (task,) = asked.json()["tasks"]
        assert (task["model"], task["input"], task["faults"]) == ("z-image", {"prompt": "b"}, [])
        assert (await http.post("/control/durations", json={"image": 9})).json()["image"] == 9
        wrong: list[Any] = [{"kind": "?"}, {"kind": "html", "count": 0}, {"kind": "html", "else": 1}, [], {"share": 2}]
        for order in wrong:
            assert (await http.post("/control/faults", json=order)).status_code == 400
        assert (await http.post("/control/durations", json={"image": -1})).status_code == 400
        assert (await http.delete("/control/faults")).json() == {"faults": []}
        assert (await http.get("/control/else")).status_code == 404
    nursery.cancel_scope.cancel(reason="the test is over")


@pytest.mark.processes
async def test_it_runs_alone() -> None:
    """`python -m sandbox.kie` serves until SIGTERM, and ends with 0."""
    python = sys.executable
    async with running(python, "-m", "sandbox.kie", "--port", "0", "--image", "0", env=environment()) as process:
        await process.says("kie sandbox on ")
        found = re.search(r"http://127\.0\.0\.1:\d+", process.printed)
        assert found is not None
        async with Kie(DEMO_KEY, found[0]) as kie:
            assert len(await made(kie, await kie.create("z-image", {"prompt": "a"}, None))) == 1
        process.process.send_signal(signal.SIGTERM)
        assert await process.exit_code() == 0
