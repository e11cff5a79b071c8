"""What the client makes of a failed connection: not sent or in doubt, by how far the request got."""

from __future__ import annotations

import json
from typing import Any

import httpcore
import httpx
import pytest
import trio
import trio.testing

from telegram_client.client import CONNECT_TIMEOUT, WRITE_TIMEOUT, BotApi
from telegram_client.errors import InDoubt, NotSent, Refused, TelegramError
from tests.faked_client import MESSAGE, TOKEN, FakedClient, fails, shows_no_token
from tests.peers import OK, ScriptedServer
from tests.transports import FakeTransport


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (httpx.ConnectError, NotSent),
        (httpx.ConnectTimeout, NotSent),
        (httpx.PoolTimeout, NotSent),
        (httpx.UnsupportedProtocol, NotSent),
        (httpx.ReadTimeout, InDoubt),
        (httpx.WriteTimeout, InDoubt),
        (httpx.ReadError, InDoubt),
        (httpx.WriteError, InDoubt),
        (httpx.CloseError, InDoubt),
        (httpx.RemoteProtocolError, InDoubt),
        (httpx.LocalProtocolError, InDoubt),
        (httpx.ProxyError, NotSent),
        (httpx.DecodingError, InDoubt),
    ],
)
async def test_a_failed_connection_is_not_sent_or_in_doubt(failure: type[Exception], kind: type[TelegramError]) -> None:
    """Before the request can have left: not sent. After that: in doubt. Its transport is closed and not used again."""
    client = FakedClient(fails(failure))
    async with client.api as api:
        for _ in range(2):
            with pytest.raises(TelegramError) as caught:
                await api.call("sendMessage", MESSAGE)
            shows_no_token(caught.value)
            assert type(caught.value) is kind
            assert (caught.value.method, caught.value.chat_id) == ("sendMessage", 5)
            assert (caught.value.status, caught.value.retry_after) == (None, None)
            assert caught.value.description == failure.__name__
    assert [(len(each.requests), each.closed) for each in client.transports] == [(1, True), (1, True)]


@pytest.mark.parametrize("failure", [httpx.ReadTimeout, httpx.WriteError, httpx.WriteTimeout, httpx.LocalProtocolError])
async def test_what_fails_before_the_request_was_taken_is_not_sent(failure: type[Exception]) -> None:
    """Whatever the failure's name: as long as nobody has asked for the whole body, nobody can act on it."""
    async with BotApi(TOKEN, open_transport=lambda: FakeTransport(fails(failure), reads_body=False)) as api:
        with pytest.raises(NotSent, match=failure.__name__) as caught:
            await api.call("sendMessage", MESSAGE)
    shows_no_token(caught.value)


async def test_a_transport_that_read_the_content_may_have_sent_it() -> None:
    """A transport that takes `request.content` rather than the stream may have acted on it too."""

    async def answer(request: httpx.Request) -> httpx.Response:
        assert json.loads(request.content) == MESSAGE
        raise httpx.ReadError("gone")

    async with BotApi(TOKEN, open_transport=lambda: FakeTransport(answer, reads_body=False)) as api:
        with pytest.raises(InDoubt, match="ReadError"):
            await api.call("sendMessage", MESSAGE)


@pytest.mark.parametrize("reads_body", [True, False], ids=["as a stream", "at once"])
async def test_who_may_not_send_any_more_has_not_sent(reads_body: bool) -> None:
    """It is asked at the last moment, after the connection has been made: nobody has seen the request's body."""
    asked: list[str] = []

    async def answer(request: httpx.Request) -> httpx.Response:
        if not reads_body:
            asked.append(str(request.content))
        return httpx.Response(200, json={"ok": True, "result": True})

    def may_send() -> bool:
        asked.append("may I?")
        return False

    transport = FakeTransport(answer, reads_body=reads_body)
    async with BotApi(TOKEN, open_transport=lambda: transport, may_send=may_send) as api:
        with pytest.raises(NotSent, match="the right to send had ended") as caught:
            await api.call("sendMessage", MESSAGE)
    shows_no_token(caught.value)
    assert asked == ["may I?"]


async def test_a_request_that_may_not_leave_is_not_read_by_the_server() -> None:
    """Over a real socket: its head may have left, and without the body nobody acts on that."""
    server = ScriptedServer(OK)
    async with trio.open_nursery() as nursery:
        await nursery.start(server.serve)
        async with BotApi(TOKEN, root=server.url, may_send=lambda: False) as api:
            with pytest.raises(NotSent):
                await api.call("sendMessage", MESSAGE)
        assert server.requests == []
        nursery.cancel_scope.cancel()


def http_answer(status: int, body: bytes) -> bytes:
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
REFUSED = http_answer(413, b'{"ok":false,"description":"too long"}')
Step = bytes | Exception | None


class Socket(httpcore.AsyncNetworkStream):
    """A socket under httpcore: its writes (the head, then the body) and reads go as told, one step each."""

    def __init__(self, writes: list[Step], reads: list[Step], tls: Step) -> None:
        self._script = writes, reads, tls
        self.timeouts: list[float | None] = []

    def open(self) -> Socket:
        """Begin at the beginning."""
        self._writes, self._reads, self._tls = list(self._script[0]), list(self._script[1]), self._script[2]
        return self

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self.timeouts.append(timeout)
        return await self._step(self._reads)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self.timeouts.append(timeout)
        await self._step(self._writes)

    async def start_tls(self, *_: Any, **__: Any) -> Socket:
        await self._step([self._tls])
        return self

    async def _step(self, steps: list[Step]) -> bytes:
        await trio.lowlevel.checkpoint()
        step = steps.pop(0) if steps else None
        if isinstance(step, Exception):
            raise step
        return step or b""

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()

    def get_extra_info(self, info: str) -> Any:
        return None


