"""The HTTP server on real loopback sockets: odd requests, bodies, keep-alive, shutdown; and its configuration."""

from __future__ import annotations

import gc
import re
import tomllib
import warnings
from pathlib import Path

import pytest
import trio
import trio.testing

from svc.intake.http_server import BUILT_IN, ConfigError, load_config, replace_address
from tests.serving import (
    H2C,
    HEAD,
    HEALTHZ,
    KEY,
    NEVER,
    UPGRADE,
    VERSION,
    in_small_chunks,
    plain_app,
    post,
    send_all_of,
    serving,
    tasks,
    tasks_are,
)

ROOT = Path(__file__).parent.parent

ODD = {
    "a good upgrade": UPGRADE + KEY + VERSION + b"\r\n",
    "a wrong version": UPGRADE + KEY + b"Sec-WebSocket-Version: 99\r\n\r\n",
    "a wrong version and a byte": UPGRADE + KEY + b"Sec-WebSocket-Version: 99\r\n\r\nx",
    "a version not ASCII": UPGRADE + KEY + b"Sec-WebSocket-Version: \xff\r\n\r\n",
    "no key": UPGRADE + VERSION + b"\r\n",
    "no key and bytes": UPGRADE + VERSION + b"\r\nxyz",
    "an upgrade in HTTP/1.0": UPGRADE.replace(b"HTTP/1.1", b"HTTP/1.0") + KEY + VERSION + b"\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "zeros": bytes(100),
    "a request line without end": b"GET /" + b"a" * 70_000,
    "a method not ASCII": b"G\xffT / HTTP/1.1\r\nHost: x\r\n\r\n",
    "headers not ASCII": HEAD + b"Cookie: \xff=\xfe\r\nX-Forwarded-For: \xff\r\n\r\n",
    "a negative length": b"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "two lengths": b"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "an endless length": b"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
    "escapes that are none": b"GET /%ff%00%zz HTTP/1.1\r\nHost: x\r\n\r\n",
    "a target that is no URL": b"GET http://[::1/ HTTP/1.1\r\nHost: x\r\n\r\n",
    "a target without path": b"GET ?x HTTP/1.1\r\nHost: x\r\n\r\n",
    "CONNECT": b"CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n",
    "h2c": H2C + b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n",
    "h2c with broken settings": H2C + b"HTTP2-Settings: \xff!!\r\n\r\n",
    "h2c without settings": HEAD + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    "the HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "the HTTP/2 preface and garbage": b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n" + b"\xff" * 64,
}


# Malformed requests


@pytest.mark.parametrize("request_bytes", ODD.values(), ids=ODD)
async def test_a_malformed_request_harms_nobody_else(request_bytes: bytes) -> None:
    """Whatever one client sends, the server answers the next one, logs one line at most and keeps no task of it."""
    async with serving() as server:
        before = tasks()
        async with await server.client() as client:
            await client.stream.send_all(request_bytes)
            await client.hang_up()
        await server.is_well()
        await tasks_are(before)
        assert len(server.logs.lines) <= 1
        assert server.logs.errors() == []
        assert server.store.stored == {}


async def test_half_a_request_harms_nobody() -> None:
    """A client that closes, or resets, within the headers leaves nothing behind."""
    async with serving() as server:
        before = tasks()
        for half in (b"", b"G", b"GET /healthz HTTP/1.1\r\nHo"):
            async with await server.client() as client:
                await client.stream.send_all(half)
        async with await server.client() as client:
            await client.stream.send_all(HEALTHZ)
        await server.is_well()
        await tasks_are(before)
        assert server.logs.errors() == []


# Bodies


