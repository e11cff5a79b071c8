"""The transport under the Bot API client, over real sockets: what it sends, reads, uses again and throws away."""

from __future__ import annotations

import math
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

import httpx
import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from telegram_client import socket_connection
from telegram_client.answers import MAX_ANSWER
from telegram_client.client import BotApi
from telegram_client.direct_transport import DirectTransport
from telegram_client.errors import InDoubt, NotSent, Refused, TelegramError
from telegram_client.exchange import JsonBody, Request
from tests.examples import examples
from tests.faked_client import MESSAGE, TOKEN, shows_no_token
from tests.http_answers import NO_ANSWERS, RESULT, SHAPES, in_chunks, with_length
from tests.peers import Peer, ScriptedServer, silent_port

DEADLINE = 60.0
# More than the sockets of both sides hold.
LARGE_SIZE = 16_000_000
LARGE = {"chat_id": 5, "text": "x" * LARGE_SIZE}
OK_SHAPES = [name for name, shape in SHAPES.items() if shape.body and shape.status == 200]


async def serve(nursery: trio.Nursery, server: Peer) -> None:
    """Start the server, in a test that fails if it waits for ever."""
    nursery.start_soon(_fail_late)
    await nursery.start(server.serve)


async def _fail_late() -> None:
    await trio.sleep(DEADLINE)
    raise trio.TooSlowError


async def read_request(stream: trio.abc.ReceiveStream) -> bytes:
    """One request whole, as it comes at once: small ones do, over loopback."""
    return bytes(await stream.receive_some(65_536))


def reset(stream: trio.SocketStream) -> None:
    """Close the connection by a reset."""
    stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    stream.socket.close()


class Pieces(Peer):
    """Answers each request with the next list of pieces, each once the client has read the one before it."""

    def __init__(self, *answers: tuple[bytes, ...], ends: bool = False) -> None:
        super().__init__(self._answer)
        self.requests: list[bytes] = []
        self._answers = list(answers)
        self._ends = ends

    async def _answer(self, stream: trio.SocketStream) -> None:
        while request := await read_request(stream):
            self.requests.append(request)
            for piece in self._answers.pop(0):
                await stream.send_all(piece)
                await trio.testing.wait_all_tasks_blocked()
            if self._ends:
                return


# What is sent


async def test_a_request_leaves_whole_and_at_once(nursery: trio.Nursery) -> None:
    """Head and body in one piece, on one connection for all, each with what a server needs to know."""
    server = Pieces((with_length(),), (with_length(),))
    await serve(nursery, server)
    async with BotApi(TOKEN, root=server.url) as api:
        for _ in range(2):
            assert await api.call("sendMessage", MESSAGE) == RESULT
    host = f"127.0.0.1:{server.port}"
    body = b'{"chat_id":5,"text":"hi"}'
    lines = [f"POST /bot{TOKEN}/sendMessage HTTP/1.1", f"Host: {host}", "Content-Type: application/json"]
    lines += [f"Content-Length: {len(body)}", "Accept-Encoding: identity", "", ""]
    assert server.requests == ["\r\n".join(lines).encode() + body] * 2
    assert server.connections == 1
    nursery.cancel_scope.cancel()


async def test_a_request_that_may_not_leave_leaves_nothing(nursery: trio.Nursery) -> None:
    """It is asked once there is a connection; not even the head is written after a no."""
    server = Pieces()
    heard = trio.Event()

    async def listen(stream: trio.SocketStream) -> None:
        server.requests.append(await read_request(stream))
        heard.set()

    server._handle = listen
    await serve(nursery, server)
    asked_with: list[int] = []

    def may_send() -> bool:
        asked_with.append(1)
        return False

    async with BotApi(TOKEN, root=server.url, may_send=may_send) as api:
        with pytest.raises(NotSent, match="the right to send had ended"):
            await api.call("sendMessage", MESSAGE)
        await heard.wait()
    assert (asked_with, server.requests) == ([1], [b""])
    nursery.cancel_scope.cancel()


# What is read


