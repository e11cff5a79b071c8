"""A connection pooler in front of a real Postgres, as PgBouncer is one: in session or in transaction mode.

It answers the start of a session itself, with a process id of its own, refuses startup parameters that it does not
know, and gives the client a server connection: for the session, or from each transaction's first message to its end.
"""

from __future__ import annotations

import struct
from typing import Literal
from urllib.parse import urlsplit

import trio

from tests.peers import Peer

SSL_REQUEST = 80877103
PROTOCOL_3 = 196608
# What PgBouncer takes without being told to.
KNOWN = {
    "user",
    "database",
    "application_name",
    "client_encoding",
    "datestyle",
    "timezone",
    "standard_conforming_strings",
}
# Each is answered with one ReadyForQuery.
ASKS = (b"Q", b"S", b"F")
READY = b"Z"
END = b"X"

Mode = Literal["session", "transaction"]


class Wire:
    """One side of a connection. A read that is cancelled has taken nothing."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self._buffer = bytearray()

    async def message(self, *, typed: bool = True) -> tuple[bytes, bytes]:
        """Type and body of the next message; those of a session's start have no type."""
        await self._fill(5 if typed else 4)
        (size,) = struct.unpack("!i", self._buffer[int(typed) : 4 + typed])
        await self._fill(size + typed)
        kind, body = bytes(self._buffer[:typed]), bytes(self._buffer[4 + typed : size + typed])
        del self._buffer[: size + typed]
        return kind, body

    async def send(self, kind: bytes, body: bytes) -> None:
        await self.stream.send_all(kind + struct.pack("!i", len(body) + 4) + body)

    async def _fill(self, size: int) -> None:
        while len(self._buffer) < size:
            chunk = await self.stream.receive_some(65536)
            if not chunk:
                raise trio.BrokenResourceError
            self._buffer += chunk


class Pooler(Peer):
    """Serves on a port of its own, in front of 127.0.0.1:`target`, with `size` server connections at most.

    Of those that are free the one used last is given, and the one used longest ago where they take `turns`.
    `parameters` are those of every session's start that a client has sent.
    """

    def __init__(self, target: int, mode: Mode, *, size: int = 20, turns: bool = False) -> None:
        super().__init__(self._session)
        self.parameters: list[dict[str, str]] = []
        self._target = target
        self._mode = mode
        self._turns = turns
        self._size = size
        self._limit = trio.CapacityLimiter(size)
        self._free: list[Wire] = []
        self._status: list[bytes] = []

    async def serve(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        try:
            await super().serve(task_status=task_status)
        finally:
            for server in self._free:
                server.stream.socket.close()

    async def _session(self, stream: trio.SocketStream) -> None:
        client = Wire(stream)
        parameters = await _startup(client)
        if parameters is None:
            return  # a request to cancel a statement
        self.parameters.append(parameters)
        if unknown := sorted(set(parameters) - KNOWN):
            await client.send(b"E", f"SFATAL\0C08P01\0Munsupported startup parameter: {unknown[0]}\0\0".encode())
            return
        if not self._status:
            for _ in range(min(self._size, 3) if self._turns else 1):
                self._free.append(await self._connect(parameters))
        await client.send(b"R", struct.pack("!i", 0))
        for body in self._status:
            await client.send(b"S", body)
        await client.send(b"K", struct.pack("!ii", 7, 7))
        await client.send(b"Z", b"I")
        while (message := await client.message())[0] != END:
            async with self._limit:
                server = self._free.pop(0 if self._turns else -1) if self._free else await self._connect(parameters)
                try:
                    ended = await self._relay(client, server, message)
                except BaseException:
                    server.stream.socket.close()
                    raise
                if ended:
                    server.stream.socket.close()
                    return
                self._free.append(server)

    async def _relay(self, client: Wire, server: Wire, message: tuple[bytes, bytes]) -> bool:
        """Pass on, `message` first, until the transaction ends (in that mode) or the client does: then True."""
        asked, ended = 0, False

        async def answers(both: trio.CancelScope) -> None:
            nonlocal asked
            while True:
                kind, body = await server.message()
                asked -= kind == READY
                await client.send(kind, body)
                if self._mode == "transaction" and kind == READY and body == b"I" and not asked:
                    both.cancel()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(answers, nursery.cancel_scope)
            while message[0] != END:
                asked += message[0] in ASKS
                await server.send(*message)
                message = await client.message()
            ended = True
            nursery.cancel_scope.cancel()
        return ended

    async def _connect(self, parameters: dict[str, str]) -> Wire:
        server = Wire(await trio.open_tcp_stream("127.0.0.1", self._target))
        pairs = "".join(f"{name}\0{value}\0" for name, value in parameters.items())
        await server.send(b"", struct.pack("!i", PROTOCOL_3) + pairs.encode() + b"\0")
        status = []
        while (message := await server.message())[0] != READY:
            if message[0] == b"S":
                status.append(message[1])
        self._status = status
        return server


async def _startup(client: Wire) -> dict[str, str] | None:
    while True:
        _, body = await client.message(typed=False)
        (code,) = struct.unpack("!i", body[:4])
        if code == SSL_REQUEST:
            await client.stream.send_all(b"N")
        elif code == PROTOCOL_3:
            texts = [text.decode() for text in body[4:].rstrip(b"\0").split(b"\0")]
            return dict(zip(texts[::2], texts[1::2], strict=True))
        else:
            return None


async def pooler_before(
    nursery: trio.Nursery, url: str, mode: Mode, *, size: int = 20, turns: bool = False
) -> tuple[Pooler, str]:
    """A Pooler in front of the server of `url`, and the address that leads through it."""
    port = urlsplit(url).port
    assert port is not None
    pooler = Pooler(port, mode, size=size, turns=turns)
    await nursery.start(pooler.serve)
    return pooler, url.replace(f":{port}/", f":{pooler.port}/")
