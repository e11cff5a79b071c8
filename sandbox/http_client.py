"""The `Post` over real sockets: HTTP/1.1 with h11 on plain Trio streams, connections kept and used again.

Only http://: the sandbox speaks to a bot on the same machine.
"""

from __future__ import annotations

import errno
from urllib.parse import SplitResult, urlsplit

import h11
import trio

from sandbox.webhook_answer import MAX_ANSWER, PostResult

CONNECT_TIMEOUT = 10.0
MAX_IDLE = 100
READ_SIZE = 65_536

_Address = tuple[str, int]


class HttpPoster:
    """Keeps idle connections between posts. One request at a time goes over each; `close` ends them all."""

    def __init__(self) -> None:
        self._idle: dict[_Address, list[_Connection]] = {}

    async def post(self, url: str, headers: list[tuple[str, str]], body: bytes) -> PostResult:
        """Send one POST. Raises OSError if the connection fails or the answer is not HTTP.

        The whole exchange has no deadline of its own: the caller sets one.
        """
        parts = urlsplit(url)
        if parts.scheme != "http":
            raise OSError(errno.EPROTONOSUPPORT, "SSL is not supported by the sandbox")
        address = parts.hostname or "", parts.port or 80
        connection = self._take(address) or await _connect(address)
        try:
            result = await connection.exchange(_target(parts), headers, body)
        except (h11.ProtocolError, trio.BrokenResourceError, trio.ClosedResourceError) as problem:
            raise ConnectionError("Webhook connection closed") from problem
        finally:
            # Also when cancelled: a connection with half an exchange on it is never used again.
            if not connection.reusable or not self._keep(address, connection):
                connection.close()
        return result

    def close(self) -> None:
        """Close all idle connections."""
        for connections in self._idle.values():
            for connection in connections:
                connection.close()
        self._idle.clear()

    def _take(self, address: _Address) -> _Connection | None:
        idle = self._idle.get(address, [])
        while idle:
            connection = idle.pop()
            if connection.alive:
                return connection
            connection.close()
        return None

    def _keep(self, address: _Address, connection: _Connection) -> bool:
        idle = self._idle.setdefault(address, [])
        if len(idle) < MAX_IDLE:
            idle.append(connection)
            return True
        return False


class _Connection:
    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._http = h11.Connection(h11.CLIENT)

    @property
    def alive(self) -> bool:
        # An idle server has nothing to say: readable means it closed.
        return not self._stream.socket.is_readable()

    @property
    def reusable(self) -> bool:
        return self._http.our_state is h11.IDLE and self._http.their_state is h11.IDLE

    def close(self) -> None:
        self._stream.socket.close()

    async def exchange(self, target: str, headers: list[tuple[str, str]], body: bytes) -> PostResult:
        request = self._http.send(h11.Request(method="POST", target=target, headers=headers))
        data = self._http.send(h11.Data(data=body))
        end = self._http.send(h11.EndOfMessage())
        await self._stream.send_all((request or b"") + (data or b"") + (end or b""))
        result = await self._read_answer()
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
        return result

    async def _read_answer(self) -> PostResult:
        head: h11.Response | None = None
        body = bytearray()
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                self._http.receive_data(await self._stream.receive_some(READ_SIZE))
            elif isinstance(event, h11.Response):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > MAX_ANSWER:
                    raise ConnectionError("the webhook's answer is too long")
            elif isinstance(event, h11.EndOfMessage):
                assert head is not None
                return _result(head, bytes(body))
            elif isinstance(event, h11.ConnectionClosed):
                raise ConnectionError("Webhook connection closed")


def _result(head: h11.Response, body: bytes) -> PostResult:
    received = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers]
    return PostResult(head.status_code, received, bytes(head.reason).decode("latin-1"), body)


async def _connect(address: _Address) -> _Connection:
    try:
        with trio.fail_after(CONNECT_TIMEOUT):
            return _Connection(await trio.open_tcp_stream(*address))
    except trio.TooSlowError:
        raise OSError(errno.ETIMEDOUT, "Connection timed out") from None
    except OSError as problem:
        raise _cause(problem) from None


def _cause(problem: BaseException) -> BaseException:
    """The system's own error inside Trio's "all attempts to connect failed"."""
    if isinstance(problem, BaseExceptionGroup):
        return _cause(problem.exceptions[0])
    return problem if problem.__cause__ is None else _cause(problem.__cause__)


def _target(parts: SplitResult) -> str:
    path = parts.path or "/"
    return f"{path}?{parts.query}" if parts.query else path