@pytest.mark.parametrize("name", OK_SHAPES)
async def test_an_answer_may_come_in_any_two_pieces(nursery: trio.Nursery, name: str) -> None:
    """Each answer is read, and its connection used again where the answer lets it."""
    shape = SHAPES[name]
    splits = [(shape.data[:at], shape.data[at:]) for at in range(1, len(shape.data))]
    server = Pieces(*splits, ends=not shape.keeps_open)
    await serve(nursery, server)
    async with BotApi(TOKEN, root=server.url) as api:
        for _ in splits:
            assert await api.call("sendMessage", MESSAGE) == RESULT
    assert server.connections == (1 if shape.keeps_open else len(splits))
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("name", ["that closes", "of HTTP/1.0", "of HTTP/1.0 kept"])
async def test_a_connection_that_the_answer_ends_is_not_used_again(nursery: trio.Nursery, name: str) -> None:
    """Though the server has left it open."""
    await uses_two_connections(nursery, SHAPES[name].data)


@pytest.mark.parametrize("behind", [b"\0", b"HTTP/1.1 4", with_length(b'{"ok":true,"result":"of another call"}')])
async def test_what_comes_behind_an_answer_is_nobodys_answer(nursery: trio.Nursery, behind: bytes) -> None:
    """The answer counts, and its connection is thrown away with what came behind."""
    await uses_two_connections(nursery, with_length() + behind)


async def uses_two_connections(nursery: trio.Nursery, first: bytes) -> None:
    """Two calls, the first answered so, have their results over two connections."""
    server = Pieces((first,), (with_length(),))
    await serve(nursery, server)
    async with BotApi(TOKEN, root=server.url) as api:
        for _ in range(2):
            assert await api.call("sendMessage", MESSAGE) == RESULT
    assert server.connections == 2
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("data", NO_ANSWERS.values(), ids=NO_ANSWERS)
async def test_what_is_no_answer_leaves_the_call_in_doubt(nursery: trio.Nursery, data: bytes) -> None:
    """The request had left; the next call has a connection of its own."""
    server = Pieces((data,), (with_length(),))
    server._ends = True
    await serve(nursery, server)
    async with BotApi(TOKEN, root=server.url) as api:
        with pytest.raises(InDoubt, match="RemoteProtocolError") as caught:
            await api.call("sendMessage", MESSAGE)
        shows_no_token(caught.value)
        assert await api.call("sendMessage", MESSAGE) == RESULT
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("whole", [with_length(b"x" * (MAX_ANSWER + 1)), in_chunks(*[b"x" * 2**20] * 9)])
async def test_an_answer_that_is_too_large_is_in_doubt(nursery: trio.Nursery, whole: bytes) -> None:
    """It is not read to its end."""
    server = ScriptedServer(whole)
    await serve(nursery, server)
    async with BotApi(TOKEN, root=server.url) as api:
        with pytest.raises(InDoubt, match="DecodingError"):
            await api.call("sendMessage", MESSAGE)
    nursery.cancel_scope.cancel()


@settings(max_examples=examples(60), deadline=None)
@given(st.binary(max_size=100), st.sampled_from(sorted(SHAPES)), st.integers(0, 200), st.integers(1, 80))
def test_garbage_ends_in_a_result_or_one_of_three_errors(garbage: bytes, name: str, at: int, size: int) -> None:
    """Before, within and behind an answer, in pieces of any size; and the next call is not touched by it."""
    data = SHAPES[name].data[:at] + garbage + SHAPES[name].data[at:]
    pieces = tuple(data[start : start + size] for start in range(0, len(data), size))

    async def call_twice() -> None:
        with trio.fail_after(DEADLINE):
            async with trio.open_nursery() as nursery:
                server = Pieces(pieces, (with_length(),))
                server._ends = True
                await nursery.start(server.serve)
                async with BotApi(TOKEN, root=server.url) as api:
                    with suppress(InDoubt, NotSent, Refused):
                        await api.call("sendMessage", MESSAGE)
                    await trio.testing.wait_all_tasks_blocked()  # until the server has closed it
                    assert await api.call("sendMessage", MESSAGE) == RESULT
                nursery.cancel_scope.cancel()

    trio.run(call_twice)


# Connections that are idle


