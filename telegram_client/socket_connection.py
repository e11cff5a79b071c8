"""A TCP connection, plain or with TLS, that takes bytes and gives bytes in as few steps as Trio allows.

Trio's own streams pass through its scheduler after every send, and ask the socket for an answer that cannot be there
yet. Here only what has to wait waits: a send whose bytes the socket takes at once is one system call, and an answer is
read when the socket says that there is one. Errors are httpx's; their texts hold no address.
"""

from __future__ import annotations

import math
import select
import socket
import ssl
from collections.abc import Awaitable, Callable

import httpx
import trio

CHUNK = 64 * 1024


async def connect(host: str, port: int, tls: ssl.SSLContext | None, timeout: float) -> Connection:
    """Connect within `timeout` seconds: look up the name, TCP to the first of its addresses that answers, TLS if given.

    Raises httpx.ConnectError or httpx.ConnectTimeout.
    """
    try:
        with trio.fail_after(timeout):
            plain = await _connect_tcp(host, port)
            return Connection(plain) if tls is None else await _start_tls(plain, tls, host)
    except trio.TooSlowError:
        raise httpx.ConnectTimeout("no connection in time") from None
    except (OSError, ValueError, httpx.NetworkError) as error:
        # TLS's errors are OSErrors; a ValueError is what a name that cannot be one gets.
        raise httpx.ConnectError(type(error).__name__) from None


async def _connect_tcp(host: str, port: int) -> socket.socket:
    stream = await trio.open_tcp_stream(host, port)  # sets TCP_NODELAY
    plain = socket.socket(fileno=stream.socket.detach())
    plain.setblocking(False)
    return plain


async def _start_tls(plain: socket.socket, tls: ssl.SSLContext, host: str) -> Connection:
    connection = TlsConnection(plain, tls, host)
    try:
        await connection.shake_hands()
    except BaseException:
        connection.close()
        raise
    return connection


class Connection:
    """A connection over a connected, non-blocking socket. One task at a time uses it."""

    def __init__(self, plain: socket.socket) -> None:
        self._socket = plain
        self._poll = select.poll()
        self._poll.register(plain, select.POLLIN)

    @property
    def is_readable(self) -> bool:
        """Whether the server has said something that was not read yet, or has closed the connection."""
        return bool(self._poll.poll(0))

    async def send(self, data: bytes, timeout: float = math.inf) -> None:
        """Send all of `data`; `timeout` is in seconds, for the server to take the next part of it.

        Returns once the socket has taken the last byte, also when cancelled meanwhile: whoever is cancelled in here
        has not sent all. Raises httpx.WriteError or httpx.WriteTimeout.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        left = self._send_some(memoryview(data))
        while left:
            await self._wait(trio.lowlevel.wait_writable, timeout, httpx.WriteTimeout)
            left = self._send_some(left)

    async def receive(self, timeout: float = math.inf) -> bytes:
        """The next bytes, waited for so many seconds; none at the end.

        Raises httpx.ReadError, also where it was closed before, or httpx.ReadTimeout.
        """
        if self._socket.fileno() < 0:
            raise httpx.ReadError("closed")
        while True:
            await self._wait(trio.lowlevel.wait_readable, timeout, httpx.ReadTimeout)
            try:
                return self._socket.recv(CHUNK)
            except BlockingIOError:
                continue  # it was told to be readable and is not; the kernel may do that
            except OSError as error:
                raise httpx.ReadError(type(error).__name__) from None

    def close(self) -> None:
        """Close it at once. A second time does nothing."""
        if self._socket.fileno() >= 0:
            trio.lowlevel.notify_closing(self._socket)
            self._socket.close()

    def _send_some(self, left: memoryview) -> memoryview:
        """Send what the socket takes at once; returns the rest."""
        try:
            return left[self._socket.send(left) :]
        except BlockingIOError:
            return left
        except OSError as error:
            raise httpx.WriteError(type(error).__name__) from None

    async def _wait(
        self,
        ready: Callable[[socket.socket], Awaitable[None]],
        timeout: float,
        too_late: type[httpx.TimeoutException],
    ) -> None:
        # A deadline around this that comes earlier does as well, and a scope for each wait costs more than the wait.
        if trio.current_time() + timeout >= trio.current_effective_deadline():
            await ready(self._socket)
            return
        with trio.move_on_after(timeout):
            await ready(self._socket)
            return
        raise too_late("not in time")


class TlsConnection(Connection):
    """The same with TLS over it. Closed without TLS's word of goodbye, which nobody waits for."""

    def __init__(self, plain: socket.socket, tls: ssl.SSLContext, host: str) -> None:
        super().__init__(plain)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = tls.wrap_bio(self._incoming, self._outgoing, server_hostname=host)

    @property
    def is_readable(self) -> bool:
        """Whether something has come that was not read yet, deciphered or not, or the connection was closed."""
        return bool(self._tls.pending() or self._incoming.pending) or super().is_readable

    async def shake_hands(self) -> None:
        """The handshake, with the server's certificate checked. Raises ssl.SSLError, or httpx.NetworkError."""
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._receive_more(math.inf)
            else:
                await super().send(self._outgoing.read())
                return

    async def send(self, data: bytes, timeout: float = math.inf) -> None:
        """As above. The last record is not whole before its last byte is out, and what is not whole is not read."""
        left = memoryview(data)
        try:
            while left:
                left = left[self._tls.write(left) :]
        except ssl.SSLError as error:
            raise httpx.WriteError(type(error).__name__) from None
        await super().send(self._outgoing.read(), timeout)

    async def receive(self, timeout: float = math.inf) -> bytes:
        """As above. A connection that ends without TLS's word of goodbye has ended too, as everywhere in HTTP."""
        while True:
            try:
                return self._tls.read(CHUNK)
            except ssl.SSLWantReadError:
                await self._receive_more(timeout)
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""
            except ssl.SSLError as error:
                raise httpx.ReadError(type(error).__name__) from None

    async def _receive_more(self, timeout: float) -> None:
        if self._outgoing.pending:
            await super().send(self._outgoing.read(), timeout)
        if data := await super().receive(timeout):
            self._incoming.write(data)
        else:
            self._incoming.write_eof()