class Net(httpcore.AsyncNetworkBackend):
    """A network whose only socket is given, or that cannot be reached."""

    def __init__(self, connects: Socket | Exception) -> None:
        self._connects = connects

    async def connect_tcp(self, *_: Any, timeout: float | None = None, **__: Any) -> Socket:
        assert timeout == CONNECT_TIMEOUT
        await trio.lowlevel.checkpoint()
        if isinstance(self._connects, Exception):
            raise self._connects
        return self._connects.open()


def over(connects: Socket | Exception) -> BotApi:
    """A client over httpx's own transport and a network of ours."""

    def open_transport() -> httpx.AsyncHTTPTransport:
        transport = httpx.AsyncHTTPTransport(verify=False)
        transport._pool = httpcore.AsyncConnectionPool(network_backend=Net(connects))
        return transport

    return BotApi(TOKEN, root="https://api.example", open_transport=open_transport)


def socket(*, writes: list[Step] = [], reads: list[Step] = [], tls: Step = None) -> Socket:  # noqa: B006 (not changed)
    return Socket(writes, reads, tls)


NETWORK_FAILURES: list[tuple[Socket | Exception, type[TelegramError], str]] = [
    (httpcore.ConnectError("refused"), NotSent, "ConnectError"),
    (httpcore.ConnectTimeout(), NotSent, "ConnectTimeout"),
    (socket(tls=httpcore.ConnectError("bad certificate")), NotSent, "ConnectError"),
    (socket(tls=httpcore.ConnectTimeout()), NotSent, "ConnectTimeout"),
    # the head
    (socket(writes=[httpcore.WriteError()], reads=[httpcore.ReadError()]), NotSent, "ReadError"),
    (socket(writes=[httpcore.WriteError()]), NotSent, "RemoteProtocolError"),
    (socket(writes=[httpcore.WriteTimeout()]), NotSent, "WriteTimeout"),
    # the body
    (socket(writes=[None, httpcore.WriteError()], reads=[httpcore.ReadError()]), NotSent, "ReadError"),
    (socket(writes=[None, httpcore.WriteError()]), NotSent, "RemoteProtocolError"),
    (socket(writes=[None, httpcore.WriteTimeout()]), NotSent, "WriteTimeout"),
    (socket(writes=[None, httpcore.WriteError()], reads=[REFUSED]), Refused, "too long"),
    # an answer before all of the request has left: nobody has acted on a part
    (socket(writes=[None, httpcore.WriteError()], reads=[http_answer(413, b"<html>")]), Refused, "413"),
    (socket(writes=[None, httpcore.WriteError()], reads=[http_answer(502, b"<html>")]), NotSent, "502"),
    (socket(writes=[None, httpcore.WriteError()], reads=[http_answer(408, b"<html>")]), NotSent, "408"),
    (socket(writes=[None, httpcore.WriteError()], reads=[http_answer(500, b'{"ok":false}')]), NotSent, "500"),
    # the answer
    (socket(reads=[httpcore.ReadError()]), InDoubt, "ReadError"),
    (socket(reads=[httpcore.ReadTimeout()]), InDoubt, "ReadTimeout"),
    (socket(reads=[b""]), InDoubt, "RemoteProtocolError"),
    (socket(reads=[b"SSH-2.0-OpenSSH_9.6\r\n"]), InDoubt, "RemoteProtocolError"),
    (socket(reads=[b"HTTP/1.1 200 OK\r\nCont"]), InDoubt, "RemoteProtocolError"),
    (socket(reads=[HEAD + b'{"ok":true,', b""]), InDoubt, "RemoteProtocolError"),
    (socket(reads=[HEAD + b'{"ok":true,', httpcore.ReadError()]), InDoubt, "ReadError"),
]


@pytest.mark.parametrize(("connects", "kind", "description"), NETWORK_FAILURES)
async def test_a_network_failure_is_judged_by_how_far_the_request_got(
    connects: Socket | Exception, kind: type[TelegramError], description: str
) -> None:
    """Under httpx's own transport: until the body's last write has returned it is not sent, after that in doubt."""
    async with over(connects) as api:
        with pytest.raises(TelegramError, match=description) as caught:
            await api.call("sendMessage", MESSAGE)
    assert type(caught.value) is kind
    shows_no_token(caught.value)


async def test_every_wait_has_its_time() -> None:
    """A piece of the request is taken within ten seconds; the answer has as long as the call, a minute for a poll."""
    connection = socket(reads=[http_answer(200, b'{"ok":true,"result":1}')])
    async with over(connection) as api:
        assert await api.call("getUpdates", timeout=60) == 1
    assert connection.timeouts[-1] == 60
    assert set(connection.timeouts[:-1]) == {WRITE_TIMEOUT}


async def test_the_rest_of_a_broken_answer_is_not_the_next_calls_answer() -> None:
    """An answer that was cut by its own Content-Length is in doubt; its rest is thrown away with the connection."""
    broken = http_answer(200, b'{"ok":true,"res')
    behind = http_answer(403, b'{"ok":false,"description":"stale"}')
    right = http_answer(200, b'{"ok":true,"result":1}')
    sockets = iter([socket(reads=[broken + behind]), socket(reads=[right])])

    def open_transport() -> httpx.AsyncHTTPTransport:
        transport = httpx.AsyncHTTPTransport(verify=False)
        transport._pool = httpcore.AsyncConnectionPool(network_backend=Net(next(sockets)))
        return transport

    async with BotApi(TOKEN, root="https://api.example", open_transport=open_transport) as api:
        with pytest.raises(InDoubt, match="not JSON"):
            await api.call("sendMessage", MESSAGE)
        assert await api.call("sendMessage", MESSAGE) == 1