@pytest.mark.parametrize("said", [b"", b"\0", with_length(b'{"ok":true,"result":"of another call"}')])
async def test_a_connection_that_was_touched_while_idle_is_replaced(nursery: trio.Nursery, said: bytes) -> None:
    """Closed by the server, or with something to be read on it: nothing of the next request is sent over it."""
    later: list[bytes] = []

    async def answer_once(stream: trio.SocketStream) -> None:
        if not (await read_request(stream)):
            return
        await stream.send_all(with_length())
        if server.connections > 1:
            return
        await idle.wait()
        if said:
            await stream.send_all(said)
        else:
            await stream.send_eof()
        touched.set()
        with suppress(trio.BrokenResourceError):  # reset, where it has not read what was said
            later.append(await read_request(stream))
        closed.set()

    server, idle, touched, closed = Peer(answer_once), trio.Event(), trio.Event(), trio.Event()
    await serve(nursery, server)
    async with BotApi(TOKEN, root=server.url) as api:
        assert await api.call("sendMessage", MESSAGE) == RESULT
        idle.set()
        await touched.wait()
        assert await api.call("sendMessage", MESSAGE) == RESULT
        await closed.wait()
    assert (server.connections, b"".join(later)) == (2, b"")
    nursery.cancel_scope.cancel()


async def test_a_connection_that_was_idle_for_too_long_is_replaced(nursery: trio.Nursery) -> None:
    """A transport keeps it for as long as it is told to."""
    server = ScriptedServer(*[with_length()] * 4)
    await serve(nursery, server)
    for keep_alive, connections in [(math.inf, 1), (0.0, 3)]:
        transport = DirectTransport(httpx.URL(server.url), None, keep_alive)
        for _ in range(2):
            await send_over(transport, server.url)
        await transport.aclose()
        assert server.connections == connections
    nursery.cancel_scope.cancel()


async def send_over(transport: httpx.AsyncBaseTransport, url: str, size: int = 2, **timeouts: float) -> bytes:
    """One request of a body of so many bytes; returns the answer's."""
    headers = {"Host": "x", "Content-Length": str(size)}
    request = Request("POST", url, headers=headers, stream=JsonBody(b"x" * size), extensions={"timeout": timeouts})
    response = await transport.handle_async_request(request)
    return await response.aread()


# Failures


@pytest.mark.parametrize(("taken", "kind"), [(0, NotSent), (1, NotSent), (1_000_000, NotSent), (LARGE_SIZE, InDoubt)])
async def test_a_reset_is_judged_by_how_much_was_taken(
    nursery: trio.Nursery, taken: int, kind: type[TelegramError]
) -> None:
    """A server that takes a part of a large request and resets has not had all of it; one that takes all may act."""

    async def take(stream: trio.SocketStream) -> None:
        received = 0
        while received < taken and (data := await stream.receive_some(min(65_536, taken - received))):
            received += len(data)
        # All of it: what the head adds.
        while taken >= LARGE_SIZE and not data.endswith(b'"}'):
            data = await stream.receive_some(65_536)
        reset(stream)

    server, sent = Peer(take), False

    def on_sent() -> None:
        nonlocal sent
        sent = True

    await serve(nursery, server)
    async with BotApi(TOKEN, root=server.url) as api:
        with pytest.raises(TelegramError) as caught:
            await api.call("sendMessage", LARGE, on_sent=on_sent)
    assert (type(caught.value), sent) == (kind, kind is InDoubt)
    shows_no_token(caught.value)
    nursery.cancel_scope.cancel()


class Breaking(socket.socket):
    """A socket that takes so many bytes more and then breaks; or says so, and can still be read."""

    takes = 0
    shuts_down = True

    def send(self, data: Any, *_: Any) -> int:
        if not self.takes:
            if self.shuts_down:
                self.shutdown(socket.SHUT_RDWR)
            raise ConnectionResetError
        self.takes -= (sent := super().send(data[: self.takes]))
        return sent


def break_connections(monkeypatch: pytest.MonkeyPatch, takes: Iterable[int], *, shuts_down: bool = True) -> None:
    """Each connection that is opened takes the next of these numbers of bytes."""
    connect, numbers = socket_connection._connect_tcp, iter(takes)

    async def connect_breaking(host: str, port: int) -> socket.socket:
        breaking = Breaking(fileno=(await connect(host, port)).detach())
        breaking.setblocking(False)
        breaking.takes, breaking.shuts_down = next(numbers), shuts_down
        return breaking

    monkeypatch.setattr(socket_connection, "_connect_tcp", connect_breaking)


