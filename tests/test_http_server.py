"""The HTTP server on real loopback sockets: odd requests, bodies, keep-alive, shutdown."""

from __future__ import annotations

import os
import ssl
from contextlib import AsyncExitStack
from pathlib import Path
from typing import cast

import pytest
import trio
import trio.testing
import trustme

from svc.intake.turns import LONGEST_REST, Turns
from tests.serving import (
    H2C,
    HEAD,
    HEALTHZ,
    KEY,
    NEVER,
    UPGRADE,
    VERSION,
    Client,
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


async def test_a_client_that_has_ended_its_side_is_answered() -> None:
    """Whoever sends its request and then the end of its stream still gets the answer."""
    async with serving() as server, await server.client() as client:
        server.store.may_return = trio.Event()
        await client.stream.send_all(post(b'{"update_id":1}'))
        await client.stream.send_eof()
        await trio.testing.wait_all_tasks_blocked()
        server.store.may_return.set()
        assert await client.answer() == 200


async def test_a_client_that_leaves_before_its_answer_has_still_stored() -> None:
    """Once the body is whole its update is stored, though nobody waits for the 200; no traceback."""
    async with serving() as server:
        before = tasks()
        server.store.may_return = trio.Event()
        async with await server.client() as client:
            await client.stream.send_all(post(b'{"update_id":1}'))
            await server.store.asked.wait()
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


@pytest.mark.parametrize("chunked", [False, True], ids=["a length", "chunks"])
async def test_an_early_answer_says_that_it_is_the_last(chunked: bool) -> None:
    """Refused before its body has come, a request is answered with `Connection: close`, and the connection closed: a
    client that keeps connections does not send its next request into the end. One that was read whole keeps it.
    """
    half = post(b"", length=100, secret="wrong")
    if chunked:
        half = half.replace(b"Content-Length: 100", b"Transfer-Encoding: chunked")
    async with serving() as server, await server.client() as client:
        await client.stream.send_all(half)
        said = b""
        while piece := await client.stream.receive_some(4096):
            said += piece
        assert said.startswith(b"HTTP/1.1 401")
        assert b"connection: close\r\n" in said.lower()
        async with await server.client() as other:
            assert await other.ask(post(b"{}", secret="wrong")) == 401
            assert await other.ask(HEALTHZ) == 200


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


# Strangers


async def test_strangers_begin_one_after_the_other() -> None:
    """Each time that Trio goes around its tasks one of them begins at most, and in the end all have."""
    turns = Turns()
    begun: list[int] = []

    async def begin(number: int) -> None:
        await turns.take()
        begun.append(number)

    async with trio.open_nursery() as nursery:
        for number in range(20):
            nursery.start_soon(begin, number)
        while len(begun) < 20:
            before = len(begun)
            await trio.lowlevel.checkpoint()
            assert len(begun) <= before + 1


async def test_strangers_leave_as_much_time_as_they_take(mock_clock: trio.testing.MockClock) -> None:
    """Where several wait, the loop is free between two turns for as long as the first one held it, up to a bound."""
    mock_clock.autojump_threshold = 0
    turns = Turns(rest=True)
    begun: list[float] = []

    async def begin() -> None:
        await turns.take()
        begun.append(trio.current_time())
        mock_clock.jump(takes)

    for takes in (0.0625, 1.0):
        begun.clear()
        start = trio.current_time()
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(begin)
        await begin()
        rest = min(takes, LONGEST_REST)
        pauses = [0, takes + rest, 2 * (takes + rest), 2 * (takes + rest) + takes]
        assert begun == pytest.approx([start + pause for pause in pauses])


@pytest.mark.parametrize(
    ("asked", "status"), [(HEALTHZ, 200), (post(b"[]", secret="wrong"), 401)], ids=["pages", "refusals"]
)
async def test_strangers_wait_for_an_update(asked: bytes, status: int) -> None:
    """An update that comes with thirty strangers is answered before most of them, though it came last."""
    async with serving() as server, AsyncExitStack() as stack:
        strangers = [await stack.enter_async_context(await server.client()) for _ in range(30)]
        telegram = await stack.enter_async_context(await server.client())
        await trio.testing.wait_all_tasks_blocked()
        answered: list[int] = []

        async def wait_for_answer(client: Client) -> None:
            answered.append(await client.answer())

        async with trio.open_nursery() as nursery:
            for stranger in strangers:
                os.write(stranger.stream.socket.fileno(), asked)
                nursery.start_soon(wait_for_answer, stranger)
            os.write(telegram.stream.socket.fileno(), post(b'{"update_id":1}'))
            assert await telegram.answer() == 200
            assert len(answered) < 10
        assert answered == [status] * 30


# TLS


async def test_with_a_certificate_the_server_speaks_tls(tmp_path: Path) -> None:
    """Named in hypercorn.toml: updates come over TLS; a client that does not speak it is closed, and harms nobody."""
    authority = trustme.CA()
    pem = tmp_path / "server.pem"
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(pem))
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with serving(certfile=str(pem), keyfile=str(pem)) as server:
        async with await server.client() as plain:
            await plain.stream.send_all(HEALTHZ)
            await plain.closed()
        stream = await trio.open_ssl_over_tcp_stream("localhost", server.port, ssl_context=trusting)
        async with Client(cast(trio.SocketStream, stream)) as client:
            assert await client.ask(post(b'{"update_id":1}')) == 200
        assert list(server.store.stored) == [1]
        assert server.logs.errors() == []


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
        server.store.may_return = trio.Event()
        await client.stream.send_all(post(b'{"update_id":1}'))
        await server.store.asked.wait()
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
        server.store.may_return = trio.Event()
        await client.stream.send_all(post(b'{"update_id":1}'))
        await server.store.asked.wait()
        server.stop.set()
        await trio.testing.wait_all_tasks_blocked(0.05)
        assert not server.ended.is_set()
        await server.shut_down()
        assert server.store.stored == {}