@pytest.mark.parametrize("path", [b"/healthz", b"/nowhere"])
async def test_a_client_that_leaves_within_its_body_leaves_nothing(path: bytes) -> None:
    """Pages: no traceback, no task."""
    async with serving() as server:
        before = tasks()
        for _ in range(10):
            async with await server.client() as client:
                await client.stream.send_all(b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nsome" % path)
        await server.is_well()
        await tasks_are(before)
        assert server.logs.errors() == []


async def test_a_webhook_that_breaks_off_is_one_line() -> None:
    """/webhook: a body cut off leaves HANGUP in the log, nothing stored, no traceback, no task."""
    async with serving() as server:
        before = tasks()
        async with await server.client() as client:
            await client.stream.send_all(post(b'{"update_id":1', length=100))
        await tasks_are(before)
        await server.is_well()
        assert server.logs.names() == ["HANGUP"]
        assert server.store.stored == {}


async def test_a_client_that_leaves_before_its_answer_has_still_stored() -> None:
    """Once the body is whole its update is stored, though nobody waits for the 200; no traceback."""
    async with serving() as server:
        before = tasks()
        server.store.may_return = trio.Event()
        async with await server.client() as client:
            await client.stream.send_all(post(b'{"update_id":1}'))
            await tasks_are(before + 3)
        server.store.may_return.set()
        await tasks_are(before)
        assert list(server.store.stored) == [1]
        assert server.logs.names() == ["ENQUEUED"]


UNREAD = {
    "no secret, long": (post(b"", length=4_000_000, secret="wrong"), 401),
    "no secret, crumbs": (in_small_chunks(post(b"", secret="wrong")), 401),
    "too long": (post(b"", length=4_000_000), 413),
    "wrong method, long": (b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\n\r\n", 405),
    "wrong method, crumbs": (in_small_chunks(b"POST /healthz HTTP/1.1\r\nHost: x\r\n\r\n"), 405),
}


@pytest.mark.parametrize(("request_head", "status"), UNREAD.values(), ids=UNREAD)
async def test_a_body_that_nobody_reads_holds_nobody_up(request_head: bytes, status: int) -> None:
    """Refused before its body was read, a request is answered, its connection lives on or closes, its tasks end."""
    async with serving(graceful_timeout=NEVER) as server:
        before = tasks()
        for _ in range(10):
            async with await server.client() as client, trio.open_nursery() as nursery:
                nursery.start_soon(send_all_of, client, request_head)
                assert await client.answer() == status
                nursery.cancel_scope.cancel()
        await tasks_are(before)
        assert server.logs.errors() == []
        await server.shut_down()


# Keep-alive


async def test_a_hundred_requests_use_one_connection() -> None:
    """Pages and updates in turn, all answered on one connection, which then ends with its client."""
    async with serving() as server:
        before = tasks()
        async with await server.client() as client:
            for number in range(100):
                assert await client.ask(HEALTHZ if number % 2 else post(b'{"update_id":%d}' % number)) == 200
        assert len(server.store.stored) == 50
        await tasks_are(before)


async def test_pipelined_requests_are_answered_in_order() -> None:
    """Requests sent without waiting are answered one after the other."""
    async with serving() as server, await server.client() as client:
        missing = b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n"
        await client.stream.send_all(HEALTHZ + post(b'{"update_id":1}') + missing + post(b"[]") + HEALTHZ)
        assert [await client.answer() for _ in range(5)] == [200, 200, 404, 400, 200]


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/nowhere"])
async def test_an_idle_connection_is_closed_after_a_page(path: str) -> None:
    """keep_alive_timeout holds behind Quart's pages, where Hypercorn alone never closes."""
    async with serving(keep_alive_timeout=0.2) as server:
        before = tasks()
        async with await server.client() as client:
            await client.ask(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            await client.closed()
            await tasks_are(before)


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/nowhere"])
@pytest.mark.parametrize("head", ["HTTP/1.0", "HTTP/1.1\r\nConnection: close"])
async def test_a_connection_not_to_be_kept_is_closed_behind_its_page(path: str, head: str) -> None:
    """HTTP/1.0, or Connection: close: the answer, and then the end, without waiting for the client's."""
    async with serving() as server:
        before = tasks()
        async with await server.client() as client:
            await client.ask(f"GET {path} {head}\r\nHost: x\r\n\r\n".encode())
            await client.closed()
            await tasks_are(before)


async def test_an_idle_connection_is_closed_after_an_update() -> None:
    """keep_alive_timeout holds behind the webhook, too, however many updates came before."""
    async with serving(keep_alive_timeout=0.2) as server, await server.client() as client:
        await client.stream.send_all(b"".join(post(b'{"update_id":%d}' % number) for number in range(4)))
        assert [await client.answer() for _ in range(4)] == [200] * 4
        await client.closed()


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HTTP/1.1\r\nHo"])
async def test_a_connection_that_never_asks_is_closed(sent: bytes) -> None:
    """One that sends nothing, or never ends its headers, is idle too."""
    async with serving(keep_alive_timeout=0.2) as server, await server.client() as client:
        await client.stream.send_all(sent)
        await client.closed()


async def test_a_request_at_work_is_not_idle() -> None:
    """A request that takes longer than keep_alive_timeout is finished."""
    async with serving(keep_alive_timeout=0.1) as server, await server.client() as client:
        server.store.may_return = trio.Event()
        await client.stream.send_all(post(b'{"update_id":1}'))
        with trio.move_on_after(0.3):
            await client.closed()
            raise AssertionError("closed before its answer")
        server.store.may_return.set()
        assert await client.answer() == 200


# Shutdown


async def test_an_idle_client_does_not_delay_the_shutdown() -> None:
    """Connections that wait between two requests, after a page or an update, are closed at once."""
    async with serving(graceful_timeout=NEVER) as server, await server.client() as one, await server.client() as two:
        assert await one.ask(HEALTHZ) == 200
        assert await one.ask(UPGRADE + VERSION + b"\r\n") == 200
        assert await two.ask(post(b'{"update_id":1}')) == 200
        await server.shut_down()
        await one.closed()
        await two.closed()


async def test_a_stock_server_waits_for_its_idle_clients() -> None:
    """With plain Quart-Trio on plain Hypercorn one idle client costs the whole graceful_timeout."""
    async with serving(plain_app, stock=True, graceful_timeout=0.5) as server, await server.client() as client:
        assert await client.ask(HEALTHZ) == 200
        server.stop.set()
        await trio.testing.wait_all_tasks_blocked(0.05)
        assert not server.ended.is_set()
        await server.shut_down()


async def test_a_request_in_flight_is_finished() -> None:
    """Shutting down, the server answers what it has begun, and then ends."""
    async with serving(graceful_timeout=NEVER) as server, await server.client() as client:
        before = tasks()
        server.store.may_return = trio.Event()
        await client.stream.send_all(post(b'{"update_id":1}'))
        await tasks_are(before + 1)
        server.stop.set()
        await trio.testing.wait_all_tasks_blocked()
        server.store.may_return.set()
        assert await client.answer() == 200
        await client.closed()
        await server.shut_down()
        assert list(server.store.stored) == [1]


async def test_a_request_that_never_ends_is_given_the_graceful_timeout() -> None:
    """Shutting down has a limit, and does not come before it."""
    async with serving(graceful_timeout=0.5) as server, await server.client() as client:
        before = tasks()
        server.store.may_return = trio.Event()
        await client.stream.send_all(post(b'{"update_id":1}'))
        await tasks_are(before + 1)
        server.stop.set()
        await trio.testing.wait_all_tasks_blocked(0.05)
        assert not server.ended.is_set()
        await server.shut_down()
        assert server.store.stored == {}


# Where it listens


async def test_an_address_in_use_is_named() -> None:
    """The error says which address cannot be had."""
    with trio.socket.socket() as taken:
        await taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        with pytest.raises(BaseExceptionGroup) as caught:
            async with serving(bind=[f"127.0.0.1:{port}"]):
                raise AssertionError("it is taken")
    assert caught.group_contains(OSError, match=f"127.0.0.1:{port}.*in use")
    del caught
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # Hypercorn leaves the socket that it could not bind
        gc.collect()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder of the test's own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_without_a_file_the_built_in_values_count(folder: Path) -> None:
    """An installed service serves from any folder."""
    config = load_config(None, None)
    assert {name: getattr(config, name) for name in BUILT_IN} == BUILT_IN
    assert load_config("127.0.0.1", 9000).bind == ["127.0.0.1:9000"]
    assert load_config(None, None).bind == ["0.0.0.0:8080"]


def test_the_repositorys_file_says_what_is_built_in() -> None:
    """The file that operators edit starts out as the values that count without it."""
    assert tomllib.loads((ROOT / "hypercorn.toml").read_text("utf-8")) == BUILT_IN


def test_the_file_of_the_working_folder_replaces_all_built_in_values(folder: Path) -> None:
    """With a hypercorn.toml it alone counts, and Hypercorn's own defaults for what it leaves out."""
    (folder / "hypercorn.toml").write_text('bind = ["127.0.0.1:1234"]\ngraceful_timeout = 1')
    config = load_config(None, None)
    assert (config.bind, config.graceful_timeout, config.backlog) == (["127.0.0.1:1234"], 1, 100)


@pytest.mark.parametrize(
    ("bind", "host", "port", "replaced"),
    [
        ("127.0.0.1:1", None, 7, "127.0.0.1:7"),
        ("127.0.0.1", None, 7, "127.0.0.1:7"),
        ("[::1]:1", None, 7, "[::1]:7"),
        ("[::1]", None, 7, "[::1]:7"),
        ("localhost:1", "10.0.0.1", None, "10.0.0.1:1"),
        ("localhost", "10.0.0.1", None, "10.0.0.1:8000"),
        ("0.0.0.0:1", "::1", None, "[::1]:1"),
        ("0.0.0.0:1", "[::1]", 7, "[::1]:7"),
        ("[::]:1", "localhost", 7, "localhost:7"),
        ("[::1]", "::", None, "[::]:8000"),
        ("127.0.0.1", None, None, "127.0.0.1"),
        ("unix:/run/svc.sock", "::1", 7, "unix:/run/svc.sock"),
        ("fd://3", "::1", 7, "fd://3"),
    ],
)
def test_host_and_port_replace_those_of_an_address(
    bind: str, host: str | None, port: int | None, replaced: str
) -> None:
    """A TCP address takes the given host or port, IPv6 in brackets, and keeps the rest; sockets stay as they are."""
    assert replace_address(bind, host, port) == replaced


@pytest.mark.parametrize(
    ("bind", "replaced"),
    [
        ('["127.0.0.1:1", "[::1]:1"]', ["127.0.0.1:7", "[::1]:7"]),
        ('"0.0.0.0:1"', ["0.0.0.0:7"]),
        ('["unix:/run/svc.sock", "fd://3", "localhost:1"]', ["unix:/run/svc.sock", "fd://3", "localhost:7"]),
    ],
)
def test_a_port_counts_for_every_bind_of_the_file(folder: Path, bind: str, replaced: list[str]) -> None:
    """PORT replaces that of each address in hypercorn.toml, written as one or as a list."""
    (folder / "hypercorn.toml").write_text(f"bind = {bind}")
    assert load_config(None, 7).bind == replaced


@pytest.mark.parametrize(
    "content",
    [
        b"bind = [",
        b"bind = 5",
        b"bind = [5]",
        b"\xff\xfe",
        b'keep_alive_timeout = "long"',
        b"graceful_timeout = [1]",
        b"backlog = true",
    ],
)
def test_a_broken_file_is_one_line(folder: Path, content: bytes) -> None:
    """ConfigError names the file in one line, whatever is wrong with it."""
    (folder / "hypercorn.toml").write_bytes(content)
    for port in (None, 9000):
        with pytest.raises(ConfigError, match=re.escape(str(folder / "hypercorn.toml"))) as caught:
            load_config("127.0.0.1", port)
        assert len(str(caught.value).splitlines()) == 1