async def test_a_connection_that_breaks_at_any_byte(nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not sent, as long as one byte of the request has not been written."""
    size = 195 + len(TOKEN)
    server = ScriptedServer(*[with_length()] * size)
    await serve(nursery, server)
    break_connections(monkeypatch, range(size))
    outcomes = []
    for _ in range(size):
        async with BotApi(TOKEN, root=server.url) as api:
            outcomes.append(await outcome_of(api))
    first_whole = outcomes.index(RESULT)
    assert outcomes == ["NotSent"] * first_whole + [RESULT] * (size - first_whole)
    assert first_whole == max(map(len, server.requests))
    nursery.cancel_scope.cancel()


async def test_a_connection_with_half_a_request_on_it_is_not_used_again(
    nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the server has answered and left it open: the next request would be the rest of the first."""
    server = Pieces((with_length(),), (with_length(),))
    await serve(nursery, server)
    break_connections(monkeypatch, [100, 1000], shuts_down=False)
    async with BotApi(TOKEN, root=server.url) as api:
        for _ in range(2):
            assert await api.call("sendMessage", MESSAGE) == RESULT
    assert ([len(request) == 100 for request in server.requests], server.connections) == ([True, False], 2)
    nursery.cancel_scope.cancel()


async def outcome_of(api: BotApi) -> Any:
    """A call's result, or the name of its error; it was told to have left if it is not certain that it has not."""
    told: list[str] = []
    try:
        result = await api.call("sendMessage", MESSAGE, on_sent=lambda: told.append("sent"))
    except TelegramError as error:
        shows_no_token(error)
        result = type(error).__name__
    assert told == ([] if result == "NotSent" else ["sent"])
    return result


@pytest.mark.parametrize("at", [0, 1, 40, len(with_length()) - 1])
@pytest.mark.parametrize("end", [reset, lambda _: None], ids=["reset", "closed"])
async def test_an_answer_that_breaks_off_is_in_doubt(
    nursery: trio.Nursery, at: int, end: Callable[[trio.SocketStream], None]
) -> None:
    """However far it came."""

    async def answer(stream: trio.SocketStream) -> None:
        await read_request(stream)
        await stream.send_all(with_length()[:at])
        await trio.testing.wait_all_tasks_blocked()
        end(stream)

    server = Peer(answer)
    await serve(nursery, server)
    async with BotApi(TOKEN, root=server.url) as api:
        assert await outcome_of(api) == "InDoubt"
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("early", "kind"),
    [
        (with_length(b'{"ok":false,"description":"too long"}', status=b"413 X"), Refused),
        (with_length(b"<html>", status=b"413 X"), Refused),
        (with_length(b"<html>", status=b"502 X"), NotSent),
        (with_length(b'{"ok":false}', status=b"500 X"), NotSent),
    ],
)
async def test_an_answer_before_all_has_left(nursery: trio.Nursery, early: bytes, kind: type[TelegramError]) -> None:
    """A server that answers and closes before it has taken all: its answer is read, and nobody has acted on a part."""

    async def refuse(stream: trio.SocketStream) -> None:
        await read_request(stream)
        await stream.send_all(early)

    server = Peer(refuse)
    await serve(nursery, server)
    async with BotApi(TOKEN, root=server.url) as api:
        with pytest.raises(TelegramError) as caught:
            await api.call("sendMessage", LARGE)
    assert type(caught.value) is kind
    nursery.cancel_scope.cancel()


async def test_a_call_cancelled_while_it_is_sent_has_not_left(nursery: trio.Nursery) -> None:
    """Its deadline is over with a part of it still here; the next call has another connection."""

    async def stall_once(stream: trio.SocketStream) -> None:
        if server.connections == 1:
            await trio.sleep_forever()
        await read_request(stream)
        await stream.send_all(with_length())

    server = Peer(stall_once)
    await serve(nursery, server)
    async with BotApi(TOKEN, root=server.url) as api:
        with pytest.raises(NotSent) as caught:
            await api.call("sendMessage", LARGE, timeout=0.2)
        assert caught.value.timed_out
        assert await api.call("sendMessage", MESSAGE) == RESULT
    nursery.cancel_scope.cancel()


async def test_each_wait_has_its_time() -> None:
    """For the server to take the next part, and for the next part of its answer."""
    with silent_port() as port:
        url = f"http://127.0.0.1:{port}"
        transport = DirectTransport(httpx.URL(url), None, 60.0)
        with pytest.raises(httpx.WriteTimeout):
            await send_over(transport, url, LARGE_SIZE, write=0.05, read=60.0)
        with pytest.raises(httpx.ReadTimeout):
            await send_over(transport, url, write=60.0, read=0.05)
        await transport.aclose()
